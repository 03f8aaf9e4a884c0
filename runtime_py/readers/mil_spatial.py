"""Translators of MIL's operations on images: convolutions, pools and resizing, all NCHW (or NCW) in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from runtime_py.readers.mil_call import Call

Padding = str | tuple[tuple[int, int], tuple[int, int]]


def conv(call: Call) -> None:
    """`conv` with weights OIHW."""
    image, weight = call.image("x"), _weight(call)
    filters, per_group = weight.shape[:2]
    channels, groups = call.shape(image)[3], call.integer("groups", 1)
    call.require(
        groups > 0 and per_group * groups == channels and filters % groups == 0,
        f"has {groups} groups for {channels} channels and weights {weight.shape}",
    )
    stride, dilation = _pair(call, "strides"), _pair(call, "dilations")
    attrs = {"stride": stride, "dilation": dilation, "activation": "none"}
    attrs["padding"] = _padding(call, call.shape(image)[1:3], weight.shape[2:], stride, dilation)
    depthwise = per_group == 1 and groups > 1
    stored = weight.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))
    inputs = [image, call.constant(f"{call.output.name}:weight", stored), *_bias(call, filters)]
    call.emit_image("depthwise_conv2d" if depthwise else "conv2d", inputs, **attrs)


def conv_transpose(call: Call) -> None:
    """`conv_transpose` with weights (input channels, output channels / groups, h, w)."""
    image, weight = call.image("x"), _weight(call)
    channels, per_group, height, width = weight.shape
    groups = call.integer("groups", 1)
    call.require(
        groups > 0 and channels == call.shape(image)[3] and channels % groups == 0,
        f"has {groups} groups for {call.shape(image)[3]} channels and weights {weight.shape}",
    )
    grouped = weight.reshape(groups, channels // groups, per_group, height, width)
    stored = grouped.transpose(0, 2, 3, 4, 1).reshape(groups * per_group, height, width, channels // groups)
    pad_type = call.text("pad_type", "valid")
    call.require(pad_type != "same_lower", "has padding same_lower, which is not supported here")
    stride, dilation = _pair(call, "strides"), _pair(call, "dilations")
    padding = _padding(call, call.shape(image)[1:3], (height, width), stride, dilation)
    inputs = [image, call.constant(f"{call.output.name}:weight", stored), *_bias(call, groups * per_group)]
    attrs: dict[str, Any] = {"stride": stride, "dilation": dilation, "activation": "none", "padding": padding}
    call.emit_image("transpose_conv2d", inputs, **attrs)


def max_pool(call: Call) -> None:
    """`max_pool`; cells of the padding never win."""
    call.emit_image("max_pool2d", (call.image("x"),), **_pool(call))


def avg_pool(call: Call) -> None:
    """`avg_pool`; cells of the padding count as zeros unless `exclude_padding_from_average`.

    Cells that only a size rounded up brings in never count, as in PyTorch.
    """
    kind = call.text("pad_type", "valid")
    padded = any(call.numbers("pad", ())) if kind == "custom" else kind != "valid"
    counted = padded and not call.boolean("exclude_padding_from_average")
    call.require(
        not (counted and call.boolean("ceil_mode")),
        "counts padding in its averages and rounds its size up, which is not supported together",
    )
    call.emit_image("average_pool2d", (call.image("x"),), **_pool(call), count_padding=counted)


def _pool(call: Call) -> dict[str, Any]:
    window = _pair(call, "kernel_sizes", required=True)
    stride = _pair(call, "strides")
    shape = call.shape(call.tensor("x"))
    size = (shape[-2] if len(shape) == 4 else 1, shape[-1])
    padding = _padding(call, size, window, stride, (1, 1))
    if call.boolean("ceil_mode"):
        padding = _rounded_up(call, padding, size, window, stride)
    return {"window": window, "stride": stride, "padding": padding, "activation": "none"}


def _rounded_up(
    call: Call, padding: Padding, size: Sequence[int], window: Sequence[int], stride: Sequence[int]
) -> Padding:
    """Padding that gives as many windows as the output has, the last ones reaching over the edge."""
    pairs = ((0, 0), (0, 0)) if isinstance(padding, str) else padding
    shape = call.output.shape
    counts = (shape[-2] if len(shape) == 4 else 1, shape[-1])
    grown = []
    for (before, after), n, k, s, count in zip(pairs, size, window, stride, counts, strict=True):
        reach = (count - 1) * s + k - n - before
        grown.append((before, max(after, reach)))
    if grown == [(0, 0), (0, 0)]:
        return "valid"
    return grown[0], grown[1]


def upsample_bilinear(call: Call) -> None:
    """`upsample_bilinear`: without aligned corners it aligns half pixels, unless the file says otherwise."""
    align = call.boolean("align_corners", True)
    half = call.boolean("half_pixel_centers", not align)
    _resize(call, "resize_bilinear", align, half)


def resize_bilinear(call: Call) -> None:
    """`resize_bilinear` in the sampling modes that other formats know, too."""
    mode = call.text("sampling_mode", "DEFAULT")
    known = {
        "DEFAULT": (False, False),
        "STRICT_ALIGN_CORNERS": (True, False),
        "ALIGN_CORNERS": (True, False),
        "UNALIGN_CORNERS": (False, True),
    }
    call.require(mode in known, f"has sampling mode {mode}; known are: {', '.join(known)}")
    single = 1 in call.output.shape[-2:] and mode == "ALIGN_CORNERS"
    call.require(not single, "samples the middle of an axis, which is not supported")
    _resize(call, "resize_bilinear", *known[mode])


def resize_nearest(call: Call) -> None:
    """`upsample_nearest_neighbor` and `resize_nearest_neighbor`: sample floor(i * size / new size)."""
    _resize(call, "resize_nearest", False, False)


def _resize(call: Call, kind: str, align_corners: bool, half_pixel_centers: bool) -> None:
    call.require(len(call.output.shape) == 4, f"resizes to shape {call.output.shape}; only rank 4 is supported")
    attrs = {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}
    call.emit_image(kind, (call.image("x"),), **attrs)


def depth_to_space(call: Call) -> None:
    """`depth_to_space` and `space_to_depth`, whose channels are ordered as TFLite's."""
    call.emit_image(call.operation.type, (call.image("x"),), block=call.integer("block_size"))


