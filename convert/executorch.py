"""A program as a .pte file that runs as one XNNPACK delegate, NCHW at the boundary."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from convert.pixel_blocks import with_pixel_blocks
from convert.torch_view import TorchView, example_inputs
from runtime_py.contract import CONTRACT_METHOD, Contract
from runtime_py.errors import DpocketError
from runtime_py.program import Program
from runtime_py.quiet import quiet

HEAD = (2, 4)
"""Pixels of one channel that are computed at once (`convert.pixel_blocks`): of 2×4, 8 KiB more than of 2×2."""


def to_pte(program: Program, contract: Contract) -> bytes:
    """The .pte file of a float32 or int8 `program`; the contract is the constant method `CONTRACT_METHOD`.

    A float program is lowered by ExecuTorch, an integer program is written as XNNPACK's graph. Raises DpocketError when
    an operation stays outside of the delegate or the finished file does not load and run: lowering alone proves
    nothing.
    """
    is_integer = any(tensor.dtype == "int8" for tensor in program.tensors)
    with quiet(), torch.no_grad():
        data = (_written if is_integer else _lowered)(program, {CONTRACT_METHOD: contract.to_json()})
    _require_running(data, program)
    return data


def _lowered(program: Program, constants: dict[str, Any]) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    exported = torch.export.export(TorchView(program).eval(), example_inputs(program))
    edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()], constant_methods=constants)
    _require_one_delegate(edge.exported_program())
    return bytes(edge.to_executorch().buffer)


def _written(program: Program, constants: dict[str, Any]) -> bytes:
    from executorch.exir import ExecutorchBackendConfig, to_edge
    from executorch.exir.lowered_backend_module import LoweredBackendModule
    from executorch.exir.passes import MemoryPlanningPass

    from convert.xnnpack_graph import to_payload

    inputs = example_inputs(program)
    boundary = to_edge(torch.export.export(_Boundary(program), inputs)).exported_program()
    payload = to_payload(with_pixel_blocks(program, HEAD, space_to_depth=False))
    call = _Call(LoweredBackendModule(boundary, "XnnpackBackend", payload, []))
    edge = to_edge(torch.export.export(call, inputs), constant_methods=constants)
    _require_one_delegate(edge.exported_program())
    # The delegate reads the caller's inputs where they lie, without a copy in planned memory.
    config = ExecutorchBackendConfig(memory_planning_pass=MemoryPlanningPass(alloc_graph_input=False))
    return bytes(edge.to_executorch(config).buffer)


class _Boundary(nn.Module):
    """What a delegate takes and gives, for ExecuTorch, which asks a program of it and not only its payload."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._outputs = _outputs(program)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.zeros(shape, dtype=dtype) for shape, dtype in self._outputs)


class _Call(nn.Module):
    """A delegate and nothing else."""

    def __init__(self, delegate: nn.Module) -> None:
        super().__init__()
        self.delegate = delegate

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.delegate(*inputs))


def _outputs(program: Program) -> list[tuple[tuple[int, ...], torch.dtype]]:
    """Shapes, NCHW, and dtypes."""
    found: list[tuple[tuple[int, ...], torch.dtype]] = []
    for i in program.outputs:
        n, h, w, c = program.tensors[i].shape
        found.append(((n, c, h, w), getattr(torch, program.tensors[i].dtype)))
    return found


def _require_one_delegate(exported: Any) -> None:
    calls = [str(n.target) for n in exported.graph.nodes if n.op == "call_function" and "getitem" not in str(n.target)]
    if calls != ["executorch_call_delegate"]:
        outside = ", ".join(sorted(set(calls) - {"executorch_call_delegate"})) or f"{len(calls)} delegates"
        raise DpocketError(f"XNNPACK does not take the whole student: {outside} would run outside of its one delegate")


def _require_running(data: bytes, program: Program) -> None:
    with quiet(native=True):
        from executorch.runtime import Runtime

        try:
            outputs = Runtime.get().load_program(data).load_method("forward").execute(list(example_inputs(program)))
        except Exception as e:
            raise DpocketError(f"ExecuTorch made a .pte that does not run ({e}); report it as a defect") from e
    expected = [shape for shape, _ in _outputs(program)]
    found = [tuple(output.shape) for output in outputs]
    if found != expected:
        raise DpocketError(f"the .pte gives shapes {found} instead of {expected}; report it as a defect")
