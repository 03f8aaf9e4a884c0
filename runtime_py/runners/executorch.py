"""ExecuTorch as a runner for `.pte` files, which know inputs and outputs by position only; one thread."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime_py.contract import Contract, TensorSpec
from runtime_py.errors import ArtifactError, ContractError
from runtime_py.inputs import Array, checked_inputs
from runtime_py.program import Tensor
from runtime_py.quiet import quiet
from runtime_py.readers import file_bytes
from runtime_py.runners.runner import package_version, vendor_module

SCALAR_TYPES: Mapping[int, str] = {
    0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 7: "float64", 11: "bool",
}  # fmt: skip
"""PyTorch's numbers of scalar types (c10/core/ScalarType.h) to numpy names."""


class ExecuTorchRunner:
    """Names come from `contract`, in its order; without one they are input0, input1, … and output0, ….

    Raises RuntimeUnavailable without the package, ArtifactError when ExecuTorch refuses the file, ContractError when
    the contract names another number of inputs or outputs.
    """

    def __init__(self, path: Path, contract: Contract | None = None) -> None:
        self._torch = vendor_module("torch", "torch")
        runtime = vendor_module("executorch.runtime", "executorch")
        _one_thread()
        content = file_bytes(path)
        if content[4:6] != b"ET":
            raise ArtifactError(f"{path} is not a .pte file: bytes 4 to 8 are {content[4:8]!r}, not b'ET12' or alike")
        try:
            self._program = runtime.Runtime.get().load_program(content)
            self._method = self._program.load_method("forward")
            meta = self._method.metadata
            inputs = [_tensor(meta.input_tensor_meta(i), f"input{i}") for i in range(meta.num_inputs())]
            outputs = [f"output{i}" for i in range(meta.num_outputs())]
        except (RuntimeError, ValueError, KeyError) as e:
            raise ArtifactError(f"ExecuTorch refuses {path}: {' '.join(str(e).split())}") from e
        if contract is not None:
            inputs = _named(path, inputs, contract.inputs)
            outputs = [s.name for s in contract.outputs]
            if len(outputs) != meta.num_outputs():
                raise ContractError(f"{path} has {meta.num_outputs()} outputs, its contract {len(outputs)}")
        self.inputs, self._outputs = inputs, outputs
        self.name = "executorch"
        self.version = package_version("executorch")
        self.input_names = tuple(tensor.name for tensor in inputs)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name. Raises ContractError for inputs that do not fit, ArtifactError when ExecuTorch fails."""
        # A copy: torch warns about, and could write to, arrays that numpy holds read-only.
        tensors = [self._torch.from_numpy(np.array(array)) for array in checked_inputs(self.inputs, inputs)]
        try:
            results = self._method.execute(tensors)
        except RuntimeError as e:
            raise ArtifactError(f"ExecuTorch fails while running: {' '.join(str(e).split())}") from e
        return {name: np.array(result.numpy()) for name, result in zip(self._outputs, results, strict=True)}


def _one_thread() -> None:
    """ExecuTorch computes on a pool of as many threads as there are cores, shared by every program of the process."""
    pool = vendor_module("executorch.extension.pybindings.portable_lib", "executorch")
    count = getattr(pool, "_threadpool_get_thread_count", None)
    if count is not None and count() != 1:
        with quiet(native=True):
            pool._unsafe_reset_threadpool(1)


def _tensor(meta: Any, name: str) -> Tensor:
    code = int(meta.dtype())
    if code not in SCALAR_TYPES:
        raise ValueError(f"{name} has scalar type {code}")
    return Tensor(name, tuple(int(n) for n in meta.sizes()), SCALAR_TYPES[code])


def _named(path: Path, tensors: list[Tensor], specs: tuple[TensorSpec, ...]) -> list[Tensor]:
    if len(tensors) != len(specs):
        raise ContractError(f"{path} has {len(tensors)} inputs, its contract {len(specs)}")
    return [Tensor(spec.name, t.shape, t.dtype) for spec, t in zip(specs, tensors, strict=True)]
