"""Each protocol against its published procedure, written here step by step with scipy, OpenCV and covariances."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, stats

from runtime_py.captures.datasets import DATASETS
from runtime_py.errors import ContractError
from runtime_py.metrics import METRICS, PROTOCOLS, RANKS, score, score_pixels

Plane = NDArray[np.float64]


def _coarse(rows: int, columns: int, seed: int) -> Plane:
    """A smooth map of 0..1 with many equal values, cheap at any size."""
    small = np.random.default_rng(seed).random((rows // 60 + 2, columns // 60 + 2))
    return np.asarray(np.clip(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR), 0, 1))


def _line(p: Plane, d: Plane, row_factor: Plane) -> tuple[float, float]:
    """The least-squares line of a system whose rows (P, 1 | D) are multiplied by `row_factor`."""
    w = row_factor**2
    moments = np.cov(p, d, aweights=w, ddof=0)
    a = moments[0, 1] / moments[0, 0]
    return float(a), float(np.average(d, weights=w) - a * np.average(p, weights=w))


def _ai1(p: Plane, d: Plane, c: Plane, fits: int) -> float:
    w = np.ones_like(d)
    for _ in range(fits):
        a, b = _line(p, d, np.sqrt(c * w))
        r = np.abs(a * p + b - d)
        w = 1 / np.maximum(r, 1e-3)
    return float(np.average(r, weights=c))


def _ai2(p: Plane, d: Plane, c: Plane, row_factor: Plane) -> float:
    a, b = _line(p, d, row_factor)
    return float(np.sqrt(np.average((a * p + b - d) ** 2, weights=c)))


def _pearson(x: Plane, y: Plane, c: Plane) -> float:
    cov = np.cov(x, y, aweights=c, ddof=0)
    return float(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))


def test_google() -> None:
    truth = np.round(_coarse(1008, 756, 0) * 255) / 255
    prediction = np.round(3 * truth + _coarse(1008, 756, 1), 2)
    confidence = np.maximum(0, _coarse(1008, 756, 2) - 0.3)
    assert (confidence == 0).any()
    got = score(prediction, truth, confidence, protocol="google")

    crop = (slice((1008 - 512) // 2, (1008 + 512) // 2), slice((756 - 384) // 2, (756 + 384) // 2))
    p, d, c = (a[crop].ravel() for a in (prediction, truth, confidence))
    assert got.figures["ai1"] == pytest.approx(_ai1(p, d, c, fits=5), abs=1e-8)
    assert got.figures["ai2"] == pytest.approx(_ai2(p, d, c, np.sqrt(c)), abs=1e-8)

    def rank(z: Plane) -> Plane:
        return np.argsort(np.argsort(z, kind="stable"), kind="stable").astype(float)

    rho = max(_pearson(rank(p), rank(d), c), _pearson(rank(-p), rank(d), c))
    assert got.figures["rank_loss"] == pytest.approx(1 - rho, abs=1e-9)
    assert (got.rank, got.pixels) == ("google", int(np.count_nonzero(c)))
    masked = score(prediction, truth, confidence, protocol="google", valid=confidence > 0)
    assert masked == got, "pixels of confidence 0 take ranks, masked or not"


def test_punnappurath_on_dp_disp() -> None:
    stored = np.round(_coarse(2940, 5180, 3) * 255).astype(np.uint8)
    stored[1400:1500, 2000:2300] = 0
    truth = (255 - stored.astype(float)) / 255
    prediction = truth**2 + 0.2 * _coarse(2940, 5180, 4)
    got = score(prediction, truth, protocol="dp-disp", valid=stored > 0)

    x = np.abs(np.arange(-3.5, 4) / 2)
    taps = np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2) / 2

    def halved(plane: Plane) -> Plane:
        for axis in (0, 1):
            filtered = ndimage.correlate1d(plane, taps, axis=axis, mode="reflect")
            plane = np.take(filtered, np.arange(1, plane.shape[axis], 2), axis)
        return plane

    # Numbers from 1 and inclusive, as MATLAB has them.
    ends = [np.arange(56, n - 55 + 1, 33)[[0, -1]] for n in (1470, 2590)]
    crop = tuple(slice(first - 16 + 100 - 1, last + 16 - 100) for first, last in ends)
    d = (np.floor(np.round(np.clip(halved(truth)[crop], 0, 1) * 255, 6) + 0.5) / 255).ravel()
    p, ones = halved(prediction)[crop].ravel(), np.ones(d.size)
    # One unweighted fit and five reweighted ones; nothing is masked.
    assert got.pixels == d.size
    assert got.figures["ai1"] == pytest.approx(_ai1(p, d, ones, fits=6), abs=1e-7)
    assert got.figures["ai2"] == pytest.approx(_ai2(p, d, ones, ones), abs=1e-7)
    # Sums in another order move p by rounding, which splits equal values: dense ranks react.
    dense = [stats.rankdata(np.round(v, 12), method="dense") for v in (p, d)]
    assert got.figures["rank_loss"] == pytest.approx(1 - abs(np.corrcoef(*dense)[0, 1]), abs=1e-3)


@pytest.mark.parametrize("protocol", ["kaist", "sony"])
def test_kaist_and_sony_on_dp_disp(protocol: str) -> None:
    stored = np.round(_coarse(2940, 5180, 5) * 255).astype(np.uint8)
    stored[1400:1500, 2000:2300] = 0
    valid = stored > 0
    truth = (255 - stored.astype(float)) / 255
    prediction = truth**2 + 0.2 * _coarse(2940, 5180, 6)
    got = score(prediction, truth, protocol=protocol, valid=valid)

    if protocol == "kaist":
        frame = (slice(125, 125 + 32 * 81), slice(143, 143 + 32 * 148))
        d, p = (cv2.resize(a[frame], (2386, 1296)) for a in (truth, prediction))
    else:
        margin = (slice(63, 63 + 1296), slice(72, 72 + 2368))
        d = cv2.resize((255 - stored) * valid, (2590, 1470))[margin] / 255
        p = cv2.resize(prediction, (2590, 1470))[margin]
    ends = [np.arange(56, n - 55, 33)[[0, -1]] for n in d.shape]
    crop = tuple(slice(first - 16, last + 17) for first, last in ends)
    p, d, ones = p[crop].ravel(), d[crop].ravel(), np.ones(d[crop].size)
    assert got.figures["ai1"] == pytest.approx(_ai1(p, d, ones, fits=5), abs=1e-7)
    assert got.figures["ai2"] == pytest.approx(_ai2(p, d, ones, ones), abs=1e-7)
    dense = [stats.rankdata(v, method="dense") for v in (p, d)]
    assert got.figures["rank_loss"] == pytest.approx(1 - abs(np.corrcoef(*dense)[0, 1]), abs=1e-3)


def test_kaist_on_cmu_ranks_the_unknown_pixels_too() -> None:
    truth = np.round(_coarse(1008, 1344, 7) * 255) / 255
    truth[:300, :400] = 0
    capture = _coarse(1512, 2016, 8)
    capture[252:1260, 336:1680] += 2 * truth
    capture = np.round(capture, 2)
    # Values between two ranks of the known pixels, where nothing is known.
    capture[252:552, 336:736] = np.linspace(1.001, 1.009, 300 * 400).reshape(300, 400)
    got = score(capture, truth, protocol="kaist-cmu", valid=truth > 0)

    p, d = capture[252:1260, 336:1680].ravel(), truth.ravel()
    c = (d > 0).astype(float)
    assert got.figures["ai1"] == pytest.approx(_ai1(p, d, c, fits=5), abs=1e-8)
    assert got.figures["ai2"] == pytest.approx(_ai2(p, d, c, c), abs=1e-8)
    dense = [stats.rankdata(v, method="dense") for v in (p, d)]
    assert got.figures["rank_loss"] == pytest.approx(1 - abs(_pearson(dense[0], dense[1], c)), abs=1e-9)

    ours = score(capture, truth, protocol="cmu", valid=truth > 0)
    kept = d > 0
    assert abs(ours.figures["rank_loss"] - got.figures["rank_loss"]) > 0.01
    assert ours.figures["rank_loss"] == pytest.approx(1 - abs(stats.spearmanr(p[kept], d[kept]).statistic), abs=1e-9)
    assert ours.figures["ai2"] == pytest.approx(got.figures["ai2"], abs=1e-9)


def test_kaists_fit_weighs_by_the_square_of_a_fractional_confidence() -> None:
    rng = np.random.default_rng(9)
    p, c = rng.normal(size=500), rng.uniform(0.1, 1, 500)
    d = p + rng.normal(size=500)
    got = score_pixels(p, d, c, protocol="kaist").figures["ai2"]
    assert got == pytest.approx(_ai2(p, d, c, c), rel=1e-9)
    assert got != pytest.approx(_ai2(p, d, c, np.sqrt(c)), rel=1e-6)


def test_kitti_counts_the_crop_between_its_depths_and_clips_the_map() -> None:
    rng = np.random.default_rng(10)
    truth = rng.uniform(1, 100, (370, 1224)) * (rng.random((370, 1224)) < 0.1)
    prediction = truth * rng.uniform(0.5, 2, truth.shape) + 1
    counted = np.zeros(truth.shape, np.bool_)
    counted[151:366, 43:1180] = True
    counted &= (truth > 1e-3) & (truth < 80)
    p, d = np.clip(prediction[counted], 1e-3, 80), truth[counted]
    got = score(prediction, truth, protocol="kitti")
    assert got.pixels == counted.sum()
    assert got.figures["abs_rel"] == pytest.approx(np.mean(np.abs(p - d) / d))
    assert got.figures["rmse_log"] == pytest.approx(np.sqrt(np.mean((np.log(p) - np.log(d)) ** 2)))
    assert got.figures["a1"] == pytest.approx(np.mean(np.maximum(p / d, d / p) < 1.25))
    assert list(got.figures) == ["abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3"]
    assert got.rank is None

    scaled = prediction[counted] * np.median(d) / np.median(prediction[counted])
    expected = np.mean(np.abs(np.clip(scaled, 1e-3, 80) - d) / d)
    for factor in (1, 0.01):
        median = score(factor * prediction, truth, protocol="kitti-median").figures["abs_rel"]
        assert median == pytest.approx(expected), "a factor on the map is scaled away"


def test_stereo_protocols_leave_out_what_their_truth_does_not_know() -> None:
    truth = np.array([[0.0, 10, 100, 20], [5, 5, 5, np.inf]])
    prediction = np.array([[99.0, 14, 104, 20], [5, 7.5, 9, 1]])
    kitti = score(prediction, truth, protocol="kitti-2015")
    assert kitti.pixels == 6
    assert kitti.figures["d1"] == pytest.approx(2 / 6), "10 → 14 and 5 → 9; 4 px of 100 are within 5 %"
    seen = np.array([[True, True, True, True], [True, True, False, False]])
    middlebury = score(prediction, truth, protocol="middlebury", valid=seen)
    assert middlebury.figures == {"bad2": pytest.approx(4 / 6), "epe": pytest.approx((99 + 4 + 4 + 0 + 0 + 2.5) / 6)}


def test_the_code_of_google_is_scored_as_it_is_not_as_depth() -> None:
    u = np.linspace(0, 1, 1008 * 756).reshape(1008, 756)
    got = score(-4 * u + 1, u, np.ones_like(u), protocol="google").figures
    assert list(got.values()) == pytest.approx([0, 0, 0], abs=1e-8)


def test_every_protocol_is_complete() -> None:
    for name, protocol in PROTOCOLS.items():
        assert set(protocol.metrics) <= set(METRICS), name
        assert protocol.rank in RANKS, name
        assert protocol.dataset is None or protocol.dataset in DATASETS, name
        assert protocol.known, name
        assert protocol.assumed, name
        assert (protocol.regrid_truth is None) == (protocol.regrid_map is None), name


def test_what_a_protocol_cannot_score_is_refused() -> None:
    truth = np.ones((756, 1008))
    with pytest.raises(ContractError, match="no protocol 'garg'; known are google, dp-disp"):
        score(truth, truth, protocol="garg")
    with pytest.raises(ContractError, match=r"'google' scores a truth of 1008×756 .* this one is 756×1008"):
        score(truth, truth, protocol="google")
    with pytest.raises(ContractError, match="'dp119' weighs no pixel"):
        score(truth, truth, truth, protocol="dp119")
    with pytest.raises(ContractError, match=r"the prediction covers \(756, 1000\) of the truth's \(756, 1008\)"):
        score(truth[:, :1000], truth, protocol="dp119")
    with pytest.raises(ContractError, match="scores H×W"):
        score(truth[0], truth[0], protocol="dp119")
    with pytest.raises(ContractError, match="median of the predicted depths is 0"):
        score(0 * truth, truth, protocol="kitti-median")
    with pytest.raises(ContractError, match="no pixel carries weight"):
        score(truth, truth * np.nan, protocol="middlebury")
