"""Mono-Net and Stereo-Net against the paper's sizes, layer by layer, and what their outputs promise."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from runtime_py.errors import ContractError
from training.models import build
from training.models.blocks import DisparityHead, Outputs, SpatialPyramid
from training.models.mono_net import SMALL_WIDTH, MonoNet


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def conv(channels: int, out: int, kernel: int) -> int:
    """Weights and biases of one convolution."""
    return channels * out * kernel**2 + out


def bottleneck(channels: int, inner: int) -> int:
    spatial = conv(inner, inner, 3)
    return conv(channels, inner, 1) + spatial + conv(inner, 4 * inner, 1) + conv(channels, 4 * inner, 1)


PARTS = {
    "encoder.stem": conv(3, 64, 7),
    "encoder.eighth": bottleneck(64, 64) + 2 * bottleneck(256, 64),
    "encoder.sixteenth": bottleneck(256, 128) + 3 * bottleneck(512, 128),
    "encoder.pyramid": 2 * conv(512, 256, 1) + 3 * conv(512, 256, 3),
    "decoder.steps.4": conv(1280, 256, 3) + conv(256 + 512, 256, 3),
    "decoder.steps.3": conv(256, 128, 3) + conv(128 + 256, 128, 3),
    "decoder.steps.2": conv(128, 64, 3) + conv(64 + 64 + 2, 64, 3),
    "decoder.steps.1": conv(64, 32, 3) + conv(32 + 64 + 2, 32, 3),
    "decoder.steps.0": conv(32, 16, 3) + conv(16 + 2, 16, 3),
    "decoder.heads": sum(conv(c, 2, 3) for c in (16, 32, 64, 128)),
}
"""Parameters of every part of Mono-Net, from the description of the network."""


def test_mono_net_has_the_papers_parameters_part_by_part() -> None:
    mono = MonoNet()
    for name, count in PARTS.items():
        assert parameters(mono.net.get_submodule(name)) == count, name
    assert parameters(mono) == sum(PARTS.values()) == 11_825_448


def test_stereo_net_has_the_papers_parameters_and_the_refinement_80600_of_them() -> None:
    stereo = build("stereo_net")
    assert parameters(stereo.get_submodule("net")) == 11_841_128
    assert parameters(stereo.get_submodule("refinement")) == 80_600
    assert parameters(stereo) == 11_921_728


def test_error_map_adds_three_input_channels_of_the_first_convolution() -> None:
    assert parameters(build("stereo_net", error_map=True)) == 11_921_728 + 3 * 64 * 7 * 7


def test_small_networks_stay_under_400k_parameters() -> None:
    for name in ("mono_net", "stereo_net"):
        assert 200_000 < parameters(build(name, width=SMALL_WIDTH)) < 400_000


@pytest.mark.parametrize(("name", "gmacs"), [("mono_net", 13.9), ("stereo_net", 25.0)])
def test_multiply_accumulates_at_256x512_are_the_papers(name: str, gmacs: float) -> None:
    view = torch.zeros(1, 3, 256, 512)
    inputs = [view] if name == "mono_net" else [view, view, torch.zeros(1, 2, 256, 512)]
    network = build(name) if name == "mono_net" else build(name, recursions=1)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    assert counter.get_total_flops() / 2e9 == pytest.approx(gmacs, abs=0.05)


def test_outputs_have_the_stated_sizes() -> None:
    with torch.no_grad():
        outputs: Outputs = build("mono_net", width=SMALL_WIDTH)(torch.rand(2, 3, 64, 96))
    assert [tuple(d.shape) for d in outputs.disparities] == [(2, 2, 64 >> i, 96 >> i) for i in range(4)]
    assert [tuple(f.shape[-2:]) for f in outputs.features] == [(64 >> i, 96 >> i) for i in range(4)]
    assert [tuple(c.shape[-2:]) for c in outputs.contexts] == [(8, 12), (4, 6)]


def test_disparities_lie_between_0_and_three_tenths_of_the_width() -> None:
    head = DisparityHead(4)
    nn.init.normal_(head.conv.weight, std=9.0)
    disparity = head(torch.randn(1, 4, 32, 32)).detach()
    assert 0.0 <= float(disparity.min()) < 0.001
    assert 0.299 < float(disparity.max()) <= 0.3 + 1e-7


def test_disparity_keeps_its_precision_where_the_network_computes_in_16_bit() -> None:
    """bfloat16 holds 8 bits: one step at 0.1 of 512 px is a quarter of a pixel."""
    torch.manual_seed(0)
    network = build("mono_net", width=8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        disparity = network(torch.rand(1, 3, 32, 64)).disparities[0]
    assert disparity.dtype == torch.float32
    rounded = disparity.to(torch.bfloat16).float()
    assert float((disparity != rounded).float().mean()) > 0.9


def test_a_picture_that_cannot_be_halved_five_times_is_refused() -> None:
    with pytest.raises(ContractError, match="64×80"):
        build("mono_net", width=8)(torch.zeros(1, 3, 64, 80))


def test_mono_net_never_sees_the_right_view() -> None:
    torch.manual_seed(0)
    pair = build("mono_stereo", width=8)
    left, right = torch.rand(2, 1, 3, 32, 64)
    with torch.no_grad():
        mono, stereo = pair(left, right, stage=2)
        other_mono, other_stereo = pair(left, 1.0 - right, stage=2)
    assert torch.equal(mono.disparities[0], other_mono.disparities[0])
    assert not torch.equal(stereo[-1].disparities[0], other_stereo[-1].disparities[0])


def test_grey_views_are_taken_with_one_colour() -> None:
    with torch.no_grad():
        mono, stereo = build("mono_stereo", width=8, colours=1)(*torch.rand(2, 1, 1, 32, 32), stage=2)
    assert mono.disparities[0].shape == stereo[-1].disparities[0].shape == (1, 2, 32, 32)


def test_spatial_pyramid_looks_here_6_12_and_18_places_away_and_everywhere() -> None:
    """An impulse in the middle, all weights one: every branch shows it where its rate says."""
    pyramid = SpatialPyramid(1, 1)
    for parameter in pyramid.parameters():
        nn.init.ones_(parameter) if parameter.dim() > 1 else nn.init.zeros_(parameter)
    impulse = torch.zeros(1, 1, 41, 41)
    impulse[..., 20, 20] = 1681.0
    with torch.no_grad():
        everywhere, here, *around = pyramid(impulse)[0]
    torch.testing.assert_close(everywhere, torch.ones(41, 41))
    assert here.nonzero().tolist() == [[20, 20]]
    for branch, rate in zip(around, (6, 12, 18), strict=True):
        reached = (20 - rate, 20, 20 + rate)
        assert branch.nonzero().tolist() == [[y, x] for y in reached for x in reached]


def test_a_finer_scale_is_given_the_disparity_of_the_coarser_one() -> None:
    torch.manual_seed(0)
    mono = MonoNet(8)
    for scale in range(3):
        mono.zero_grad(set_to_none=True)
        mono(torch.rand(1, 3, 32, 32)).disparities[scale].sum().backward()
        gradient = mono.net.get_submodule(f"decoder.heads.{scale + 1}").get_parameter("conv.weight").grad
        assert gradient is not None
        assert float(gradient.abs().sum()) > 0
