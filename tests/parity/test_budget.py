"""Budgets: limits in integers per million and in pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime_py.errors import DpocketError
from runtime_py.parity.budget import DEFAULT_BUDGET, Limit, load_budget
from runtime_py.parity.compare import Comparison
from runtime_py.parity.judge import judge
from runtime_py.parity.matrix import MATRIX


def comparison(differing: int, largest: float, output: str = "disparity") -> Comparison:
    unit = "px" if output == "disparity" else "1"
    return Comparison(output, unit, differing, 0, 1000, largest, 0.0, "s", np.zeros((1, 1), np.float32))


def test_a_file_overrides_only_the_runtimes_it_names(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text('{"onnxruntime": {"differing_per_million": 5, "max_disparity_px": 0.5}}')
    limits = load_budget(path)
    assert limits["onnxruntime"] == Limit(5, 0.5)
    assert limits["litert"] == DEFAULT_BUDGET["litert"]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"onnxruntime": {"max": 1}}', '{"onnxrt": {"differing_per_million": 1, "max_disparity_px": 1}}']
)
def test_a_bad_budget_is_refused_with_an_example_or_the_known_names(tmp_path: Path, text: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(DpocketError, match=r"should look like|known are"):
        load_budget(path)


@pytest.mark.parametrize(
    ("differing", "max_px", "status"), [(0, 0.0, "ok"), (1, 0.1, "ok"), (2, 0.1, "over"), (1, 0.11, "over")]
)
def test_both_limits_must_hold(differing: int, max_px: float, status: str) -> None:
    assert judge([comparison(differing, max_px)], Limit(1000.0, 0.1), "reference")[0] == status


def test_an_optional_runtime_that_is_missing_leaves_no_row() -> None:
    assert {cell.runtime for cell in MATRIX[".tflite"] if cell.optional} == {"tensorflow"}


def test_differences_beyond_one_step_have_a_limit_of_their_own() -> None:
    found = replace(comparison(500, 0.1), beyond_one=2)
    assert judge([found], Limit(1e6, 1.0, beyond_one_per_million=2000.0), "reference")[0] == "ok"
    assert judge([found], Limit(1e6, 1.0, beyond_one_per_million=1999.0), "reference")[0] == "over"


def test_float_artifacts_may_differ_by_what_summation_order_does() -> None:
    found = replace(comparison(0, 0.0009), differing=None, beyond_one=None)
    assert judge([found], Limit(0.0, 0.0), "litert")[0] == "ok"
    assert judge([replace(found, largest=0.0011)], Limit(0.0, 0.0), "litert")[0] == "over"


def test_every_output_has_to_keep_its_own_limit() -> None:
    limit = Limit(1000.0, 0.1, max_confidence=0.02)
    disparity = comparison(1, 0.1)
    assert judge([disparity, comparison(1, 0.02, "confidence")], limit, "r") == (
        "ok",
        "2 of 2000 integers differ from r, 0 by more than one step",
    )
    status, reason = judge([disparity, comparison(1, 0.03, "confidence")], limit, "r")
    assert status == "over"
    assert reason.endswith("the largest deviation of the confidence is 0.0300, at most 0.02 are allowed")
    # Two of a million by each output, but not three by one of them.
    assert judge([comparison(2, 0.0), comparison(2, 0.0, "confidence")], Limit(2000.0, 0.0), "r")[0] == "ok"
    status, reason = judge([comparison(0, 0.0), comparison(3, 0.0, "confidence")], Limit(2000.0, 0.0), "r")
    assert (status, reason.endswith("are allowed in the confidence")) == ("over", True)


def test_runtimes_of_the_same_arithmetic_may_not_differ_in_confidence_either() -> None:
    for runtime in ("litert", "tensorflow", "reference", "executorch"):
        assert DEFAULT_BUDGET[runtime].largest("confidence") == DEFAULT_BUDGET[runtime].largest("disparity") == 0.0
