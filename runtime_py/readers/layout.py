"""Transposes of a Program moved behind the operations that do not mind them, where most of them cancel.

A reader of a format in NCHW puts a `transpose` before and after each spatial operation. Here every tensor is known as
another one seen through a permutation; a real transpose is left only where somebody needs the axes in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runtime_py.ops.elementwise import BINARY, UNARY
from runtime_py.program import Op, Program, Tensor

Order = tuple[int, ...]
Attrs = Mapping[str, Any]

TO_NHWC: Order = (0, 2, 3, 1)
TO_NCHW: Order = (0, 3, 1, 2)

MOVED = ".moved"
"""Ends the name of a tensor whose axes are not in the file's order, while the name itself is needed."""


@dataclass(frozen=True)
class View:
    """A value as `transpose(tensors[index], order)`: its axis i is the stored tensor's axis order[i]."""

    index: int
    order: Order


def without_transposes(program: Program) -> Program:
    """The same program with as few transposes as a walk from inputs to outputs needs.

    Inputs and outputs keep their shapes, names and order. An inner tensor keeps its name, its axes may be in another
    order than in the file. Tensors that are no longer used leave the table.
    """
    return _Mover(program).program()


def inverse(order: Order) -> Order:
    """The order that undoes `order`."""
    return tuple(order.index(i) for i in range(len(order)))


def composed(first: Order, second: Order) -> Order:
    """One order for a transpose by `first` and then one by `second`."""
    return tuple(first[i] for i in second)


class _Mover:
    def __init__(self, program: Program) -> None:
        self._given = program
        self._tensors = list(program.tensors)
        self._views: dict[int, View] = {}
        self._made: dict[View, int] = {}
        self._ops: list[Op] = []

    def program(self) -> Program:
        for op in self._given.ops:
            if op.kind == "transpose" and self._fits(op):
                self._see_through(op)
            elif not self._moved(op):
                self._ops.append(replace(op, inputs=tuple(self._plain(i) for i in op.inputs)))
        for index in self._given.outputs:
            self._written(index)
        return self._compact()

    def _fits(self, op: Op) -> bool:
        """Whether the permutation is one; a damaged one stays and is refused when bound."""
        order, given, out = op.attrs.get("permutation", ()), op.inputs[0], op.outputs[0]
        shape = self._tensors[given].shape
        return sorted(order) == list(range(len(shape))) and self._tensors[out].shape == tuple(shape[i] for i in order)

    def _view(self, index: int) -> View:
        return self._views.get(index) or View(index, tuple(range(len(self._tensors[index].shape))))

    def _see_through(self, op: Op) -> None:
        view = self._view(op.inputs[0])
        self._views[op.outputs[0]] = View(view.index, composed(view.order, tuple(op.attrs["permutation"])))

    def _plain(self, index: int) -> int:
        """A tensor whose axes lie as the file has them."""
        if index < 0 or index not in self._views:
            return index
        return self._stored(self._views[index], index)

    def _stored(self, view: View, wanted: int | None = None) -> int:
        """A tensor that holds what a view shows; a transpose makes it once, as tensor `wanted` if that is given."""
        if view.order == tuple(range(len(view.order))):
            return view.index
        if view not in self._made:
            source = self._tensors[view.index]
            self._make(view, self._added(source, view.order) if wanted is None else wanted)
        return self._made[view]

    def _make(self, view: View, index: int) -> None:
        source = self._tensors[view.index]
        self._made[view] = index
        if source.data is not None:
            self._tensors[index] = replace(self._tensors[index], data=source.data.transpose(view.order))
        else:
            attrs = {"permutation": view.order}
            self._ops.append(Op("transpose", (view.index,), (index,), attrs, f"the axes of '{source.name}'"))

    def _added(self, tensor: Tensor, order: Order) -> int:
        shape = tuple(tensor.shape[i] for i in order)
        name = tensor.name if tensor.name.endswith(MOVED) else tensor.name + MOVED
        self._tensors.append(replace(tensor, name=name, shape=shape, data=None))
        return len(self._tensors) - 1

    def _moved(self, op: Op) -> bool:
        """Does the operation on its inputs as they are stored, if that is the same but for the outputs' order."""
        if op.kind not in MOVABLE or any(i < 0 for i in op.inputs):
            return False
        orders = [self._views[i].order for i in op.inputs if i in self._views]
        rank = len(self._tensors[op.outputs[0]].shape)
        if not orders or len(orders[0]) != rank or orders[0] == tuple(range(rank)):
            return False
        order = orders[0]
        attrs = MOVABLE[op.kind](op.attrs, order)
        if attrs is None or not all(self._movable(i, rank) for i in (*op.inputs, *op.outputs)):
            return False
        back = inverse(order)
        inputs = tuple(self._turned(i, back) for i in op.inputs)
        outputs = tuple(self._added(self._tensors[i], back) for i in op.outputs)
        for index, stored in zip(op.outputs, outputs, strict=True):
            self._views[index] = View(stored, order)
        self._ops.append(replace(op, inputs=inputs, outputs=outputs, attrs=attrs))
        return True

    def _movable(self, index: int, rank: int) -> bool:
        tensor = self._tensors[index]
        per_channel = tensor.quant is not None and tensor.quant.per_channel
        return not per_channel and (len(tensor.shape) == rank or (tensor.data is not None and len(tensor.shape) < rank))

    def _turned(self, index: int, order: Order) -> int:
        """A tensor with its axes in another order; constants of a lower rank get axes of size 1 first."""
        tensor = self._tensors[index]
        if len(tensor.shape) == len(order):
            view = self._view(index)
            return self._stored(View(view.index, composed(view.order, order)))
        if tensor.data is None:
            return index
        shape = (1,) * (len(order) - len(tensor.shape)) + tensor.shape
        turned = tensor.data.reshape(shape).transpose(order)
        name = tensor.name if tensor.name.endswith(MOVED) else tensor.name + MOVED
        self._tensors.append(replace(tensor, name=name, shape=turned.shape, data=turned))
        return len(self._tensors) - 1

    def _written(self, output: int) -> None:
        """Makes an output of the program a tensor of its own, not only a view of another."""
        view = self._views.get(output)
        if view is not None and self._made.get(view) != output:
            self._make(view, output)

    def _compact(self) -> Program:
        """Only the tensors in use, each called as in the file where no two would share a name."""
        used = {*self._given.inputs, *self._given.outputs}
        used.update(i for op in self._ops for i in (*op.inputs, *op.outputs) if i >= 0)
        order = sorted(used)
        new = {old: i for i, old in enumerate(order)} | {-1: -1}
        names = _names([self._tensors[i].name for i in order])
        tensors = tuple(replace(self._tensors[i], name=name) for i, name in zip(order, names, strict=True))
        ops = tuple(
            replace(op, inputs=tuple(new[i] for i in op.inputs), outputs=tuple(new[i] for i in op.outputs))
            for op in self._ops
        )
        inputs, outputs = (tuple(new[i] for i in those) for those in (self._given.inputs, self._given.outputs))
        return replace(self._given, tensors=tensors, ops=ops, inputs=inputs, outputs=outputs)


