"""Several processes on one batch: who has what, and that they learn what one would."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from benchmarks.two_processes import TOLERANCE, compared
from runtime_py.errors import DpocketError
from training.data.rendered import RenderedData, RenderedPool
from training.data.sample import concatenate
from training.losses import scene_scaled_l1
from training.processes import Place, shared_mean
from training.recipes import recipe
from training.tasks.scenes import FixedPool, FreshPool, SceneBatches, shares_of

DATA = RenderedData(count=6, size=32, seed=4)


def of_parts(parts: int) -> list[str]:
    sizes = ["data.count=6", "data.size=32", "data.seed=4", "optimisation.crop=16", "preprocess.box=15"]
    return [*sizes, "optimisation.batch=6", f"optimisation.parts={parts}", "fresh.block=2", "fresh.blocks=6"]


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
@pytest.mark.parametrize("world", [2, 3])
def test_shares_of_a_batch_put_together_are_the_batch_of_one_process(parts: int, world: int) -> None:
    made = recipe("pocket", of_parts(parts))
    pool = FixedPool(RenderedPool(DATA, None))
    whole = SceneBatches(pool, made)[3]
    shares = [SceneBatches(pool, made, Place(rank, world))[3] for rank in range(world)]
    assert all(share.left.shape[0] == 6 // world for share in shares)
    joined = concatenate(shares)
    assert torch.equal(joined.left, whole.left)
    assert torch.equal(joined.disparity, whole.disparity)


def test_a_process_renders_only_the_fresh_scenes_that_its_parts_draw_from() -> None:
    made = recipe("pocket", [*of_parts(2), "fresh.scenes=1"])
    device = torch.device("cpu")
    whole = SceneBatches(FreshPool(made, device, [0, 1]), made)[0]
    for rank in (0, 1):
        place = Place(rank, 2)
        parts = [part for part, _ in shares_of(place, made)]
        assert parts == [rank]
        share = SceneBatches(FreshPool(made, device, parts), made, place)[0]
        assert torch.equal(share.left, whole.left[rank * 3 : rank * 3 + 3])


def test_a_batch_that_processes_cannot_share_evenly_is_refused() -> None:
    with pytest.raises(DpocketError, match=r"4 processes cannot share a batch of 6 evenly; .* a multiple of 4"):
        Place(0, 4).share(6)


def loss_and_gradient(weight: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
    """Of samples first … last of a batch whose second half is hardly known."""
    generator = torch.Generator().manual_seed(0)
    truth, seen = (torch.randn(4, 1, 8, 8, generator=generator) for _ in range(2))
    valid = torch.ones(4, 1, 8, 8)
    valid[2:, :, :, 1:] = 0
    loss = scene_scaled_l1(weight * seen[first:last], truth[first:last], valid[first:last])
    return loss, torch.autograd.grad(loss, weight)[0]


def one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    found = torch.stack(loss_and_gradient(torch.ones((), requires_grad=True), 2 * rank, 2 * rank + 2)).detach()
    dist.all_reduce(found)
    torch.save(found / 2, os.path.join(folder, f"{rank}.pt"))
    dist.destroy_process_group()


def test_a_loss_over_known_pixels_is_that_of_the_whole_batch_when_processes_know_unequally_much(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(one_of_two, (str(tmp_path),), nprocs=2)
    weight = torch.ones((), requires_grad=True)
    whole = torch.stack(loss_and_gradient(weight, 0, 4)).detach()
    for rank in (0, 1):
        assert torch.allclose(torch.load(tmp_path / f"{rank}.pt"), whole, rtol=1e-6)
    halves = torch.stack([torch.stack(loss_and_gradient(weight, i, i + 2)).detach() for i in (0, 2)]).mean(0)
    assert float((halves - whole).abs().max()) > 1e-3, "the mean of two means is another loss"


def test_alone_a_shared_mean_is_the_quotient() -> None:
    assert float(shared_mean(torch.tensor(6.0), torch.tensor(4.0))) == 1.5
    assert float(shared_mean(torch.tensor(0.0), torch.tensor(0.0))) == 0


def test_two_processes_with_half_the_batch_each_have_the_loss_curve_of_one(tmp_path: Path) -> None:
    curves = compared(tmp_path, 2, ["optimisation.steps=8", "data.count=8", "monitor.scenes=1"])
    assert len(curves.one) == 8
    assert curves.loss <= TOLERANCE
    assert curves.weight <= TOLERANCE
    assert max(curves.one) - min(curves.one) > 100 * TOLERANCE


def test_place_in_environment_is_read_only_where_torchrun_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    assert Place.from_environment(names) == Place()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    assert Place.from_environment(names) == Place(3, 4, 1, 2)
    assert replace(Place(), rank=1).first is False
