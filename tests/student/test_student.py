"""A student gives disparity in pixels of the views it was handed, of any size, and refuses what are no views."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.preprocess import preprocess
from runtime_py.contract import Contract, TensorSpec
from runtime_py.errors import ContractError
from runtime_py.student import Student

TILE, STRIDE, WIDTH = (48, 64), 2, 96


def _contract(dtype: str = "float32", layout: str = "NHWC") -> Contract:
    def spec(name: str, plane: tuple[int, int], unit: str, limit: float) -> TensorSpec:
        shape = (1, *plane, 1) if layout == "NHWC" else (1, 1, *plane)
        grid: dict[str, Any] = {"scale": limit / 120, "zero_point": 3} if dtype == "int8" else {}
        return TensorSpec(name, shape, layout, dtype, unit, (-limit, limit), **grid)

    views = tuple(spec(name, TILE, "1", 3.0) for name in ("left", "right"))
    cells = (TILE[0] // STRIDE, TILE[1] // STRIDE)
    return Contract("test", views, (spec("disparity", cells, "px", 8.0),), WIDTH, STRIDE)


class Pooled:
    """A stand-in network: `function` of both inputs, averaged over each cell, on the contract's grid."""

    def __init__(self, contract: Contract, function: Any) -> None:
        self.contract, self.function, self.calls = contract, function, 0

    def run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        self.calls += 1
        left, right = (self.contract.input(n).dequantize(inputs[n]).reshape(TILE) for n in ("left", "right"))
        out = self.contract.output("disparity")
        cells = self.function(left, right).reshape(TILE[0] // STRIDE, STRIDE, TILE[1] // STRIDE, STRIDE).mean((1, 3))
        return {"disparity": out.quantize(cells).reshape(out.shape)}


def _student(function: Any, **kind: str) -> tuple[Student, Pooled]:
    contract = _contract(**kind)
    runner = Pooled(contract, function)
    return Student(runner, contract), runner


def _view(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    texture = gaussian_filter(np.random.default_rng(seed).random((height, width)), (height / 30, width / 30))
    return ((texture - texture.min()) / np.ptp(texture)).astype(np.float32)


@pytest.mark.parametrize("size", [(72, 96), (144, 192), (37, 48), (101, 333), (40, 20)])
def test_a_constant_at_the_working_width_scales_with_the_views_width(size: tuple[int, int]) -> None:
    student, _ = _student(lambda left, right: np.full_like(left, 1.5))
    out = student.disparity(_view(*size), _view(*size, seed=1))
    assert (out.shape, out.dtype) == (size, np.float32)
    np.testing.assert_allclose(out, 1.5 * size[1] / WIDTH, rtol=1e-5)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("size", [(72, 96), (51, 96)])
def test_a_smooth_plane_comes_back_through_tiles_where_it_was(layout: str, size: tuple[int, int]) -> None:
    student, runner = _student(lambda left, right: left - right, layout=layout)
    left, right = (gaussian_filter(_view(*size, seed), 6) for seed in (0, 1))
    settings = student.contract.preprocess
    expected = gaussian_filter(preprocess(left, settings) - preprocess(right, settings), 0.8)
    assert runner.calls == 0
    out = student.disparity(left, right)
    assert runner.calls >= 2
    assert np.abs(out - expected)[2:-2, 2:-2].max() < 0.05 * np.ptp(expected)


def test_odd_sizes_do_not_shift_the_result() -> None:
    student, _ = _student(lambda left, right: left)
    bump = np.full((95, 191), 0.2, np.float32)
    y, x = np.mgrid[:95, :191]
    bump += 0.2 * np.exp(-((y - 61) ** 2 + (x - 140) ** 2) / (2 * 8.0**2)).astype(np.float32)
    out = student.disparity(bump, bump)
    peak = out > 0.7 * out.max()
    np.testing.assert_allclose([y[peak].mean(), x[peak].mean()], [61, 140], atol=0.5)


def test_int8_differs_from_float_by_no_more_than_its_steps() -> None:
    function = lambda left, right: left - 0.5 * right  # noqa: E731
    left, right = _view(72, 96), _view(72, 96, 1)
    real, quantised = (_student(function, dtype=dtype)[0].disparity(left, right) for dtype in ("float32", "int8"))
    step_in, step_out = 3.0 / 120, 8.0 / 120
    assert 0 < np.abs(real - quantised).max() <= (1.5 * step_in + step_out) / 2 + 1e-5


def test_a_portrait_captures_disparity_comes_back_in_portrait() -> None:
    student, _ = _student(lambda left, right: left)
    view = _view(96, 72)
    portrait = DPCapture("p", "plain", view, view, dp_axis="vertical")
    turned = np.ascontiguousarray(np.rot90(view))
    out = student.disparity_of(portrait)
    assert out.shape == (96, 72)
    np.testing.assert_array_equal(np.rot90(out), student.disparity(turned, turned))


GOOD = _view(72, 96)


@pytest.mark.parametrize(
    ("left", "right", "sentence"),
    [
        (GOOD[None], GOOD, r"left view is an array of shape \(1, 72, 96\); give one plane"),
        (GOOD.tolist(), GOOD, "left view is a list"),
        (GOOD, GOOD[:, :-1], r"left view is \(72, 96\) and the right one \(72, 95\)"),
        (GOOD, (GOOD * 255).astype(np.uint8), "right view is uint8; give linear floats"),
        (np.where(GOOD > 0.5, np.nan, GOOD), GOOD, r"left view has \d+ values that are NaN"),
        (GOOD, GOOD * 255, r"right view runs from 0 to 255; give linear light"),
        (GOOD * 2 - 1, GOOD, "left view runs from -1 to 1"),
        (GOOD[:8], GOOD[:8], "at least 16 pixels"),
        (GOOD * 0, GOOD, "black everywhere"),
    ],
)
def test_arrays_that_are_no_views_are_refused(left: Any, right: Any, sentence: str) -> None:
    with pytest.raises(ContractError, match=sentence):
        _student(lambda left, right: left)[0].disparity(left, right)


def test_a_few_clipped_highlights_above_white_are_let_through() -> None:
    view = GOOD.copy()
    view[0, :10] = 3.9
    assert np.isfinite(_student(lambda left, right: left)[0].disparity(view, GOOD)).all()


def test_run_takes_stored_arrays_as_the_contract_says() -> None:
    student, _ = _student(lambda left, right: left, dtype="int8")
    stored = {name: np.full((1, *TILE, 1), 3, np.int8) for name in ("left", "right")}
    assert student.run(stored)["disparity"].tolist() == np.full((1, 24, 32, 1), 3).tolist()
    with pytest.raises(ContractError, match="inputs left, right were expected, left came"):
        student.run({"left": stored["left"]})
    with pytest.raises(ContractError, match=r"'right' is int8 \(1, 48, 64, 1\) .* float32"):
        student.run({**stored, "right": stored["right"].astype(np.float32)})


def test_a_contract_that_does_not_fit_a_student_is_refused() -> None:
    contract = _contract()
    with pytest.raises(ContractError, match="at stride 4"):
        Student(Pooled(contract, None), replace(contract, output_stride=4))
    with pytest.raises(ContractError, match="horizontal"):
        Student(Pooled(contract, None), replace(contract, dp_axis="vertical"))
    with pytest.raises(ContractError, match="no input 'right'"):
        Student(Pooled(contract, None), replace(contract, inputs=contract.inputs[:1]))


def test_a_runner_that_breaks_its_contract_is_named() -> None:
    class Wrong:
        def run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            return {"depth": inputs["left"]}

    with pytest.raises(ContractError, match=r"gave \{'depth'"):
        Student(Wrong(), _contract()).disparity(GOOD, GOOD)


def _with_confidence(contract: Contract) -> Contract:
    spec = replace(
        contract.output("disparity"), name="confidence", unit="1", valid_range=(0.0, 1.0), within_px=0.25,
        scale=1 / 255, zero_point=-128,
    )  # fmt: skip
    return replace(contract, outputs=(*contract.outputs, spec))


class Sure(Pooled):
    """A `Pooled` that answers with `sure` of the left input as its confidence, too."""

    def __init__(self, contract: Contract, function: Any, sure: Any) -> None:
        super().__init__(contract, function)
        self.sure = sure

    def run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        left = self.contract.input("left").dequantize(inputs["left"]).reshape(TILE)
        cells = self.sure(left).reshape(TILE[0] // STRIDE, STRIDE, TILE[1] // STRIDE, STRIDE).mean((1, 3))
        out = self.contract.output("confidence")
        return {**super().run(inputs), "confidence": out.quantize(cells).reshape(out.shape)}


def _sure(sure: Any, **kind: str) -> Student:
    contract = _with_confidence(_contract(**kind))
    return Student(Sure(contract, lambda left, right: left, sure), contract)


def test_a_student_without_confidence_predicts_none() -> None:
    student, _ = _student(lambda left, right: left - right)
    found = student.predict(GOOD, GOOD[::-1].copy())
    assert found.confidence is None
    np.testing.assert_array_equal(found.disparity, student.disparity(GOOD, GOOD[::-1].copy()))


@pytest.mark.parametrize("size", [(72, 96), (101, 333)])
def test_confidence_comes_at_the_views_size_and_does_not_scale_with_it(size: tuple[int, int]) -> None:
    student = _sure(lambda left: np.full_like(left, 0.75))
    view = _view(*size)
    found = student.predict(view, view)
    assert found.confidence is not None
    assert (found.confidence.shape, found.confidence.dtype) == (size, np.float32)
    np.testing.assert_allclose(found.confidence, 0.75, rtol=1e-6)
    np.testing.assert_array_equal(found.disparity, student.disparity(view, view))


def test_both_maps_are_blended_over_the_same_tiles() -> None:
    """A confidence that follows the disparity on every tile still does in the whole."""
    student = _sure(lambda left: 0.5 + left / 10)
    found = student.predict(_view(144, 192), _view(144, 192, 1))
    assert found.confidence is not None
    in_px_of_working_width = found.disparity * WIDTH / 192
    np.testing.assert_allclose(found.confidence, 0.5 + in_px_of_working_width / 10, atol=1e-5)


def test_a_float_confidence_beyond_0_and_1_is_clipped_before_it_is_blended() -> None:
    student = _sure(lambda left: np.where(left > 0, 7.0, -5.0))
    found = student.predict(_view(144, 192), _view(144, 192))
    assert found.confidence is not None
    assert (found.confidence.min(), found.confidence.max()) == (0.0, 1.0)


def test_an_int8_confidence_is_within_half_a_step_of_1_in_255() -> None:
    student = _sure(lambda left: np.full_like(left, 0.3), dtype="int8")
    found = student.predict(GOOD, GOOD)
    assert found.confidence is not None
    np.testing.assert_allclose(found.confidence, 0.3, atol=0.5 / 255 + 1e-6)


def test_a_portrait_captures_confidence_comes_back_in_portrait() -> None:
    student = _sure(lambda left: 0.5 + left / 10)
    view = _view(96, 72)
    found = student.predict_of(DPCapture("p", "plain", view, view, dp_axis="vertical"))
    assert found.confidence is not None
    assert found.disparity.shape == found.confidence.shape == (96, 72)
    turned = np.ascontiguousarray(np.rot90(view))
    expected = student.predict(turned, turned)
    assert expected.confidence is not None
    np.testing.assert_array_equal(np.rot90(found.confidence), expected.confidence)
    np.testing.assert_array_equal(np.rot90(found.disparity), expected.disparity)


def test_a_confidence_of_another_size_than_the_disparity_is_refused() -> None:
    contract = _with_confidence(_contract())
    small = replace(contract.outputs[1], shape=(1, 12, 16, 1))
    with pytest.raises(ContractError, match=r"a confidence of \(12, 16\) does not fit a disparity of \(24, 32\)"):
        Student(Pooled(contract, None), replace(contract, outputs=(contract.outputs[0], small)))


def test_a_runner_that_forgets_its_confidence_is_named() -> None:
    contract = _with_confidence(_contract())
    forgetful = Student(Pooled(contract, lambda left, right: left), contract)
    assert forgetful.disparity(GOOD, GOOD).shape == GOOD.shape
    with pytest.raises(ContractError, match="contract says confidence"):
        forgetful.predict(GOOD, GOOD)
