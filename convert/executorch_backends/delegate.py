"""From a torch view of a program to a .pte with one delegate, whichever it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import torch

from convert.torch_view import TorchView, example_inputs
from runtime_py.contract import CONTRACT_METHOD, Contract
from runtime_py.errors import DpocketError
from runtime_py.program import Program
from runtime_py.quiet import quiet


def lower_whole(
    view: TorchView,
    partitioner: Any,
    backend: str,
    contract: Contract,
    mark: Callable[[Any], None] = lambda exported: None,
) -> bytes:
    """The .pte of `view` as one delegate of `partitioner`; the contract is the constant method `CONTRACT_METHOD`.

    `mark(exported)` may annotate torch's exported program for the partitioner. Raises DpocketError when an operation
    stays outside of the one delegate, or the backend's compiler fails: both name `backend`.
    """
    with silence(), torch.no_grad():
        from executorch.exir import to_edge_transform_and_lower

        exported = torch.export.export(view.eval(), example_inputs(view.program))
        mark(exported)
        try:
            edge = to_edge_transform_and_lower(
                exported, partitioner=[partitioner], constant_methods={CONTRACT_METHOD: contract.to_json()}
            )
            _require_one_delegate(edge.exported_program(), backend)
            return bytes(edge.to_executorch().buffer)
        except (DpocketError, OSError):
            raise
        except Exception as e:  # vendors' compilers raise anything
            reason = (" ".join(str(e).split()) or type(e).__name__)[:300]
            raise DpocketError(f"ExecuTorch's {backend} backend does not lower the student: {reason}") from e


@contextmanager
def silence() -> Iterator[None]:
    """Backends print tables to stdout, log at every level, and turn on everybody's log when imported."""
    level = logging.root.level
    try:
        with quiet(native=True), redirect_stdout(StringIO()):
            yield
    finally:
        logging.root.setLevel(level)


def in_float32(program: Program) -> Program:
    """`program` with float16 constants as the float32 numbers that they are: the backend stores or computes in half."""
    tensors = tuple(
        replace(t, dtype="float32", data=t.data.astype(np.float32))
        if t.data is not None and t.dtype == "float16"
        else t
        for t in program.tensors
    )
    return replace(program, tensors=tensors)


def is_half(program: Program) -> bool:
    """Whether `program` is at precision fp16: its constants are float16."""
    return any(t.dtype == "float16" for t in program.tensors)


def _require_one_delegate(exported: Any, backend: str) -> None:
    calls = [n.target for n in exported.graph.nodes if n.op == "call_function"]
    names = [getattr(call, "_name", getattr(call, "__name__", str(call))) for call in calls]
    names = [name for name in names if name != "getitem"]
    outside = sorted({name for name in names if name != "executorch_call_delegate"})
    if outside or len(names) != 1:
        what = ", ".join(outside) or f"{len(names)} delegates"
        raise DpocketError(f"{backend} does not take the whole student: {what} would run outside of its one delegate")
