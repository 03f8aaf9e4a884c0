"""`Student`: an artifact with its contract, from linear views of any size to disparity (px) and confidence there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.orientation import as_stored, views
from runtime_py.captures.preprocess import preprocess, resize_to_width
from runtime_py.contract import Contract, TensorSpec
from runtime_py.errors import ContractError
from runtime_py.tiling import Tiling

BRIGHT, DARK, TOLERATED = 2.0, -0.1, 0.01
"""Linear values beyond these, on more than this share of a view, mean that it is not scaled to 0..1."""

SMALLEST = 16

DISPARITY, CONFIDENCE = "disparity", "confidence"


class Runner(Protocol):
    """What computes: stored input arrays by name to stored output arrays by name."""

    def run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]: ...


@dataclass(frozen=True)
class Prediction:
    """What a student says of two views: float32 maps of their size.

    `disparity`: x_left - x_right in px of the given views, positive nearer than the focus plane. `confidence`: the
    probability, 0..1, that it is right to within the `within_px` of the contract's output `confidence` (px of the
    working width); None of a student without that output.
    """

    disparity: NDArray[np.float32]
    confidence: NDArray[np.float32] | None = None


class Student:
    """A runner and the contract of what it runs.

    Raises ContractError when the contract has no `left`, `right` and `disparity` of one plane each, or when sizes do
    not agree with its output stride. An output `confidence` is as large as the disparity; other outputs are left alone.
    """

    def __init__(self, runner: Runner, contract: Contract) -> None:
        self._runner = runner
        self._contract = contract
        left, right, disparity = contract.input("left"), contract.input("right"), contract.output("disparity")
        extra = [spec for spec in contract.outputs if spec.name == CONFIDENCE]
        for spec in (left, right, disparity, *extra):
            if len(spec.shape) != 4 or int(np.prod(spec.shape)) != int(np.prod(spec.plane())):
                raise ContractError(
                    f"'{spec.name}' has shape {spec.shape} in {spec.layout}; a student works on one plane"
                )
        stride, plane = contract.output_stride, disparity.plane()
        if left.plane() != right.plane() or left.plane() != (plane[0] * stride, plane[1] * stride):
            raise ContractError(
                f"views of {left.plane()} and {right.plane()} do not fit a disparity of {plane} at stride {stride}"
            )
        for spec in extra:
            if spec.plane() != plane:
                raise ContractError(f"a confidence of {spec.plane()} does not fit a disparity of {plane}")
        if contract.dp_axis != "horizontal":
            raise ContractError(f"a student works along a horizontal dual-pixel axis, not '{contract.dp_axis}'")

    @property
    def contract(self) -> Contract:
        return self._contract

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Outputs by name, as stored, of inputs by name, as stored: names, shapes and dtypes as in the contract.

        Raises ContractError that names the input and what was expected of it.
        """
        self._check(inputs)
        return self._runner.run(dict(inputs))

    def trace(self, inputs: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, NDArray[Any]]]:
        """(name, array) of every tensor of a run, inputs first, as soon as it exists; `inputs` as for `run`.

        Raises ContractError in a vendor's runtime: those do not show what they compute on the way.
        """
        self._check(inputs)
        traced = getattr(self._runner, "trace", None)
        if traced is None:
            raise ContractError("only the reference runtime shows its tensors; load with runtime='reference'")
        steps: Iterator[tuple[str, NDArray[Any]]] = traced(dict(inputs))
        return steps

    def _check(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        names = [spec.name for spec in self._contract.inputs]
        if sorted(inputs) != sorted(names):
            raise ContractError(f"inputs {', '.join(names)} were expected, {', '.join(sorted(inputs)) or 'none'} came")
        for spec in self._contract.inputs:
            given = inputs[spec.name]
            if given.shape != spec.shape or given.dtype != np.dtype(spec.dtype):
                raise ContractError(
                    f"'{spec.name}' is {spec.dtype} {spec.shape} ({spec.layout}) in the contract and {given.dtype} "
                    f"{given.shape} here; `disparity` takes plain views, `contract.input(name).quantize` makes inputs"
                )

    def predict(self, left: NDArray[Any], right: NDArray[Any]) -> Prediction:
        """Signed disparity in pixels of the given views, and the confidence in it where the student has one.

        `left`, `right`: linear, 0..1, H×W of any size, square pixels, dual-pixel axis horizontal. They are brought to
        the working width, preprocessed, quantised, run in tiles, blended and brought back. Raises ContractError for
        arrays that are not two such views.
        """
        has_confidence = any(spec.name == CONFIDENCE for spec in self._contract.outputs)
        maps = self._maps(left, right, (DISPARITY, CONFIDENCE) if has_confidence else (DISPARITY,))
        return Prediction(self._in_px_of(left, maps[DISPARITY]), maps.get(CONFIDENCE))

    def disparity(self, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float32]:
        """Signed disparity x_left - x_right alone, float32 H×W, in pixels of the given views; as `predict`."""
        return self._in_px_of(left, self._maps(left, right, (DISPARITY,))[DISPARITY])

    def predict_of(self, capture: DPCapture) -> Prediction:
        """The prediction for a capture in its own orientation, disparity along its own `dp_axis`."""
        found = self.predict(*views(capture))
        confidence = None if found.confidence is None else as_stored(capture, found.confidence)
        return Prediction(as_stored(capture, found.disparity), confidence)

    def disparity_of(self, capture: DPCapture) -> NDArray[np.float32]:
        """Disparity of a capture in its own orientation, along its own `dp_axis`."""
        return np.asarray(as_stored(capture, self.disparity(*views(capture))), np.float32)

    def _in_px_of(self, view: NDArray[Any], disparity: NDArray[np.float32]) -> NDArray[np.float32]:
        return disparity * np.float32(view.shape[1] / self._contract.working_width)

    def _maps(self, left: NDArray[Any], right: NDArray[Any], names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The named outputs at every pixel of the views, in their units at the working width."""
        tiling, tiles = network_inputs(self._contract, left, right)
        tile_maps = [self._tile_maps(tile, names) for tile in tiles]
        blended = {name: tiling.blend([maps[name] for maps in tile_maps]) for name in names}
        return {name: resampled(blended[name], tiling.plane, tiling.stride, left.shape) for name in names}

    def _tile_maps(self, tile: Mapping[str, NDArray[Any]], names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        stored = self.run({name: _batched(plane, self._contract.input(name)) for name, plane in tile.items()})
        maps = {}
        for spec in (self._contract.output(name) for name in names):
            if spec.name not in stored or stored[spec.name].shape != spec.shape:
                got = {name: value.shape for name, value in stored.items()}
                raise ContractError(f"the artifact gave {got} where its contract says {spec.name} {spec.shape}")
            real = spec.dequantize(stored[spec.name]).reshape(spec.plane())
            # A network does not clip its confidence; integers saturate where it ends.
            maps[spec.name] = np.clip(real, *spec.valid_range) if spec.name == CONFIDENCE else real
        return maps


def network_inputs(
    contract: Contract, left: NDArray[Any], right: NDArray[Any]
) -> tuple[Tiling, list[dict[str, NDArray[Any]]]]:
    """What the network is given for two linear views of any size: the tiling, and per tile the stored input planes.

    The views are brought to the working width, preprocessed and quantised as a whole, then cut. Raises ContractError
    for arrays that are not two such views.
    """
    for name, view in (("left", left), ("right", right)):
        _check_view(name, view)
    if left.shape != right.shape:
        raise ContractError(f"the left view is {left.shape} and the right one {right.shape} (rows, columns)")
    planes = {}
    for name, view in (("left", left), ("right", right)):
        working = resize_to_width(view, contract.working_width)
        planes[name] = contract.input(name).quantize(preprocess(working, contract.preprocess))
    size = planes["left"].shape
    tiling = Tiling((size[0], size[1]), contract.input("left").plane(), contract.output_stride)
    cut = {name: tiling.cut(plane) for name, plane in planes.items()}
    return tiling, [{name: cut[name][i] for name in cut} for i in range(len(tiling.origins))]


def _batched(plane: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    return np.ascontiguousarray(plane).reshape(spec.shape)


def _check_view(name: str, view: NDArray[Any]) -> None:
    if not isinstance(view, np.ndarray) or view.ndim != 2:
        found = f"an array of shape {view.shape}" if isinstance(view, np.ndarray) else f"a {type(view).__name__}"
        raise ContractError(f"the {name} view is {found}; give one plane of rows × columns")
    if not np.issubdtype(view.dtype, np.floating):
        raise ContractError(
            f"the {name} view is {view.dtype}; give linear floats in 0..1 (subtract black, divide by white minus black)"
        )
    if min(view.shape) < SMALLEST:
        raise ContractError(
            f"the {name} view is {view.shape[1]}×{view.shape[0]}; at least {SMALLEST} pixels a side are needed"
        )
    if not bool(np.isfinite(view).all()):
        raise ContractError(f"the {name} view has {int((~np.isfinite(view)).sum())} values that are NaN or infinite")
    beyond = int(((view > BRIGHT) | (view < DARK)).sum())
    if beyond > TOLERATED * view.size:
        raise ContractError(
            f"the {name} view runs from {float(view.min()):.4g} to {float(view.max()):.4g}; give linear light in 0..1"
        )


def resampled(
    grid: NDArray[np.float32], plane: tuple[int, ...], stride: int, size: tuple[int, ...]
) -> NDArray[np.float32]:
    """`grid`, whose cell i lies at (i + 1/2)·stride of a `plane`, interpolated linearly at the pixels of `size`.

    A cell may reach beyond the plane when its size is no multiple of the stride; plain resizing would shift there.
    Positions are float64, values float32 operations in the order written, first down, then across: phones do the same.
    """
    for axis in (0, 1):
        at = (np.arange(size[axis]) + 0.5) * (plane[axis] / size[axis]) / stride - 0.5
        at = np.clip(at, 0, grid.shape[axis] - 1)
        first = np.minimum(at.astype(np.intp), max(0, grid.shape[axis] - 2))
        second = np.minimum(first + 1, grid.shape[axis] - 1)
        share = (at - first).astype(np.float32)
        share = share[:, None] if axis == 0 else share[None, :]
        grid = grid.take(first, axis) * (1 - share) + grid.take(second, axis) * share
    return grid
