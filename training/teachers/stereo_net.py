"""`stereo_net`: a trained Stereo-Net labels stereo pairs, each whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.teachers.teacher import Kind, Teacher, with_settings


@dataclass(frozen=True)
class StereoNetSettings:
    """width: px to which wider pairs are brought, 0 for none. A network knows disparities of so many px as it has been
    trained on, so that a width is right at which pairs have those."""

    width: int = 0


def _claims(text: str) -> bool:
    from training.tasks.stereo_teacher import claims_run

    return claims_run(text)


def _make(text: str, settings: Sequence[str]) -> Teacher:
    from training.tasks.stereo_teacher import StereoTeacher

    return StereoTeacher(Path(text), with_settings(StereoNetSettings(), settings).width)


KIND = Kind("stereo_net", "the folder of a run of recursive-2 or -3", _claims, _make)
