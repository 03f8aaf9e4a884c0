"""A program as a .pte file that runs as one XNNPACK delegate, NCHW at the boundary."""

from __future__ import annotations

from typing import Any

import torch

from convert.torch_view import TorchView, example_inputs
from runtime_py.contract import CONTRACT_METHOD, Contract
from runtime_py.errors import DpocketError
from runtime_py.program import Program
from runtime_py.quiet import quiet


def to_pte(program: Program, contract: Contract) -> bytes:
    """The .pte file of a float32 or int8 `program`; the contract is the constant method `CONTRACT_METHOD`.

    Raises DpocketError when an operation stays outside of the delegate or the finished file does not load and run:
    lowering alone proves nothing.
    """
    view = TorchView(program).eval()
    with quiet(), torch.no_grad():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        exported = torch.export.export(view, example_inputs(program))
        edge = to_edge_transform_and_lower(
            exported,
            partitioner=[XnnpackPartitioner()],
            constant_methods={CONTRACT_METHOD: contract.to_json()},
        )
        _require_one_delegate(edge.exported_program())
        data = bytes(edge.to_executorch().buffer)
    _require_running(data, program)
    return data


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
    expected = []
    for i in program.outputs:
        n, h, w, c = program.tensors[i].shape
        expected.append((n, c, h, w))
    found = [tuple(output.shape) for output in outputs]
    if found != expected:
        raise DpocketError(f"the .pte gives shapes {found} instead of {expected}; report it as a defect")
