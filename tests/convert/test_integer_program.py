"""From float weights to integers, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convert.grid import apply_grid
from convert.lower import lower
from runtime_py.errors import DpocketError
from training.graph import Layer, StudentGraph
from training.quantize import Grid, Steps


def _one_convolution(bias: list[float]) -> StudentGraph:
    weight = torch.tensor([[[[0.30, -1.27]]], [[[0.005, 0.015]]]])
    attrs = {"stride": (1, 1), "dilation": (1, 1), "pads": (0, 0), "padding": "valid"}
    layer = Layer("disparity", "conv2d", ("left",), weight=weight, bias=torch.tensor(bias), attrs=attrs, module="head")
    return StudentGraph((layer,), ("left",), ("disparity",), {"left": (1, 1, 1, 2), "disparity": (1, 2, 1, 1)})


GRID = Grid({"left": Steps(0.5, 0), "disparity": Steps(0.25, 3)}, {"disparity": (float(np.float32(0.01)), 0.0078125)})


def test_weights_and_bias_become_the_integers_of_their_scales() -> None:
    program = apply_grid(lower(_one_convolution([1.0, -0.5])), GRID)
    weight, bias = (next(t for t in program.tensors if t.name == f"disparity.{kind}") for kind in ("weight", "bias"))
    assert weight.data is not None
    assert bias.data is not None
    # OHWI: 0.30 / 0.01, -1.27 / 0.01; 0.005 / 0.0078125 = 0.64, 0.015 / 0.0078125 = 1.92.
    assert weight.data.tolist() == [[[[30], [-127]]], [[[1], [2]]]]
    # 1.0 / (0.5 * 0.01) and -0.5 / (0.5 * 0.0078125).
    assert bias.data.tolist() == [200, -128]
    assert (weight.dtype, bias.dtype) == ("int8", "int32")
    assert program.ops[0].where == "head"


def test_a_bias_that_float32_cannot_hold_is_refused() -> None:
    with pytest.raises(DpocketError, match="bias of 'disparity' is too large"):
        apply_grid(lower(_one_convolution([1.0e6, 0.0])), GRID)


def test_a_grid_of_other_channels_is_refused() -> None:
    with pytest.raises(DpocketError, match="1 weight scales for 'disparity' of 2 channels"):
        apply_grid(lower(_one_convolution([0.0, 0.0])), Grid(GRID.tensors, {"disparity": (0.01,)}))
