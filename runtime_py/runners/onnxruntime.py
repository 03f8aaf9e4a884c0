"""ONNX Runtime as a runner for `.onnx` files, on the CPU, one thread."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.inputs import Array, checked_inputs
from runtime_py.program import Tensor
from runtime_py.readers import file_bytes
from runtime_py.runners.runner import package_version, vendor_module

LEVELS: Mapping[str, str] = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
"""Graph optimisation by name; "all" is what ONNX Runtime does unasked, "none" computes the graph as it is written."""

TYPES: Mapping[str, str] = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


class OnnxRuntimeRunner:
    """Raises RuntimeUnavailable without the package, ArtifactError when ONNX Runtime refuses the file."""

    def __init__(self, path: Path, optimisation: str = "all") -> None:
        if optimisation not in LEVELS:
            raise DpocketError(f"there is no optimisation '{optimisation}'; known are: {', '.join(LEVELS)}")
        module = vendor_module("onnxruntime", "onnxruntime")
        content = file_bytes(path)
        self._module, self._content, self._optimisation = module, content, optimisation
        options = self._options()
        # ONNX Runtime's errors share no base class but Exception.
        try:
            self._session = module.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as e:
            raise ArtifactError(f"ONNX Runtime refuses {path}: {' '.join(str(e).split())}") from e
        self.inputs = [_tensor(path, value) for value in self._session.get_inputs()]
        self._outputs = [value.name for value in self._session.get_outputs()]
        self.name = f"onnxruntime/{optimisation}"
        self.version = package_version("onnxruntime")
        self.input_names = tuple(tensor.name for tensor in self.inputs)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name. Raises ContractError for inputs that do not fit, ArtifactError when the runtime fails."""
        arrays = checked_inputs(self.inputs, inputs)
        try:
            results = self._session.run(self._outputs, dict(zip(self.input_names, arrays, strict=True)))
        except Exception as e:
            raise ArtifactError(f"ONNX Runtime fails while running: {' '.join(str(e).split())}") from e
        return dict(zip(self._outputs, results, strict=True))

    def _options(self) -> Any:
        options = self._module.SessionOptions()
        options.graph_optimization_level = getattr(self._module.GraphOptimizationLevel, LEVELS[self._optimisation])
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Without it ONNX Runtime leaves int8 convolutions in float32 on x86.
        options.add_session_config_entry("session.qdqisint8allowed", "1")
        return options

    def executed(self, inputs: Mapping[str, Array]) -> dict[str, int]:
        """Kinds of the nodes that one run executes, counted, from the profile of a session of its own."""
        arrays = checked_inputs(self.inputs, inputs)
        with tempfile.TemporaryDirectory() as folder:
            options = self._options()
            options.enable_profiling, options.profile_file_prefix = True, str(Path(folder) / "profile")
            session = self._module.InferenceSession(self._content, options, providers=["CPUExecutionProvider"])
            session.run(self._outputs, dict(zip(self.input_names, arrays, strict=True)))
            events = json.loads(Path(session.end_profiling()).read_text())
        kernels = [e["args"]["op_name"] for e in events if e.get("name", "").endswith("_kernel_time")]
        return {kind: kernels.count(kind) for kind in sorted(set(kernels))}


def _tensor(path: Path, value: Any) -> Tensor:
    if value.type not in TYPES:
        raise ArtifactError(f"{path} has input '{value.name}' of type {value.type}, which is not supported")
    return Tensor(value.name, tuple(n if isinstance(n, int) else -1 for n in value.shape), TYPES[value.type])
