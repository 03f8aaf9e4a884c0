"""`PyramidStudent` against its own promises: size, arithmetic, reach, and what integer grids ask of it."""

from __future__ import annotations

import pytest
import torch
from convolution_cost import multiply_accumulates
from torch import nn

from runtime_py.errors import DpocketError
from training.models import FORMS, MODELS, build, form_of
from training.models.pyramid import SIZE_MULTIPLE, PyramidStudent


def small() -> PyramidStudent:
    torch.manual_seed(0)
    return PyramidStudent(4, 6, 6, 8)


def test_under_100k_parameters_and_half_a_gmac_at_384x512() -> None:
    student = build("pyramid")
    assert sum(p.numel() for p in student.parameters()) < 100_000
    assert 0.1e9 < multiply_accumulates(student, (384, 512)) < 0.5e9


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (384, 512)])
def test_both_outputs_come_at_a_quarter_of_each_side(size: tuple[int, int]) -> None:
    with torch.no_grad():
        disparity, confidence = small()(torch.zeros(2, 1, *size), torch.zeros(2, 1, *size))
    assert disparity.shape == confidence.shape == (2, 1, size[0] // 4, size[1] // 4)


@pytest.mark.parametrize("size", [(16, 32), (48, 64), (64, 100)])
def test_sides_that_are_no_multiple_of_32_do_not_pass(size: tuple[int, int]) -> None:
    with pytest.raises(RuntimeError):
        small()(torch.zeros(1, 1, *size), torch.zeros(1, 1, *size))


def test_a_pixel_is_felt_far_away() -> None:
    """Through the 3×3 cells of 1/32, and what leads there and back."""
    student = small()
    left = torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(1)).requires_grad_()
    disparity, _ = student(left, left.detach())
    disparity[0, 0, 64, 64].backward()
    assert left.grad is not None
    rows, columns = left.grad[0, 0].nonzero(as_tuple=True)
    for felt in (rows, columns):
        assert int(felt.max()) - int(felt.min()) > 160


def test_every_layer_has_a_bias_and_divides_its_input_exactly() -> None:
    layers = [m for m in PyramidStudent().modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) == 17
    for layer in layers:
        assert layer.bias is not None
        kernel, stride, padding = layer.kernel_size[0], layer.stride[0], layer.padding[0]
        if isinstance(layer, nn.Conv2d):
            assert kernel - stride == 2 * padding


def test_all_weights_take_part_in_the_outputs() -> None:
    student = small()
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(2, 1, 128, 128, generator=generator) for _ in range(2)]
    disparity, confidence = student(*views)
    (disparity.square().sum() + confidence.square().sum()).backward()
    for name, parameter in student.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0, name


def test_every_network_has_a_form_and_the_pyramids_is_told() -> None:
    assert set(FORMS) == set(MODELS)
    assert form_of("pyramid").outputs == ("disparity", "confidence")
    assert form_of("pyramid").size_multiple == SIZE_MULTIPLE == 32
    assert form_of("pocket").outputs == ("disparity",)
    with pytest.raises(DpocketError, match="no network is called 'huge'; known are: pocket, pyramid"):
        form_of("huge")
