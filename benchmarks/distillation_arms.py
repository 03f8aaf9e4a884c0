"""What `benchmarks.distillation` compares: the teacher's two stages, and the arms of both studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from training.losses.self_supervised import SelfSupervision

PARTS = tuple(SelfSupervision.__dataclass_fields__)

QUIET = ("monitor.board=false", "grid=false")

SCENES = ("data.count=1200", "data.size=80", "optimisation.crop=64", "task.in_focus=false", "monitor.scenes=48")
"""Stereo pairs that are small enough for a CPU, with disparities up to 13 px."""

RATES = (
    *("optimisation.learning_rate=1e-3", "optimisation.schedule=one-cycle", "optimisation.warmup=0.05"),
    "optimisation.ema=0.99",
)

RECURSIVE = (*SCENES, *QUIET, *RATES, 'model_settings={"width": 10, "summed": 0, "shifts": 16}')

TEACHER: Sequence[tuple[str, tuple[str, ...]]] = (
    ("recursive-1", (*RECURSIVE, "optimisation.steps=500")),
    (
        "recursive-2",
        (
            *RECURSIVE,
            *("optimisation.steps=1500", "task.mono_frozen=true", "task.weights.truth=20"),
            *(f"task.weights.mono.{part}=0" for part in PARTS),
            *(f"task.weights.stereo.{part}={weight}" for part, weight in zip(PARTS, (0, 0, 5), strict=True)),
        ),
    ),
)
"""Stage 1 by self-supervision; stage 2 by the truth of rendered scenes behind a Mono-Net that is frozen, so that no
student ever has a gradient of the truth. By self-supervision alone Stereo-Net would take hours."""


@dataclass(frozen=True)
class Study:
    """recipe: by name; settings: what its comparison needs; arms: by name, what differs from the arm before;
    figures: of the students' scores, the first deciding which arm is best (the least is)."""

    recipe: str
    settings: tuple[str, ...]
    arms: Mapping[str, tuple[str, ...]]
    figures: tuple[str, ...]

    def settings_of(self, arm: str) -> tuple[str, ...]:
        """All settings of an arm, its own last."""
        names = list(self.arms)
        return self.settings + tuple(s for name in names[: names.index(arm) + 1] for s in self.arms[name])


def _arms(prefix: str, output: float, feature: float, long_range: float) -> Mapping[str, tuple[str, ...]]:
    """Ever more of the teacher; `prefix` is where the recipe keeps the weights of the spaces."""
    without = tuple(f"{prefix}.{name}=0" for name in ("output", "feature", "long_range"))
    return MappingProxyType(
        {
            "without teacher": (*without, f"{prefix}.masked=false"),
            "output": (f"{prefix}.output={output}",),
            "+ feature": (f"{prefix}.feature={feature}",),
            "+ long-range": (f"{prefix}.long_range={long_range}",),
            "masked": (f"{prefix}.masked=true",),
        }
    )


STUDIES: Mapping[str, Study] = MappingProxyType(
    {
        "explicit": Study(
            "explicit",
            (
                *("data.count=440", "data.size=176", "optimisation.crop=96", "optimisation.batch=8"),
                *("optimisation.steps=600", "optimisation.ema=0.99", "monitor.scenes=40", "precision=bf16-mixed"),
                *QUIET,
            ),
            _arms("task", 0.2, 0.02, 0.2),
            ("ai1_px", "rendered_error_px"),
        ),
        "mono": Study(
            "recursive-3",
            (*RECURSIVE, "optimisation.steps=3000", *(f"task.weights.stereo.{part}=0" for part in PARTS)),
            _arms("task.weights", 1.0, 0.1, 1.0),
            ("mono_epe_px", "mono_line_px", "mono_abs_rel", "mono_photometric"),
        ),
    }
)
"""In `mono` Stereo-Net is frozen, so that every arm has the same teacher."""
