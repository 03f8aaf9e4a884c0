"""A program as operations of MIL, Core ML's intermediate language, in NCHW and under the program's names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from convert.coreml_options import CODES, HALF_FLOATS, CoreMLOptions
from convert.torch_view import OIHW, pads_of
from runtime_py.contract import Contract
from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Quant


class Writer:
    """Builds the MIL program; a tensor's variable has its name with the characters that MIL allows."""

    def __init__(self, program: Program, contract: Contract, options: CoreMLOptions) -> None:
        from coremltools.converters.mil.mil import Builder

        self.mb: Any = Builder
        self.program = program
        self.values: dict[int, Any] = {}
        self.target = options.deployment_target
        self.formats = {spec.name: spec.pixel_format for spec in contract.inputs}

    def program_of(self, ct: Any) -> Any:
        from coremltools.converters.mil.mil import Function, types
        from coremltools.converters.mil.mil import Program as MilProgram

        tensors = self.program.tensors
        placeholders = {}
        for i in self.program.inputs:
            n, h, w, c = tensors[i].shape
            dtype = {"": types.fp32, CODES: types.uint8, HALF_FLOATS: types.fp16}[self.formats[tensors[i].name]]
            placeholders[tensors[i].name] = self.mb.placeholder(shape=(n, c, h, w), dtype=dtype)
        made = MilProgram()
        with Function(placeholders, opset_version=getattr(ct.target, self.target)) as function:
            for i in self.program.inputs:
                self.take(i, function.inputs[tensors[i].name])
            for op in self.program.ops:
                self.operator(op)
            function.set_outputs([self.output(i) for i in self.program.outputs])
        made.add_function("main", function)
        return made

    def take(self, index: int, value: Any) -> None:
        """Keep an input's value: real numbers, or codes that need no quantising."""
        if self.holds_codes(index):
            self.values[index] = value
            return
        if self.formats[self.program.tensors[index].name] == HALF_FLOATS:
            value = self.mb.cast(x=value, dtype=self.setting("fp32"))
        self.store(index, value, None)

    def holds_codes(self, index: int) -> bool:
        """Whether a tensor is an image of codes, which are unsigned: 128 more than elsewhere."""
        return index in self.program.inputs and self.formats[self.program.tensors[index].name] == CODES

    def operator(self, op: Op) -> None:
        if op.kind not in OPERATORS:
            raise DpocketError(f"{op.where}: no Core ML operation is written for '{op.kind}'")
        output = self.program.tensors[op.outputs[0]]
        name = identifier(output.name)
        # At zero point -128 quantising is the ReLU.
        implied = output.quant is not None and int(output.quant.zero_point[0]) == -128
        relu = op.attrs.get("activation", "none") == "relu" and not implied
        real_name = name if output.quant is None else f"{name}_float"
        result = self.computed(op, f"{real_name}_linear" if relu else real_name)
        if relu:
            result = self.mb.relu(x=result, name=real_name)
        self.store(op.outputs[0], result, name)

    def computed(self, op: Op, name: str) -> Any:
        """The operation's float result, before its ReLU."""
        return OPERATORS[op.kind](self, op, name)

    def setting(self, value: Any) -> Any:
        """A constant operand that is no tensor's data."""
        return value

    def store(self, index: int, value: Any, name: str | None) -> None:
        """Keep a tensor's value, quantised when the program has steps for it."""
        tensor = self.program.tensors[index]
        if tensor.quant is not None:
            name = name or f"{identifier(tensor.name)}_int8"
            value = self.quantized(value, tensor.quant, name)
        self.values[index] = value

    def quantized(self, value: Any, quant: Quant, name: str) -> Any:
        return self.mb.quantize(input=value, output_dtype=self.setting("int8"), name=name, **self.steps(quant))

    def steps(self, quant: Quant) -> dict[str, Any]:
        """Scale and zero point as MIL's quantise operations take them."""
        return self.steps_of(quant.scale[0], np.int8(quant.zero_point[0]))

    def steps_at(self, index: int, quant: Quant) -> dict[str, Any]:
        """The same for a tensor as it is stored, which may be an image of codes."""
        return (
            self.steps_of(quant.scale[0], np.uint8(quant.zero_point[0] + 128))
            if self.holds_codes(index)
            else self.steps(quant)
        )

    def steps_of(self, scale: Any, zero: np.int8 | np.uint8) -> dict[str, Any]:
        found = {"scale": np.float32(scale), **({"zero_point": zero} if zero else {})}
        return {name: self.setting(value) for name, value in found.items()}

    def real(self, index: int, op: Op) -> Any:
        """A tensor's float value; every use of a quantised tensor has a dequantise of its own, which Core ML fuses."""
        tensor = self.program.tensors[index]
        if tensor.data is not None:
            return self.constant(index, op)
        if tensor.quant is None:
            return self.values[index]
        user = identifier(self.program.tensors[op.outputs[0]].name)
        # A tensor added to itself is dequantised twice; MIL then finds the second name.
        name = f"{identifier(tensor.name)}_for_{user}" if op.inputs.count(index) == 1 else None
        return self.mb.dequantize(input=self.values[index], name=name, **self.steps_at(index, tensor.quant))

    def constant(self, index: int, op: Op) -> Any:
        tensor = self.program.tensors[index]
        if tensor.data is None:
            raise DpocketError(f"'{tensor.name}' is not a constant")
        if index != op.inputs[1]:
            data = tensor.data if tensor.quant is None else tensor.data.astype(np.float64) * tensor.quant.scale
            return data.astype(np.float32)
        data = np.ascontiguousarray(tensor.data.transpose(OIHW[op.kind]))
        if tensor.quant is None:
            return data.astype(np.float32)
        return self.mb.constexpr_affine_dequantize(
            quantized_data=data,
            zero_point=np.int8(0),
            scale=tensor.quant.scale.astype(np.float32),
            axis=np.int32(1 if op.kind == "transpose_conv2d" else 0),
            name=identifier(tensor.name),
        )

    def output(self, index: int) -> Any:
        """An output of the package: its own name on float32 values."""
        tensor = self.program.tensors[index]
        value = self.values[index]
        if tensor.quant is None:
            return value
        value.name = f"{identifier(tensor.name)}_int8"
        return self.mb.dequantize(input=value, name=identifier(tensor.name), **self.steps(tensor.quant))