def _names(wanted: Sequence[str]) -> list[str]:
    taken = {name for name in wanted if not name.endswith(MOVED)}
    names = []
    for name in wanted:
        if name.endswith(MOVED):
            base, number = name.removesuffix(MOVED), 1
            name = base
            while name in taken:
                name, number = base + MOVED + ("" if number == 1 else str(number)), number + 1
            taken.add(name)
        names.append(name)
    return names


def _same(attrs: Attrs, order: Order) -> Attrs | None:
    return attrs


def _axis(attrs: Attrs, order: Order) -> Attrs | None:
    return {**attrs, "axis": order[attrs["axis"]]} if -len(order) <= attrs["axis"] < len(order) else None


def _lists(*names: str) -> Callable[[Attrs, Order], Attrs | None]:
    """Attributes that have one entry for each axis."""

    def moved(attrs: Attrs, order: Order) -> Attrs | None:
        if any(len(attrs[name]) != len(order) for name in names):
            return None
        return {**attrs, **{name: tuple(attrs[name][i] for i in inverse(order)) for name in names}}

    return moved


def _mean(attrs: Attrs, order: Order) -> Attrs | None:
    if not attrs["keep_dims"] or not all(-len(order) <= axis < len(order) for axis in attrs["axes"]):
        return None
    return {**attrs, "axes": tuple(order[axis] for axis in attrs["axes"])}


def _strided(attrs: Attrs, order: Order) -> Attrs | None:
    moved = _lists("begin", "end", "stride")(attrs, order)
    if moved is None or attrs["shrink_mask"]:
        return None
    masks = {
        name: sum((int(attrs[name]) >> i & 1) << order[i] for i in range(len(order)))
        for name in ("begin_mask", "end_mask")
    }
    return {**moved, **masks}


ELEMENTWISE = (
    "add", "sub", "mul", "div", "prelu", "relu", "relu6", "clamp", "leaky_relu", "hard_swish", "hard_sigmoid",
    "logistic", "tanh", "quantize", "dequantize", "cast", *UNARY, *BINARY,
)  # fmt: skip
"""Kinds that treat every cell alike."""

MOVABLE: Mapping[str, Callable[[Attrs, Order], Attrs | None]] = {
    **dict.fromkeys(ELEMENTWISE, _same),
    "concat": _axis,
    "split": _axis,
    "pad": _lists("paddings"),
    "slice": _lists("begin", "size"),
    "strided_slice": _strided,
    "mean": _mean,
}
"""Kinds that may be done in any order of axes: their attributes as they are for the stored order, None if not so."""
