"""The three stages: which losses they add up, where their gradients go, and that training goes down."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch
from flat_scenes import smooth_texture
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.distill import SPACES, teacher_is_better
from training.distill.stages import STAGES, STEREO_ALONE, StageWeights, stage_loss
from training.losses.photometric import photometric_errors
from training.losses.self_supervised import NOTHING, RELEASED
from training.models import build
from training.warp import pyramid


def walls(count: int = 2, size: tuple[int, int] = (32, 64)) -> tuple[Tensor, Tensor]:
    """Views (B, 1, H, W) of walls at 2, 4, … px of disparity."""
    lefts, rights = [], []
    for i in range(count):
        wide, px = smooth_texture((size[0], 256), 1.5, seed=i), 2 * (i + 1)
        lefts.append(wide[:, 64 : 64 + size[1]])
        rights.append(wide[:, 64 + px : 64 + px + size[1]])
    return torch.stack(lefts)[:, None], torch.stack(rights)[:, None]


def pair(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build("mono_stereo", width=8, colours=1)


def test_weights_of_stage_3_are_the_papers() -> None:
    weights = asdict(STAGES[3])
    assert weights == {
        "mono": {"image": 0.7, "smoothness": 0.5, "consistency": 1.0},
        "stereo": {"image": 0.8, "smoothness": 0.5, "consistency": 1.0},
        "truth": 0.0,
        "output": 1.0,
        "feature": 0.1,
        "long_range": 1.0,
        "masked": False,
    }


def test_every_space_has_a_weight() -> None:
    assert set(asdict(StageWeights())) == {"mono", "stereo", "truth", "masked", *SPACES}


@pytest.mark.parametrize("stage", STAGES)
def test_loss_of_a_stage_is_the_weighted_sum_of_its_figures(stage: int) -> None:
    left, right = walls()
    network, weights = pair(), STAGES[stage]
    with torch.no_grad():
        mono, stereo = network(left, right, stage=stage)
        # One recursion: figures are those of the last, losses means over all.
        loss, figures = stage_loss(stage, mono, stereo[-1:], left, right)
    expected = 0.0
    for name, supervision in (("mono", weights.mono), ("stereo", weights.stereo)):
        for part, weight in asdict(supervision).items():
            if weight:
                expected += weight * float(figures[f"{name}/{part}"])
    for name in SPACES:
        if getattr(weights, name):
            expected += getattr(weights, name) * float(figures[f"distil/{name}"])
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert ("distil/output" in figures) == (stage == 3)
    assert float(figures["loss"]) == float(loss)


def test_distillation_leaves_the_gradients_of_stereo_net_as_they_are() -> None:
    """With d⁰ fixed, the teacher learns in stage 3 exactly what its own self-supervision says."""
    left, right = walls()
    gradients = []
    for weights in (STAGES[3], replace(STAGES[3], output=0.0, feature=0.0, long_range=0.0)):
        network = pair()
        mono, _ = network(left, right, stage=1)
        stereo = network.get_submodule("stereo")(left, right, mono.disparities[0].detach())
        stage_loss(3, mono, stereo, left, right, weights)[0].backward()
        gradients.append([p.grad.clone() for p in network.get_submodule("stereo").parameters() if p.grad is not None])
    assert gradients[0]
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_distillation_reaches_mono_net() -> None:
    left, right = walls()
    network = pair()
    mono, stereo = network(left, right, stage=3)
    only = StageWeights(mono=NOTHING, output=1.0)
    stage_loss(3, mono, stereo, left, right, only)[0].backward()
    assert all(p.grad is None for p in network.get_submodule("stereo").parameters())
    assert all(p.grad is not None for p in network.get_submodule("mono.net.encoder").parameters())


def test_the_truth_is_told_to_stereo_net_alone() -> None:
    left, right = walls(1)
    truth = torch.full((1, 1, 32, 64), 2 / 64)
    network = pair()
    mono, stereo = network(left, right, stage=2, mono_frozen=True)
    weights = StageWeights(mono=NOTHING, truth=3.0)
    loss, figures = stage_loss(2, mono, stereo, left, right, weights, truth)
    by_hand = sum(float((d[:, :1] - 2 / 64).abs().mean()) for o in stereo for d in o.disparities) / len(stereo)
    assert float(loss) == pytest.approx(3.0 * by_hand, rel=1e-5)
    assert float(figures["stereo/truth"]) == pytest.approx(by_hand, rel=1e-5)
    loss.backward()
    assert all(p.grad is None for p in network.get_submodule("mono").parameters())
    assert any(p.grad is not None for p in network.get_submodule("stereo").parameters())
    with pytest.raises(DpocketError, match="loss against the truth, which is missing"):
        stage_loss(2, mono, stereo, left, right, weights)


def test_masked_distillation_says_how_much_is_taught() -> None:
    left, right = walls()
    with torch.no_grad():
        mono, stereo = pair()(left, right, stage=3)
        figures = stage_loss(3, mono, stereo, left, right, replace(STAGES[3], masked=True))[1]
    views = pyramid(left, 4), pyramid(right, 4)
    masks = teacher_is_better(*(photometric_errors(o.disparities, *views) for o in (mono, stereo[-1])))
    assert float(figures["distil/share_taught"]) == pytest.approx(float(masks[0].mean()), rel=1e-6)
    by_hand = SPACES["output"](mono, stereo[-1], masks)[0]
    assert float(figures["distil/output"]) == pytest.approx(float(by_hand), rel=1e-6)


def test_an_unknown_stage_and_missing_outputs_are_refused() -> None:
    left, right = walls()
    with torch.no_grad():
        mono, _ = pair()(left, right, stage=1)
    with pytest.raises(DpocketError, match="there is no stage 4; the stages are 1, 2, 3"):
        stage_loss(4, mono, (), left, right)
    with pytest.raises(DpocketError, match="stage 2 has losses of Stereo-Net"):
        stage_loss(2, mono, (), left, right)


def trained(
    stage: int, weights: StageWeights | None, frozen: bool, steps: int, rate: float = 2e-3
) -> tuple[float, float]:
    """The image loss of the network that learns before and after `steps` steps on three walls."""
    left, right = walls(3)
    network = pair()
    optimiser = torch.optim.Adam(network.parameters(), rate)
    name = "mono/image" if stage == 1 else "stereo/image"
    found = []
    for _ in range(steps):
        mono, stereo = network(left, right, stage=stage, mono_frozen=frozen)
        loss, figures = stage_loss(stage, mono, stereo, left, right, weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        found.append(float(figures[name]))
    return found[0], found[-1]


def test_sixty_steps_halve_mono_nets_image_loss() -> None:
    before, after = trained(1, None, False, 60)
    assert after < 0.5 * before


def test_sixty_steps_behind_a_frozen_mono_net_lower_stereo_nets_image_loss_by_a_third() -> None:
    # At twice this rate the loss swings so much that the last bits of a sum decide where the sixtieth step lands.
    before, after = trained(2, STEREO_ALONE, True, 60, rate=1e-3)
    assert after < 0.67 * before
    assert STEREO_ALONE.stereo == RELEASED
