"""Checkpoints: what was saved comes back, and what is damaged is refused with a sentence."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from runtime_py.contract import Preprocess
from runtime_py.errors import ArtifactError, DpocketError
from training.checkpoint import load_checkpoint, require_writable, save_checkpoint
from training.losses import CONFIDENT
from training.models.pocket import PocketStudent
from training.models.pyramid import PyramidStudent
from training.recipes import recipe

SMALL = {"half": 4, "quarter": 6, "eighth": 6, "sixteenth": 8}
MADE = recipe(
    "pocket", [f"model_settings={json.dumps(SMALL)}", "preprocess.box=15", "data.seed=5", "working_width=700"]
)


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return dict(PocketStudent(**SMALL).state_dict())


@pytest.fixture
def saved(tmp_path: Path, weights: dict[str, torch.Tensor]) -> Path:
    path = tmp_path / "student.safetensors"
    save_checkpoint(path, weights, {"recipe": MADE.to_dict(), "steps": 3})
    return path


def edit_card(path: Path, **changes: object) -> None:
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, **changes}))


def test_weights_and_card_come_back(saved: Path, weights: dict[str, torch.Tensor]) -> None:
    checkpoint = load_checkpoint(saved)
    assert checkpoint.student.state_dict().keys() == weights.keys()
    assert all(torch.equal(t, weights[name]) for name, t in checkpoint.student.state_dict().items())
    assert not checkpoint.student.training
    assert checkpoint.name == "student"
    assert checkpoint.preprocess == Preprocess(box=15)
    assert checkpoint.data == MADE.data
    assert (checkpoint.working_width, checkpoint.output_stride, checkpoint.size_multiple) == (700, 4, 16)
    assert checkpoint.card["weights_sha256"] == hashlib.sha256(saved.read_bytes()).hexdigest()


def test_what_a_student_answers_goes_by_name(saved: Path, tmp_path: Path) -> None:
    views = [torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    one = load_checkpoint(saved)
    assert (one.outputs, one.confident_px) == (("disparity",), None)
    assert torch.equal(one.answer(*views)["disparity"], one.student(*views))

    sizes = {"half": 4, "quarter": 6, "eighth": 6, "deep": 8}
    card = {"recipe": {**MADE.to_dict(), "model": "pyramid", "model_settings": sizes}}
    save_checkpoint(tmp_path / "two.safetensors", dict(PyramidStudent(4, 6, 6, 8).state_dict()), card)
    two = load_checkpoint(tmp_path / "two.safetensors")
    assert (two.outputs, two.size_multiple) == (("disparity", "confidence"), 32)
    assert two.confident_px == CONFIDENT
    disparity, confidence = two.student(*views)
    assert torch.equal(two.answer(*views)["disparity"], disparity)
    assert torch.equal(two.answer(*views)["confidence"], confidence)


def test_a_run_folder_stands_for_its_student(saved: Path) -> None:
    assert load_checkpoint(saved.parent).path == saved


def test_weights_that_are_views_of_a_larger_tensor_are_saved_too(tmp_path: Path) -> None:
    strided = {name: t.repeat(2, *[1] * (t.ndim - 1))[::2] for name, t in PocketStudent(**SMALL).state_dict().items()}
    save_checkpoint(tmp_path / "s.safetensors", strided, {"recipe": MADE.to_dict()})
    loaded = load_checkpoint(tmp_path / "s.safetensors").student.state_dict()
    assert all(torch.equal(loaded[name], t) for name, t in strided.items())


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_half_is_named(saved: Path, suffix: str) -> None:
    saved.with_suffix(suffix).unlink()
    with pytest.raises(ArtifactError, match=rf"student{suffix} is missing \(a checkpoint is"):
        load_checkpoint(saved)


def test_an_empty_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no checkpoint at .*student.safetensors is missing"):
        load_checkpoint(tmp_path)


def test_one_flipped_bit_of_the_weights_is_found(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[-1] ^= 1
    saved.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"damaged or does not belong to student.json"):
        load_checkpoint(saved)


def test_card_of_another_student_is_found(saved: Path) -> None:
    edit_card(saved, weights_sha256="0" * 64)
    with pytest.raises(ArtifactError, match="its hash is not the card's"):
        load_checkpoint(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"a": 1}', '{"weights_sha256": "x", "recipe": []}', "\udcff"])
def test_foreign_json_is_not_taken_for_a_card(saved: Path, text: str) -> None:
    saved.with_suffix(".json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ArtifactError, match=r"student.json is not the card of a checkpoint"):
        load_checkpoint(saved)


@pytest.mark.parametrize("content", [b"", b"not tensors", b"\xff" * 64])
def test_a_file_that_is_no_safetensors_is_refused_even_with_a_matching_card(saved: Path, content: bytes) -> None:
    saved.write_bytes(content)
    edit_card(saved, weights_sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ArtifactError, match="does not hold the weights of a 'pocket' network"):
        load_checkpoint(saved)


def test_weights_of_another_width_are_refused(saved: Path) -> None:
    edit_card(saved, recipe={**MADE.to_dict(), "model_settings": {}})
    with pytest.raises(ArtifactError, match="does not hold the weights of a 'pocket' network"):
        load_checkpoint(saved)


@pytest.mark.parametrize("settings", [{"depth": 3}, [1], {"half": "wide"}])
def test_settings_that_the_network_does_not_take_are_refused(saved: Path, settings: object) -> None:
    edit_card(saved, recipe={**MADE.to_dict(), "model_settings": settings})
    with pytest.raises(ArtifactError, match=r"student.json has settings that the 'pocket' network does not take"):
        load_checkpoint(saved)


def test_an_unknown_network_is_refused_with_the_known_ones(saved: Path) -> None:
    edit_card(saved, recipe={**MADE.to_dict(), "model": "giant"})
    with pytest.raises(DpocketError, match="no network is called 'giant'; known are: pocket"):
        load_checkpoint(saved)


def test_results_cannot_go_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(DpocketError, match=r"cannot use .*taken for the results"):
        require_writable(tmp_path / "taken")
