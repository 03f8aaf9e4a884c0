"""`Contract`: what an artifact's inputs and outputs mean, in units, embedded in every artifact as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ContractError

CONTRACT_KEY = "dpocket.contract"
"""The name under which an artifact's metadata holds its contract."""

CONTRACT_METHOD = CONTRACT_KEY.replace(".", "_")
"""The constant method that holds the contract in a .pte, whose method names have no dots."""

REAL = ("float32", "float16")
"""Types whose values are real numbers and no codes."""

VERSION = 1


@dataclass(frozen=True)
class TensorSpec:
    """One named input or output.

    `shape` follows `layout` ("NHWC" or "NCHW"). For `dtype` "int8" the real value is `(q - zero_point) * scale`;
    for "float32" the grid may still be given (the artifact quantises inside) and values are real numbers.
    `valid_range` is in `unit`. `within_px` belongs to a confidence, which is the probability that the disparity is
    right to within so many px of the working width; a float network may leave 0..1, and its user clips. An input that
    is an image on its platform has Core Video's name of its `pixel_format`: "OneComponent8" for `dtype` "uint8", or
    "OneComponent16Half" for "float16"; arrays stand for such images here.
    """

    name: str
    shape: tuple[int, ...]
    layout: str
    dtype: str
    unit: str
    valid_range: tuple[float, float]
    sign: str = ""
    scale: float | None = None
    zero_point: int | None = None
    within_px: float | None = None
    pixel_format: str = ""

    def plane(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return (self.shape[1], self.shape[2]) if self.layout == "NHWC" else (self.shape[2], self.shape[3])

    def quantize(self, real: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Real values to this tensor's dtype: float32 `x * (1/scale)` rounded half to even, as XNNPACK does."""
        if self.dtype in REAL:
            return np.asarray(real, self.dtype)
        if self.scale is None or self.zero_point is None:
            raise ContractError(f"'{self.name}' is {self.dtype} but its contract gives no scale and zero point")
        info = np.iinfo(self.dtype)
        scaled = np.rint(np.asarray(real, np.float32) * np.float32(1.0 / np.float32(self.scale)))
        stored: NDArray[Any] = np.clip(scaled + self.zero_point, info.min, info.max).astype(self.dtype)
        return stored

    def dequantize(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """This tensor's stored values to real values in `unit`, float32."""
        if self.dtype in REAL:
            return np.asarray(stored, np.float32)
        if self.scale is None or self.zero_point is None:
            raise ContractError(f"'{self.name}' is {self.dtype} but its contract gives no scale and zero point")
        return (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


@dataclass(frozen=True)
class Preprocess:
    """From a linear view to a network input: `clip(gain * (g - box(g)), ±limit)` of `g = log(x / mean(x) + floor)`.

    `box` is the side in pixels of a box mean with mirrored borders (edge sample not repeated), at the working width.
    Taking the local mean away outside the network makes it blind to vignetting and exposure, which differ between the
    two views by far more than the disparity signal does.
    """

    box: int = 31
    floor: float = 0.05
    gain: float = 4.0
    limit: float = 3.0


@dataclass(frozen=True)
class Contract:
    """Everything needed to use an artifact correctly without its authors.

    The output `disparity` is `x_left - x_right` in pixels of an image `working_width` pixels wide: positive nearer than
    the focus plane, negative beyond it. An output `confidence`, 0..1, may stand beside it. Outputs have
    `1 / output_stride` of the input's height and width. Inputs have square pixels (`pixel_aspect` 1) and the dual-pixel
    axis along `dp_axis`.
    """

    student: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    working_width: int
    output_stride: int
    preprocess: Preprocess = Preprocess()
    dp_axis: str = "horizontal"
    pixel_aspect: float = 1.0
    version: int = VERSION

    def input(self, name: str) -> TensorSpec:
        return _named(self.inputs, name, "input")

    def output(self, name: str) -> TensorSpec:
        return _named(self.outputs, name, "output")

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True)

    @staticmethod
    def from_json(text: str | bytes) -> Contract:
        """Raises ContractError, naming the field, when the text is not a contract this version understands."""
        try:
            raw = json.loads(text)
            if raw["version"] != VERSION:
                raise ContractError(f"the contract has version {raw['version']}, this dpocket reads version {VERSION}")
            fields = {f.name for f in dataclasses.fields(Contract)}
            kept = {k: v for k, v in raw.items() if k in fields}
            kept["inputs"] = tuple(_spec(s) for s in raw["inputs"])
            kept["outputs"] = tuple(_spec(s) for s in raw["outputs"])
            kept["preprocess"] = Preprocess(**raw["preprocess"])
            return Contract(**kept)
        except ContractError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise ContractError(f"not a readable contract: {type(e).__name__} {e}") from e


def _spec(raw: dict[str, Any]) -> TensorSpec:
    lo, hi = raw["valid_range"]
    shape = tuple(int(n) for n in raw["shape"])
    within = raw.get("within_px")
    limits = {"valid_range": (float(lo), float(hi)), "within_px": None if within is None else float(within)}
    return TensorSpec(**{**raw, "shape": shape, **limits})


def _named(specs: tuple[TensorSpec, ...], name: str, role: str) -> TensorSpec:
    for spec in specs:
        if spec.name == name:
            return spec
    known = ", ".join(s.name for s in specs)
    raise ContractError(f"the contract has no {role} '{name}'; it has: {known}")
