"""Core ML as a runner for `.mlpackage` folders: Apple's framework predicts on macOS only."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime_py.errors import ArtifactError, ContractError, RuntimeUnavailable
from runtime_py.inputs import Array
from runtime_py.program import Tensor
from runtime_py.readers import read
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
        self._path = path
        self.name = "coreml/cpu"
        self.version = package_version("coremltools")
        self.input_names = tuple(str(value.name) for value in description.input)
        kinds = {str(value.name): value.type for value in description.input}
        self._images = {name for name, kind in kinds.items() if kind.WhichOneof("Type") == "imageType"}

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the package asks for, as this project's reader finds it."""
        program = read(self._path)
        return tuple(program.tensors[i] for i in program.inputs)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name. Raises ContractError for wrong names, ArtifactError when Core ML fails."""
        if sorted(inputs) != sorted(self.input_names):
            raise ContractError(f"the inputs are {', '.join(self.input_names)}; given were {', '.join(inputs)}")
        try:
            results = self._model.predict({n: picture(a) if n in self._images else a for n, a in inputs.items()})
        except Exception as e:
            raise ArtifactError(f"Core ML fails while running: {' '.join(str(e).split())}") from e
        return {name: np.asarray(value) for name, value in results.items()}


def picture(plane: Array) -> Any:
    """The PIL image that coremltools takes for an image input: 8-bit grey of uint8, float32 of half floats; 1×1×H×W.

    Raises ContractError for what is no grey image.
    """
    from PIL import Image

    if plane.ndim != 4 or plane.shape[:2] != (1, 1) or plane.dtype not in (np.uint8, np.float16):
        raise ContractError(f"an image input takes uint8 or float16 of 1x1xHxW, not {plane.dtype} of {plane.shape}")
    return Image.fromarray(plane[0, 0] if plane.dtype == np.uint8 else plane[0, 0].astype(np.float32))
