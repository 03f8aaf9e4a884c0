"""The three stages as runs that begin where the one before ended, and Stereo-Net as a teacher of dual pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from runtime_py.errors import DpocketError
from training.checkpoint import load_checkpoint
from training.data.rendered import RenderedData
from training.data.sample import Sample
from training.fit import fit
from training.models.mono_stereo import MonoStereo
from training.recipes import Recipe, override, recipe
from training.tasks import make_task
from training.tasks.explicit import ExplicitTask
from training.tasks.rig_scenes import RigScenes
from training.tasks.stereo_scenes import StereoScenes
from training.tasks.stereo_teacher import stereo_network, stereo_views
from training.teachers import make_teacher
from training.warp import left_from_right

SIZES = [
    'model_settings={"width": 4}',
    *("data.count=3", "data.size=64", "optimisation.crop=64", "optimisation.batch=2", "optimisation.steps=2"),
    *("monitor.scenes=2", "monitor.save_every=2", "optimisation.learning_rate=1e-3"),
]


def stage(number: int, *settings: str) -> Recipe:
    return recipe(f"recursive-{number}", [*SIZES, *settings])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> dict[int, Path]:
    """All three stages, one after the other."""
    folders = {n: tmp_path_factory.mktemp("runs") / str(n) for n in (1, 2, 3)}
    for number, folder in folders.items():
        start = [f"start={folders[number - 1]}"] if number > 1 else []
        fit(stage(number, *start), folder, cache=cache)
    return folders


def test_rendered_stereo_pairs_are_what_their_disparity_says() -> None:
    scenes = StereoScenes(RenderedData(count=1, size=96, seed=2))
    sample = scenes.sample(torch.from_numpy(scenes.planes(0)).float())
    assert sample.rgb is not None
    assert sample.views is not None
    assert sample.occluded is not None
    left, right = sample.rgb, sample.views[:, 0]
    seen = 1 - sample.occluded

    def error(disparity: torch.Tensor) -> float:
        moved = left_from_right(right, disparity / 96)
        return float(((moved - left).abs() * seen).sum() / seen.sum())

    assert error(sample.disparity) < 0.3 * error(0 * sample.disparity)
    assert float(sample.disparity.min()) / 96 == pytest.approx(0.01, abs=1e-3)
    assert 0.01 < float(sample.disparity.max()) / 96 <= 0.16 * 1.05


def test_every_stage_trains_what_it_should(runs: dict[int, Path]) -> None:
    begun = MonoStereo(4).state_dict()
    saved = {n: torch.load(run / "state.pt", weights_only=True)["model"] for n, run in runs.items()}
    torch.manual_seed(recipe("recursive-1").seed)
    begun = MonoStereo(4).state_dict()

    def moved(part: str, before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> bool:
        return any(not torch.equal(before[name], after[name]) for name in after if name.startswith(part))

    assert moved("mono", begun, saved[1])
    assert not moved("stereo", begun, saved[1]), "Stereo-Net waits for its stage"
    for before, after in ((saved[1], saved[2]), (saved[2], saved[3])):
        assert moved("mono", before, after)
        assert moved("stereo", before, after)


def test_a_frozen_mono_net_stays_as_it_was(tmp_path: Path, runs: dict[int, Path], cache: Path) -> None:
    fit(stage(2, f"start={runs[1]}", "task.mono_frozen=true"), tmp_path, cache=cache)
    before, after = (load_file(run / "student.safetensors") for run in (runs[1], tmp_path))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_run_ships_both_networks_under_their_own_names(runs: dict[int, Path]) -> None:
    mono, stereo = (load_checkpoint(runs[3] / f"{name}.safetensors") for name in ("student", "stereo"))
    assert (mono.model, stereo.model) == ("mono_net", "stereo_net")
    assert mono.size_multiple == 32
    figures = ("epe_px", "line_px", "abs_rel", "photometric")
    assert {f"{net}_{figure}" for net in ("mono", "stereo") for figure in figures} == mono.card["scores"].keys()
    assert mono.card["scores"]["mono_line_px"] <= mono.card["scores"]["mono_epe_px"]


def test_stereo_net_labels_stereo_pairs_of_any_size(runs: dict[int, Path]) -> None:
    scenes = StereoScenes(RenderedData(count=1, size=72, seed=2))
    label = stereo_network(str(runs[2])).label(scenes.sample(torch.from_numpy(scenes.planes(0)).float()))
    assert label.disparity.shape == (72, 72)
    assert label.confidence is not None
    assert 0 <= label.confidence.min() <= label.confidence.max() <= 1
    assert (label.disparity >= 0).all()


def test_a_stereo_pair_without_colour_is_shown_grey_and_a_dual_pixel_pair_not_at_all() -> None:
    left, right = torch.rand(2, 1, 1, 8, 8)
    pair = Sample(left, right, left, left, pair="stereo")
    shown = stereo_views(pair, 3)
    for view, given in zip(shown, (left, right), strict=True):
        torch.testing.assert_close(view, (given ** (1 / 2.2)).expand(1, 3, 8, 8))
    with pytest.raises(DpocketError, match="no picture of a second camera"):
        stereo_views(replace(pair, pair="dual-pixel"), 3)


def test_stereo_net_labels_at_a_width_of_its_own_in_px_of_the_pair(runs: dict[int, Path]) -> None:
    scenes = StereoScenes(RenderedData(count=1, size=96, seed=2))
    sample = scenes.sample(torch.from_numpy(scenes.planes(0)).float())
    own, narrow = (make_teacher(str(runs[2]), given) for given in ((), ("width=64",)))
    assert own.identity() != narrow.identity()
    label = narrow.label(sample)
    assert label.disparity.shape == (96, 96)
    # Untrained networks say the same fraction of the width everywhere.
    assert float(label.disparity.mean()) == pytest.approx(float(own.label(sample).disparity.mean()), rel=0.1)


@pytest.mark.parametrize("model", ["pocket", "pyramid", "mono_net"])
def test_every_space_reaches_the_student_and_never_the_teacher(runs: dict[int, Path], model: str) -> None:
    settings = {"mono_net": '{"width": 4, "colours": 2}'}.get(model, "{}")
    made = recipe("explicit", [*SIZES, f"model={model}", f"model_settings={settings}", "grid=false"])
    weights = ["task.photometric=0", "task.smoothness=0", "task.output=0", f"task.teacher={runs[2]}"]
    scenes = RigScenes(RenderedData(count=1, size=64, seed=3), 1008, "truth", "none")
    batch = scenes.sample(torch.from_numpy(scenes.planes(0)).float())
    for space in ("feature", "long_range"):
        for masked in ("false", "true"):
            task = make_task(override(made, [*weights, f"task.{space}=1", f"task.masked={masked}"]))
            assert isinstance(task, ExplicitTask)
            network = task.network()
            loss, figures = task.loss(network, batch)
            loss.backward()
            student = [p.grad for name, p in network.named_parameters() if name.startswith("student.")]
            assert float(loss.detach()) > 0
            assert any(grad is not None and bool(grad.abs().sum() > 0) for grad in student), space
            assert task.teacher is not None
            teacher = [*task.teacher.mono.parameters(), *task.teacher.stereo.parameters()]
            assert all(p.grad is None and not p.requires_grad for p in teacher)
            assert ("share_taught" in figures) == (masked == "true")


def test_only_the_student_of_a_distilled_run_ships(tmp_path: Path, runs: dict[int, Path]) -> None:
    made = recipe("explicit", [*SIZES, "model_settings={}", f"task.teacher={runs[2]}", "task.feature=0.1"])
    task = make_task(override(made, ["task.masked=true", "task.long_range=1"]))
    network = task.network()
    shipped = task.shipped(network.state_dict())
    assert any(name.startswith("project.") for name in network.state_dict())
    assert not any(name.startswith("project.") for name in shipped["student"].weights)
