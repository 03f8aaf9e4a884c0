"""How each TFLite operator's options and constant operands become inputs and attributes of a Program's operation.

Operands that only parametrise an operator (paddings, axes, sizes) become attributes and leave the inputs; they must
be constants.
"""

from __future__ import annotations

from runtime_py.readers.tflite_source import Attrs, OpSource

Decoded = tuple[tuple[int, ...], Attrs]


def plain(source: OpSource) -> Decoded:
    return source.inputs, {}


def conv2d(source: OpSource) -> Decoded:
    attrs = {
        "stride": source.pair(2, 1),
        "dilation": source.pair(5, 4, default=1),
        "padding": source.padding(0),
        "activation": source.activation(3),
    }
    return source.inputs, attrs | source.delegated(2)


def depthwise(source: OpSource) -> Decoded:
    attrs = {
        "stride": source.pair(2, 1),
        "dilation": source.pair(6, 5, default=1),
        "padding": source.padding(0),
        "activation": source.activation(4),
    }
    return source.inputs, attrs | source.delegated(2)


def transpose_conv(source: OpSource) -> Decoded:
    """The first operand, the output's shape, says nothing that the output tensor does not."""
    attrs = {
        "stride": source.pair(2, 1),
        "dilation": (1, 1),
        "padding": source.padding(0),
        "activation": source.activation(3),
    }
    return (source.at(2, "input"), source.at(1, "weights"), *source.inputs[3:]), attrs | source.delegated(3)


def activated(source: OpSource) -> Decoded:
    return source.inputs, {"activation": source.activation(0)}


def concat(source: OpSource) -> Decoded:
    return source.inputs, {"axis": source.integer(0), "activation": source.activation(1)}


def pool(source: OpSource) -> Decoded:
    attrs = {
        "stride": source.pair(2, 1),
        "window": source.pair(4, 3),
        "padding": source.padding(0),
        "activation": source.activation(5),
    }
    return source.inputs, attrs


def first_only(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {}


def pad(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {"paddings": source.pairs(1, "paddings")}


def padv2(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {"paddings": source.pairs(1, "paddings"), "value": source.real_scalar(2, "value")}


def mirror_pad(source: OpSource) -> Decoded:
    mode = "symmetric" if source.integer(0, "b") else "reflect"
    return (source.at(0, "input"),), {"paddings": source.pairs(1, "paddings"), "mode": mode}


def fully_connected(source: OpSource) -> Decoded:
    if source.integer(1, "b") != 0:
        raise source.error("has shuffled weights, which are not supported")
    attrs = {"activation": source.activation(0), "keep_dims": source.boolean(2)}
    return source.inputs, attrs | source.delegated(2)


def reduced(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {"axes": source.integers(1, "axes"), "keep_dims": source.boolean(0)}


def resize_bilinear(source: OpSource) -> Decoded:
    attrs = {"align_corners": source.boolean(2), "half_pixel_centers": source.boolean(3)}
    return (source.at(0, "input"),), attrs


def resize_nearest(source: OpSource) -> Decoded:
    attrs = {"align_corners": source.boolean(0), "half_pixel_centers": source.boolean(1)}
    return (source.at(0, "input"),), attrs


def leaky_relu(source: OpSource) -> Decoded:
    return source.inputs, {"alpha": source.real(0)}


def softmax(source: OpSource) -> Decoded:
    return source.inputs, {"beta": source.real(0)}


def slice_(source: OpSource) -> Decoded:
    attrs = {"begin": source.integers(1, "begin"), "size": source.integers(2, "size")}
    return (source.at(0, "input"),), attrs


def strided_slice(source: OpSource) -> Decoded:
    if source.integer(2) or source.integer(3) or source.boolean(5):
        raise source.error("uses an ellipsis, a new axis or offsets, which are not supported")
    attrs: Attrs = {name: source.integers(i, name) for i, name in enumerate(("begin", "end", "stride"), start=1)}
    attrs |= {"begin_mask": source.integer(0), "end_mask": source.integer(1), "shrink_mask": source.integer(4)}
    return (source.at(0, "input"),), attrs


def transpose(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {"permutation": source.integers(1, "permutation")}


def split(source: OpSource) -> Decoded:
    (axis,) = source.integers(0, "axis", count=1)
    return (source.at(1, "input"),), {"axis": axis, "count": source.integer(0)}


def split_v(source: OpSource) -> Decoded:
    (axis,) = source.integers(2, "axis", count=1)
    sizes = source.integers(1, "sizes")
    return (source.at(0, "input"),), {"axis": axis, "count": len(sizes), "sizes": sizes}


def stack(source: OpSource) -> Decoded:
    return source.inputs, {"axis": source.integer(1)}


def gather(source: OpSource) -> Decoded:
    if source.integer(1):
        raise source.error("gathers from each item of a batch by itself, which is not supported")
    return source.inputs, {"axis": source.integer(0)}


def batch_matmul(source: OpSource) -> Decoded:
    return source.inputs, {"turn_first": source.boolean(0), "turn_second": source.boolean(1)}


def arg_extremum(source: OpSource) -> Decoded:
    (axis,) = source.integers(1, "axis", count=1)
    return (source.at(0, "input"),), {"axis": axis}


def broadcast(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {"shape": source.integers(1, "shape")}


def tile(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {"repeats": source.integers(1, "repetitions")}


def reverse(source: OpSource) -> Decoded:
    return (source.at(0, "input"),), {"axes": source.integers(1, "axes")}


def elu(source: OpSource) -> Decoded:
    return source.inputs, {"alpha": 1.0}


def gelu(source: OpSource) -> Decoded:
    return source.inputs, {"approximate": source.boolean(0)}


def block(source: OpSource) -> Decoded:
    return source.inputs, {"block": source.integer(0)}
