"""Quantised training: what is validated is what ships, the steps stay, and a run goes on as if it had not stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from convert.grid import apply_grid
from convert.lower import lower
from runtime_py.errors import DpocketError
from runtime_py.interpreter import Interpreter
from training.calibration import stored_grid, traced
from training.checkpoint import load_checkpoint, save_checkpoint
from training.data.sample import Sample
from training.fit import fit
from training.models import build
from training.quantize.student import QuantisedStudent
from training.recipes import Recipe, recipe
from training.tasks import make_task
from training.tasks.disparity import validation_batch
from training.tasks.inputs import Answer
from training.tasks.quantised import QuantisedTask, answers_apart
from training.tasks.task import Circumstances

SMALL = {"half": 4, "quarter": 6, "eighth": 6, "deep": 8}


def tiny(start: Path, *settings: str) -> Recipe:
    return recipe(
        "pyramid-int8",
        [
            f"model_settings={json.dumps(SMALL)}",
            f"start={start}",
            "data.count=8",
            "data.size=112",
            "optimisation.steps=8",
            "optimisation.batch=2",
            "optimisation.crop=64",
            "monitor.scenes=2",
            "monitor.save_every=4",
            "monitor.board=false",
            *settings,
        ],
    )


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float student that answers something."""
    torch.manual_seed(0)
    student = build("pyramid", **SMALL)
    for head in (student.head, student.confidence):
        torch.nn.init.normal_(head.weight, std=0.3)  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("start") / "small.safetensors"
    card = {"recipe": recipe("pyramid", [f"model_settings={json.dumps(SMALL)}"]).to_dict()}
    save_checkpoint(path, dict(student.state_dict()), card)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, start: Path, cache: Path) -> Path:
    return fit(tiny(start), tmp_path_factory.mktemp("run") / "whole", cache=cache)


def test_the_reference_runtime_computes_what_was_validated(trained: Path, start: Path, cache: Path) -> None:
    made = tiny(start)
    checkpoint = load_checkpoint(trained)
    grid = stored_grid(checkpoint)
    assert grid is not None
    sample = validation_batch(made, cache)
    program = Interpreter(apply_grid(lower(traced(checkpoint, (64, 64))), grid))
    steps, out = grid.tensors["left"], grid.tensors["disparity"]
    errors = []
    for i in range(2):
        views = {
            name: np.clip(np.rint(view[i].numpy() * np.float32(1 / np.float32(steps.scale))), -128, 127)
            .astype(np.int8)
            .reshape(1, 64, 64, 1)
            for name, view in (("left", sample.left), ("right", sample.right))
        }
        integers = program.run(views)["disparity"].astype(np.float32)
        disparity = torch.from_numpy((integers - out.zero_point) * np.float32(out.scale)).permute(0, 3, 1, 2)
        full = torch.nn.functional.interpolate(disparity, size=(64, 64), mode="bilinear", align_corners=False)
        errors.append(float((full - sample.disparity[i : i + 1]).abs().mean()))
    assert checkpoint.card["scores"]["rendered_error_px"] == pytest.approx(np.mean(errors), rel=1e-6)


def test_steps_stay_and_weights_learn(trained: Path, start: Path) -> None:
    task = make_task(tiny(start))
    network = task.network()
    assert isinstance(network, QuantisedStudent)
    task.begin(network, start)
    begun, grid = network.grid(), stored_grid(load_checkpoint(trained))
    assert grid is not None
    assert grid.tensors == begun.tensors
    assert grid.calibration == begun.calibration
    assert len(bytes.fromhex(grid.calibration)) == 32
    assert grid.method == "quantisation-aware"
    moved = [n for n, t in load_file(trained).items() if not torch.equal(t, load_file(start)[n])]
    assert len(moved) == len(load_file(start))


def test_a_run_that_was_stopped_ends_with_the_same_weights_and_grid(
    trained: Path, start: Path, cache: Path, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def kill(what: str, done: int, of: int, figures: dict[str, float]) -> None:
        if what == "train" and done == 6:
            raise Killed

    made = tiny(start, "monitor.log_every=1")
    with pytest.raises(Killed):
        fit(made, tmp_path / "run", progress=kill, cache=cache)
    again = fit(made, tmp_path / "run", resume=True, cache=cache)
    weights, expected = load_file(again), load_file(trained)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert again.with_suffix(".grid.json").read_bytes() == trained.with_suffix(".grid.json").read_bytes()


def test_such_a_run_may_begin_with_another_one(trained: Path, start: Path) -> None:
    task = make_task(tiny(trained.parent))
    network = task.network()
    task.begin(network, trained.parent)
    assert isinstance(network, QuantisedStudent)
    assert torch.equal(network.student.get_parameter("stem.weight"), load_file(trained)["stem.weight"])


def test_the_loss_is_the_share_of_the_truth_and_of_the_float_student(start: Path, cache: Path) -> None:
    losses = {}
    for share in (0.0, 0.25, 1.0):
        made = tiny(start, f"task.float_share={share}")
        task = make_task(made)
        network = task.network()
        task.begin(network, start)
        batch = validation_batch(made, cache)
        losses[share] = float(task.loss(network.eval(), batch)[0].detach())
    assert losses[0.25] == pytest.approx(0.75 * losses[0.0] + 0.25 * losses[1.0], rel=1e-5)
    assert losses[1.0] < losses[0.0]  # the int8 student is nearer to its float self than to the truth


def test_distance_of_two_answers_by_hand() -> None:
    """Disparities 0 and 2 have the sample deviation √2; differences .5 and .5; confidences .1 and .3 apart."""
    settings = QuantisedTask.Settings()
    told = Answer(torch.tensor([0.0, 2.0]).view(1, 1, 1, 2), torch.tensor([0.5, 1.2]).view(1, 1, 1, 2))
    found = Answer(torch.tensor([0.5, 1.5]).view(1, 1, 1, 2), torch.tensor([0.4, 0.7]).view(1, 1, 1, 2))
    expected = 0.5 / (2**0.5 + settings.softness) + settings.confidence * (0.1 + 0.3) / 2
    assert float(answers_apart(found, told, settings)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["start="], "set start to a checkpoint or a run"),
        (["grid=false"], "set grid=true"),
        (["task.float_share=1.5"], "it must be in 0..1"),
        (["model=mobile_unet", "model_settings={}"], "no student that an integer grid is made for"),
        (["start=nowhere"], "neither a run nor a checkpoint"),
    ],
)
def test_what_cannot_be_trained_in_integers_is_refused(
    start: Path, cache: Path, tmp_path: Path, settings: list[str], sentence: str
) -> None:
    with pytest.raises(DpocketError, match=sentence):
        fit(tiny(start, *settings), tmp_path / "run", cache=cache)


def test_pictures_can_be_made(trained: Path, start: Path, cache: Path) -> None:
    task = make_task(tiny(start))
    network = task.network()
    task.begin(network, start)
    batch: Sample = validation_batch(tiny(start), cache)
    assert task.pictures(network.eval(), batch)
    assert task.validate(network, Circumstances(torch.device("cpu"), cache))