def pixel_shuffle(call: Call) -> None:
    """`pixel_shuffle`: channel c * f² + i * f + j is pixel (i, j) of channel c's block."""
    index, f = call.tensor("x"), call.integer("upscale_factor")
    shape = call.shape(index)
    call.require(len(shape) == 4 and 0 < f < 1 << 15 and shape[1] % f**2 == 0, f"shuffles {shape} by {f}")
    n, c, h, w = shape
    apart = call.assembly.made("reshape", (index,), (n, c // f**2, f, f, h, w), call.place)
    call.emit("reshape", (call.assembly.transposed(apart, (0, 1, 4, 2, 5, 3), call.place),))


def pixel_unshuffle(call: Call) -> None:
    """`pixel_unshuffle`, the reverse."""
    index, f = call.tensor("x"), call.integer("downscale_factor")
    shape = call.shape(index)
    fits = len(shape) == 4 and f > 0 and shape[2] % f == 0 and shape[3] % f == 0
    call.require(fits, f"unshuffles {shape} by {f}")
    n, c, h, w = shape
    apart = call.assembly.made("reshape", (index,), (n, c, h // f, f, w // f, f), call.place)
    call.emit("reshape", (call.assembly.transposed(apart, (0, 1, 3, 5, 2, 4), call.place),))


def _weight(call: Call) -> Any:
    weight = call.array("weight")
    call.require(weight.ndim in (3, 4) and weight.size > 0, f"has weights of shape {weight.shape}")
    return weight if weight.ndim == 4 else weight[:, :, None, :]


def _bias(call: Call, filters: int) -> list[int]:
    if not call.has("bias"):
        return []
    bias = call.array("bias").reshape(-1)
    call.require(bias.size in (1, filters), f"has {bias.size} biases for {filters} filters")
    return [call.constant(f"{call.output.name}:bias", np.broadcast_to(bias, (filters,)))]


def _pair(call: Call, name: str, required: bool = False) -> tuple[int, int]:
    """(h, w) of a list for one or two axes; 1 where it is missing."""
    numbers = call.numbers(name) if required else call.numbers(name, (1, 1))
    pair = numbers if len(numbers) == 2 else (1, *numbers)
    if len(numbers) == 2 and len(call.output.shape) == 3 and not call.has(name):
        pair = (1, 1)
    call.require(len(pair) == 2 and min(pair) > 0, f"has {name} {numbers}")
    return pair[0], pair[1]


def _padding(
    call: Call, size: Sequence[int], window: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Padding:
    """Padding as a Program has it."""
    kind = call.text("pad_type", "valid")
    if kind in ("valid", "same"):
        return kind
    if kind == "same_lower":
        pairs = []
        for n, k, s, d in zip(size, window, stride, dilation, strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            pairs.append((total - total // 2, total // 2))
        return pairs[0], pairs[1]
    call.require(kind == "custom", f"has padding '{kind}'; known are valid, same, same_lower and custom")
    pad = call.numbers("pad", ())
    pad = (0, 0, *pad) if len(pad) == 2 else pad or (0, 0, 0, 0)
    call.require(len(pad) == 4, f"has {len(pad)} paddings")
    return (pad[0], pad[1]), (pad[2], pad[3])
