"""Every int8 operation against LiteRT itself, in both dialects: not one integer may differ."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.models import INT8_OPS, OTHER_OPS
from benchmarks.models.network import KINDS
from benchmarks.models.networks import NETWORKS
from benchmarks.models.tflite import O, T, constant, model, run_litert
from runtime_py.interpreter import Interpreter
from runtime_py.readers.tflite import read_tflite
from runtime_py.runners.litert import RESOLVERS

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")

SEEDS = 40


def assert_equal_to_litert(content: bytes, arrays: list[np.ndarray], dialect: str, what: str) -> int:
    program = read_tflite(content, what)
    wanted = run_litert(content, arrays, dialect)
    got = Interpreter(program, dialect).run(dict(zip(program.input_names(), arrays, strict=True)))
    for ours, theirs in zip(got.values(), wanted, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs, err_msg=f"{what} in {dialect}")
    return sum(w.size for w in wanted)


@pytest.mark.parametrize("dialect", RESOLVERS)
@pytest.mark.parametrize("name", INT8_OPS)
def test_integers_equal_litert(name: str, dialect: str) -> None:
    compared = 0
    for seed in range(SEEDS):
        made = INT8_OPS[name](np.random.default_rng(seed))
        if name == "fully_connected" and made.tensors[2].scale is None:
            continue  # LiteRT refuses a bias without a scale here
        compared += assert_equal_to_litert(made.content(), made.arrays, dialect, f"{name}, seed {seed}")
    assert compared > 1000


@pytest.mark.parametrize("dialect", RESOLVERS)
@pytest.mark.parametrize("name", sorted(set(OTHER_OPS) - {"elu", "cast"}))
def test_integers_of_rarer_operations_equal_litert(name: str, dialect: str) -> None:
    for seed in range(10):
        made = OTHER_OPS[name](np.random.default_rng(seed))
        assert_equal_to_litert(made.content(), made.arrays, dialect, f"{name}, seed {seed}")


@pytest.mark.parametrize("dialect", RESOLVERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_integers_of_small_networks_equal_litert(name: str, dialect: str) -> None:
    for seed in range(5):
        made = NETWORKS[name](np.random.default_rng(seed), KINDS[seed % 2])
        assert_equal_to_litert(made.content(), made.arrays, dialect, f"{name}, seed {seed}")


LARGE = {
    "CONV_2D": ("Conv2DOptions", (24, 3, 3, 24), 0, (1, 150, 131, 24)),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", (1, 3, 3, 24), 3, (1, 150, 131, 24)),
    "TRANSPOSE_CONV": ("TransposeConvOptions", (24, 3, 3, 24), 0, (1, 150, 131, 24)),
}


@pytest.mark.parametrize("dialect", RESOLVERS)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", LARGE)
def test_images_of_many_strips_equal_litert(name: str, stride: int, dialect: str) -> None:
    options, weights_shape, axis, given = LARGE[name]
    rng = np.random.default_rng(stride)
    weights = rng.integers(-127, 128, weights_shape).astype(np.int8)
    scales = rng.uniform(0.001, 0.01, 24).astype(np.float32)
    forward = tuple(-(-n // stride) for n in given[1:3])
    height, width = (given[1] * stride, given[2] * stride) if name == "TRANSPOSE_CONV" else forward
    out = (1, height, width, 24)
    tensors = [
        T("x", given, "int8", 0.02, -7),
        constant("w", weights, scales, 0, axis),
        constant("b", rng.integers(-3000, 3000, 24).astype(np.int32)),
        T("y", out, "int8", 0.2, 5),
        constant("shape", np.array(out, np.int32)),
    ]
    fields = {"strideH": stride, "strideW": stride, "padding": 0, "fusedActivationFunction": 0}
    if name != "TRANSPOSE_CONV":
        fields |= {"dilationHFactor": 1, "dilationWFactor": 1}
    if name == "DEPTHWISE_CONV_2D":
        fields |= {"depthMultiplier": 1}
    order = (4, 1, 0, 2) if name == "TRANSPOSE_CONV" else (0, 1, 2)
    content = model(tensors, [O(name, order, (3,), options, fields)], (0,), (3,))
    x = rng.integers(-128, 128, given).astype(np.int8)
    assert_equal_to_litert(content, [x], dialect, f"large {name}")


@pytest.mark.parametrize("dialect", RESOLVERS)
def test_sums_beyond_float32_stay_exact(dialect: str) -> None:
    """A deep 1x1 convolution of extreme weights whose sums pass 2**24, where float32 would drop bits."""
    rng = np.random.default_rng(0)
    weights = rng.choice([-127, 127, 126, 125], (5, 1, 1, 3000)).astype(np.int8)
    weights[0] = 127
    tensors = [
        T("x", (1, 4, 4, 3000), "int8", 0.02, 127),
        constant("w", weights, 0.01),
        constant("b", rng.integers(-(2**20), 2**20, 5).astype(np.int32)),
        T("y", (1, 4, 4, 5), "int8", 150.0, 3),
    ]
    fields = {"strideH": 1, "strideW": 1, "padding": 0, "dilationHFactor": 1, "dilationWFactor": 1}
    content = model(tensors, [O("CONV_2D", (0, 1, 2), (3,), "Conv2DOptions", fields)], (0,), (3,))
    x = rng.integers(-128, -100, (1, 4, 4, 3000)).astype(np.int8)
    assert np.abs((x.astype(int) - 127) @ weights[0, 0, 0].astype(int)).max() > 1 << 24
    assert_equal_to_litert(content, [x], dialect, "deep convolution")
