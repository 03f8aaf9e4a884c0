"""ExecuTorch's portable kernels on images (NCHW), as operations on NHWC between transposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from runtime_py.readers.pte_calls import Call

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

LARGEST_DENSE = 1 << 26
"""Weights of a grouped transposed convolution once it is written as an ungrouped one."""


def _pair(call: Call, position: int) -> Pair:
    first, second = call.integers(position, 2)
    return first, second


def _padding(call: Call, position: int) -> Padding:
    """The same number of cells before and after, rows then columns; none where the list is empty."""
    rows, columns = _pair(call, position) if call.integers(position) else (0, 0)
    if min(rows, columns) < 0:
        raise call.error(f"has the padding {rows} x {columns}")
    return ((rows, rows), (columns, columns))


def _stride(call: Call, position: int, window: Pair) -> Pair:
    return _pair(call, position) if call.integers(position) else window


def _max_pool(call: Call) -> None:
    """The second result, where the maxima lie, is not computed."""
    window = _pair(call, 1)
    attrs = {"stride": _stride(call, 2, window), "padding": _ceiled(call, 3, 5, 6)}
    call.emit_image(
        "max_pool2d", (call.image(0),), 6, window=window, dilation=_pair(call, 4), activation="none", **attrs
    )


def _average_pool(call: Call) -> None:
    """With `count_include_pad` the image is padded first, so that every window is averaged whole."""
    window, padding, image = _pair(call, 1), _ceiled(call, 3, 4, 7), call.image(0)
    if not call.absent(6) and call.integer(6) != window[0] * window[1]:
        raise call.error(f"divides by {call.integer(6)} instead of the window's {window[0] * window[1]} cells")
    if call.boolean(5) and padding != ((0, 0), (0, 0)):
        paddings = ((0, 0), *padding, (0, 0))
        given = call.assembly[image].shape
        shape = [n + before + after for n, (before, after) in zip(given, paddings, strict=True)]
        image = call.assembly.made("pad", (image,), shape, call.where, paddings=paddings, value=0.0)
        padding = ((0, 0), (0, 0))
    stride = _stride(call, 2, window)
    call.emit_image("average_pool2d", (image,), 7, window=window, stride=stride, padding=padding, activation="none")


def _ceiled(call: Call, position: int, ceil_mode: int, out: int) -> Padding:
    """The padding; `ceil_mode` is accepted where the result is no larger than without it."""
    padding = _padding(call, position)
    if call.boolean(ceil_mode):
        window = _pair(call, 1)
        stride = _stride(call, 2, window)
        for given, made, k, s, (before, after) in zip(
            call[0].shape[2:], call[out].shape[2:], window, stride, padding, strict=True
        ):
            if made != (given + before + after - k) // max(s, 1) + 1:
                raise call.error("rounds the number of windows up, which is not supported")
    return padding


def _convolution(call: Call) -> None:
    """Weights are OIHW; transposed ones IOHW."""
    transposed, groups = call.boolean(6), call.integer(8)
    padding, weights = _padding(call, 4), call[1]
    if len(weights.shape) != 4 or groups < 1:
        raise call.error(f"has weights of rank {len(weights.shape)} in {groups} groups; supported are images")
    bias = () if call.absent(2) else (call.tensor(2),)
    attrs = {"stride": _pair(call, 3), "dilation": _pair(call, 5), "padding": padding, "activation": "none"}
    kind = "conv2d"
    if transposed:
        kind, filters = "transpose_conv2d", _transposed_weights(call, groups)
    elif weights.shape[1] == 1 and groups > 1:
        kind, filters = "depthwise_conv2d", call.assembly.transposed(call.tensor(1), (1, 2, 3, 0), call.where)
    else:
        filters = call.image(1)
    call.emit_image(kind, (call.image(0), filters, *bias), 9, **attrs)


def _transposed_weights(call: Call, groups: int) -> int:
    """IOHW as OHWI, with zeros between the groups."""
    tensor = call[1]
    if groups == 1:
        return call.assembly.transposed(call.tensor(1), (1, 2, 3, 0), call.where)
    inputs, outputs, height, width = tensor.shape
    if tensor.data is None or inputs % groups or tensor.data.size * groups > LARGEST_DENSE:
        raise call.error(f"has weights of shape {list(tensor.shape)} in {groups} groups, which is not supported")
    dense = np.zeros((outputs * groups, height, width, inputs), tensor.data.dtype)
    for g in range(groups):
        those = slice(g * inputs // groups, (g + 1) * inputs // groups)
        dense[g * outputs : (g + 1) * outputs, ..., those] = tensor.data[those].transpose(1, 2, 3, 0)
    return call.assembly.constant(f"{tensor.name}:ungrouped", dense)


def _nearest(scales: int, out: int) -> Callable[[Call], None]:
    def read(call: Call) -> None:
        factors = _factors(call, scales, out)
        if factors is None:
            corners = {"align_corners": False, "half_pixel_centers": False}
            call.emit_image("resize_nearest", (call.image(0),), out, **corners)
        else:
            attrs = {"mode": "nearest", "nearest": "floor", "positions": "asymmetric", "scales": factors}
            call.emit_image("resize", (call.image(0),), out, **attrs)

    return read


def _bilinear(corners: int, scales: int, out: int) -> Callable[[Call], None]:
    def read(call: Call) -> None:
        align = call.boolean(corners)
        factors = None if align else _factors(call, scales, out)
        if factors is None:
            attrs = {"align_corners": align, "half_pixel_centers": not align}
            call.emit_image("resize_bilinear", (call.image(0),), out, **attrs)
        else:
            call.emit_image("resize", (call.image(0),), out, mode="linear", positions="half_pixel", scales=factors)

    return read


def _factors(call: Call, position: int, out: int) -> tuple[float, float] | None:
    """The scale factors, one by one or as a list, where they are given and are not the ratio of the sizes."""
    given: tuple[float, ...]
    alone = out - position == 2
    if alone and not (call.absent(position) or call.absent(position + 1)):
        given = (call.real(position), call.real(position + 1))
    else:
        given = () if alone else call.reals(position)
    ratios = tuple(made / max(size, 1) for size, made in zip(call[0].shape[2:], call[out].shape[2:], strict=False))
    return None if len(given) != 2 or given == ratios else (given[0], given[1])


def _shuffle(call: Call) -> None:
    """Channel c * r * r + i * r + j becomes pixel (i, j) of channel c."""
    n, c, h, w, r = *_nchw(call), call.integer(1)
    if r < 1 or c % (r * r):
        raise call.error(f"cannot spread {c} channels over blocks of {r}")
    _regroup(call, (n, c // (r * r), r, r, h, w), (0, 1, 4, 2, 5, 3))


def _unshuffle(call: Call) -> None:
    n, c, h, w, r = *_nchw(call), call.integer(1)
    if r < 1 or h % r or w % r:
        raise call.error(f"cannot cut {h} x {w} into blocks of {r}")
    _regroup(call, (n, c, h // r, r, w // r, r), (0, 1, 3, 5, 2, 4))


def _regroup(call: Call, apart: tuple[int, ...], order: tuple[int, ...]) -> None:
    split = call.assembly.made("reshape", (call.tensor(0),), apart, call.where)
    call.emit_copy("reshape", call.assembly.transposed(split, order, call.where), 2)


def _nchw(call: Call) -> tuple[int, int, int, int]:
    shape = call[0].shape
    if len(shape) != 4:
        raise call.error(f"needs rank 4, has {list(shape)}")
    return shape[0], shape[1], shape[2], shape[3]


IMAGE_KERNELS: Mapping[str, Callable[[Call], None]] = {
    "aten::avg_pool2d.out": _average_pool,
    "aten::convolution.out": _convolution,
    "aten::max_pool2d_with_indices.out": _max_pool,
    "aten::pixel_shuffle.out": _shuffle,
    "aten::pixel_unshuffle.out": _unshuffle,
    "aten::upsample_bilinear2d.out": _bilinear(2, 3, 5),
    "aten::upsample_bilinear2d.vec_out": _bilinear(2, 3, 4),
    "aten::upsample_nearest2d.out": _nearest(2, 4),
    "aten::upsample_nearest2d.vec_out": _nearest(2, 3),
}
"""Every image kernel that is read, by operator and overload."""
