"""The ONNX operators that are read, and what each becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runtime_py.readers import onnx_pointwise as pointwise
from runtime_py.readers import onnx_shapes as shapes
from runtime_py.readers import onnx_weighted as weighted
from runtime_py.readers.onnx_build import Builder
from runtime_py.readers.onnx_graph import OnnxNode
from runtime_py.readers.onnx_quantised import QUANTISED

OPERATORS: Mapping[str, Callable[[Builder, OnnxNode], None]] = {
    "Add": pointwise.binary_node,
    "AveragePool": pointwise.average_node,
    "BatchNormalization": weighted.batch_normalization,
    "Cast": pointwise.cast,
    "Clip": pointwise.clip,
    "Concat": shapes.concat,
    "Conv": weighted.conv,
    "ConvTranspose": weighted.conv_transpose,
    "DepthToSpace": shapes.space,
    "Div": pointwise.binary_node,
    "Dropout": shapes.identity,
    "Flatten": shapes.flatten,
    "Gemm": weighted.gemm,
    "GlobalAveragePool": pointwise.average_node,
    "HardSigmoid": pointwise.hard_sigmoid,
    "HardSwish": pointwise.hard_swish,
    "Identity": shapes.identity,
    "LeakyRelu": pointwise.unary_node,
    "MatMul": weighted.matmul,
    "MaxPool": pointwise.max_pool,
    "Mul": pointwise.binary_node,
    "PRelu": pointwise.prelu,
    "Pad": shapes.pad,
    "ReduceMean": pointwise.reduce_mean,
    "Relu": pointwise.unary_node,
    "Reshape": shapes.reshape,
    "Resize": shapes.resize,
    "Round": pointwise.unary_node,
    "Sigmoid": pointwise.unary_node,
    "Slice": shapes.cut,
    "Softmax": pointwise.softmax_node,
    "SpaceToDepth": shapes.space,
    "Split": shapes.split,
    "Squeeze": shapes.squeeze,
    "Sub": pointwise.binary_node,
    "Tanh": pointwise.unary_node,
    "Transpose": shapes.transpose,
    "Unsqueeze": shapes.unsqueeze,
    "Upsample": shapes.resize,
    **QUANTISED,
}
"""Every operator that is read, by its name in the file."""
