"""`Builder`: an ONNX graph becoming a Program: names, float and stored values, and groups around integer kernels.

A QuantizeLinear and DequantizeLinear pair says only where integers lie. ONNX Runtime's optimiser takes
DequantizeLinear -> operator -> QuantizeLinear for one integer operation where it has such a kernel; the Builder does so
for the same operators, and leaves the three steps as they are written everywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.dialects import DIALECTS
from runtime_py.errors import ArtifactError
from runtime_py.ops import OPS
from runtime_py.ops.node import Node
from runtime_py.program import Op, Quant, Tensor
from runtime_py.readers.assembly import Assembly
from runtime_py.readers.layout import MOVED, TO_NCHW, TO_NHWC
from runtime_py.readers.onnx_graph import OnnxNode

LARGEST_BATCH = 1 << 10
"""Images; each takes Python time, and a small file may declare any number."""


@dataclass(frozen=True)
class Slot:
    """What an operation writes: the tensor's name, type and grid."""

    name: str
    dtype: str
    quant: Quant | None = None
    unsigned: bool = False
    """Whether the file has uint8 for what is int8 here."""


@dataclass(frozen=True)
class Step:
    """A constant grid of a QuantizeLinear or DequantizeLinear, shifted to int8 where the file has uint8."""

    quant: Quant
    dtype: str


