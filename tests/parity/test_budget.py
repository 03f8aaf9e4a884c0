"""Budgets: limits in integers per million and in pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime_py.errors import DpocketError
from runtime_py.parity.budget import DEFAULT_BUDGET, Limit, load_budget
from runtime_py.parity.compare import Comparison
from runtime_py.parity.matrix import MATRIX, judge


def comparison(differing: int, max_px: float) -> Comparison:
    return Comparison("disparity", differing, 0, 1000, max_px, 0.0, "s", np.zeros((1, 1), np.float32))


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
    assert judge(comparison(differing, max_px), Limit(1000.0, 0.1), "reference")[0] == status


def test_an_optional_runtime_that_is_missing_leaves_no_row() -> None:
    assert {cell.runtime for cell in MATRIX[".tflite"] if cell.optional} == {"tensorflow"}


def test_differences_beyond_one_step_have_a_limit_of_their_own() -> None:
    found = replace(comparison(500, 0.1), beyond_one=2)
    assert judge(found, Limit(1e6, 1.0, beyond_one_per_million=2000.0), "reference")[0] == "ok"
    assert judge(found, Limit(1e6, 1.0, beyond_one_per_million=1999.0), "reference")[0] == "over"


def test_float_artifacts_may_differ_by_what_summation_order_does() -> None:
    found = replace(comparison(0, 0.0009), differing=None, beyond_one=None)
    assert judge(found, Limit(0.0, 0.0), "litert")[0] == "ok"
    assert judge(replace(found, max_px=0.0011), Limit(0.0, 0.0), "litert")[0] == "over"
