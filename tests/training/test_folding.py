"""Batch norms folded into convolutions: the same function of the input, for every kind of layer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.folding import fold_batch_norms, folded_parameters

LAYERS: dict[str, Callable[[int, int, int, bool], tuple[nn.Module, nn.Module, tuple[int, ...]]]] = {
    "conv": lambda i, o, g, bias: (
        nn.Conv2d(g * i, g * o, 3, 2, 1, groups=g, bias=bias),
        nn.BatchNorm2d(g * o),
        (9, 7),
    ),
    "transposed": lambda i, o, g, bias: (
        nn.ConvTranspose2d(g * i, g * o, 2, 2, groups=g, bias=bias),
        nn.BatchNorm2d(g * o),
        (5, 4),
    ),
    "row": lambda i, o, g, bias: (nn.Conv1d(g * i, g * o, 3, groups=g, bias=bias), nn.BatchNorm1d(g * o), (8,)),
    "linear": lambda i, o, g, bias: (nn.Linear(g * i, g * o, bias=bias), nn.BatchNorm1d(g * o), ()),
}


def used(norm: nn.Module, seed: int) -> nn.Module:
    """As after training: statistics and weights that are not those of the start; some γ negative."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in (norm.running_mean, norm.weight, norm.bias):
        tensor.data.normal_(generator=generator)
    norm.running_var.uniform_(0.05, 4.0, generator=generator)
    return norm


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(LAYERS)),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.booleans(),
    st.integers(0, 1000),
)
def test_one_layer_computes_what_it_and_its_batch_norm_did(
    kind: str, inputs: int, outputs: int, groups: int, bias: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    layer, norm, size = LAYERS[kind](inputs, outputs, groups, bias)
    network = nn.Sequential(layer, used(norm, seed), nn.ReLU()).double().eval()
    x = torch.randn(3, groups * inputs, *size, dtype=torch.float64)
    folded = fold_batch_norms(network, (x,))
    assert [type(m) for m in folded] == [type(layer), nn.Identity, nn.ReLU]
    torch.testing.assert_close(folded(x), network(x), rtol=1e-9, atol=1e-9)


def test_one_channel_by_hand() -> None:
    layer, norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0)
    layer.weight.data.fill_(3.0)
    layer.bias.data.fill_(1.0)
    norm.running_mean.fill_(5.0)
    norm.running_var.fill_(4.0)
    norm.weight.data.fill_(10.0)
    norm.bias.data.fill_(0.5)
    weight, bias = folded_parameters(layer, norm)
    assert float(weight) == 15.0  # 10 / 2 · 3
    assert float(bias) == -19.5  # 10 / 2 · (1 - 5) + 0.5


class Named(nn.Module):
    def __init__(self, body: Callable[[Named, Tensor], Tensor]) -> None:
        super().__init__()
        self.body = body
        self.conv, self.other = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.norm = used(nn.BatchNorm2d(3), 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self, x)


X = torch.zeros(2, 3, 4, 4)


def test_order_of_definition_does_not_matter_but_that_of_use_does() -> None:
    network = Named(lambda self, x: self.other(self.norm(self.conv(x)))).eval()
    folded = fold_batch_norms(network, (X,))
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(folded(x), network(x))
    assert torch.equal(folded.other.weight, network.other.weight)
    assert not torch.equal(folded.conv.weight, network.conv.weight)


@pytest.mark.parametrize(
    "body",
    [
        lambda self, x: self.norm(torch.relu(self.conv(x))),
        lambda self, x: self.norm(torch.relu_(self.conv(x))),
        lambda self, x: self.norm(self.conv(x) + self.other(x)),
        lambda self, x: self.norm(self.conv(self.conv(x))),
    ],
)
def test_a_batch_norm_of_something_else_stays(body: Callable[[Named, Tensor], Tensor]) -> None:
    folded = fold_batch_norms(Named(body).eval(), (X,))
    assert isinstance(folded.norm, nn.BatchNorm2d)


def test_a_convolution_that_is_also_used_without_its_batch_norm_is_refused() -> None:
    def body(self: Named, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y + self.norm(y)

    with pytest.raises(DpocketError, match="cannot be folded: the result of the layer in front of it is also used"):
        fold_batch_norms(Named(body).eval(), (X,))


def test_a_network_without_batch_norms_is_itself_and_one_with_them_is_left_alone() -> None:
    plain = nn.Conv2d(3, 3, 1)
    assert fold_batch_norms(plain, (X,)) is plain
    network = Named(lambda self, x: self.norm(self.conv(x)))
    before = {name: t.clone() for name, t in network.state_dict().items()}
    folded = fold_batch_norms(network, (X,))
    assert not folded.training
    assert network.training
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())
