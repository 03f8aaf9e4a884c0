"""ONNX's operators that move, cut and join values without computing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from runtime_py.readers.onnx_build import Builder, Slot
from runtime_py.readers.onnx_graph import OnnxNode


def moved(b: Builder, node: OnnxNode) -> tuple[int, Slot]:
    """Input and output of a node that only moves values: integers where they keep their grid, else as they come."""
    found = b.group(node, (0,), same_grid=True)
    if found is not None:
        b.take(node)
        return found[0][0], found[1]
    index = b.any(node.input(0), node)
    return index, b.slot(node, index)


def concat(b: Builder, node: OnnxNode) -> None:
    """Concat; between int8 grids QLinearConcat, which brings every input to the output's."""
    found = b.group(node, range(len(node.inputs)))
    if found is not None:
        b.take(node)
        indices, slot = found
    else:
        indices = [b.any(name, node) for name in node.inputs]
        slot = b.slot(node, indices[0]) if indices else b.slot(node)
    if not indices:
        raise node.error("joins nothing")
    b.emit("concat", indices, slot, node, axis=node.integer("axis"), activation="none")


def reshape(b: Builder, node: OnnxNode) -> None:
    """Reshape: 0 keeps a size (unless `allowzero`), -1 is what remains."""
    wanted = b.integers(node, "shape", 1)
    index, slot = moved(b, node)
    given = b[index].shape
    if wanted is None or wanted.count(-1) > 1 or any(n < -1 for n in wanted):
        raise node.error(f"wants the shape {wanted}")
    sizes = list(wanted)
    if not node.integer("allowzero"):
        if any(n == 0 and i >= len(given) for i, n in enumerate(sizes)):
            raise node.error(f"keeps sizes that {list(given)} does not have")
        sizes = [given[i] if n == 0 else n for i, n in enumerate(sizes)]
    if -1 in sizes:
        known = math.prod(n for n in sizes if n != -1)
        if known == 0 or math.prod(given) % known:
            raise node.error(f"cannot give {list(given)} the shape {list(wanted)}")
        sizes[sizes.index(-1)] = math.prod(given) // known
    b.emit("reshape", (index,), slot, node, sizes)


def flatten(b: Builder, node: OnnxNode) -> None:
    index, slot = moved(b, node)
    given, axis = b[index].shape, node.integer("axis", 1)
    if not -len(given) <= axis <= len(given):
        raise node.error(f"flattens {list(given)} from axis {axis}")
    axis = axis + len(given) if axis < 0 else axis
    b.emit("reshape", (index,), slot, node, (math.prod(given[:axis]), math.prod(given[axis:])))


def squeeze(b: Builder, node: OnnxNode) -> None:
    axes = b.integers(node, "axes", 1)
    index, slot = moved(b, node)
    given = b[index].shape
    chosen = {i for i, n in enumerate(given) if n == 1} if axes is None else set(whole_axes(node, axes, len(given)))
    if any(given[i] != 1 for i in chosen):
        raise node.error(f"takes the axes {sorted(chosen)} out of {list(given)}")
    b.emit("reshape", (index,), slot, node, [n for i, n in enumerate(given) if i not in chosen])


def unsqueeze(b: Builder, node: OnnxNode) -> None:
    axes = b.integers(node, "axes", 1)
    index, slot = moved(b, node)
    if axes is None or len(axes) > 8:
        raise node.error("has no axes")
    rank = len(b[index].shape) + len(axes)
    chosen, sizes = set(whole_axes(node, axes, rank)), iter(b[index].shape)
    if len(chosen) != len(axes):
        raise node.error(f"has the axes {list(axes)}")
    b.emit("reshape", (index,), slot, node, [1 if i in chosen else next(sizes) for i in range(rank)])


def identity(b: Builder, node: OnnxNode) -> None:
    """Identity and, since nothing is trained here, Dropout."""
    if any(node.outputs[1:]):
        raise node.error("gives a mask, which is not supported")
    index, slot = moved(b, node)
    b.emit("reshape", (index,), slot, node, b[index].shape)


