"""A program as a Core ML ML program (iOS 17) in NCHW, with the program's names and its numbers."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from convert.torch_view import OIHW, pads_of
from runtime_py.contract import CONTRACT_KEY, Contract
from runtime_py.errors import DpocketError
from runtime_py.program import Op, Program, Quant
from runtime_py.quiet import quiet

RESCALES_ADDITIONS = "common::distributive_quantized_binary_op_scale_normalization"
"""The one default pass that would write other scales than the grid's."""

FOLDER = "com.apple.CoreML"


def to_mlpackage(program: Program, contract: Contract, half: bool = True) -> dict[str, bytes]:
    """The files of the .mlpackage by relative path; the same program gives the same bytes.

    Inputs and outputs are float32, NCHW; an int8 program is quantised inside, by `quantize` and `dequantize` around
    operations that compute in float16 (`half`) or float32. Core ML has no integer boundary and its own arithmetic:
    deviations from the grid are to be measured. With `half`, an int8 program must be `float16_scales(program)`: faster
    on the Neural Engine, but no longer the other targets' integers. Core ML's own passes
    write some int8 tensors of zero point -128 as uint8 with zero point 0, which is the same grid.
    """
    with quiet():
        import coremltools as ct

        pipeline = ct.PassPipeline.DEFAULT
        pipeline.remove_passes({RESCALES_ADDITIONS})
        model = ct.convert(
            _Writer(program).program_of(ct),
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
            pass_pipeline=pipeline,
            skip_model_load=True,
        )
        model.user_defined_metadata[CONTRACT_KEY] = contract.to_json()
        model.short_description = f"dpocket {contract.student}"
        spec = model.get_spec().SerializeToString(deterministic=True)
        weights = {p.name: p.read_bytes() for p in sorted(Path(model.weights_dir).iterdir())}
    files = {f"Data/{FOLDER}/model.mlmodel": bytes(spec)}
    files |= {f"Data/{FOLDER}/weights/{name}": data for name, data in weights.items()}
    return {**files, "Manifest.json": _package_manifest()}


def float16_scales(program: Program) -> Program:
    """`program` with the int8 tensors' scales rounded to float16, as Core ML's float16 arithmetic carries them.

    A relative change of at most 2⁻¹¹. Biases keep their real values.
    """
    tensors = tuple(
        replace(t, quant=replace(t.quant, scale=t.quant.scale.astype(np.float16).astype(np.float32)))
        if t.quant is not None and t.dtype == "int8"
        else t
        for t in program.tensors
    )
    return replace(program, tensors=tensors)


def _package_manifest() -> bytes:
    """The package's table of contents, with identifiers that do not change from export to export."""
    items = {"model.mlmodel": "CoreML Model Specification", "weights": "CoreML Model Weights"}
    ids = {name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"dpocket/{name}")).upper() for name in items}
    entries = {
        ids[name]: {"author": FOLDER, "description": what, "name": name, "path": f"{FOLDER}/{name}"}
        for name, what in items.items()
    }
    content = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": entries,
        "rootModelIdentifier": ids["model.mlmodel"],
    }
    # As coremltools formats it: it rewrites the file when it opens a package, and the hash must survive that.
    return (json.dumps(content, indent=4, sort_keys=True) + "\n").encode()


