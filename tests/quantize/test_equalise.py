"""Cross-layer equalisation: it changes the weights, and never what the float student says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import random_graphs, random_inputs

from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph
from training.quantize.equalise import channel_classes, equalising_factors, rescaled

POINT = {"stride": (1, 1), "pads": (0, 0), "dilation": (1, 1)}
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _point(name: str, source: str, weight: list[list[float]], relu: bool = True) -> Layer:
    matrix = torch.tensor(weight)
    return Layer(name, "conv2d", (source,), relu, matrix[:, :, None, None], torch.ones(len(weight)), POINT)


def _chain(first: list[list[float]], second: list[list[float]]) -> StudentGraph:
    layers = (_point("a", "x", first), _point("disparity", "a", second, relu=False))
    return StudentGraph(
        layers, ("x",), ("disparity",), {"x": (1, 1, 1, 1), "a": (1, 2, 1, 1), "disparity": (1, 1, 1, 1)}
    )


def test_two_layers_share_a_channels_range_as_nagel_et_al_have_it() -> None:
    """Ranges 4 and 1 of the first layer's rows, 1 and 16 of the second's columns: factors sqrt(1/4) and sqrt(16/1)."""
    graph = _chain([[4.0], [1.0]], [[1.0, 16.0]])
    factors = equalising_factors(graph)
    assert set(factors) == {"a"}
    np.testing.assert_allclose(factors["a"], [0.5, 4.0], rtol=1e-4)
    first, second = rescaled(graph, factors).layers
    assert first.weight is not None
    assert second.weight is not None
    np.testing.assert_allclose(first.weight.flatten(), [2.0, 4.0], rtol=1e-4)
    np.testing.assert_allclose(second.weight.flatten(), [2.0, 4.0], rtol=1e-4)
    np.testing.assert_allclose(first.bias, [0.5, 4.0], rtol=1e-4)
    np.testing.assert_array_equal(second.bias, [1.0])


def test_a_channel_that_nothing_uses_keeps_its_weights() -> None:
    assert equalising_factors(_chain([[4.0], [3.0]], [[4.0, 0.0]])) == {}


@SLOW
@given(random_graphs(), st.integers(0, 1000))
def test_equalisation_keeps_the_function_and_multiplies_each_tensor_by_its_factors(
    graph: StudentGraph, seed: int
) -> None:
    factors = equalising_factors(graph)
    _holds(graph, factors, seed)


@SLOW
@given(random_graphs(), st.integers(0, 1000))
def test_any_factors_that_are_one_per_class_keep_the_function(graph: StudentGraph, seed: int) -> None:
    classes = channel_classes(graph)
    rng = np.random.default_rng(seed)
    of_class = np.exp2(rng.integers(-4, 5, 1 + max(int(ids.max()) for ids in classes.values()))).astype(float)
    of_class[0] = 1.0
    _holds(graph, {name: tuple(of_class[ids].tolist()) for name, ids in classes.items()}, seed)


def _holds(graph: StudentGraph, factors: dict[str, tuple[float, ...]], seed: int) -> None:
    inputs = random_inputs(seed)
    before, after = graph.run(inputs), rescaled(graph, factors).run(inputs)
    for name, value in before.items():
        row = torch.tensor(factors.get(name, (1.0,) * value.shape[1])).double().reshape(1, -1, 1, 1)
        scale = max(float((value * row).abs().max()), 1e-6)
        assert float((after[name] - value * row).abs().max()) <= 1e-5 * scale, name
    for name in (*graph.inputs, *graph.outputs):
        assert name not in factors or set(factors[name]) == {1.0}


def test_what_an_addition_joins_carries_one_factor_and_what_a_concat_joins_its_own() -> None:
    layers = (
        _point("a", "x", [[1.0], [2.0]]),
        _point("b", "x", [[3.0], [4.0]]),
        Layer("sum", "add", ("a", "b")),
        Layer("both", "concat", ("sum", "b")),
        _point("disparity", "both", [[1.0, 2.0, 3.0, 4.0]], relu=False),
    )
    shapes = {"x": (1, 1, 1, 1), "a": (1, 2, 1, 1), "b": (1, 2, 1, 1), "sum": (1, 2, 1, 1)}
    shapes |= {"both": (1, 4, 1, 1), "disparity": (1, 1, 1, 1)}
    classes = channel_classes(StudentGraph(layers, ("x",), ("disparity",), shapes))
    for name in ("a", "b"):
        assert classes[name].tolist() == classes["sum"].tolist()
    assert classes["both"].tolist() == classes["sum"].tolist() * 2
    assert classes["x"].tolist() == classes["disparity"].tolist() == [0]
    assert 0 not in classes["sum"].tolist()


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({"a": (1.0,)}, "'a', which this student does not have so"),
        ({"z": (1.0,)}, "'z'"),
        ({"x": (2.0,)}, "'x' would change"),
        ({"disparity": (2.0,)}, "'disparity' would change"),
        ({"a": (2.0, -1.0)}, "'a' would change"),
    ],
)
def test_factors_that_would_change_the_student_are_refused(
    factors: dict[str, tuple[float, ...]], expected: str
) -> None:
    with pytest.raises(DpocketError, match=expected):
        rescaled(_chain([[4.0], [1.0]], [[1.0, 16.0]]), factors)
