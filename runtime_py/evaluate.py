"""Scoring a disparity method on real captures with truth, by the protocol of the affine-invariant metrics."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.capture import DPCapture, Truth
from runtime_py.captures.datasets import read_scene, scene_paths
from runtime_py.captures.orientation import as_stored, views
from runtime_py.errors import CaptureError, ContractError
from runtime_py.metrics import PROTOCOLS, Protocol, affine_invariant_1, affine_invariant_2, spearman
from runtime_py.metrics import score as score_map
from runtime_py.metrics.score import protocol_named, score_pixels

DisparityOf = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[Any]]
"""Left and right view (linear, 0..1, float32 H×W, horizontal axis) to a disparity of H×W, or smaller."""

Progress = Callable[[int, int, str], None]
"""Told scenes done, scenes in all and the name of the last one."""

METRICS = ("ai1", "ai2", "rank_loss")


@dataclass(frozen=True)
class SceneScore:
    """One scene: AI(1) and AI(2) in units of its truth, `rank_loss` = 1 − |ρ_s|, and how long the method took.

    `agreement` is ρ_s with its sign turned so that a positive value means "nearer is larger": the other three do not
    see a reversed sign. `weighted` tells whether the truth came with a confidence.
    """

    name: str
    ai1: float
    ai2: float
    rank_loss: float
    agreement: float
    pixels: int
    weighted: bool
    seconds: float


@dataclass(frozen=True)
class EvalResult:
    """Scores of all scenes, and what was skipped (one sentence each).

    `rank` is the convention behind `rank_loss`, `protocol` a name in `metrics.PROTOCOLS` if one was asked for.
    """

    dataset: str
    rank: str
    scenes: tuple[SceneScore, ...]
    skipped: tuple[str, ...] = ()
    protocol: str | None = None

    def mean(self, metric: str) -> float:
        """Mean over scenes of one of `METRICS` or "seconds"."""
        return float(np.mean([getattr(s, metric) for s in self.scenes]))

    def worst(self, metric: str) -> SceneScore:
        """The scene with the largest value of one of `METRICS`."""
        return max(self.scenes, key=lambda s: float(getattr(s, metric)))

    def to_json(self) -> str:
        """Everything above as JSON, means and worst scenes included."""
        worst = {m: {"scene": self.worst(m).name, "value": getattr(self.worst(m), m)} for m in METRICS}
        data = {
            "dataset": self.dataset,
            "rank": self.rank,
            "protocol": self.protocol,
            "mean": {m: self.mean(m) for m in (*METRICS, "seconds")},
            "worst": worst,
            "scenes": [dataclasses.asdict(s) for s in self.scenes],
            "skipped": list(self.skipped),
        }
        return json.dumps(data, indent=1)


def evaluate(
    disparity_of: DisparityOf,
    dataset: str,
    root: Path,
    progress: Progress | None = None,
    *,
    rank: str | None = None,
    protocol: str | None = None,
) -> EvalResult:
    """Scores of `disparity_of` on every readable scene of `dataset` (see `captures.datasets`) at or below `root`.

    Captures with a vertical axis are turned before and back after. A result of another size than the views is resized
    linearly; only pixels with truth count. `protocol` scores as a publication does, with its own rank convention;
    without it, `rank` is "average" unless given. Raises CaptureError when no scene can be read, ContractError when the
    method returns something that is no finite H×W map, and for a protocol that is not of this dataset.
    """
    rank = _rank_of(dataset, rank, protocol)
    paths = scene_paths(dataset, root)
    scores: list[SceneScore] = []
    skipped: list[str] = []
    for done, path in enumerate(paths, 1):
        try:
            capture = read_scene(dataset, path)
        except CaptureError as e:
            skipped.append(str(e))
            name = f"{path} (skipped)"
        else:
            scores.append(score(disparity_of, capture, rank, protocol))
            name = capture.name
        if progress is not None:
            progress(done, len(paths), name)
    if not scores:
        raise CaptureError(f"none of the {len(paths)} scenes of {dataset} could be read; the first: {skipped[0]}")
    return EvalResult(dataset, rank, tuple(scores), tuple(skipped), protocol)


def score(
    disparity_of: DisparityOf, capture: DPCapture, rank: str = "average", protocol: str | None = None
) -> SceneScore:
    """Score on one capture. Raises CaptureError when it has no truth.

    Under a `protocol` its own rank convention counts, without one `rank` does.
    """
    rank = rank if protocol is None else protocol_named(protocol).rank
    truth = capture.truth
    if truth is None:
        raise CaptureError(f"{capture.name} has no ground truth to score against")
    left, right = views(capture)
    start = time.perf_counter()
    predicted = np.asarray(disparity_of(left, right), np.float64)
    seconds = time.perf_counter() - start
    if predicted.ndim != 2 or predicted.size == 0:
        raise ContractError(f"on {capture.name} the method returned shape {predicted.shape}; a disparity is H×W")
    whole = as_stored(capture, _at_size(predicted, left.shape))
    weight = None if truth.confidence is None else truth.confidence[truth.valid]
    p, d = whole[truth.rows, truth.columns][truth.valid], truth.values[truth.valid]
    try:
        rho = spearman(p, d, weight, rank=rank)
        if protocol is None:
            figures = {"ai1": affine_invariant_1(p, d, weight), "ai2": affine_invariant_2(p, d, weight)}
            figures["rank_loss"], pixels = 1 - abs(rho), int(p.size)
        else:
            figures, pixels = _published(protocol, whole, truth)
    except ContractError as e:
        raise ContractError(f"on {capture.name}: {e}") from e
    agreement = -rho if truth.kind == "defocus-code" else rho
    named = {name: figures[name] for name in METRICS}
    return SceneScore(
        capture.name, **named, agreement=agreement, pixels=pixels, weighted=weight is not None, seconds=seconds
    )


def _rank_of(dataset: str, rank: str | None, protocol: str | None) -> str:
    if protocol is None:
        return rank or "average"
    chosen = protocol_named(protocol)
    if chosen.dataset != dataset:
        fitting = ", ".join(name for name, p in PROTOCOLS.items() if p.dataset == dataset) or "none"
        raise ContractError(f"protocol '{protocol}' does not score dataset '{dataset}'; the ones that do: {fitting}")
    if rank not in (None, chosen.rank):
        raise ContractError(f"protocol '{protocol}' ranks by '{chosen.rank}', not '{rank}'; leave one of the two out")
    return chosen.rank


def _published(protocol: str, disparity: NDArray[np.float64], truth: Truth) -> tuple[dict[str, float], int]:
    """Figures under a protocol, and the number of pixels; `disparity` covers the views."""
    chosen = protocol_named(protocol)
    if not set(METRICS) <= set(chosen.metrics):
        given = ", ".join(chosen.metrics)
        raise ContractError(f"protocol '{protocol}' gives {given}; an evaluation needs {', '.join(METRICS)}")
    if chosen.truth_size in (None, truth.values.shape):
        found = score_map(disparity, truth.values, truth.confidence, protocol=protocol, valid=truth.valid)
    else:
        rows, columns, pitch = _window_and_pitch(protocol, chosen, truth)
        pooled = disparity[truth.rows, truth.columns].reshape(rows, pitch, columns, pitch).mean(axis=(1, 3))
        thin = (slice(None, None, pitch), slice(None, None, pitch))
        weight = None if truth.confidence is None else truth.confidence[thin]
        found = score_pixels(pooled, truth.values[thin], weight, protocol=protocol, valid=truth.valid[thin])
    return found.figures, found.pixels


def _window_and_pitch(protocol: str, chosen: Protocol, truth: Truth) -> tuple[int, int, int]:
    """Size of the protocol's window, and how many view pixels one pixel of the published truth spans.

    Readers crop some truths by the protocol and repeat their pixels to the size of the views.
    """
    height, width = truth.values.shape
    if chosen.truth_size is not None:
        rows, columns = (s.stop - s.start for s in chosen.window(*chosen.truth_size))
        pitch = max(height // rows, 1)
        if (rows * pitch, columns * pitch) == (height, width):
            return rows, columns, pitch
    raise ContractError(f"the truth is {height}×{width}, which is not the window of protocol '{protocol}'")


def _at_size(disparity: NDArray[np.float64], size: tuple[int, ...]) -> NDArray[np.float64]:
    if disparity.shape == size:
        return disparity
    import cv2

    return np.asarray(cv2.resize(disparity, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), np.float64)
