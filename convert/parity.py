"""Parity of artifacts as they leave: measured in every runtime that is here, and written into their manifests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import runtime_py
from convert.artifact import Artifact
from runtime_py.captures import open_capture
from runtime_py.captures.capture import DPCapture
from runtime_py.job import parity_samples
from runtime_py.lowering import DELEGATES
from runtime_py.manifest import with_parity
from runtime_py.parity.matrix import Parity, run_parity
from runtime_py.parity.record import parity_record
from runtime_py.parity.samples import NOISE, Sample

CAPTURE = Path(runtime_py.__file__).parent / "samples" / "20261122_120000_000_left.pgm"
"""The capture that ships: training/demo_capture.py rendered it."""

TILES = 16
"""Tiles of a capture that are run at most, spread evenly: an artifact of a small size would need hundreds."""


def measure(
    made: Sequence[Artifact],
    capture: DPCapture | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[list[Artifact], Parity]:
    """Run the artifacts of one export on `capture` (the shipped one) and on full-range random inputs, and compare.

    Returns the artifacts with the manifests that now hold what was found, and the comparison; those for a delegate that
    no runtime here has stay "not measured". Raises ArtifactError when another export took an artifact's place
    meanwhile.
    """
    runnable = [artifact for artifact in made if artifact.target not in DELEGATES]
    if not runnable:
        return [*made], Parity((), (), {})
    capture = capture or open_capture(CAPTURE)
    paths = [artifact.path for artifact in runnable]
    parity = run_parity(paths, spread(parity_samples(paths, [capture])), progress=progress)
    measured = []
    for artifact in made:
        if artifact not in runnable:
            measured.append(artifact)
            continue
        record = parity_record(parity, artifact.path, [capture.name])
        measured.append(replace(artifact, manifest=with_parity(artifact.path, record, artifact.manifest.sha256)))
    return measured, parity


def spread(samples: list[Sample], tiles: int = TILES) -> list[Sample]:
    """All random samples, and at most so many of the others, evenly."""
    noise = [sample for sample in samples if sample.name.startswith(NOISE)]
    pictures = [sample for sample in samples if not sample.name.startswith(NOISE)]
    step = max(len(pictures) / tiles, 1.0)
    kept = [pictures[int(i * step)] for i in range(min(tiles, len(pictures)))]
    return kept + noise
