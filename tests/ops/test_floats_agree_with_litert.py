"""Float32 operations against LiteRT: to 1e-5 of the largest output where sums are added in another order there."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.models import INT8_OPS
from benchmarks.models.tflite import run_litert
from runtime_py.interpreter import Interpreter
from runtime_py.readers.tflite import read_tflite
from runtime_py.runners.litert import RESOLVERS

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")

FLOAT_OPS = [name for name in INT8_OPS if name not in ("quantize", "dequantize", "requantize")]


@pytest.mark.parametrize("name", FLOAT_OPS)
def test_floats_agree_with_litert(name: str) -> None:
    for seed in range(20):
        made = INT8_OPS[name](np.random.default_rng(seed)).float_twin()
        program = read_tflite(made.content(), name)
        wanted = run_litert(made.content(), made.arrays, "xnnpack")
        got = Interpreter(program).run(dict(zip(program.input_names(), made.arrays, strict=True)))
        for ours, theirs in zip(got.values(), wanted, strict=True):
            assert ours.dtype == np.float32
            largest = max(1.0, float(np.abs(theirs).max()))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * largest, err_msg=f"{name}, seed {seed}")


@pytest.mark.parametrize("dialect", RESOLVERS)
@pytest.mark.parametrize("name", ["conv2d", "depthwise_conv2d", "transpose_conv2d"])
def test_int8_weights_under_float_images_equal_litert_to_the_last_bit(name: str, dialect: str) -> None:
    compared = 0
    for seed in range(40):
        made = INT8_OPS[name](np.random.default_rng(seed)).hybrid_twin()
        wanted = run_litert(made.content(), made.arrays, dialect)[0]
        got = Interpreter(read_tflite(made.content(), name), dialect).run({"x": made.arrays[0]})["y"]
        np.testing.assert_array_equal(got, wanted, err_msg=f"{name}, seed {seed}")
        compared += wanted.size
    assert compared > 1000
