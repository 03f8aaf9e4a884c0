"""`Teacher`: what turns a frame into a disparity that a student can learn from; `Label`: what it gives."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import DpocketError
from training.data.sample import Sample


@dataclass(frozen=True)
class Label:
    """float32 (H, W) on the pixels of the frame's left view.

    disparity: x_left - x_right along the frame's axis, px of its own width, infinity where unknown. confidence: 0..1,
    how far the disparities found from either view agree (1: exactly, 0: not within the tolerance, or filled in); None
    where the teacher gives none.
    """

    disparity: NDArray[np.float32]
    confidence: NDArray[np.float32] | None = None


class Teacher(Protocol):
    """One teacher, ready to work."""

    @property
    def pairs(self) -> tuple[str, ...]:
        """The kinds of pair (`training.data.sample.PAIRS`) that it can label."""

    def identity(self) -> dict[str, Any]:
        """What its labels depend on, as JSON: equal identities give equal labels of equal frames."""

    def prepare(self, names: Sequence[str]) -> None:
        """Told the names of all frames of the dataset before the first is labelled."""

    def label(self, sample: Sample) -> Label:
        """Label of a sample of batch 1. Raises CaptureError or ContractError when this frame cannot be labelled."""


@dataclass(frozen=True)
class Kind:
    """One line of the table of teachers: `claims` tells whether `--teacher TEXT` means this one, `make` makes it."""

    name: str
    takes: str
    """What to write after --teacher, for messages."""
    claims: Callable[[str], bool]
    make: Callable[[str, Sequence[str]], Teacher]
    """From the text and "name=value" settings; raises DpocketError for what it cannot use."""


def views_of(sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Left and right view (H, W) of a sample of batch 1, turned counter-clockwise where its axis is vertical."""
    left, right = (np.asarray(view[0, 0].cpu().numpy(), np.float32) for view in (sample.left, sample.right))
    if sample.dp_axis == "vertical":
        left, right = np.rot90(left), np.rot90(right)
    return np.ascontiguousarray(left), np.ascontiguousarray(right)


def turned_back(label: Label, sample: Sample) -> Label:
    """A label of `views_of(sample)` in the orientation of the sample itself."""
    if sample.dp_axis == "horizontal":
        return label
    confidence = None if label.confidence is None else np.ascontiguousarray(np.rot90(label.confidence, -1))
    return Label(np.ascontiguousarray(np.rot90(label.disparity, -1)), confidence)


Settings = TypeVar("Settings")


def with_settings(defaults: Settings, given: Sequence[str]) -> Settings:
    """A dataclass of numbers with "name=value" applied.

    Raises DpocketError, with the names that exist, for one that does not, and for a value of another type.
    """
    known = {f.name: getattr(defaults, f.name) for f in dataclasses.fields(defaults)}  # type: ignore[arg-type]
    changed: dict[str, Any] = {}
    for setting in given:
        name, separator, text = setting.partition("=")
        if not separator or name not in known:
            raise DpocketError(f"--set takes name=value with a name of {', '.join(known)}; found '{setting}'")
        kind = type(known[name])
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise DpocketError(f"the setting '{name}' is a {kind.__name__}, '{text}' is not one")
        changed[name] = value
    return dataclasses.replace(defaults, **changed)  # type: ignore[type-var]


def without_settings(name: str, given: Sequence[str]) -> None:
    """Raises DpocketError when settings are given to a teacher that has none."""
    if given:
        raise DpocketError(f"the teacher '{name}' has no settings; leave out --set {given[0]}")
