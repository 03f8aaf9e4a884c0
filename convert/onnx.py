"""A program as an .onnx file in NCHW: float operators between QuantizeLinear and DequantizeLinear on our grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.torch_view import OIHW, pads_of
from runtime_py.contract import CONTRACT_KEY, Contract
from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Quant, Tensor

OPSET = 17
IR_VERSION = 8


def to_onnx(program: Program, contract: Contract, writer: type[Writer] | None = None) -> bytes:
    """The .onnx file of `program`: opset 17, the contract in the metadata.

    int8 programs take and give int8, or float32 where they begin with `quantize` and end with `dequantize`; float32 and
    int8-weight programs are float32; float16 constants make the graph compute in float16 between float32 inputs and
    outputs. The same program gives the same bytes. `writer`: how operations are written, plainly unless asked for
    (`convert.onnx_exact.ExactWriter`).
    """
    import onnx

    made = (writer or Writer)(program)
    for op in program.ops:
        made.operator(op)
    model = made.model(contract)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


class Writer:
    """Collects nodes and initializers; a quantised tensor keeps its name, its real value is "<name>.real"."""

    def __init__(self, program: Program) -> None:
        import onnx

        self.onnx: Any = onnx
        self.program = program
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.made: set[str] = set()
        self.half = any(t.dtype == "float16" for t in program.tensors)

    def operator(self, op: Op) -> None:
        if op.kind in BOUNDARY:
            BOUNDARY[op.kind](self, op)
            return
        if op.kind not in OPERATORS:
            raise DpocketError(f"{op.where}: no .onnx operator is written for '{op.kind}'")
        kind, attributes = OPERATORS[op.kind](self, op)
        output = self.program.tensors[op.outputs[0]]
        inputs = [self.real(i, op) for i in op.inputs]
        relu = self.needs_relu(op)
        result = self.result_name(op.outputs[0])
        self.node(kind, inputs, f"{result}.linear" if relu else result, **attributes)
        if relu:
            self.node("Relu", [f"{result}.linear"], result)
        if output.quant is not None:
            self.node("QuantizeLinear", [result, *self.steps(output.name, output.quant, output.dtype)], output.name)
        elif self.half and op.outputs[0] in self.program.outputs:
            self.node("Cast", [result], output.name, to=self.onnx.TensorProto.FLOAT)

    def needs_relu(self, op: Op) -> bool:
        """Whether a ReLU is written: at zero point -128 quantising is one, and Conv -> QuantizeLinear is what runtimes
        fuse."""
        quant = self.program.tensors[op.outputs[0]].quant
        implied = quant is not None and int(quant.zero_point[0]) == -128
        return op.attrs.get("activation", "none") == "relu" and not implied

    def quantize(self, op: Op) -> None:
        """Multiplied by the float32 reciprocal of the scale, then rounded in whole steps, as XNNPACK does and
        `TensorSpec.quantize`: QuantizeLinear's quotient rounds elsewhere next to a boundary between two integers."""
        given, made = self.program.tensors[op.inputs[0]], self.program.tensors[op.outputs[0]]
        quant = self.quant(made)
        _, zero_point = self.steps(made.name, quant, made.dtype)
        self.initializer(f"{made.name}.per_unit", np.float32(1) / quant.scale[0])
        self.initializer(f"{made.name}.one", np.ones((), np.float32))
        self.node("Mul", [given.name, f"{made.name}.per_unit"], f"{made.name}.steps")
        self.node("QuantizeLinear", [f"{made.name}.steps", f"{made.name}.one", zero_point], made.name)

    def dequantize(self, op: Op) -> None:
        given, made = self.program.tensors[op.inputs[0]], self.program.tensors[op.outputs[0]]
        self.node("DequantizeLinear", [given.name, *self.steps(given.name, self.quant(given), given.dtype)], made.name)

    def quant(self, tensor: Tensor) -> Quant:
        if tensor.quant is None:
            raise DpocketError(f"'{tensor.name}' is not on the grid")
        return tensor.quant

    def result_name(self, index: int) -> str:
        """Where an operator's float value goes: behind it a quantise or a cast may make the tensor itself."""
        tensor = self.program.tensors[index]
        if tensor.quant is not None:
            return f"{tensor.name}.float"
        return f"{tensor.name}.half" if self.half and index in self.program.outputs else tensor.name

    def real(self, index: int, op: Op) -> str:
        """The name of a tensor's float value, made on first use."""
        tensor = self.program.tensors[index]
        if tensor.data is not None:
            return self.constant(index, op)
        if tensor.quant is not None:
            # Every use has a DequantizeLinear of its own: runtimes fuse Dequantize -> Conv -> Quantize groups.
            name = f"{tensor.name}.for.{self.program.tensors[op.outputs[0]].name}"
            if name not in self.made:
                self.made.add(name)
                self.node("DequantizeLinear", [tensor.name, *self.steps(tensor.name, tensor.quant, tensor.dtype)], name)
            return name
        if self.half and index in self.program.inputs:
            name = f"{tensor.name}.half"
            if name not in self.made:
                self.made.add(name)
                self.node("Cast", [tensor.name], name, to=self.onnx.TensorProto.FLOAT16)
            return name
        return tensor.name

    def constant(self, index: int, op: Op) -> str:
        tensor = self.program.tensors[index]
        data = tensor.data
        if data is None:
            raise DpocketError(f"'{tensor.name}' is not a constant")
        is_weight = index == op.inputs[1]
        self.initializer(tensor.name, data.transpose(OIHW[op.kind]) if is_weight else data)
        if tensor.quant is None:
            return tensor.name
        axis = 1 if is_weight and op.kind == "transpose_conv2d" else 0
        name = f"{tensor.name}.real"
        steps = self.steps(tensor.name, tensor.quant, tensor.dtype, per_channel=True)
        self.node("DequantizeLinear", [tensor.name, *steps], name, axis=axis)
        return name

    def steps(self, name: str, quant: Quant, dtype: str, per_channel: bool = False) -> tuple[str, str]:
        scale, zero = (quant.scale, quant.zero_point) if per_channel else (quant.scale[0], quant.zero_point[0])
        self.initializer(f"{name}.scale", np.asarray(scale, np.float32))
        self.initializer(f"{name}.zero_point", np.asarray(zero, dtype))
        return f"{name}.scale", f"{name}.zero_point"

    def initializer(self, name: str, data: NDArray[Any]) -> None:
        if name not in self.initializers:
            self.initializers[name] = self.onnx.numpy_helper.from_array(np.array(data, order="C"), name)

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [output], name=f"{output}:{kind}", **attributes))

    def model(self, contract: Contract) -> Any:
        helper, program = self.onnx.helper, self.program
        graph = helper.make_graph(
            self.nodes,
            contract.student,
            [self.port(i) for i in program.inputs],
            [self.port(i) for i in program.outputs],
            list(self.initializers.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="dpocket")
        model.ir_version = IR_VERSION
        helper.set_model_props(model, {CONTRACT_KEY: contract.to_json()})
        return model

    def port(self, index: int) -> Any:
        tensor = self.program.tensors[index]
        n, h, w, c = tensor.shape
        dtype = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
        return self.onnx.helper.make_tensor_value_info(tensor.name, dtype, [n, c, h, w])


def _convolution(writer: Writer, op: Op) -> dict[str, Any]:
    x, weight = (writer.program.tensors[i] for i in op.inputs[:2])
    kernel = (weight.shape[1], weight.shape[2])
    pads = pads_of(op, x.shape, kernel)
    return {
        "kernel_shape": list(kernel),
        "strides": list(op.attrs["stride"]),
        "dilations": list(op.attrs["dilation"]),
        "pads": [*pads, *pads],
        "group": x.shape[3] if op.kind == "depthwise_conv2d" else 1,
    }


def _max_pool2d(writer: Writer, op: Op) -> dict[str, Any]:
    return {"kernel_shape": list(op.attrs["window"]), "strides": list(op.attrs["stride"])}


BOUNDARY: dict[str, Callable[[Writer, Op], None]] = {"quantize": Writer.quantize, "dequantize": Writer.dequantize}
"""What has no float operator between a DequantizeLinear and a QuantizeLinear, being one of them."""

OPERATORS: dict[str, Callable[[Writer, Op], tuple[str, dict[str, Any]]]] = {
    "conv2d": lambda writer, op: ("Conv", _convolution(writer, op)),
    "depthwise_conv2d": lambda writer, op: ("Conv", _convolution(writer, op)),
    "transpose_conv2d": lambda writer, op: ("ConvTranspose", _convolution(writer, op)),
    "add": lambda writer, op: ("Add", {}),
    "concat": lambda writer, op: ("Concat", {"axis": 1}),
    "max_pool2d": lambda writer, op: ("MaxPool", _max_pool2d(writer, op)),
}
"""What an .onnx is written from; adding an operation is one function and one line."""