class Builder:
    """Values by their names in the file. `opset` is that of ONNX's own operators."""

    def __init__(self, assembly: Assembly, nodes: Sequence[OnnxNode], outputs: Sequence[str], opset: int) -> None:
        self.assembly, self.opset = assembly, opset
        self.values: dict[str, int] = {}
        self.stored: dict[str, int] = {}
        """Outputs of DequantizeLinear: the stored integers that they are the real values of."""
        self.done: set[int] = set()
        """Nodes (by `id`) that an earlier one took into its integer operation."""
        self._outputs = set(outputs)
        self._users: dict[str, list[OnnxNode]] = {}
        for node in nodes:
            for name in node.inputs:
                self._users.setdefault(name, []).append(node)

    def __getitem__(self, index: int) -> Tensor:
        return self.assembly[index]

    def any(self, name: str, node: OnnxNode) -> int:
        """The tensor of a name; stored integers become real values first."""
        if name in self.values:
            return self.values[name]
        if name not in self.stored:
            raise node.error(f"reads '{name}' before anything writes it")
        self.values[name] = self._real(self.stored[name], name, node)
        return self.values[name]

    def constant(self, name: str, node: OnnxNode) -> NDArray[Any] | None:
        """The data of a name when it is known before running, None when it is not."""
        return self[self.any(name, node)].data if name else None

    def required(self, name: str, role: str, node: OnnxNode) -> NDArray[Any]:
        """The data of a name that must be a constant."""
        data = self.constant(name, node)
        if data is None:
            raise node.error(f"computes its {role} while running, which is not supported: it must be a constant")
        return data

    def integers(self, node: OnnxNode, attribute: str, position: int) -> tuple[int, ...] | None:
        """A list that older opsets have as an attribute and newer ones as a constant input; None when absent."""
        if node.has(attribute):
            return node.integers(attribute)
        if not node.optional(position):
            return None
        data = self.required(node.input(position), attribute, node)
        if data.dtype.kind not in "iu" or data.ndim > 1:
            raise node.error(f"has {attribute} of type {data.dtype} and shape {data.shape}")
        return tuple(int(n) for n in data.reshape(-1))

    def _real(self, index: int, name: str, node: OnnxNode) -> int:
        tensor = self[index]
        if tensor.data is not None and tensor.quant is not None:
            return self.assembly.constant(name, dequantised(tensor.data, tensor.quant))
        out = self.assembly.tensor(name, tensor.shape, "float32")
        self.assembly.op("dequantize", (index,), (out,), node.where)
        return out

    def group(self, node: OnnxNode, positions: Sequence[int], same_grid: bool = False) -> tuple[list[int], Slot] | None:
        """Stored inputs at `positions` and the output as integers, when the node stands between int8 grids.

        With `same_grid` only when all of them are one grid, so that the node merely moves integers.
        """
        names = [node.optional(p) for p in positions]
        follower = self.quantizer_of(node)
        if follower is None or not all(name in self.stored for name in names):
            return None
        indices = [self.stored[name] for name in names]
        step = self.step(follower)
        tensors = [self[i] for i in indices]
        if step is None or step.dtype not in ("int8", "uint8") or any(t.dtype != "int8" for t in tensors):
            return None
        if any(t.quant is None or t.quant.per_channel for t in tensors):
            return None
        if same_grid and not all(t.quant is not None and _equal(t.quant, step.quant) for t in tensors):
            return None
        return indices, Slot(follower.output, "int8", step.quant, step.dtype == "uint8")

    def quantizer_of(self, node: OnnxNode) -> OnnxNode | None:
        """The QuantizeLinear that alone takes a node's only output, past activations that its saturation implies."""
        name = node.output
        passed: list[OnnxNode] = []
        if len([o for o in node.outputs if o]) != 1:
            return None
        while True:
            users = self._users.get(name, [])
            if len(users) != 1 or name in self._outputs:
                return None
            follower = users[0]
            if follower.kind == "QuantizeLinear":
                break
            if follower.kind not in ("Relu", "Clip") or passed:
                return None
            passed.append(follower)
            name = follower.output
        step = self.step(follower)
        if step is None or not all(self._implied(activation, step) for activation in passed):
            return None
        return follower

    def take(self, node: OnnxNode) -> None:
        """Marks the nodes from a node's output to its QuantizeLinear as done."""
        name = node.output
        while True:
            follower = self._users[name][0]
            self.done.add(id(follower))
            if follower.kind == "QuantizeLinear":
                return
            name = follower.output

    def _implied(self, activation: OnnxNode, step: Step) -> bool:
        scale, zero = float(step.quant.scale[0]), int(step.quant.zero_point[0])
        low, high = self.limits(activation)
        return low <= (-128 - zero) * scale and (127 - zero) * scale <= high

    def limits(self, node: OnnxNode) -> tuple[float, float]:
        """Between which values a Relu or Clip clamps."""
        if node.kind == "Relu":
            return 0.0, float("inf")
        ends = [node.real("min", -np.inf), node.real("max", np.inf)]
        for i in (0, 1):
            if node.optional(i + 1):
                ends[i] = float(self.required(node.input(i + 1), "limit", node).reshape(-1)[0])
        return ends[0], ends[1]

    def step(self, node: OnnxNode) -> Step | None:
        """The grid of a QuantizeLinear (of the output) or DequantizeLinear (of the input); None when computed."""
        scale = self.constant(node.input(1), node)
        zero = self.constant(node.optional(2), node)
        if scale is None or (node.optional(2) and zero is None):
            return None
        dtype = "uint8" if zero is None else str(zero.dtype)
        if node.kind == "DequantizeLinear":
            dtype = self[self.any(node.input(0), node)].dtype if zero is None else dtype
        return Step(self.grid(scale, zero, node.integer("axis", 1), node), dtype)

    def grid(self, scale: NDArray[Any], zero: NDArray[Any] | None, axis: int, node: OnnxNode) -> Quant:
        """Scale and zero point of stored values; uint8 ones are kept as int8, less 128."""
        if scale.ndim > 1 or not bool(np.all(np.isfinite(scale) & (scale > 0))) or scale.size == 0:
            raise node.error(f"has scales of shape {scale.shape} that are not all positive and along one axis")
        points = np.zeros(scale.shape, np.int64) if zero is None else zero.astype(np.int64)
        if points.size != scale.size:
            raise node.error(f"has {scale.size} scales and {points.size} zero points")
        shift = 128 if zero is not None and zero.dtype == np.uint8 else 0
        return Quant(scale.reshape(-1).astype(np.float32), points.reshape(-1) - shift, axis if scale.size > 1 else 0)

    def slot(self, node: OnnxNode, like: int | None = None, output: int = 0) -> Slot:
        """An output as the file has it, of the type and grid of `like`, or of the first input's type."""
        name = node.outputs[output] if output else node.output
        if like is None:
            return Slot(name, self[self.any(node.input(0), node)].dtype)
        return Slot(name, self[like].dtype, self[like].quant)

    def emit(
        self, kind: str, inputs: Sequence[int], slot: Slot, node: OnnxNode, shape: Sequence[int] | None = None,
        **attrs: Any,
    ) -> int:  # fmt: skip
        """Appends an operation with one output; its shape follows from the inputs unless it is given."""
        if slot.unsigned and kind in ("add", "mul", "average_pool2d"):
            attrs["unsigned"] = True
        if shape is None:
            shape = self.shape_of(kind, inputs, node, attrs)
        out = self.assembly.tensor(slot.name, tuple(shape), slot.dtype, slot.quant)
        self.assembly.op(kind, inputs, (out,), node.where, **attrs)
        self.values[slot.name] = out
        return out

    def shape_of(self, kind: str, inputs: Sequence[int], node: OnnxNode, attrs: Mapping[str, Any]) -> tuple[int, ...]:
        """The shape that the operation's own rule gives."""
        tensors = tuple(self[i] if i >= 0 else None for i in inputs)
        op = Op(kind, tuple(inputs), (), attrs, node.where)
        return OPS[kind].shape(Node(op, tensors, (), DIALECTS["onnx-qdq"]))[0]

    def emit_spatial(
        self, kind: str, inputs: Sequence[int], slot: Slot, node: OnnxNode, size: Sequence[int] | None = None,
        channels: int = 0, **attrs: Any,
    ) -> int:  # fmt: skip
        """As `emit` for an operation on images: NHWC between two transposes. `size` is the output's (h, w)."""
        image = self[inputs[0]]
        if len(image.shape) != 4:
            raise node.error(f"works on '{image.name}' of shape {list(image.shape)}; only images (N, C, H, W) are done")
        if image.shape[0] > LARGEST_BATCH:
            raise node.error(f"works on {image.shape[0]} images at once, more than the {LARGEST_BATCH} that are done")
        moved = (self.turned(inputs[0], TO_NHWC, node), *inputs[1:])
        shape = None if size is None else (image.shape[0], *size, channels or image.shape[1])
        out = self.emit(kind, moved, replace(slot, name=slot.name + MOVED), node, shape, **attrs)
        return self.emit("transpose", (out,), slot, node, permutation=TO_NCHW)

    def turned(self, index: int, order: Sequence[int], node: OnnxNode) -> int:
        """A tensor with its axes in another order."""
        tensor = self[index]
        if tensor.data is not None:
            return self.assembly.constant(tensor.name + MOVED, tensor.data.transpose(order), tensor.quant)
        return self.assembly.transposed(index, order, node.where)


def dequantised(data: NDArray[Any], quant: Quant) -> NDArray[np.float32]:
    """Real values of stored ones, as DequantizeLinear computes them: exact difference, then one float32 product."""
    along = [1] * data.ndim
    if quant.per_channel:
        along[quant.axis] = -1
    # Ill-made scales give infinities, as they do in the kernels.
    with np.errstate(all="ignore"):
        return _dequantised(data, quant, along)


def _dequantised(data: NDArray[Any], quant: Quant, along: Sequence[int]) -> NDArray[np.float32]:
    whole = (data.astype(np.int64) - quant.zero_point.reshape(along)).astype(np.float32)
    real: NDArray[np.float32] = whole * quant.scale.reshape(along)
    return real


def _equal(a: Quant, b: Quant) -> bool:
    return np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)


def refusal(kinds: Sequence[str], known: Sequence[str], source: str) -> ArtifactError:
    """What a file with operators that are not read is answered."""
    return ArtifactError(
        f"{source} cannot be used: it uses {', '.join(sorted(set(kinds)))}; operators that are known: "
        f"{', '.join(sorted(known))}"
    )
