"""`dpocket.load`: a student from a file, in whatever runtime, on views of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dpocket
from convert.student import export_checkpoint
from runtime_py.errors import ContractError, DpocketError
from training.camera import Camera
from training.checkpoint import SHIPPED, load_checkpoint
from training.dice import Dice, pixel_grid
from training.optics import aperture
from training.render import render_pair
from training.scenes import Scene
from training.textures import fractal_noise

SIZE = (96, 128)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export")
    export_checkpoint(load_checkpoint(SHIPPED), ["litert", "onnx"], "int8", out, SIZE)
    return out


@pytest.fixture(scope="module")
def views() -> tuple[np.ndarray, np.ndarray]:
    """A rendered pair, 208×208, linear in 0..1: a disc before a wall, both full of texture, 1 px to either side of
    the focus."""
    import torch

    lens = aperture("half_disc")
    camera = Camera(lens, 1 / lens.alpha[None], torch.full((1,), 2.0), torch.ones(1))
    light = 0.3 * torch.exp(0.4 * fractal_noise(Dice(torch.Generator().manual_seed(11), 2), 256, 256))
    y, x = pixel_grid(256, 256, torch.device("cpu"))
    cover = torch.stack([torch.ones(256, 256), torch.clamp(70.5 - torch.hypot(y, x), 0, 1)])
    inverse_depth = torch.stack([torch.full((256, 256), q) for q in (1.0, 3.0)])
    rendered = render_pair(Scene(light[None], cover[None], inverse_depth[None]), camera)
    left, right = (v[0, 0].clamp(0, 1).numpy() for v in (rendered.left, rendered.right))
    return left, right


@pytest.mark.parametrize("dialect", ["xnnpack", "litert-reference"])
def test_reference_and_vendor_see_the_same_disparity(
    folder: Path, views: tuple[np.ndarray, np.ndarray], dialect: str
) -> None:
    path = folder / "student_int8.tflite"
    reference = dpocket.load(path, runtime="reference", dialect=dialect).disparity(*views)
    vendor = dpocket.load(path, runtime="vendor", dialect=dialect).disparity(*views)
    assert (reference.shape, reference.dtype) == (views[0].shape, np.float32)
    np.testing.assert_array_equal(reference, vendor)


def test_run_takes_the_names_and_sizes_of_the_contract(folder: Path) -> None:
    student = dpocket.load(folder / "student_int8.tflite")
    assert [s.name for s in student.contract.inputs] == ["left", "right"]
    plane = np.zeros((1, *SIZE, 1), np.int8)
    assert student.run({"left": plane, "right": plane})["disparity"].shape == (1, SIZE[0] // 4, SIZE[1] // 4, 1)
    with pytest.raises(ContractError, match="left, right were expected"):
        student.run({"left": plane})


def test_a_trace_names_every_tensor_and_ends_with_the_outputs(folder: Path) -> None:
    student = dpocket.load(folder / "student_int8.tflite")
    plane = np.zeros((1, *SIZE, 1), np.int8)
    names = [name for name, _ in student.trace({"left": plane, "right": plane})]
    assert names[:2] == ["left", "right"]
    assert {"disparity", "confidence"} <= set(names[-4:])  # each behind the tensor that its blocks of pixels come from
    assert "stem" in names


def test_swapped_views_negate_the_disparity(folder: Path, views: tuple[np.ndarray, np.ndarray]) -> None:
    student = dpocket.load(folder / "student_int8.tflite")
    forward, back = student.disparity(*views), student.disparity(*views[::-1])
    assert np.corrcoef(forward.ravel(), -back.ravel())[0, 1] > 0.8


def test_identical_views_are_in_focus(folder: Path, views: tuple[np.ndarray, np.ndarray]) -> None:
    left = views[0]
    assert np.abs(dpocket.load(folder / "student_int8.tflite").disparity(left, left)).mean() < 0.05


def test_a_checkpoint_opens_like_an_artifact(folder: Path, views: tuple[np.ndarray, np.ndarray]) -> None:
    floating = dpocket.load(SHIPPED).disparity(*views)
    integers = dpocket.load(folder / "student_int8.tflite", runtime="vendor").disparity(*views)
    # Texture everywhere drives activations beyond the grid's range (RESULTS.md, "Calibration").
    assert np.abs(floating - integers).mean() < 0.2 * np.abs(floating).mean()


def test_an_artifact_that_was_replaced_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "student_int8.tflite"
    path.write_bytes((folder / path.name).read_bytes()[:-8] + bytes(8))
    (tmp_path / f"{path.name}.json").write_bytes((folder / f"{path.name}.json").read_bytes())
    with pytest.raises(DpocketError, match="damaged or was replaced"):
        dpocket.load(path)
