"""Distillation spaces: by hand, by numpy, and the traps of the released code, each failing on its wrong version."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import Tensor

from runtime_py.errors import DpocketError
from training.distill import SPACES, teacher_is_better
from training.distill.affinity import ROWS, affinity, long_range_loss
from training.distill.feature import feature_loss
from training.distill.masked import left_mask, masked_mean
from training.distill.output import output_loss
from training.losses.figures import Figures
from training.models.blocks import Outputs


def outputs(seed: int, size: tuple[int, int] = (32, 64), channels: int = 3, batch: int = 2) -> Outputs:
    """Random outputs of a network for pictures of `size`; everything a leaf that wants gradients."""
    generator = torch.Generator().manual_seed(seed)

    def plane(c: int, i: int) -> Tensor:
        return torch.randn(batch, c, size[0] >> i, size[1] >> i, generator=generator).requires_grad_()

    return Outputs(
        tuple(plane(2, i) for i in range(4)),
        tuple(plane(channels + i, i) for i in range(4)),
        tuple(plane(channels + i, i) for i in (3, 4)),
    )


def value(found: tuple[Tensor, Figures]) -> float:
    return float(found[0].detach())


def tensors(found: Outputs) -> list[Tensor]:
    return [t for part in found for t in part]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", SPACES)
def test_no_gradient_reaches_the_teacher_in_any_space(name: str, masked: bool) -> None:
    """The released code has no stop-gradient in feature space: the teacher is drawn to the student there."""
    student, teacher = outputs(0), outputs(1)
    masks = [torch.ones(2, 2, 32 >> i, 64 >> i) for i in range(4)] if masked else None
    loss, figures = SPACES[name](student, teacher, masks)
    loss.backward()
    assert all(t.grad is None for t in tensors(teacher))
    assert any(t.grad is not None and float(t.grad.abs().sum()) > 0 for t in tensors(student))
    assert not any(v.requires_grad for v in figures.values())


@pytest.mark.parametrize("name", SPACES)
def test_a_student_that_equals_its_teacher_has_nothing_to_learn(name: str) -> None:
    with torch.no_grad():
        assert value(SPACES[name](outputs(0), outputs(0), None)) == pytest.approx(0, abs=1e-9)
        assert value(SPACES[name](outputs(0), outputs(1), None)) > 1e-3


@pytest.mark.parametrize(("name", "part"), [("output", 0), ("feature", 1)])
def test_output_and_feature_space_are_sums_over_scales_of_mean_differences(name: str, part: int) -> None:
    student, teacher = outputs(0), outputs(1)
    pairs = zip(student[part], teacher[part], strict=True)
    expected = sum(float(np.abs(a.detach().numpy() - b.detach().numpy()).mean()) for a, b in pairs)
    assert value(SPACES[name](student, teacher, None)) == pytest.approx(expected, rel=1e-5)


def test_affinity_equals_numpys_softmax_over_places() -> None:
    x = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(2))
    places = x.numpy().reshape(2, 5, 12).astype(float)
    expected = softmax(np.einsum("bcp,bcq->bpq", places, places), axis=-1)
    np.testing.assert_allclose(affinity(x).numpy(), expected, atol=1e-6)


def test_affinity_is_between_places_and_not_between_channels() -> None:
    """The released code reshapes (H, W, C) to (C, H·W) without a transpose: channels and places are mixed there.

    True of places: the order of channels does not matter, and moving places moves rows and columns alike.
    """
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(1, 6, 4, 5, generator=generator)
    shuffled = x[:, torch.randperm(6, generator=generator)]
    torch.testing.assert_close(affinity(shuffled), affinity(x), rtol=1e-4, atol=1e-6)
    order = torch.randperm(20, generator=generator)
    moved = x.flatten(2)[:, :, order].reshape(1, 6, 4, 5)
    torch.testing.assert_close(affinity(moved), affinity(x)[:, order][:, :, order], rtol=1e-4, atol=1e-6)
    as_released = x.permute(0, 2, 3, 1).reshape(1, 6, 20)
    wrong = torch.softmax(as_released.mT @ as_released, -1)
    wrong_shuffled = shuffled.permute(0, 2, 3, 1).reshape(1, 6, 20)
    assert float((torch.softmax(wrong_shuffled.mT @ wrong_shuffled, -1) - wrong).abs().max()) > 0.1, (
        "the mistake would be seen"
    )


def test_two_like_places_attend_to_each_other() -> None:
    """One channel, values (3, 3, 0): places 0 and 1 share their row, place 2 looks everywhere alike."""
    found = affinity(torch.tensor([3.0, 3.0, 0.0]).reshape(1, 1, 1, 3))[0]
    near = 1 / (2 + np.exp(-9))
    np.testing.assert_allclose(found[0], [near, near, np.exp(-9) * near], atol=1e-6)
    np.testing.assert_allclose(found[2], [1 / 3] * 3, atol=1e-6)


def test_long_range_loss_is_the_mean_over_all_pairs_at_both_scales() -> None:
    """Also when an affinity has more rows than are kept in memory at a time."""
    size = (16 * 8, 40 * 8)
    student, teacher = outputs(4, size, batch=1), outputs(5, size, batch=1)
    assert student.contexts[0][0, 0].numel() > 2 * ROWS
    expected = 0.0
    for a, b in zip(student.contexts, teacher.contexts, strict=True):
        flat = [t.detach().numpy()[0].reshape(t.shape[1], -1).astype(float) for t in (a, b)]
        ours, theirs = (softmax(f.T @ f, axis=-1) for f in flat)
        expected += np.abs(ours - theirs).mean()
    assert value(long_range_loss(student, teacher, None)) == pytest.approx(expected, rel=1e-4)


def test_long_range_gradient_is_that_of_the_whole_affinity() -> None:
    """Rows that are computed again on the way back give what autograd gives for all of them at once."""
    student, teacher = outputs(6, (128, 256), batch=1), outputs(7, (128, 256), batch=1)
    long_range_loss(student, teacher, None)[0].backward()
    for ours, theirs in zip(student.contexts, teacher.contexts, strict=True):
        whole = ours.detach().clone().requires_grad_()
        (affinity(whole) - affinity(theirs.detach())).abs().mean().backward()
        assert ours.grad is not None
        assert whole.grad is not None
        torch.testing.assert_close(ours.grad, whole.grad, rtol=1e-3, atol=1e-8)


def test_long_range_space_takes_networks_of_different_width_and_feature_space_refuses_them() -> None:
    narrow, wide = outputs(8, channels=3), outputs(9, channels=5)
    assert value(long_range_loss(narrow, wide, None)) > 0
    with pytest.raises(DpocketError, match="3 channels and the teacher 5"):
        feature_loss(narrow, wide, None)


def errors(*finest: Sequence[float]) -> list[Tensor]:
    """Photometric errors (1, 2, 1, n) of the finest scale, left and right."""
    return [torch.tensor(finest)[None, :, None, :]]


def test_teacher_may_teach_where_its_photometric_error_is_smaller() -> None:
    student = errors([0.1, 0.2, 0.3], [0.5, 0.1, 0.2])
    teacher = errors([0.2, 0.1, 0.3], [0.4, 0.3, 0.1])
    assert teacher_is_better(student, teacher)[0][0, :, 0].tolist() == [[0, 1, 0], [1, 0, 1]]


def test_masked_output_space_counts_only_what_the_teacher_may_teach() -> None:
    student, teacher = outputs(0, batch=1), outputs(1, batch=1)
    masks = [torch.zeros(1, 2, 32 >> i, 64 >> i) for i in range(4)]
    masks[0][0, 1, 5, 7] = masks[0][0, 0, 2, 3] = 1.0
    loss = output_loss(student, teacher, masks)[0]
    difference = (student.disparities[0] - teacher.disparities[0]).abs().detach()[0]
    assert float(loss.detach()) == pytest.approx(float(difference[1, 5, 7] + difference[0, 2, 3]) / 2, rel=1e-5)
    loss.backward()
    gradient = student.disparities[0].grad
    assert gradient is not None
    assert int((gradient != 0).sum()) == 2


def test_masked_feature_and_long_range_space_follow_the_left_pixels() -> None:
    student, teacher = outputs(0, batch=1), outputs(1, batch=1)
    right_only = [
        torch.cat([torch.zeros(1, 1, 32 >> i, 64 >> i), torch.ones(1, 1, 32 >> i, 64 >> i)], 1) for i in range(4)
    ]
    for space in (feature_loss, long_range_loss):
        assert value(space(student, teacher, right_only)) == 0.0
        left_only = [m.flip(1) for m in right_only]
        everything = value(space(student, teacher, None))
        assert value(space(student, teacher, left_only)) == pytest.approx(everything, rel=1e-5)


def test_beyond_the_coarsest_mask_places_count_by_their_share() -> None:
    mask = torch.zeros(1, 2, 2, 4)
    mask[0, 0, 0, 0] = 1.0
    found = left_mask([torch.ones(1, 2, 4, 8), mask], 2)
    assert found is not None
    assert found.tolist() == [[[[0.25, 0.0]]]]


def test_masked_mean_without_any_pixel_is_zero() -> None:
    assert float(masked_mean(torch.ones(1, 3, 2, 2), torch.zeros(1, 1, 2, 2))) == 0.0
