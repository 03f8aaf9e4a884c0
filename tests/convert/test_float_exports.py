"""Float exports against torch itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_student import random_views
from torch import nn
from vendor_runtimes import executorch, litert, onnxruntime

from convert.artifact import Artifact

RUN: dict[str, Callable[[Path, dict[str, NDArray[np.float32]]], NDArray[np.float32]]] = {
    "litert": litert,
    "executorch": executorch,
    "onnx": onnxruntime,
}

# float16 weights have 11 bits, int8 weights 8; hybrid LiteRT also rounds activations to 8 bits while it runs.
TOLERANCES = {
    ("litert", "fp32"): 1e-5,
    ("executorch", "fp32"): 1e-5,
    ("onnx", "fp32"): 1e-5,
    ("litert", "fp16"): 2e-3,
    ("onnx", "fp16"): 5e-3,
    ("litert", "int8-weights"): 5e-2,
    ("onnx", "int8-weights"): 2e-2,
}


@pytest.mark.parametrize(("target", "precision"), list(TOLERANCES))
def test_a_float_export_agrees_with_torch(
    target: str, precision: str, exports: Mapping[tuple[str, str], Artifact], student: nn.Module
) -> None:
    views = random_views(3)
    with torch.no_grad():
        expected = student(views["left"], views["right"]).numpy()
    found = RUN[target](exports[target, precision].path, {name: view.numpy() for name, view in views.items()})
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= TOLERANCES[target, precision] * np.abs(expected).max()
