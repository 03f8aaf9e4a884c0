"""Recursion and refinement of Stereo-Net, computed again by other means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.models import build
from training.models.refinement import Refinement, neighbours
from training.models.stereo_net import StereoNet, shift_errors


def views(size: tuple[int, int] = (32, 64), batch: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    left, right = torch.rand(2, batch, 3, *size, generator=generator)
    return left, right


def test_recursion_adds_what_the_same_weights_find_from_the_last_estimate() -> None:
    torch.manual_seed(0)
    stereo, (left, right) = StereoNet(8, recursions=3), views()
    initial = torch.full((1, 2, 32, 64), 0.05)
    with torch.no_grad():
        found = stereo(left, right, initial)
        first = stereo.once(left, right, initial)
        second = stereo.once(left, right, first.disparities[0])
        third = stereo.once(left, right, first.disparities[0] + second.disparities[0])
    for scale in range(4):
        d1, d2, d3 = (o.disparities[scale] for o in (first, second, third))
        torch.testing.assert_close(found[0].disparities[scale], d1, rtol=0, atol=0)
        torch.testing.assert_close(found[1].disparities[scale], d2 + d1, rtol=0, atol=1e-7)
        torch.testing.assert_close(found[2].disparities[scale], d3 + d2 + d1, rtol=0, atol=1e-6)


def test_without_the_sum_a_recursion_estimates_afresh() -> None:
    torch.manual_seed(0)
    stereo, (left, right) = StereoNet(8, summed=False), views()
    with torch.no_grad():
        first, second = stereo(left, right, torch.full((1, 2, 32, 64), 0.05))
        again = stereo.once(left, right, first.disparities[0])
    assert all(torch.equal(a, b) for a, b in zip(second.disparities, again.disparities, strict=True))


def test_no_recursion_at_all_is_refused() -> None:
    with pytest.raises(DpocketError, match="'recursions' is 0"):
        build("stereo_net", recursions=0)


def test_error_map_is_zero_where_the_disparity_explains_the_views() -> None:
    """The left view is the right one moved by 8 px of 64: with d = 1/8 the network is given zeros, with 0 it is not."""
    given: list[Tensor] = []
    stereo = StereoNet(8, recursions=1, error_map=True)
    stereo.net.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    _, right = views()
    left = torch.roll(right, 8, -1)
    with torch.no_grad():
        for fraction in (0.125, 0.0):
            stereo(left, right, torch.full((1, 2, 32, 64), fraction))
    explained, not_explained = (g[:, 8:] for g in given)
    assert explained.shape[1] == 3
    assert float(explained[..., 8:].abs().max()) < 1e-4
    assert float(not_explained[..., 8:].mean()) > 0.2


def test_refinement_equals_a_loop_over_pixels() -> None:
    torch.manual_seed(1)
    refinement = Refinement(4, 8)
    for layer in (refinement.weights, refinement.head.conv):
        nn.init.normal_(layer.weight, std=0.5)
    disparity, features = torch.rand(1, 2, 5, 6) * 0.3, torch.randn(1, 4, 5, 6)
    with torch.no_grad():
        x = torch.cat([disparity, features], 1)
        for layer in refinement.layers:
            x = torch.nn.functional.elu(layer(x))
        logits = -(refinement.weights(x)[0].double().numpy() ** 2)
        kernel = np.exp(logits) / np.exp(logits).sum(0)
        padded = np.pad(disparity[0].double().numpy(), ((0, 0), (1, 1), (1, 1)))
        mixed = np.zeros((18, 5, 6))
        for channel in range(2):
            for row in range(3):
                for column in range(3):
                    patch = padded[channel, row : row + 5, column : column + 6]
                    mixed[9 * channel + 3 * row + column] = patch
        mixed = mixed * kernel
        weight = refinement.head.conv.weight.double().numpy()
        assert refinement.head.conv.bias is not None
        wide = np.pad(mixed, ((0, 0), (1, 1), (1, 1)))
        sums = np.zeros((2, 5, 6)) + refinement.head.conv.bias.double().numpy()[:, None, None]
        for row in range(3):
            for column in range(3):
                sums += np.einsum("oc,chw->ohw", weight[:, :, row, column], wide[:, row : row + 5, column : column + 6])
        found = refinement(disparity, features)[0].double().numpy()
    np.testing.assert_allclose(found, 0.3 / (1 + np.exp(-sums)), rtol=1e-4)


def test_neighbours_of_both_channels_come_row_by_row() -> None:
    disparity = torch.arange(24.0).reshape(1, 2, 3, 4)
    found = neighbours(disparity)[0, :, 1, 1]
    assert found[:9].tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert found[9:].tolist() == [12, 13, 14, 16, 17, 18, 20, 21, 22]


def test_an_untrained_refinement_passes_disparity_and_its_gradient_on() -> None:
    """From random weights it answers 0.15 of the width whatever it is given, and the finest scale cannot train."""
    torch.manual_seed(0)
    refinement = Refinement(16, 64)
    features = torch.randn(1, 16, 12, 12)
    inside = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    for fraction in (0.02, 0.03, 0.04):
        disparity = torch.full((1, 2, 12, 12), fraction, requires_grad=True)
        refined = refinement(disparity, features)[inside]
        assert float(refined.detach().mean()) == pytest.approx(fraction, rel=0.15)
        refined.sum().backward()
        assert disparity.grad is not None
        assert float(disparity.grad[..., 4:-4, 4:-4].mean()) == pytest.approx(1.0, abs=0.35)


def test_gradients_reach_mono_net_through_its_estimate_unless_it_is_frozen() -> None:
    pair, (left, right) = build("mono_stereo", width=8), views()
    _, stereo = pair(left, right, stage=2)
    stereo[-1].disparities[0].sum().backward()
    assert all(p.grad is not None for p in pair.get_submodule("mono").get_submodule("net.encoder").parameters())
    pair.zero_grad(set_to_none=True)
    _, stereo = pair(left, right, stage=2, mono_frozen=True)
    stereo[-1].disparities[0].sum().backward()
    assert all(p.grad is None for p in pair.get_submodule("mono").parameters())
    assert all(p.grad is not None for p in pair.get_submodule("stereo.net.encoder").parameters())


def test_stage_1_runs_mono_net_alone() -> None:
    pair, (left, right) = build("mono_stereo", width=8), views()
    with torch.no_grad():
        mono, stereo = pair(left, right, stage=1)
    assert stereo == ()
    assert len(mono.disparities) == 4


def test_of_the_shifted_views_that_one_agrees_which_is_moved_by_the_disparity() -> None:
    _, right = views()
    errors = shift_errors(torch.roll(right, 3, -1), right, 6)
    assert errors.shape == (1, 6, 32, 64)
    inside = errors[..., 8:-4].mean((0, 2, 3))
    assert float(inside[3]) == pytest.approx(0.0, abs=1e-6)
    assert float(inside.sort().values[1]) > 0.2, "the others compare unlike noise"


def test_networks_with_shifts_have_as_many_inputs_more() -> None:
    def first(**settings: int) -> int:
        return int(next(StereoNet(8, **settings).parameters()).shape[1])

    assert first(shifts=5) == first() + 5
    left, right = views()
    with torch.no_grad():
        found = StereoNet(8, shifts=5)(left, right, torch.full((1, 2, 32, 64), 0.05))
    assert found[-1].disparities[0].shape == (1, 2, 32, 64)