def transpose(b: Builder, node: OnnxNode) -> None:
    index, slot = moved(b, node)
    rank = len(b[index].shape)
    order = node.integers("perm") or tuple(reversed(range(rank)))
    b.emit("transpose", (index,), slot, node, permutation=order)


def split(b: Builder, node: OnnxNode) -> None:
    """Split, as one slice for each part."""
    sizes = b.integers(node, "split", 1)
    index = b.any(node.input(0), node)
    given, count = b[index].shape, len(node.outputs)
    (axis,) = whole_axes(node, (node.integer("axis"),), len(given))
    if sizes is None:
        step = -(-given[axis] // count)
        sizes = (*(step for _ in range(count - 1)), given[axis] - step * (count - 1))
    if len(sizes) != count or min(sizes) < 0 or sum(sizes) != given[axis]:
        raise node.error(f"cuts {given[axis]} into {list(sizes)} for {count} outputs")
    at = 0
    for i, size in enumerate(sizes):
        begin = tuple(at if j == axis else 0 for j in range(len(given)))
        shape = tuple(size if j == axis else n for j, n in enumerate(given))
        if node.outputs[i]:
            b.emit("slice", (index,), b.slot(node, index, i), node, begin=begin, size=shape)
        at += size


def cut(b: Builder, node: OnnxNode) -> None:
    """Slice, whose bounds are limited to the tensor."""
    starts, ends = (b.integers(node, name, i) for i, name in ((1, "starts"), (2, "ends")))
    axes, steps = (b.integers(node, name, i) for i, name in ((3, "axes"), (4, "steps")))
    index, slot = moved(b, node)
    given = b[index].shape
    if starts is None or ends is None or len(starts) != len(ends):
        raise node.error(f"cuts from {starts} to {ends}")
    axes = whole_axes(node, tuple(range(len(starts))) if axes is None else axes, len(given))
    steps = (1,) * len(starts) if steps is None else steps
    if not len(axes) == len(steps) == len(starts) or 0 in steps:
        raise node.error(f"cuts from {starts} to {ends} along {axes} in steps {steps}")
    begin, end, stride, to_edge = [0] * len(given), list(given), [1] * len(given), 0
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        bounds = slice(first, last, step).indices(given[axis])
        begin[axis], end[axis], stride[axis] = bounds
        if bounds[1] < 0:
            to_edge |= 1 << axis
    attrs = {"begin": tuple(begin), "end": tuple(end), "stride": tuple(stride)}
    b.emit("strided_slice", (index,), slot, node, **attrs, begin_mask=0, end_mask=to_edge, shrink_mask=0)


def pad(b: Builder, node: OnnxNode) -> None:
    """Pad with a constant; negative counts cut cells off."""
    pads, axes = b.integers(node, "pads", 1), b.integers(node, "axes", 3)
    if node.text("mode", "constant") != "constant" or pads is None:
        raise node.error(f"pads by the mode '{node.text('mode')}', which is not supported")
    value = node.real("value")
    if node.optional(2):
        value = float(b.required(node.input(2), "value", node).reshape(-1)[0])
    index = b.any(node.input(0), node)
    if value == 0:
        index, slot = moved(b, node)
    else:
        slot = b.slot(node, index)
    rank = len(b[index].shape)
    chosen = whole_axes(node, tuple(range(rank)) if axes is None else axes, rank)
    if len(pads) != 2 * len(chosen) or any(abs(n) > 1 << 20 for n in pads):
        raise node.error(f"pads by {list(pads)} along {list(chosen)}")
    cells = [[0, 0] for _ in range(rank)]
    for i, axis in enumerate(chosen):
        cells[axis] = [pads[i], pads[i + len(chosen)]]
    inner = [(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(b[index].shape, cells, strict=True)]
    if min(pads, default=0) < 0:
        begin, size = tuple(low for low, _ in inner), tuple(high - low for low, high in inner)
        index = b.emit("slice", (index,), replace(slot, name=f"{slot.name}.cut"), node, begin=begin, size=size)
    around = tuple((max(before, 0), max(after, 0)) for before, after in cells)
    b.emit("pad", (index,), slot, node, paddings=around, value=value)


def space(b: Builder, node: OnnxNode) -> None:
    """DepthToSpace in either mode, and SpaceToDepth. CRD is DCR on channels in another order."""
    index, slot = moved(b, node)
    block, given = node.integer("blocksize"), b[index].shape
    if len(given) != 4 or not 0 < block <= 1 << 10 or (node.kind == "DepthToSpace" and given[1] % block**2):
        raise node.error(f"has block {block} for {list(given)}")
    if node.kind == "DepthToSpace" and node.text("mode", "DCR") == "CRD":
        inner = replace(slot, name=f"{slot.name}.apart")
        n, c, h, w = given
        apart = b.emit("reshape", (index,), inner, node, (n, c // block**2, block**2, h, w))
        swapped = b.emit(
            "transpose", (apart,), replace(slot, name=f"{slot.name}.swapped"), node, permutation=(0, 2, 1, 3, 4)
        )
        index = b.emit("reshape", (swapped,), replace(slot, name=f"{slot.name}.joined"), node, given)
    kind = "depth_to_space" if node.kind == "DepthToSpace" else "space_to_depth"
    b.emit_spatial(kind, (index,), slot, node, block=block)


def resize(b: Builder, node: OnnxNode) -> None:
    """Resize and its forerunner Upsample, of height and width."""
    old = node.kind == "Upsample" or b.opset < 11
    mode = node.text("mode", "nearest")
    scales = node.reals("scales")
    names = {1: "scales"} if old else {2: "scales", 3: "sizes"}
    given = {name: b.required(node.input(i), name, node) for i, name in names.items() if node.optional(i)}
    found = b.group(node, (0,), same_grid=True) if mode == "nearest" else None
    if found is not None:
        b.take(node)
    index, slot = (found[0][0], found[1]) if found is not None else (b.any(node.input(0), node), b.slot(node))
    shape = b[index].shape
    sizes = given.get("sizes", np.empty(0)).reshape(-1)
    if node.integer("antialias") or node.text("keep_aspect_ratio_policy", "stretch") != "stretch" or len(shape) != 4:
        raise node.error("is antialiased, keeps an aspect ratio or is no image, which is not supported")
    wanted = tuple(node.integers("axes") or range(4))
    if sizes.size == len(wanted) and set(wanted) >= {2, 3} and (sizes > 0).all() and (sizes < 1 << 20).all():
        target = list(shape)
        for axis, size in zip(wanted, sizes, strict=True):
            target[axis] = int(size)
        ratios = [np.float32(t) / np.float32(n) for t, n in zip(target, shape, strict=True)]
    else:
        listed = scales or tuple(float(s) for s in given.get("scales", np.empty(0)).reshape(-1))
        if len(listed) != len(wanted) or not all(0 < s < 1 << 14 for s in listed):
            raise node.error(f"has {len(listed)} scales {listed} for {list(shape)}")
        ratios = [np.float32(1)] * 4
        for axis, scale in zip(wanted, listed, strict=True):
            ratios[axis] = np.float32(scale)
        target = [math.floor(np.float32(n) * r) for n, r in zip(shape, ratios, strict=True)]
    if target[:2] != list(shape[:2]) or mode not in ("linear", "nearest"):
        raise node.error(f"resizes {list(shape)} to {target} by the mode '{mode}'; only height and width are resized")
    positions = "asymmetric" if old else node.text("coordinate_transformation_mode", "half_pixel")
    nearest = "floor" if old else node.text("nearest_mode", "round_prefer_floor")
    b.emit_spatial(
        "resize", (index,), slot, node, target[2:], mode=mode, positions=positions, nearest=nearest,
        scales=(float(ratios[2]), float(ratios[3])),
    )  # fmt: skip


def whole_axes(node: OnnxNode, axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front."""
    if not all(-rank <= axis < rank for axis in axes):
        raise node.error(f"has axes {list(axes)} for rank {rank}")
    return tuple(axis % rank for axis in axes)