def identifier(name: str) -> str:
    """A tensor's name in MIL: letters, digits and underscores."""
    return re.sub(r"\W", "_", name)


def _convolution(writer: Writer, op: Op, name: str) -> Any:
    x, weight = (writer.program.tensors[i] for i in op.inputs[:2])
    pads = pads_of(op, x.shape, (weight.shape[1], weight.shape[2]))
    strides, dilations = list(op.attrs["stride"]), list(op.attrs["dilation"])
    padding = {"pad_type": "custom", "pad": [pads[0], pads[0], pads[1], pads[1]]}
    numbers = {"strides": strides, **padding, "dilations": dilations}
    operands: dict[str, Any] = {
        "x": writer.real(op.inputs[0], op),
        "weight": writer.real(op.inputs[1], op),
        "bias": writer.real(op.inputs[2], op),
        **{key: writer.setting(value) for key, value in numbers.items()},
        "name": name,
    }
    if op.kind == "transpose_conv2d":
        # Without `output_shape`, which devices understand differently: ONNX Runtime's convtranspose_op_builder.cc.
        made = writer.mb.conv_transpose(**operands)
        n, h, w, c = writer.program.tensors[op.outputs[0]].shape
        if tuple(made.shape) != (n, c, h, w):
            raise DpocketError(f"{op.where}: Core ML's transposed convolution makes {tuple(made.shape)} of it")
        return made
    groups = x.shape[3] if op.kind == "depthwise_conv2d" else 1
    return writer.mb.conv(**operands, groups=writer.setting(groups))


def _add(writer: Writer, op: Op, name: str) -> Any:
    x, y = (writer.real(i, op) for i in op.inputs)
    return writer.mb.add(x=x, y=y, name=name)


def _concat(writer: Writer, op: Op, name: str) -> Any:
    return writer.mb.concat(values=[writer.real(i, op) for i in op.inputs], axis=1, name=name)


def _max_pool2d(writer: Writer, op: Op, name: str) -> Any:
    return writer.mb.max_pool(
        x=writer.real(op.inputs[0], op),
        kernel_sizes=list(op.attrs["window"]),
        strides=list(op.attrs["stride"]),
        pad_type="valid",
        name=name,
    )


OPERATORS: dict[str, Callable[[Writer, Op, str], Any]] = {
    "conv2d": _convolution,
    "depthwise_conv2d": _convolution,
    "transpose_conv2d": _convolution,
    "add": _add,
    "concat": _concat,
    "max_pool2d": _max_pool2d,
}
"""What an ML program is written from; adding an operation is one function and one line."""