class _Writer:
    """Builds the MIL program; a tensor's variable has its name with the characters that MIL allows."""

    def __init__(self, program: Program) -> None:
        from coremltools.converters.mil.mil import Builder

        self.mb: Any = Builder
        self.program = program
        self.values: dict[int, Any] = {}

    def program_of(self, ct: Any) -> Any:
        from coremltools.converters.mil.mil import Function
        from coremltools.converters.mil.mil import Program as MilProgram

        tensors = self.program.tensors
        placeholders = {}
        for i in self.program.inputs:
            n, h, w, c = tensors[i].shape
            placeholders[tensors[i].name] = self.mb.placeholder(shape=(n, c, h, w))
        made = MilProgram()
        with Function(placeholders, opset_version=ct.target.iOS17) as function:
            for i in self.program.inputs:
                self.store(i, function.inputs[tensors[i].name], None)
            for op in self.program.ops:
                self.operator(op)
            function.set_outputs([self.output(i) for i in self.program.outputs])
        made.add_function("main", function)
        return made

    def operator(self, op: Op) -> None:
        if op.kind not in OPERATORS:
            raise DpocketError(f"{op.where}: no Core ML operation is written for '{op.kind}'")
        output = self.program.tensors[op.outputs[0]]
        name = identifier(output.name)
        # At zero point -128 quantising is the ReLU.
        implied = output.quant is not None and int(output.quant.zero_point[0]) == -128
        relu = op.attrs.get("activation", "none") == "relu" and not implied
        real_name = name if output.quant is None else f"{name}_float"
        result = OPERATORS[op.kind](self, op, f"{real_name}_linear" if relu else real_name)
        if relu:
            result = self.mb.relu(x=result, name=real_name)
        self.store(op.outputs[0], result, name)

    def store(self, index: int, value: Any, name: str | None) -> None:
        """Keep a tensor's value, quantised when the program has steps for it."""
        tensor = self.program.tensors[index]
        if tensor.quant is not None:
            name = name or f"{identifier(tensor.name)}_int8"
            value = self.mb.quantize(input=value, output_dtype=tensor.dtype, name=name, **_steps(tensor.quant))
        self.values[index] = value

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
        return self.mb.dequantize(input=self.values[index], name=name, **_steps(tensor.quant))

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
        return self.mb.dequantize(input=value, name=identifier(tensor.name), **_steps(tensor.quant))


def identifier(name: str) -> str:
    """A tensor's name in MIL: letters, digits and underscores."""
    return re.sub(r"\W", "_", name)


def _steps(quant: Quant) -> dict[str, Any]:
    zero = int(quant.zero_point[0])
    return {"scale": np.float32(quant.scale[0]), **({"zero_point": np.int8(zero)} if zero else {})}


def _convolution(writer: _Writer, op: Op, name: str) -> Any:
    x, weight = (writer.program.tensors[i] for i in op.inputs[:2])
    pads = pads_of(op, x.shape, (weight.shape[1], weight.shape[2]))
    settings: dict[str, Any] = {
        "x": writer.real(op.inputs[0], op),
        "weight": writer.real(op.inputs[1], op),
        "bias": writer.real(op.inputs[2], op),
        "strides": list(op.attrs["stride"]),
        "pad_type": "custom",
        "pad": [pads[0], pads[0], pads[1], pads[1]],
        "dilations": list(op.attrs["dilation"]),
        "name": name,
    }
    if op.kind == "transpose_conv2d":
        n, h, w, c = writer.program.tensors[op.outputs[0]].shape
        return writer.mb.conv_transpose(**settings, output_shape=[n, c, h, w])
    return writer.mb.conv(**settings, groups=x.shape[3] if op.kind == "depthwise_conv2d" else 1)


def _add(writer: _Writer, op: Op, name: str) -> Any:
    x, y = (writer.real(i, op) for i in op.inputs)
    return writer.mb.add(x=x, y=y, name=name)


def _concat(writer: _Writer, op: Op, name: str) -> Any:
    return writer.mb.concat(values=[writer.real(i, op) for i in op.inputs], axis=1, name=name)


def _max_pool2d(writer: _Writer, op: Op, name: str) -> Any:
    return writer.mb.max_pool(
        x=writer.real(op.inputs[0], op),
        kernel_sizes=list(op.attrs["window"]),
        strides=list(op.attrs["stride"]),
        pad_type="valid",
        name=name,
    )


OPERATORS: dict[str, Callable[[_Writer, Op, str], Any]] = {
    "conv2d": _convolution,
    "depthwise_conv2d": _convolution,
    "transpose_conv2d": _convolution,
    "add": _add,
    "concat": _concat,
    "max_pool2d": _max_pool2d,
}
"""What an ML program is written from; adding an operation is one function and one line."""
