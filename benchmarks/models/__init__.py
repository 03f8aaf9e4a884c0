"""Random small models, from a generator of random numbers to a file and inputs: the table of single operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.models import others, pointwise, rearranging, spatial, weighted
from benchmarks.models.draw import Rng
from benchmarks.models.tflite import Model

Builder = Callable[[Rng], Model]

INT8_OPS: Mapping[str, Builder] = {
    "conv2d": weighted.conv2d,
    "depthwise_conv2d": weighted.depthwise_conv2d,
    "transpose_conv2d": weighted.transpose_conv2d,
    "fully_connected": weighted.fully_connected,
    "add": pointwise.add,
    "sub": pointwise.sub,
    "mul": pointwise.mul,
    "requantize": pointwise.requantize,
    "quantize": pointwise.quantize,
    "dequantize": pointwise.dequantize,
    "relu": pointwise.relu,
    "relu6": pointwise.relu6,
    "leaky_relu": pointwise.leaky_relu,
    "logistic": pointwise.logistic,
    "tanh": pointwise.tanh,
    "hard_swish": pointwise.hard_swish,
    "softmax": pointwise.softmax,
    "concat": rearranging.concat,
    "reshape": rearranging.reshape,
    "pad": rearranging.pad,
    "slice": rearranging.slice_,
    "strided_slice": rearranging.strided_slice,
    "transpose": rearranging.transpose,
    "split": rearranging.split,
    "depth_to_space": rearranging.depth_to_space,
    "space_to_depth": rearranging.space_to_depth,
    "max_pool2d": spatial.max_pool2d,
    "average_pool2d": spatial.average_pool2d,
    "mean": spatial.mean,
    "resize_bilinear": spatial.resize_bilinear,
    "resize_nearest": spatial.resize_nearest,
}
"""One operation on int8 tensors of random geometry, with full-range inputs."""

OTHER_OPS: Mapping[str, Builder] = others.OTHER_OPS
"""The same for operations that are rarer in image networks."""
