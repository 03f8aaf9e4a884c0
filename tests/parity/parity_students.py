"""A student whose answers can be worked out by hand, for tests of parity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.contract import Contract, TensorSpec

HEIGHT, WIDTH, STEP = 16, 24, 0.05


def contract(dtype: str = "int8", confidence: bool = False) -> Contract:
    """int8 in NHWC, or float32 in NCHW, on the same grid; with `confidence` a second output of steps of 1/255."""
    layout = "NHWC" if dtype == "int8" else "NCHW"

    def spec(name: str, h: int, w: int, scale: float) -> TensorSpec:
        shape = (1, h, w, 1) if layout == "NHWC" else (1, 1, h, w)
        return TensorSpec(name, shape, layout, dtype, "px", (-3.0, 3.0), scale=scale, zero_point=0)

    inputs = tuple(spec(name, HEIGHT, WIDTH, 3 / 127) for name in ("left", "right"))
    outputs = [spec("disparity", HEIGHT // 4, WIDTH // 4, STEP)]
    if confidence:
        sure = spec("confidence", HEIGHT // 4, WIDTH // 4, 1 / 255)
        outputs.append(replace(sure, unit="1", valid_range=(0.0, 1.0), zero_point=-128, within_px=0.25))
    return Contract("toy", inputs, tuple(outputs), WIDTH, 4)


@dataclass
class BlurRunner:
    """Answers with every fourth pixel of the left input; `change` (run, y, x, integers) spoils one answer.

    Runs are counted from 0 after the warm-up.
    """

    dtype: str = "int8"
    change: tuple[int, int, int, int] | None = None
    calls: int = field(default=-1)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        left = inputs["left"].reshape(HEIGHT, WIDTH)[::4, ::4]
        if self.dtype == "float32":
            left = np.rint(left / np.float32(3 / 127))
        integers = np.clip(left.astype(np.int64), -100, 100)
        if self.change is not None and self.change[0] == self.calls:
            _, y, x, by = self.change
            integers[y, x] += by
        self.calls += 1
        out = integers.astype(np.int8) if self.dtype == "int8" else (integers * np.float32(STEP)).astype(np.float32)
        return {"disparity": out.reshape(contract(self.dtype).outputs[0].shape)}


@dataclass
class SureRunner(BlurRunner):
    """Is as sure as the left input is bright, but for `less` integers in one cell of every answer."""

    less: int = 0

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        sure = inputs["left"].reshape(HEIGHT, WIDTH)[::4, ::4].astype(np.int64)
        sure[1, 2] = 40 - self.less
        return {**super().run(inputs), "confidence": sure.astype(np.int8).reshape(contract().outputs[0].shape)}
