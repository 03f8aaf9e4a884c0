"""What is inside a .pte for a delegate, read with the libraries of ExecuTorch, coremltools and Arm, none of ours."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Steps = tuple[float, int]


@dataclass(frozen=True)
class Calls:
    """What `forward` calls: delegates by name and kernels by name, and the payload of the first delegate."""

    delegates: list[str]
    kernels: list[str]
    payload: bytes
    named_data: Any


def calls_of(path: Path) -> Calls:
    from executorch.exir._serialize._program import deserialize_pte_binary
    from executorch.exir.schema import DelegateCall, FreeCall, KernelCall

    file = deserialize_pte_binary(path.read_bytes())
    plan = next(plan for plan in file.program.execution_plan if plan.name == "forward")
    instructions = [i.instr_args for chain in plan.chains for i in chain.instructions]
    assert all(isinstance(i, (DelegateCall, FreeCall, KernelCall)) for i in instructions)
    delegates = [plan.delegates[i.delegate_index] for i in instructions if isinstance(i, DelegateCall)]
    kernels = [plan.operators[i.op_index].name for i in instructions if isinstance(i, KernelCall)]
    data = file.program.backend_delegate_data[delegates[0].processed.index].data
    return Calls([d.id for d in delegates], kernels, bytes(data), file.named_data)


@dataclass(frozen=True)
class VulkanGraph:
    """The operators of a Vulkan payload, `(name, arguments)` with values resolved; constants are arrays."""

    operators: list[tuple[str, list[Any]]]
    tensor_types: set[str]


def vulkan_graph(calls: Calls) -> VulkanGraph:
    from executorch.backends.vulkan.serialization.vulkan_graph_serialize import (
        extract_vk_flatbuffer,
        flatbuffer_to_vk_graph,
    )

    graph = flatbuffer_to_vk_graph(extract_vk_flatbuffer(calls.payload))
    stored = calls.named_data

    def value(index: int) -> Any:
        found = graph.values[index].value
        if type(found).__name__ != "VkTensor":
            return next(iter(vars(found).values()), None)
        if found.constant_id < 0:
            return None
        entry = stored.pte_data[graph.constants[found.constant_id].named_key]
        raw = stored.buffers[getattr(entry, "buffer_index", entry)]
        return np.frombuffer(raw, found.datatype.name.lower())[: int(np.prod(found.dims))].reshape(found.dims)

    operators = [(call.name, [value(i) for i in call.args]) for call in graph.chain]
    tensors = [v.value for v in graph.values if type(v.value).__name__ == "VkTensor"]
    return VulkanGraph(operators, {t.datatype.name for t in tensors})


def mlpackage_in(calls: Calls, folder: Path) -> Path:
    """The Core ML package of the payload, unpacked into `folder`."""
    from executorch.backends.apple.coreml import executorchcoreml

    assert executorchcoreml.unflatten_directory_contents(calls.payload, str(folder))
    (package,) = folder.rglob("*.mlpackage")
    return package


def mil_operations(package: Path) -> list[Any]:
    """The operations of the package's ML program, as coremltools' own reader finds them."""
    import coremltools as ct
    from coremltools.converters.mil.frontend.milproto.load import load

    model = ct.models.MLModel(str(package), skip_model_load=True)
    spec = model.get_spec()
    return list(load(spec, spec.specificationVersion, model.weights_dir).functions["main"].operations)


def mil_steps(operation: Any) -> Steps:
    """Scale and zero point of a `quantize` or `dequantize`, uint8 counted as int8 shifted by 128."""
    from coremltools.converters.mil.mil import types

    zero, dtype = operation.inputs.get("zero_point"), operation.inputs.get("output_dtype")
    name = dtype.val if dtype is not None else types.builtin_to_string(operation.input.dtype)
    return float(operation.scale.val), (0 if zero is None else int(zero.val)) - (128 if name == "uint8" else 0)


@dataclass(frozen=True)
class Rescaled:
    """A convolution of a TOSA graph and the RESCALE behind it."""

    weight: Array
    bias: Array
    input_zero: int
    factors: Array
    output_zero: int


TOSA_TYPES = {3: np.int8, 5: np.int32}


def tosa_convolutions(data: bytes) -> list[Rescaled]:
    """In the order of the graph. A factor is multiplier / 2**shift."""
    from tosa.Op import Op  # type: ignore[import-not-found]
    from tosa.TosaGraph import TosaGraph  # type: ignore[import-not-found]

    block = TosaGraph.GetRootAs(data, 0).Regions(0).Blocks(0)
    tensors = {block.Tensors(i).Name(): block.Tensors(i) for i in range(block.TensorsLength())}
    operators = [block.Operators(i) for i in range(block.OperatorsLength())]
    users = defaultdict(list)
    for op in operators:
        for i in range(op.InputsLength()):
            users[op.Inputs(i)].append(op)

    def constant(op: Any, i: int) -> Array:
        tensor = tensors[op.Inputs(i)]
        raw, count = tensor.DataAsNumpy().tobytes(), int(np.prod(tensor.ShapeAsNumpy()))
        return np.frombuffer(raw, TOSA_TYPES[tensor.Type()])[:count].reshape(tensor.ShapeAsNumpy())

    found = []
    for op in operators:
        if op.Op() not in (Op.CONV2D, Op.DEPTHWISE_CONV2D, Op.TRANSPOSE_CONV2D):
            continue
        (rescale,) = users[op.Outputs(0)]
        while rescale.Op() == Op.RESHAPE:
            (rescale,) = users[rescale.Outputs(0)]
        assert rescale.Op() == Op.RESCALE
        factors = constant(rescale, 1).astype(np.float64) / 2.0 ** constant(rescale, 2)
        zeros = int(constant(op, 3)[0]), int(constant(rescale, 4)[0])
        found.append(Rescaled(constant(op, 0 + 1), constant(op, 2), zeros[0], factors, zeros[1]))
    return found
