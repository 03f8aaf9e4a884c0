"""Eigen's seven figures on one small map, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from runtime_py.errors import ContractError
from runtime_py.metrics import METRICS, abs_rel, ratio_share, rmse, rmse_log, sq_rel

TRUTH = np.array([1.0, 2.0, 4.0, 10.0])
PREDICTION = np.array([1.0, 3.0, 3.0, 20.0])


def test_depth_errors_by_hand() -> None:
    assert abs_rel(PREDICTION, TRUTH) == pytest.approx((0 + 1 / 2 + 1 / 4 + 1) / 4)
    assert sq_rel(PREDICTION, TRUTH) == pytest.approx((0 + 1 / 2 + 1 / 4 + 10) / 4)
    assert rmse(PREDICTION, TRUTH) == pytest.approx(math.sqrt((1 + 1 + 100) / 4))
    logs = math.log(1.5) ** 2 + math.log(0.75) ** 2 + math.log(2) ** 2
    assert rmse_log(PREDICTION, TRUTH) == pytest.approx(math.sqrt(logs / 4))


def test_shares_of_ratios_by_hand() -> None:
    # The ratios are 1, 1.5, 1.333 and 2; the limits 1.25, 1.5625 and 1.953.
    assert [METRICS[f"a{k}"](PREDICTION, TRUTH) for k in (1, 2, 3)] == [0.25, 0.75, 0.75]
    assert ratio_share(np.array([1.25]), np.array([1.0]), power=1) == 0, "a ratio equal to the limit is outside"


def test_weights_count_in_depth_errors() -> None:
    assert abs_rel(PREDICTION, TRUTH, np.array([1, 1, 0, 0])) == pytest.approx(0.25)
    assert ratio_share(PREDICTION, TRUTH, np.array([3, 1, 0, 0]), power=1) == 0.75


@pytest.mark.parametrize(
    ("prediction", "truth", "name"), [([1, 0.0], [1, 1], "prediction"), ([1, 1], [1, -1.0], "truth")]
)
def test_a_depth_of_zero_or_less_is_refused(prediction: list[float], truth: list[float], name: str) -> None:
    for metric in (abs_rel, sq_rel, rmse, rmse_log, METRICS["a1"]):
        with pytest.raises(ContractError, match=f"the {name} has 1 of 2 depths that are zero or negative"):
            metric(np.array(prediction), np.array(truth))
