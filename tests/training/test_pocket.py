"""`PocketStudent` against its own promises: size, arithmetic, and what integer grids ask of it."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from convolution_cost import multiply_accumulates
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.models import MODELS, build
from training.models.pocket import OUTPUT_STRIDE, SIZE_MULTIPLE, PocketStudent
from training.recipes import recipe


def test_shipped_recipe_stays_under_100k_parameters_and_half_a_gmac_at_384x512() -> None:
    made = recipe("pocket")
    student = build(made.model, **made.model_settings)
    assert sum(p.numel() for p in student.parameters()) <= 100_000
    assert 0.1e9 < multiply_accumulates(student, (384, 512)) <= 0.5e9


def test_multiply_accumulates_of_one_layer_counted_by_hand() -> None:
    class Stem(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = PocketStudent(half=16).stem

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            out: Tensor = self.stem(torch.cat([left, right], dim=1))
            return out

    assert multiply_accumulates(Stem(), (32, 48)) == 16 * 24 * 16 * 2 * 4 * 4


@pytest.mark.parametrize("size", [(16, 16), (48, 80), (384, 512)])
def test_disparity_comes_at_a_quarter_of_each_side(size: tuple[int, int]) -> None:
    student = PocketStudent(4, 6, 6, 8)
    with torch.no_grad():
        out = student(torch.zeros(2, 1, *size), torch.zeros(2, 1, *size))
    assert out.shape == (2, 1, size[0] // 4, size[1] // 4)
    assert (OUTPUT_STRIDE, SIZE_MULTIPLE) == (4, 16)
    assert recipe("pocket").output_stride == OUTPUT_STRIDE


@pytest.mark.parametrize("size", [(24, 32), (32, 40), (20, 20)])
def test_sides_that_are_no_multiple_of_16_do_not_pass(size: tuple[int, int]) -> None:
    with pytest.raises(RuntimeError):
        PocketStudent(4, 6, 6, 8)(torch.zeros(1, 1, *size), torch.zeros(1, 1, *size))


def test_every_layer_is_a_convolution_with_bias_used_once() -> None:
    student = PocketStudent(4, 6, 6, 8)
    calls: Counter[str] = Counter()
    for name, module in student.named_children():
        assert isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
        assert module.bias is not None
        module.register_forward_hook(lambda *_, name=name: calls.update([name]))
    student(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32))
    assert calls == dict.fromkeys(dict(student.named_children()), 1)


def test_strided_convolutions_divide_their_input_exactly() -> None:
    """Then torch's symmetric padding is the SAME padding of TFLite, which puts an odd sample at the end."""
    for module in PocketStudent().children():
        if isinstance(module, nn.Conv2d) and module.stride != (1, 1):
            assert module.kernel_size[0] - module.stride[0] == 2 * module.padding[0]


def test_all_weights_take_part_in_the_output() -> None:
    student = PocketStudent(4, 6, 6, 8)
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(2, 1, 32, 32, generator=generator) for _ in range(2)]
    student(*views).square().sum().backward()
    assert all(float(p.grad.abs().max()) > 0 for p in student.parameters() if p.grad is not None)
    assert all(p.grad is not None for p in student.parameters())


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DpocketError, match=f"no network is called 'huge'; known are: {', '.join(MODELS)}"):
        build("huge")
