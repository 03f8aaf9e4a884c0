"""LiteRT's interpreter as a runner, from `ai_edge_litert` or from TensorFlow, on one of two kernel sets, one thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.inputs import Array, checked_inputs
from runtime_py.program import Tensor
from runtime_py.readers import file_bytes
from runtime_py.runners.runner import package_version, vendor_module

RESOLVERS: Mapping[str, str] = {"xnnpack": "AUTO", "litert-reference": "BUILTIN_REF"}
"""Dialect to LiteRT's name of the kernel set."""


@dataclass(frozen=True)
class Build:
    """A package that carries the interpreter: its distribution, and where the interpreter and its resolvers are."""

    distribution: str
    module: str
    interpreter: str
    resolvers: str


BUILDS: Mapping[str, Build] = {
    "litert": Build("ai-edge-litert", "ai_edge_litert.interpreter", "Interpreter", "OpResolverType"),
    "tensorflow": Build("tensorflow", "tensorflow", "lite.Interpreter", "lite.experimental.OpResolverType"),
}
"""Runtime name to its build: two builds of one source, by two teams, are two witnesses."""


@dataclass(frozen=True)
class PlannedNode:
    """A node as the interpreter knows it: kind, and the numbers of its tensors."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class LiteRTRunner:
    """Names are those of the file's signature where it has one, otherwise of its tensors.

    Raises RuntimeUnavailable without the package, ArtifactError when LiteRT refuses the file, DpocketError for an
    unknown dialect.
    """

    def __init__(self, path: Path, dialect: str = "xnnpack", build: str = "litert") -> None:
        if dialect not in RESOLVERS:
            raise DpocketError(f"LiteRT has no kernels '{dialect}'; known are: {', '.join(RESOLVERS)}")
        chosen = BUILDS[build]
        module = vendor_module(chosen.module, chosen.distribution)
        resolvers = attrgetter(chosen.resolvers)(module)
        content = file_bytes(path)
        try:
            self._runtime = attrgetter(chosen.interpreter)(module)(
                model_content=content,
                experimental_op_resolver_type=resolvers[RESOLVERS[dialect]],
                num_threads=1,
            )
            self._runtime.allocate_tensors()
            signatures: dict[str, Any] = self._runtime.get_signature_list()
            signature = self._runtime.get_signature_runner(next(iter(signatures))) if signatures else None
        except (ValueError, RuntimeError) as e:
            raise ArtifactError(f"LiteRT refuses {path}: {' '.join(str(e).split())}") from e
        self.name = f"{build}/{dialect}"
        self.version = package_version(chosen.distribution)
        named_inputs = {} if signature is None else _by_index(signature.get_input_details())
        named_outputs = {} if signature is None else _by_index(signature.get_output_details())
        details = self._runtime.get_input_details()
        self._input_indices = [int(d["index"]) for d in details]
        self.inputs = [_tensor(d, named_inputs) for d in details]
        self._outputs = {_tensor(d, named_outputs).name: int(d["index"]) for d in self._runtime.get_output_details()}
        self.input_names = tuple(tensor.name for tensor in self.inputs)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name. Raises ContractError for inputs that do not fit, ArtifactError when LiteRT fails."""
        for index, array in zip(self._input_indices, checked_inputs(self.inputs, inputs), strict=True):
            self._runtime.set_tensor(index, array)
        try:
            self._runtime.invoke()
        except (ValueError, RuntimeError) as e:
            raise ArtifactError(f"LiteRT fails while running: {' '.join(str(e).split())}") from e
        return {name: self._runtime.get_tensor(index) for name, index in self._outputs.items()}

    def plan(self) -> tuple[PlannedNode, ...] | None:
        """The file's nodes, and after them a node "DELEGATE" for each delegated part.

        None where this build of the interpreter does not tell: it has no public way to ask.
        """
        try:
            details = self._runtime._get_ops_details()
        except (AttributeError, ValueError, TypeError):
            return None
        return tuple(PlannedNode(str(d["op_name"]), _numbers(d["inputs"]), _numbers(d["outputs"])) for d in details)


def _numbers(indices: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in indices)


def _by_index(details: Mapping[str, Any]) -> dict[int, str]:
    return {int(detail["index"]): name for name, detail in details.items()}


def _tensor(detail: Mapping[str, Any], names: Mapping[int, str]) -> Tensor:
    name = names.get(int(detail["index"]), detail["name"])
    return Tensor(name, tuple(int(n) for n in detail["shape"]), np.dtype(detail["dtype"]).name)
