"""Seed 1's network against what is published of it, and batch norms in the training loop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from convolution_cost import multiply_accumulates
from torch import nn

from convert.student import export_checkpoint, float_student
from runtime_py.errors import ContractError, DpocketError
from training.checkpoint import load_checkpoint
from training.fit import fit
from training.folding import fold_batch_norms
from training.models import build
from training.models.mobile_unet import Encoder, MobileUNet, scaled
from training.processes import Place, with_shared_batch_norms
from training.recipes import override, recipe
from training.tasks import make_task

SMALL = 4
"""A width at which all layers have the fewest channels there are."""


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def expected_encoder(channels: int) -> int:
    """By hand from table 2 of the paper: convolutions without bias, and two numbers per channel of a batch norm."""
    total, before = channels * 9 * 32 + 2 * 32, 32
    for t, c, n in [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)]:
        for _ in range(n):
            inner = t * before
            expand = before * inner + 2 * inner if t > 1 else 0
            total += expand + (9 * inner + 2 * inner) + (inner * c + 2 * c)
            before = c
    return total + 320 * 1280 + 2 * 1280


def expected_decoder() -> int:
    total = 0
    for into, joined, out in [(1280, 96, 256), (256, 32, 128), (128, 24, 64), (64, 16, 32), (32, 0, 16)]:
        total += 9 * (into + joined) * out + 2 * out + 9 * out * out + 2 * out
    return total + 9 * 16 + 1


def test_encoder_has_the_parameters_of_the_published_features() -> None:
    assert parameters(Encoder(3)) == expected_encoder(3) == 2_223_872


@pytest.mark.parametrize(("channels", "size"), [(2, 6_628_657), (3, 6_628_945), (5, 6_629_521)])
def test_whole_network_has_the_size_that_was_measured_of_seed_1(channels: int, size: int) -> None:
    assert parameters(MobileUNet(channels)) == expected_encoder(channels) + expected_decoder() == size
    assert f"{size / 1e6:.2f}" == "6.63"


def test_five_channels_at_224_px_cost_2_57_gmac_as_seed_1_does() -> None:
    class OfPairs(nn.Module):
        """Two planes as the counter gives them, and three more."""

        def __init__(self) -> None:
            super().__init__()
            self.student = MobileUNet(5).eval()

        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.student(left, right, left.expand(-1, 3, -1, -1))
            return found

    assert multiply_accumulates(OfPairs(), (224, 224)) / 1e9 == pytest.approx(2.57, abs=0.005)


@pytest.mark.parametrize(("full", "width", "channels"), [(32, 32, 32), (24, 16, 16), (16, 11, 8), (96, 11, 32)])
def test_channels_of_a_width_are_multiples_of_eight_within_ten_percent(full: int, width: int, channels: int) -> None:
    """By hand: 24/2 = 12 goes up to 16, 16·11/32 = 5.5 to the least, 96·11/32 = 33 to 32."""
    assert scaled(full, width) == channels


@pytest.mark.parametrize(("planes", "channels"), [([1, 1], 2), ([1, 1, 3], 5), ([3], 3)])
def test_disparity_has_the_size_of_the_pictures_whatever_they_are(planes: list[int], channels: int) -> None:
    network = build("mobile_unet", channels=channels, width=SMALL).eval()
    with torch.no_grad():
        assert network(*(torch.zeros(2, n, 64, 96) for n in planes)).shape == (2, 1, 64, 96)


def test_other_planes_than_it_was_made_for_are_refused() -> None:
    network = MobileUNet(2, SMALL)
    with pytest.raises(ContractError, match=r'takes 2 planes and was given 5; set model_settings=\{"channels": 5\}'):
        network(*(torch.zeros(1, n, 64, 64) for n in (1, 1, 3)))
    with pytest.raises(ContractError, match=r"48×64 .* cannot be halved five times"):
        network(*torch.zeros(2, 1, 1, 48, 64))


def test_all_weights_take_part_in_the_disparity() -> None:
    network = MobileUNet(2, SMALL)
    network(*torch.randn(2, 2, 1, 64, 64, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0, name


def test_all_of_its_batch_norms_fold() -> None:
    torch.manual_seed(0)
    network = MobileUNet(2, SMALL)
    views = torch.randn(2, 4, 1, 64, 64)
    with torch.no_grad():
        network(*views)
        network.eval()
        folded = fold_batch_norms(network, tuple(views))
        torch.testing.assert_close(folded(*views), network(*views), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())


TINY = recipe(
    "mobile-unet",
    [
        f'model_settings={{"channels": 2, "width": {SMALL}}}',
        *("data.count=4", "data.size=80", "optimisation.crop=64", "optimisation.batch=2", "optimisation.steps=6"),
        *("monitor.scenes=1", "monitor.save_every=2", "monitor.log_every=1", "monitor.board=false"),
        "precision=bf16-mixed",
    ],
)


class Killed(BaseException):
    pass


def kill(what: str, done: int, of: int, figures: dict[str, float]) -> None:
    if what == "train" and done == 3:
        raise Killed


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    out = tmp_path_factory.mktemp("run")
    fit(TINY, out, cache=cache)
    return out


def test_a_killed_run_with_batch_norms_goes_on_bit_by_bit(tmp_path: Path, trained: Path, cache: Path) -> None:
    with pytest.raises(Killed):
        fit(TINY, tmp_path, progress=kill, cache=cache)
    fit(TINY, tmp_path, resume=True, cache=cache)
    assert (tmp_path / "student.safetensors").read_bytes() == (trained / "student.safetensors").read_bytes()
    ours, straight = (torch.load(run / "state.pt", weights_only=True) for run in (tmp_path, trained))
    assert all(torch.equal(ours["model"][name], tensor) for name, tensor in straight["model"].items())


def test_the_average_follows_running_statistics_and_counts_batches(trained: Path) -> None:
    state = torch.load(trained / "state.pt", weights_only=True)
    name = "encoder.stem.1.running_var"
    now, average = state["model"][name], state["average"][name]
    assert 0 < float((average - now).norm()) < float((1.0 - now).norm()), "between the start, which is 1, and now"
    assert int(state["average"]["encoder.stem.1.num_batches_tracked"]) == 6


def test_it_can_be_scored_like_any_student_though_it_cannot_be_exported(trained: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(trained)
    left, right = torch.rand(2, 60, 100, generator=torch.Generator().manual_seed(0)).numpy()
    disparity = float_student(checkpoint, (64, 96)).disparity(left, right)
    assert disparity.shape == (60, 100)
    with pytest.raises(DpocketError, match=r"mobile_unet.py.*kernel \(3, 3\) of stride \(2, 2\)"):
        export_checkpoint(checkpoint, ["litert"], "int8", tmp_path, (64, 96))


@pytest.mark.parametrize(("inputs", "channels"), [("dp", 2), ("rgb_dp", 5), ("mono", 3)])
def test_the_explicit_task_teaches_it_from_all_inputs(inputs: str, channels: int, tmp_path: Path, cache: Path) -> None:
    settings = [
        f"task.inputs={inputs}",
        f'model_settings={{"channels": {channels}, "width": {SMALL}}}',
        *("data.count=1", "data.size=80", "optimisation.crop=64", "optimisation.batch=2", "optimisation.steps=1"),
        *("monitor.scenes=1", "monitor.log_every=1", "monitor.board=false"),
    ]
    path = fit(recipe("mobile-unet-explicit", settings), tmp_path, cache=cache)
    checkpoint = load_checkpoint(path)
    assert checkpoint.student.channels == channels
    if inputs != "dp":
        with pytest.raises(DpocketError, match=f"sees '{inputs}', and a capture has dual pixels alone"):
            float_student(checkpoint)


def test_it_is_refused_an_integer_grid_before_anything_is_rendered() -> None:
    with pytest.raises(DpocketError, match="set grid=false for 'mobile_unet'"):
        make_task(override(TINY, ["grid=true"]))


def converted(device: str, network: nn.Module) -> nn.Module:
    return with_shared_batch_norms(network, Place(1, 2, 1, 2), torch.device(device))


def test_several_processes_share_batch_norms_on_gpus_and_are_refused_on_a_cpu() -> None:
    network = MobileUNet(2, SMALL)
    names = list(network.state_dict())
    shared = converted("cuda", network)
    assert list(shared.state_dict()) == names
    norms = [m for m in shared.modules() if isinstance(m, nn.BatchNorm2d | nn.SyncBatchNorm)]
    assert norms
    assert all(isinstance(m, nn.SyncBatchNorm) for m in norms)
    with pytest.raises(DpocketError, match=r"batch norms \('encoder.stem.1'\), .* on GPUs only; train it in one"):
        converted("cpu", MobileUNet(2, SMALL))
    plain = nn.Conv2d(1, 1, 1)
    assert converted("cpu", plain) is plain
    assert with_shared_batch_norms(network, Place(), torch.device("cpu")) is network
