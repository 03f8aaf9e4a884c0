"""The training loop on a tiny run: it learns, stops and goes on without a trace, and refuses to lose anything."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from runtime_py.errors import DpocketError
from training.checkpoint import load_checkpoint
from training.data import rendered
from training.data.rendered import RenderedPool
from training.fit import fit
from training.processes import ALONE
from training.recipes import Recipe, override, recipe
from training.run import Run
from training.tasks import make_task
from training.tasks.disparity import validation_batch
from training.tasks.scenes import FixedPool, SceneBatches

TINY = recipe(
    "pocket",
    [
        'model_settings={"half": 4, "quarter": 6, "eighth": 6, "sixteenth": 8}',
        "data.count=16",
        "data.size=112",
        "optimisation.steps=12",
        "optimisation.batch=2",
        "optimisation.crop=64",
        "monitor.scenes=3",
        "monitor.save_every=4",
    ],
)


class Killed(BaseException):
    """Stands for a process that ends in the middle of a run."""


def kill(what: str, done: int, of: int, figures: dict[str, float]) -> None:
    if what == "train" and done == 10:
        raise Killed


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
    assert 0 < card["scores"]["rendered_error_px"] < card["scores"]["rendered_worst_px"] < 20
    assert sum(card["step_time"].values()) == pytest.approx(1, abs=1e-3)
    views = torch.zeros(2, 1, 1, 32, 32)
    with torch.no_grad():
        assert checkpoint.student(*views).shape == (1, 1, 8, 8)


def test_progress_counts_scenes_then_steps(
    undisturbed: Path, reports: list[tuple[str, int, int, dict[str, float]]]
) -> None:
    assert ("render scenes", 16, 16, {}) in reports
    steps = [(done, of) for what, done, of, _ in reports if what == "train"]
    assert steps == [(10, 12), (12, 12)]
    told = reports[-1][3]
    assert {"loss", "rendered_error_px", "rate", "steps/s"} <= told.keys()
    assert sum(told[phase] for phase in ("data", "forward", "backward", "optimiser")) == pytest.approx(1)


def test_training_moves_the_weights_and_the_average_follows_behind(undisturbed: Path) -> None:
    moved = state(undisturbed)
    torch.manual_seed(TINY.seed)
    start = Run(TINY, make_task(TINY), undisturbed.parent / "unused", ALONE).average
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


def test_what_only_watches_a_run_may_change_when_it_is_resumed(undisturbed: Path, cache: Path) -> None:
    before = (undisturbed / "state.pt").read_bytes()
    fit(override(TINY, ["monitor.log_every=5", "monitor.scenes=2"]), undisturbed, resume=True, cache=cache)
    assert (undisturbed / "state.pt").read_bytes() == before


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
    batches = SceneBatches(FixedPool(RenderedPool(TINY.data, cache)), TINY)
    torch.manual_seed(99)
    fifth = batches[5]
    batches[6]
    assert fifth.left.shape == fifth.disparity.shape == (2, 1, 64, 64)
    assert torch.equal(fifth.left, batches[5].left)
    assert not torch.equal(fifth.left, batches[6].left)
    other: Recipe = override(TINY, ["seed=2"])
    assert not torch.equal(fifth.left, SceneBatches(FixedPool(RenderedPool(TINY.data, cache)), other)[5].left)


def test_held_out_scenes_are_no_training_scenes(undisturbed: Path, cache: Path) -> None:
    training = RenderedPool(TINY.data, cache).every().disparity[..., :64, :64]
    held_out = validation_batch(TINY, cache).disparity
    assert held_out.shape == (3, 1, 64, 64)
    for scene in held_out:
        assert not any(torch.equal(scene, other) for other in training)


def test_scalars_and_a_few_pictures_are_there_for_tensorboard(undisturbed: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(undisturbed / "board")).Reload()
    assert [event.step for event in board.Scalars("loss")] == [10, 12]
    assert [event.step for event in board.Scalars("validation/rendered_error_px")] == [4, 8, 12]
    assert {"rate", "gradient_norm", "step_time/data"} <= set(board.Tags()["scalars"])
    assert board.Tags()["images"] == ["left", "found", "truth"]
    assert sum(path.stat().st_size for path in (undisturbed / "board").iterdir()) < 1e6


def test_a_run_that_is_out_of_time_saves_and_goes_on_later_to_the_same_end(
    tmp_path: Path, undisturbed: Path, cache: Path
) -> None:
    short = override(TINY, ["monitor.minutes=1e-9", "monitor.log_every=3", "monitor.board=false"])
    fit(short, tmp_path / "run", cache=cache)
    assert load_checkpoint(tmp_path / "run").card["steps"] == 3
    fit(TINY, tmp_path / "run", resume=True, cache=cache)
    ours, straight = state(tmp_path / "run"), state(undisturbed)
    assert all(torch.equal(ours[path], straight[path]) for path in straight)


def test_a_run_may_begin_with_the_weights_of_another(tmp_path: Path, undisturbed: Path, cache: Path) -> None:
    still = override(TINY, [f"start={undisturbed}", "optimisation.steps=1", "optimisation.learning_rate=0"])
    fit(still, tmp_path, cache=cache)
    begun, trained = (load_file(run / "student.safetensors") for run in (tmp_path, undisturbed))
    assert all(torch.equal(begun[name], trained[name]) for name in trained)


def test_a_run_may_begin_with_what_it_shares_with_a_shipped_student(tmp_path: Path, cache: Path) -> None:
    settings = ["model=pyramid", "model_settings={}", "start=pocket", "start_shared=true"]
    still = override(TINY, [*settings, "optimisation.steps=1", "optimisation.learning_rate=0"])
    fit(still, tmp_path, cache=cache)
    begun, shipped = load_file(tmp_path / "student.safetensors"), load_file("training/weights/pocket.safetensors")
    alike = {name for name in begun.keys() & shipped.keys() if torch.equal(begun[name], shipped[name])}
    assert {"stem.weight", "match.bias", "context_b.weight", "merge_quarter.weight", "head.weight"} <= alike
    assert not {"wide.weight", "down_sixteenth.weight", "confidence.weight"} & alike


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        ("nowhere", "'start' is nowhere, where there is neither a run nor a checkpoint"),
        ("training/weights/pocket.safetensors", "are not those of this network"),
    ],
)
def test_weights_that_do_not_fit_cannot_be_begun_with(tmp_path: Path, start: str, sentence: str) -> None:
    with pytest.raises(DpocketError, match=sentence):
        fit(override(TINY, [f"start={start}"]), tmp_path)


def test_mixed_precision_trains_and_keeps_weights_in_32_bit(tmp_path: Path, cache: Path) -> None:
    fit(override(TINY, ["precision=bf16-mixed", "optimisation.steps=4"]), tmp_path, cache=cache)
    saved = state(tmp_path)
    assert {t.dtype for path, t in saved.items() if path.startswith(("/model", "/average"))} == {torch.float32}
    assert all(bool(torch.isfinite(t).all()) for t in saved.values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has 16-mixed")
@pytest.mark.parametrize(
    ("precision", "sentence"),
    [("8", "'precision' is '8', which cannot be had"), ("16-mixed", "needs a GPU; set precision=bf16-mixed")],
)
def test_a_precision_that_cannot_be_had_is_refused(tmp_path: Path, precision: str, sentence: str) -> None:
    with pytest.raises(DpocketError, match=sentence):
        fit(override(TINY, [f"precision={precision}"]), tmp_path)


def test_fast_settings_resume_bit_by_bit_and_ship_weights_of_the_usual_layout(tmp_path: Path, cache: Path) -> None:
    fast = override(TINY, ["precision=bf16-mixed", "channels_last=true", "monitor.board=false"])
    fit(fast, tmp_path / "straight", cache=cache)
    with pytest.raises(Killed):
        fit(fast, tmp_path / "killed", progress=kill, cache=cache)
    fit(fast, tmp_path / "killed", resume=True, cache=cache)
    ours, straight = state(tmp_path / "killed"), state(tmp_path / "straight")
    assert all(torch.equal(ours[path], straight[path]) for path in straight)
    shipped = load_file(tmp_path / "straight" / "student.safetensors")
    for name, average in shipped.items():
        assert torch.equal(average, straight[f"/average/{name}"])
    network = Run(fast, make_task(fast), tmp_path / "unused", ALONE).averaged()
    assert network.get_parameter("match.weight").stride() != shipped["match.weight"].stride()


def test_layout_changes_a_step_by_rounding_only(tmp_path: Path, undisturbed: Path, cache: Path) -> None:
    batch = SceneBatches(FixedPool(RenderedPool(TINY.data, cache)), TINY)[0]
    found = []
    for layout in ("false", "true"):
        made = override(TINY, [f"channels_last={layout}"])
        run = Run(made, make_task(made), tmp_path, ALONE)
        loss, _ = run.train_step(batch)
        found.append((loss, dict(run.network.state_dict())))
    (planes, weights), (pixels, moved) = found
    assert float(pixels) == pytest.approx(float(planes), rel=1e-5)
    start = Run(TINY, make_task(TINY), tmp_path, ALONE).average
    for name, weight in weights.items():
        assert moved[name].shape == weight.shape
        assert float((moved[name] - weight).norm()) < 1e-2 * float((weight - start[name]).norm()), name


def test_fresh_scenes_train_and_resume_bit_by_bit(tmp_path: Path, cache: Path) -> None:
    fresh = override(TINY, ["fresh.scenes=0.5", "fresh.block=2", "fresh.blocks=2", "monitor.board=false"])
    fit(fresh, tmp_path / "straight", cache=cache)
    with pytest.raises(Killed):
        fit(fresh, tmp_path / "killed", progress=kill, cache=cache)
    fit(fresh, tmp_path / "killed", resume=True, cache=cache)
    ours, straight = state(tmp_path / "killed"), state(tmp_path / "straight")
    assert all(torch.equal(ours[path], straight[path]) for path in straight)
    card = load_checkpoint(tmp_path / "killed").card
    assert card["data"].startswith("about 10 scenes rendered")
    assert card["step_time"]["render"] > 0


def test_a_network_with_a_confidence_learns_it_too(tmp_path: Path, cache: Path) -> None:
    reports: list[dict[str, float]] = []
    settings = ["model=pyramid", "model_settings={}", "optimisation.steps=2", "monitor.log_every=1"]
    fit(override(TINY, settings), tmp_path, progress=lambda *report: reports.append(report[3]), cache=cache)
    views = torch.zeros(2, 1, 1, 64, 64)
    with torch.no_grad():
        assert load_checkpoint(tmp_path).answer(*views).keys() == {"disparity", "confidence"}


def test_a_run_goes_on_when_the_renderers_source_changes_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Path
) -> None:
    def source_changed(what: str, done: int, of: int, figures: dict[str, float]) -> None:
        if what == "train":
            monkeypatch.setattr(rendered, "hashed_with", lambda *_: "of other sources")

    out = fit(TINY, tmp_path / "run", progress=source_changed, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*other*"))
    assert load_file(out).keys() == load_file(undisturbed / "student.safetensors").keys()
