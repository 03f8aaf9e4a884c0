"""Core ML as a runner for `.mlpackage` folders: Apple's framework predicts on macOS only."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from runtime_py.errors import ArtifactError, ContractError, RuntimeUnavailable
from runtime_py.inputs import Array
from runtime_py.runners.runner import package_version, vendor_module


class CoreMLRunner:
    """Raises RuntimeUnavailable off macOS or without coremltools, ArtifactError when Core ML refuses the file."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise ArtifactError(f"{path} cannot be read: no such file or folder")
        if platform.system() != "Darwin":
            raise RuntimeUnavailable(f"Core ML predicts on macOS only, this is {platform.system()}")
        module = vendor_module("coremltools", "coremltools")
        # Core ML's errors share no base class but Exception.
        try:
            self._model = module.models.MLModel(str(path), compute_units=module.ComputeUnit.CPU_ONLY)
            description = self._model.get_spec().description
        except Exception as e:
            raise ArtifactError(f"Core ML refuses {path}: {' '.join(str(e).split())}") from e
        self.name = "coreml/cpu"
        self.version = package_version("coremltools")
        self.input_names = tuple(str(value.name) for value in description.input)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name. Raises ContractError for wrong names, ArtifactError when Core ML fails."""
        if sorted(inputs) != sorted(self.input_names):
            raise ContractError(f"the inputs are {', '.join(self.input_names)}; given were {', '.join(inputs)}")
        try:
            results = self._model.predict(dict(inputs))
        except Exception as e:
            raise ArtifactError(f"Core ML fails while running: {' '.join(str(e).split())}") from e
        return {name: np.asarray(value) for name, value in results.items()}
