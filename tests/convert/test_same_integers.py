"""The same int8 student in every runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from vendor_runtimes import executorch, litert, onnxruntime

from convert.artifact import Artifact
from convert.lower import lower
from convert.precision import at_precision
from convert.torch_view import TorchView
from runtime_py.interpreter import Interpreter
from training.graph import StudentGraph
from training.quantize import Grid

Exports = Mapping[tuple[str, str], Artifact]
Views = dict[str, NDArray[np.int8]]


@pytest.fixture(scope="module")
def on_litert(exports: Exports, int8_views: Views) -> NDArray[np.int8]:
    return litert(exports["litert", "int8"].path, int8_views)


def test_litert_and_executorch_give_identical_integers(
    exports: Exports, int8_views: Views, on_litert: NDArray[np.int8]
) -> None:
    on_executorch = executorch(exports["executorch", "int8"].path, int8_views)
    assert on_executorch.dtype == on_litert.dtype == np.int8
    assert len(np.unique(on_litert)) > 30
    np.testing.assert_array_equal(on_executorch, on_litert)


def test_the_reference_interpreter_runs_the_program_to_the_same_integers(
    graph: StudentGraph, grid: Grid, int8_views: Views, on_litert: NDArray[np.int8]
) -> None:
    program = at_precision(lower(graph), "int8", grid)
    inputs = {name: view.transpose(0, 2, 3, 1) for name, view in int8_views.items()}
    found = Interpreter(program, "xnnpack").run(inputs)["disparity"].transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(found, on_litert)


@pytest.mark.parametrize("optimised", [True, False])
def test_onnxruntime_differs_by_single_steps_on_few_pixels(
    exports: Exports, int8_views: Views, on_litert: NDArray[np.int8], optimised: bool
) -> None:
    found = onnxruntime(exports["onnx", "int8"].path, int8_views, optimised)
    difference = np.abs(found.astype(int) - on_litert)
    assert found.dtype == np.int8
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.02


def test_the_torch_view_of_the_integers_differs_by_single_steps_on_few_pixels(
    graph: StudentGraph, grid: Grid, int8_views: Views, on_litert: NDArray[np.int8]
) -> None:
    view = TorchView(at_precision(lower(graph), "int8", grid))
    with torch.no_grad():
        found = view(*(torch.from_numpy(v) for v in int8_views.values()))[0].numpy()
    difference = np.abs(found.astype(int) - on_litert)
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.02


def test_the_quantised_student_follows_the_float_one(
    exports: Exports, graph: StudentGraph, grid: Grid, int8_views: Views, on_litert: NDArray[np.int8]
) -> None:
    steps = grid.tensors["left"].scale
    real = graph.run({name: torch.from_numpy(view * np.float32(steps)) for name, view in int8_views.items()})
    output = exports["litert", "int8"].contract.output("disparity")
    error = output.dequantize(on_litert) - np.clip(real["disparity"].numpy(), *output.valid_range)
    assert np.sqrt(np.mean(error**2)) < 0.15 * float(real["disparity"].std())
