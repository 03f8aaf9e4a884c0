"""`Net`: a small network put together layer by layer, in int8, float32 or with small weights under float32 activations.

Kinds: "int8"; "int8-float-boundary" (the same between a quantize and a dequantize); "float32"; "float16" (weights
stored as half floats); "dynamic-range" (int8 weights that LiteRT computes on); "weight-only" (int8 weights that are
dequantised first).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from benchmarks.models.draw import Array, Rng, scale, stored, zero
from benchmarks.models.tflite import Model, O, T, constant

KINDS = ("int8", "int8-float-boundary", "float32", "float16", "dynamic-range", "weight-only")


class Net:
    """Layers are methods from tensor numbers to tensor numbers; `model` ends the network."""

    def __init__(self, rng: Rng, kind: str) -> None:
        self.rng, self.kind = rng, kind
        self.integer = kind.startswith("int8")
        self._tensors: list[T] = []
        self._ops: list[O] = []
        self._inputs: list[int] = []
        self._arrays: list[Array] = []

    def shape(self, x: int) -> tuple[int, ...]:
        return self._tensors[x].shape

    def input(self, shape: tuple[int, ...]) -> int:
        if self.kind != "int8-float-boundary":
            x = self._activation(shape, scale(self.rng, 0.005, 0.1))
            self._arrays.append(stored(self.rng, shape) if self.integer else self._real(shape))
            self._inputs.append(x)
            return x
        real = self._tensor(T("", shape, "float32"))
        self._arrays.append(self._real(shape))
        self._inputs.append(real)
        x = self._activation(shape, 4 / 127)
        self._ops.append(O("QUANTIZE", (real,), (x,), "QuantizeOptions"))
        return x

    def conv(self, x: int, filters: int, kernel: int = 3, stride: int = 1, dilation: int = 1, groups: int = 1) -> int:
        n, h, w, c = self.shape(x)
        weights = self._weights((filters, kernel, kernel, c // groups), 0)
        fields = {"strideH": stride, "strideW": stride, "dilationHFactor": dilation, "dilationWFactor": dilation}
        out = (n, -(-h // stride), -(-w // stride), filters)
        return self._weighted("CONV_2D", "Conv2DOptions", x, weights, out, fields)

    def depthwise(self, x: int, kernel: int = 3, stride: int = 1, multiplier: int = 1) -> int:
        n, h, w, c = self.shape(x)
        weights = self._weights((1, kernel, kernel, c * multiplier), 3)
        fields = {"strideH": stride, "strideW": stride, "dilationHFactor": 1, "dilationWFactor": 1}
        out = (n, -(-h // stride), -(-w // stride), c * multiplier)
        fields |= {"depthMultiplier": multiplier}
        return self._weighted("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", x, weights, out, fields)

    def deconv(self, x: int, filters: int, kernel: int = 2, stride: int = 2) -> int:
        n, h, w, c = self.shape(x)
        out = (n, h * stride, w * stride, filters)
        weights = self._weights((filters, kernel, kernel, c), 0)
        fields = {"strideH": stride, "strideW": stride}
        return self._weighted("TRANSPOSE_CONV", "TransposeConvOptions", x, weights, out, fields)

    def linear(self, x: int, filters: int) -> int:
        size = self.shape(x)[-1]
        weights = self._weights((filters, size), 0)
        out = (int(np.prod(self.shape(x))) // size, filters)
        return self._weighted("FULLY_CONNECTED", "FullyConnectedOptions", x, weights, out, {})

    def binary(self, name: str, a: int, b: int) -> int:
        """ADD, SUB or MUL of tensors that broadcast."""
        first, second = self._scale(a), self._scale(b)
        spread = 40 * first * second if name == "MUL" else first + second
        y = self._activation(np.broadcast_shapes(self.shape(a), self.shape(b)), spread * self.rng.uniform(0.5, 1.5))
        fields = {"fusedActivationFunction": int(self.rng.choice([0, 0, 1]))}
        self._ops.append(O(name, (a, b), (y,), f"{name.capitalize()}Options", fields))
        return y

    def concat(self, *parts: int) -> int:
        """Along channels; parts on other grids than the first are brought to it."""
        same = [parts[0], *(self.rescale(p, parts[0]) for p in parts[1:])]
        shape = (*self.shape(parts[0])[:-1], sum(self.shape(p)[-1] for p in same))
        y = self._like(parts[0], shape)
        axis = int(self.rng.choice([-1, len(shape) - 1]))
        self._ops.append(O("CONCATENATION", tuple(same), (y,), "ConcatenationOptions", {"axis": axis}))
        return y

    def rescale(self, x: int, like: int) -> int:
        """`x` on the grid of `like`."""
        if not self.integer or (self._scale(x), self._tensors[x].zero) == (self._scale(like), self._tensors[like].zero):
            return x
        y = self._like(like, self.shape(x))
        self._ops.append(O("QUANTIZE", (x,), (y,), "QuantizeOptions"))
        return y

    def curve(self, name: str, x: int, options: str = "", **fields: float) -> int:
        """A pointwise function; LOGISTIC, TANH and SOFTMAX on the grids that kernels insist on."""
        fixed = {"LOGISTIC": (1 / 256, -128), "SOFTMAX": (1 / 256, -128), "TANH": (1 / 128, 0)}
        y = self._activation(self.shape(x), self._scale(x) * self.rng.uniform(0.6, 1.2))
        if self.integer and name in fixed:
            self._tensors[y].scale, self._tensors[y].zero = fixed[name]
        self._ops.append(O(name, (x,), (y,), options, dict(fields)))
        return y

    def pool(self, name: str, x: int, window: int = 2, stride: int = 2) -> int:
        n, h, w, c = self.shape(x)
        y = self._like(x, (n, -(-h // stride), -(-w // stride), c))
        fields = {"strideH": stride, "strideW": stride, "filterHeight": window, "filterWidth": window}
        self._ops.append(O(name, (x,), (y,), "Pool2DOptions", fields))
        return y

    def mean(self, x: int, keep: bool = True) -> int:
        n, _, _, c = self.shape(x)
        y = self._activation((n, 1, 1, c) if keep else (n, c), self._scale(x) * self.rng.uniform(0.1, 0.5))
        axes = self._tensor(constant("", np.array([1, 2], np.int32)))
        self._ops.append(O("MEAN", (x, axes), (y,), "ReducerOptions", {"keepDims": keep}))
        return y

    def resize(self, name: str, x: int, size: tuple[int, int], half_pixel: bool = True, align: bool = False) -> int:
        options = "ResizeBilinearOptions" if name == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
        fields = {"halfPixelCenters": half_pixel, "alignCorners": align}
        n, _, _, c = self.shape(x)
        return self._moved(name, x, (n, *size, c), np.array(size, np.int32), options=options, fields=fields)

    def pad(self, x: int, cells: int) -> int:
        n, h, w, c = self.shape(x)
        pairs = np.array([[0, 0], [cells, 0], [0, cells], [0, 0]], np.int32)
        return self._moved("PAD", x, (n, h + cells, w + cells, c), pairs, options="PadOptions")

    def channels(self, x: int, first: int, count: int) -> int:
        begin, length = np.array([0, 0, 0, first], np.int32), np.array([-1, -1, -1, count], np.int32)
        return self._moved("SLICE", x, (*self.shape(x)[:3], count), begin, length, options="SliceOptions")

    def reshape(self, x: int, shape: tuple[int, ...]) -> int:
        return self._moved("RESHAPE", x, shape, np.array(shape, np.int32), options="ReshapeOptions")

    def transpose(self, x: int, order: tuple[int, ...]) -> int:
        shape = tuple(self.shape(x)[i] for i in order)
        return self._moved("TRANSPOSE", x, shape, np.array(order, np.int32), options="TransposeOptions")

    def depth_to_space(self, x: int, block: int) -> int:
        n, h, w, c = self.shape(x)
        out = (n, h * block, w * block, c // block**2)
        return self._moved("DEPTH_TO_SPACE", x, out, options="DepthToSpaceOptions", fields={"blockSize": block})

    def model(self, *outputs: int) -> Model:
        ends = list(outputs)
        if self.kind == "int8-float-boundary":
            for position, y in enumerate(outputs):
                ends[position] = self._tensor(T("", self.shape(y), "float32"))
                self._ops.append(O("DEQUANTIZE", (y,), (ends[position],), "DequantizeOptions"))
        if not self.integer:
            # A ReLU at the end may leave a range so small that the sums' last bits fill it.
            for op in self._ops:
                if set(op.outputs) & set(outputs) and "fusedActivationFunction" in op.fields:
                    op.fields["fusedActivationFunction"] = 0
        tensors = [replace(t, name=f"t{i}") for i, t in enumerate(self._tensors)]
        return Model(tensors, self._ops, tuple(self._inputs), tuple(ends), self._arrays)

    def _real(self, shape: tuple[int, ...]) -> Array:
        return np.asarray(self.rng.normal(0, 1, shape), np.float32)

    def _tensor(self, tensor: T) -> int:
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _activation(self, shape: tuple[int, ...], step: float) -> int:
        if self.integer:
            return self._tensor(T("", shape, "int8", step, zero(self.rng)))
        return self._tensor(T("", shape, "float32"))

    def _like(self, x: int, shape: tuple[int, ...]) -> int:
        return self._tensor(replace(self._tensors[x], shape=shape, data=None))

    def _scale(self, x: int) -> float:
        return float(self._tensors[x].scale) if self.integer else 1.0

    def _moved(
        self,
        name: str,
        x: int,
        shape: tuple[int, ...],
        *parameters: Array,
        options: str,
        fields: Mapping[str, object] | None = None,
    ) -> int:
        y = self._like(x, shape)
        given = (x, *(self._tensor(constant("", p)) for p in parameters))
        self._ops.append(O(name, given, (y,), options, dict(fields or {})))
        return y

    def _weights(self, shape: tuple[int, ...], axis: int) -> int:
        """Weights ready for use; each output channel has about unit gain."""
        fan = int(np.prod(shape)) / shape[axis]
        real = self._real(shape) / np.float32(np.sqrt(fan))
        if self.kind in ("float32", "float16"):
            if self.kind == "float32":
                return self._tensor(constant("", real))
            return self._dequantized(constant("", real.astype(np.float16)), shape)
        # LiteRT's depthwise kernels on float images insist on one scale per channel.
        single = self.rng.random() < 0.3 and self.integer
        others = tuple(i for i in range(len(shape)) if single or i != axis)
        steps = np.maximum(np.abs(real).max(axis=others, keepdims=True), 1e-6) / np.float32(127)
        small = np.rint(real / steps).astype(np.int8)
        tensor = constant("", small, steps.reshape(-1), 0, axis)
        return self._dequantized(tensor, shape) if self.kind == "weight-only" else self._tensor(tensor)

    def _dequantized(self, small: T, shape: tuple[int, ...]) -> int:
        y = self._tensor(T("", shape, "float32"))
        self._ops.append(O("DEQUANTIZE", (self._tensor(small),), (y,), "DequantizeOptions"))
        return y

    def _weighted(
        self, name: str, options: str, x: int, weights: int, out: tuple[int, ...], fields: dict[str, int]
    ) -> int:
        spread = 1.0
        if self.integer:
            spread = self._scale(x) * self.rng.uniform(0.7, 1.6)
            steps = self._scale(x) * np.asarray(self._tensors[weights].scale)
            bias = constant("", self.rng.integers(-3000, 3000, out[-1]).astype(np.int32), steps)
        else:
            bias = constant("", self._real((out[-1],)) / np.float32(4))
        y = self._activation(out, spread)
        fields = {**fields, "fusedActivationFunction": int(self.rng.choice([0, 1, 1, 3]))}
        given: tuple[int, ...] = (x, weights, self._tensor(bias))
        if name == "TRANSPOSE_CONV":
            given = (self._tensor(constant("", np.array(out, np.int32))), weights, x, given[2])
            fields["padding"] = 0
        self._ops.append(O(name, given, (y,), options, fields))
        return y
