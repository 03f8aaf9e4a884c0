"""`Descriptor`: what a plain pair of pictures does not say of itself, as JSON beside it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from runtime_py.captures.images import read_bytes
from runtime_py.errors import CaptureError

FILE = "capture.json"


@dataclass(frozen=True)
class Descriptor:
    """Meaning of stored samples; None leaves the choice to the bit depth.

    `black` and `white` are stored values of no light and full scale. `gamma` is the exponent from stored to linear
    (1 for linear data). `pixel_aspect` is the height of a stored pixel over its width. `dp_axis` is "horizontal" or
    "vertical"; on a vertical axis disparity is y_left - y_right.
    """

    black: float | None = None
    white: float | None = None
    gamma: float | None = None
    pixel_aspect: float = 1.0
    dp_axis: str = "horizontal"

    def __post_init__(self) -> None:
        for name in ("black", "white", "gamma", "pixel_aspect"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise CaptureError(f"'{name}' of a capture's description is a number, not {value!r}")
        if self.dp_axis not in ("horizontal", "vertical"):
            raise CaptureError(f"'dp_axis' is 'horizontal' or 'vertical', not {self.dp_axis!r}")
        if not 0.1 <= self.pixel_aspect <= 10 or (self.gamma is not None and not 0.1 <= self.gamma <= 10):
            raise CaptureError(f"pixel_aspect {self.pixel_aspect} or gamma {self.gamma} lies outside 0.1 to 10")


def beside(view: Path) -> Descriptor:
    """The description in `capture.json` beside a view; the default one where there is no such file.

    Raises CaptureError for unreadable JSON and for unknown or misspelt fields, naming those that exist.
    """
    path = view.with_name(FILE)
    if not path.is_file():
        return Descriptor()
    try:
        raw = json.loads(read_bytes(path))
    except ValueError as e:
        raise CaptureError(f"{path} is not JSON: {e}") from e
    known = [field.name for field in dataclasses.fields(Descriptor)]
    unknown = sorted(set(raw) - set(known)) if isinstance(raw, dict) else ["(not an object)"]
    if unknown:
        raise CaptureError(f"{path} has unknown fields {', '.join(unknown)}; it may have {', '.join(known)}")
    return Descriptor(**raw)
