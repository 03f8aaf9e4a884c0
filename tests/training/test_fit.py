"""The training loop on a tiny run: it learns, stops and goes on without a trace, and refuses to lose anything."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from runtime_py.errors import DpocketError
from training import fit as loop
from training.checkpoint import load_checkpoint
from training.data.rendered import RenderedPool
from training.fit import TrainingBatches, fit, learning_rate
from training.recipes import Recipe, override, recipe
from training.recipes.base import Optimisation

TINY = recipe(
    "pocket",
    [
        'model_settings={"half": 4, "quarter": 6, "eighth": 6, "sixteenth": 8}',
        "data.count=16",
        "data.size=112",
        "optimisation.steps=12",
        "optimisation.batch=2",
        "optimisation.crop=64",
    ],
)


class Killed(BaseException):
    """Stands for a process that ends in the middle of a run."""


def kill(what: str, done: int, of: int, figures: dict[str, float]) -> None:
    if what == "train" and done == 10:
        raise Killed


@pytest.fixture(scope="module", autouse=True)
def small_validation() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "VALIDATION_SCENES", 3)
        patch.setattr(loop, "SAVE_EVERY", 4)
        yield


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def reports() -> list[tuple[str, int, int, dict[str, float]]]:
    return []


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, reports: list[tuple[str, int, int, dict[str, float]]]
) -> Path:
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    fit(TINY, out, progress=lambda *report: reports.append(report), cache=cache)
    return out


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, undisturbed: Path, cache: Path) -> Path:
    """A run that ended at step 10, two steps after it was last saved."""
    out = tmp_path_factory.mktemp("runs") / "killed"
    with pytest.raises(Killed):
        fit(TINY, out, progress=kill, cache=cache)
    return out


def state(out: Path) -> dict[str, Tensor]:
    """Every tensor that a run goes on from, by its path in the saved state."""
    found: dict[str, Tensor] = {}

    def walk(value: object, path: str) -> None:
        if isinstance(value, Tensor):
            found[path] = value
        elif isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{path}/{key}")

    walk(torch.load(out / "state.pt", weights_only=True), "")
    return found


def test_a_run_leaves_a_loadable_student_whose_card_tells_where_it_comes_from(undisturbed: Path) -> None:
    checkpoint = load_checkpoint(undisturbed)
    card = checkpoint.card
    assert card["recipe"] == TINY.to_dict()
    assert card["steps"] == 12
    assert card["seconds"] > 0
    assert card["data"].startswith("16 scenes rendered")
    assert {"commit", "hardware", "torch"} <= card.keys()
    assert 0 < card["scores"]["rendered_error_px"] < 20
    views = torch.zeros(2, 1, 1, 32, 32)
    with torch.no_grad():
        assert checkpoint.student(*views).shape == (1, 1, 8, 8)


def test_progress_counts_scenes_then_steps(
    undisturbed: Path, reports: list[tuple[str, int, int, dict[str, float]]]
) -> None:
    assert ("render scenes", 16, 16, {}) in reports
    steps = [(done, of) for what, done, of, _ in reports if what == "train"]
    assert steps == [(10, 12), (12, 12)]
    assert {"loss", "rendered_error_px"} <= reports[-1][3].keys()


def test_training_moves_the_weights_and_the_average_follows_behind(undisturbed: Path) -> None:
    moved = state(undisturbed)
    torch.manual_seed(TINY.seed)
    start = loop.Run(TINY, undisturbed.parent / "unused").average
    for name, average in load_file(undisturbed / "student.safetensors").items():
        if name.endswith("weight"):
            now, before = moved[f"/model/{name}"], start[name]
            assert 0 < float((average - before).norm()) < float((now - before).norm()), name


def test_killed_and_resumed_run_equals_an_undisturbed_one_bit_by_bit(
    killed: Path, undisturbed: Path, cache: Path
) -> None:
    assert torch.load(killed / "state.pt", weights_only=True)["step"] == 8
    assert load_checkpoint(killed).card["steps"] == 8
    fit(TINY, killed, resume=True, cache=cache)
    assert (killed / "student.safetensors").read_bytes() == (undisturbed / "student.safetensors").read_bytes()
    resumed, straight = state(killed), state(undisturbed)
    assert resumed.keys() == straight.keys()
    assert sum("exp_avg_sq" in path for path in resumed) == len(list(load_file(killed / "student.safetensors")))
    assert all(torch.equal(resumed[path], straight[path]) for path in straight)


def test_resuming_a_finished_run_changes_nothing(undisturbed: Path, cache: Path) -> None:
    before = (undisturbed / "state.pt").read_bytes()
    assert fit(TINY, undisturbed, resume=True, cache=cache) == undisturbed / "student.safetensors"
    assert (undisturbed / "state.pt").read_bytes() == before


def test_a_folder_with_a_run_is_refused_without_resume(undisturbed: Path, cache: Path) -> None:
    before = (undisturbed / "student.safetensors").read_bytes()
    with pytest.raises(DpocketError, match=r"already holds a run; continue it with --resume or choose another --out"):
        fit(TINY, undisturbed, cache=cache)
    assert (undisturbed / "student.safetensors").read_bytes() == before


def test_a_run_of_another_recipe_is_not_resumed(undisturbed: Path, cache: Path) -> None:
    with pytest.raises(DpocketError, match="holds a run of another recipe"):
        fit(override(TINY, ["optimisation.learning_rate=1e-3"]), undisturbed, resume=True, cache=cache)


def test_a_damaged_state_is_refused_with_its_name(tmp_path: Path, undisturbed: Path, cache: Path) -> None:
    (tmp_path / "state.pt").write_bytes((undisturbed / "state.pt").read_bytes()[:1000])
    with pytest.raises(DpocketError, match=r"state.pt is damaged, so this run cannot go on"):
        fit(TINY, tmp_path, resume=True, cache=cache)


def test_a_diverged_run_stops_before_anything_is_saved(tmp_path: Path, undisturbed: Path, cache: Path) -> None:
    with pytest.raises(
        DpocketError, match=r"training diverged at step \d+ \(loss .*, lower optimisation.learning_rate"
    ):
        fit(override(TINY, ["optimisation.learning_rate=1e30"]), tmp_path, cache=cache)
    assert not (tmp_path / "student.safetensors").exists()


def test_settings_that_cannot_train_are_refused_before_the_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(DpocketError, match=r"'optimisation.crop' is 128"):
        fit(override(TINY, ["optimisation.crop=128"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_batch_of_a_step_follows_from_seed_and_step_alone(undisturbed: Path, cache: Path) -> None:
    batches = TrainingBatches(RenderedPool(TINY.data, cache), TINY)
    torch.manual_seed(99)
    fifth = batches[5]
    batches[6]
    assert fifth.left.shape == fifth.disparity.shape == (2, 1, 64, 64)
    assert torch.equal(fifth.left, batches[5].left)
    assert not torch.equal(fifth.left, batches[6].left)
    other: Recipe = override(TINY, ["seed=2"])
    assert not torch.equal(fifth.left, TrainingBatches(RenderedPool(TINY.data, cache), other)[5].left)


def test_held_out_scenes_are_no_training_scenes(undisturbed: Path, cache: Path) -> None:
    training = RenderedPool(TINY.data, cache).every().disparity[..., :64, :64]
    held_out = loop.validation_batch(TINY, cache).disparity
    assert held_out.shape == (3, 1, 64, 64)
    for scene in held_out:
        assert not any(torch.equal(scene, other) for other in training)


def test_learning_rate_rises_linearly_and_falls_as_a_cosine() -> None:
    settings = Optimisation(steps=100, warmup=0.1, learning_rate=2e-3)
    rates = [learning_rate(step, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([2e-4 * (n + 1) for n in range(10)])
    assert rates[10] == pytest.approx(2e-3)
    assert rates[55] == pytest.approx(1e-3)
    assert 0 < rates[99] < 2e-6
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
