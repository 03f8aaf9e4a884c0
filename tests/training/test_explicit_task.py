"""A stereo teacher and a student of one phone: labels on the pair's pixels, an affine map apart, and no way back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from runtime_py.captures.pfm import write_pfm
from runtime_py.errors import DpocketError
from training.affine import fit_line
from training.checkpoint import load_checkpoint
from training.data.augment import Augmentation, augment
from training.data.geometry import flip_across_axis
from training.data.rendered import RenderedData
from training.data.sample import Sample, check
from training.fit import fit
from training.recipes import override, recipe
from training.tasks import make_task
from training.tasks.explicit import ExplicitTask, of_the_pair
from training.tasks.inputs import Answer
from training.tasks.rig_scenes import RigScenes
from training.tasks.scenes import generator
from training.tasks.spaces import as_stereo, better
from training.warp import left_from_right

SIZE = 96
DATA = RenderedData(count=1, size=SIZE, seed=3)
WIDTH = 1008

TINY = recipe(
    "explicit",
    [
        'model_settings={"half": 4, "quarter": 6, "eighth": 6, "sixteenth": 8}',
        *("data.count=2", "data.size=80", "optimisation.crop=64", "optimisation.batch=4", "optimisation.steps=4"),
        *("monitor.scenes=1", "monitor.save_every=4", "monitor.log_every=1"),
    ],
)


@pytest.fixture(scope="module")
def planes() -> Tensor:
    """(3, 12, SIZE, SIZE): one scene, three phones, labelled by the geometry in px of stereo."""
    return torch.from_numpy(RigScenes(DATA, WIDTH, "truth", "none").planes(0)).float()


@pytest.fixture(scope="module")
def sample(planes: Tensor) -> Sample:
    return RigScenes(DATA, WIDTH, "truth", "none").sample(planes)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def line_residual(label: Tensor, truth: Tensor, trust: Tensor) -> Tensor:
    """Per sample, the weighted mean |residual| of the best line from label to truth, as a share of its spread."""
    slope, offset = fit_line(label, truth, trust)
    left = ((slope * label + offset - truth).abs() * trust).sum((1, 2, 3)) / trust.sum((1, 2, 3))
    return left / truth.std((1, 2, 3))


def test_stereo_disparity_on_the_pixels_of_a_pair_is_an_affine_map_of_that_pair_s(
    planes: Tensor, sample: Sample
) -> None:
    check(sample)
    truth, trust = RigScenes(DATA, WIDTH).truth(planes), sample.valid
    assert float(line_residual(sample.disparity, truth, trust).max()) < 0.1
    unregistered = torch.roll(sample.disparity, (0, 6), (2, 3))
    assert float(line_residual(unregistered, truth, trust).min()) > float(
        line_residual(sample.disparity, truth, trust).max()
    )
    slopes = fit_line(sample.disparity, truth, trust)[0].flatten()
    offsets = fit_line(sample.disparity, truth, trust)[1].flatten()
    assert bool((slopes > 0).all())
    assert float(offsets.max() - offsets.min()) > 0.02, "each phone is focused for itself"


def test_a_label_brought_to_px_of_the_pair_is_nearer_to_its_truth_than_stereo_px_are(planes: Tensor) -> None:
    scenes = RigScenes(DATA, WIDTH, "truth", "matching")
    fitted = torch.from_numpy(scenes.planes(0)).float()
    truth, trust = scenes.truth(planes), planes[:, 9:10]
    plain, brought = (float(((p[:, 8:9] - truth).abs() * trust).sum() / trust.sum()) for p in (planes, fitted))
    assert brought < plain / 3
    assert torch.equal(planes[:, :8], fitted[:, :8])


def test_the_pictures_beside_a_pair_are_a_stereo_pair_however_the_sample_is_mirrored(sample: Sample) -> None:
    for seen in (
        sample,
        flip_across_axis(sample),
        augment(sample, Augmentation(0.5, 0, 0, 0, 0), generator("test", torch.device("cpu"))),
    ):
        left, right, turn = as_stereo(seen, 3)
        disparity, trust = turn(seen.disparity), turn(seen.valid)
        assert torch.equal(left, turn(seen.rgb.clamp(0, 1) ** (1 / 2.2)) if seen.rgb is not None else left)

        def error(by: Tensor, left: Tensor = left, right: Tensor = right, trust: Tensor = trust) -> float:
            moved = left_from_right(right, by / by.shape[-1])
            return float(((moved - left).abs().mean(1, keepdim=True) * trust).sum() / trust.sum())

        assert error(disparity) < 0.7 * min(error(0 * disparity), error(-disparity))


def test_the_teacher_is_better_where_only_its_disparity_explains_the_picture() -> None:
    right = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(64.0).view(1, 1, 64, 1).expand(1, 1, 64, 96)
    truth = torch.where(rows < 44, 2.0, 6.0) / 96
    left = left_from_right(right, truth)
    inside = (slice(None), slice(None), slice(None), slice(8, None))
    taught = better(torch.full_like(truth, 2.0), truth, left, right)
    assert [t.shape[-1] for t in taught] == [96, 48, 24, 12]
    assert float(taught[0][inside][:, :, 46:].mean()) > 0.95
    a_line_of_the_truth = 40 - 300 * (0.1 - truth)
    assert float(better(a_line_of_the_truth, torch.full_like(truth, 4 / 96), left, right)[0][inside].mean()) < 0.05


def test_a_pair_alone_prefers_its_own_disparity() -> None:
    generator = torch.Generator().manual_seed(0)
    texture = torch.nn.functional.avg_pool2d(torch.randn(1, 1, 68, 102, generator=generator), 5, 1)
    disparity = torch.full((1, 1, 64, 96), 2.0)
    pair = Sample(texture[..., :96] * 5, texture[..., 2:] * 5, disparity, torch.ones_like(disparity))
    errors = {d: float(of_the_pair(torch.full((1, 1, 16, 24), d), pair)[0]) for d in (-2.0, 0.0, 1.0, 2.0, 3.0)}
    assert min(errors, key=lambda d: errors[d]) == 2.0


@pytest.mark.parametrize("fit_", ["matching", "student", "none"])
def test_the_loss_of_every_fit_falls_towards_the_label(sample: Sample, fit_: str) -> None:
    task = make_task(override(TINY, [f"task.fit={fit_}", "task.photometric=0", "task.smoothness=0"]))
    assert isinstance(task, ExplicitTask)
    torch.manual_seed(0)
    network = task.network()
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    small = sample.map(lambda t: t[..., :64, :64])
    losses = []
    for _ in range(40):
        loss, figures = task.loss(network, small)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        assert not figures["output"].requires_grad
    assert losses[-1] < 0.7 * losses[0]


def test_the_fit_against_the_student_forgives_every_line_within_its_limits(sample: Sample) -> None:
    task = make_task(override(TINY, ["task.fit=student"]))
    assert isinstance(task, ExplicitTask)
    label = torch.nn.functional.avg_pool2d(sample.disparity, 4)
    even = replace(sample, disparity=label.repeat_interleave(4, 2).repeat_interleave(4, 3))
    for slope, offset in ((1.0, 0.0), (0.5, 30.0), (3.0, -4.0)):
        assert float(task._against_label(Answer((label - offset) / slope), even)["output"]) < 0.02
    assert float(task._against_label(Answer(-label), even)["output"]) > 0.2
    assert float(task._against_label(Answer(0.01 * label), even)["output"]) > 0.1


@pytest.mark.parametrize("teacher", ["truth", "sgbm"])
def test_a_student_is_trained_on_a_teacher_s_labels_and_ships_alone(tmp_path: Path, cache: Path, teacher: str) -> None:
    fit(override(TINY, [f"task.teacher={teacher}"]), tmp_path, cache=cache)
    checkpoint = load_checkpoint(tmp_path)
    scores = checkpoint.card["scores"]
    assert f"labelled by '{teacher}'" in checkpoint.card["data"]
    assert 0 < scores["ai1_px"] <= scores["rendered_error_px"] < scores["rendered_worst_px"]
    assert 0.2 < scores["label_known"] <= 1
    views = torch.zeros(2, 1, 1, 64, 64)
    with torch.no_grad():
        assert checkpoint.student(*views).shape == (1, 1, 16, 16)


def test_files_of_another_program_label_the_scenes_by_name(tmp_path: Path) -> None:
    for name in "CBA":
        write_pfm(tmp_path / f"rig_3_0_{name}_disp.pfm", np.full((SIZE, SIZE), 5.0 + ord(name), np.float32))
    made = torch.from_numpy(RigScenes(DATA, WIDTH, str(tmp_path), "none").planes(0)).float()
    known = made[:, 9:10] > 0
    for phone, name in enumerate("CBA"):
        assert set(made[phone, 8:9][known[phone]].tolist()) == {5.0 + ord(name)}


@pytest.mark.parametrize("inputs", ["dp", "rgb_dp", "mono"])
def test_a_network_of_any_inputs_is_trained(tmp_path: Path, cache: Path, inputs: str) -> None:
    colours = {"dp": 2, "rgb_dp": 5, "mono": 3}[inputs]
    settings = ["model=mono_net", f'model_settings={{"width": 4, "colours": {colours}}}', "grid=false"]
    made = override(TINY, [*settings, f"task.inputs={inputs}", "task.teacher=truth", "optimisation.steps=1"])
    fit(made, tmp_path, cache=cache)
    assert load_checkpoint(tmp_path).model == "mono_net"


def test_a_teacher_that_is_no_run_of_stereo_net_has_no_features(tmp_path: Path) -> None:
    with pytest.raises(DpocketError, match=r"holds no student\.safetensors and stereo\.safetensors"):
        make_task(override(TINY, ["task.feature=0.1", f"task.teacher={tmp_path}"]))
