"""`DPCapture`: two linear dual-pixel views of one exposure, with what is known about the sensor and the truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.device_run import DeviceRun
from runtime_py.errors import CaptureError


@dataclass(frozen=True)
class Truth:
    """Ground truth for a capture, on the pixels `rows` × `columns` of its views.

    `values` (float64, H×W) is `kind`: "defocus-code" (grows with minus the disparity) or "inverse-depth" (1/m);
    `valid` marks pixels with truth; `confidence` weighs them (ones where the source gives none).
    """

    values: NDArray[np.float64]
    valid: NDArray[np.bool_]
    kind: str
    rows: slice = field(default_factory=lambda: slice(None))
    columns: slice = field(default_factory=lambda: slice(None))
    confidence: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class DPCapture:
    """A dual-pixel capture as every other room wants it.

    `left`, `right`: float32 H×W, linear, black level removed, 0..1 at the white level, square pixels, stored
    orientation. `dp_axis` is "horizontal" or "vertical". `black`, `white` and `bit_depth` describe the file that was
    read; `format` is the name in `runtime_py.captures.FORMATS`. Disparity along the axis is x_left - x_right > 0
    nearer than the focus plane.
    """

    name: str
    format: str
    left: NDArray[np.float32]
    right: NDArray[np.float32]
    dp_axis: str = "horizontal"
    bit_depth: int = 8
    black: float = 0.0
    white: float = 255.0
    stored_aspect: float = 1.0
    """Height of a stored pixel over its width, before rows were doubled to square pixels."""
    levels: int | None = None
    """Distinct values stored in one channel of the left view, where the reader counted them."""
    rgb: NDArray[np.float32] | None = None
    truth: Truth | None = None
    device: DeviceRun | None = None
    """What a phone computed from it, where the capture is a package of the app."""

    def __post_init__(self) -> None:
        if self.left.shape != self.right.shape:
            raise CaptureError(
                f"{self.name}: the left view is {_size(self.left)} and the right view {_size(self.right)}; "
                "both views of one exposure have the same size, so give two files of the same capture"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in (square) pixels."""
        return (self.left.shape[0], self.left.shape[1])


def _size(view: NDArray[np.float32]) -> str:
    return "×".join(str(n) for n in reversed(view.shape))
