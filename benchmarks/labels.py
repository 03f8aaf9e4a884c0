"""Labels of a stereo dataset against its truth: bad-2 and end-point error where both cameras see the point.

    dpocket label MiddEval3 --teacher sgbm --out labels
    python -m benchmarks.labels MiddEval3 labels

Truth that lies beside the dataset (Middlebury's `<root>_GT`) is found by the dataset's reader. Frames without truth are
left out, and frames without a label are named.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from runtime_py.captures.pfm import read_pfm
from runtime_py.errors import DpocketError
from runtime_py.metrics.stereo import bad_share, end_point_error
from training.data.datasets import dataset
from training.data.sample import Sample


def score(sample: Sample, labels: Path) -> tuple[float, float, int] | None:
    """bad-2 (0..1), EPE (px) and the number of pixels; None for a sample without truth in pixels."""
    if sample.unit != "px" or not bool((sample.valid > 0).any()):
        return None
    seen = sample.valid[0, 0].numpy() > 0
    if sample.occluded is not None:
        seen &= sample.occluded[0, 0].numpy() == 0
    predicted, truth = read_pfm(labels / f"{sample.names[0]}.pfm")[seen], sample.disparity[0, 0].numpy()[seen]
    known = np.isfinite(predicted)
    # A pixel without a label is a wrong one: leaving out the hard ones must not look better.
    predicted = np.where(known, predicted, 0.0)
    return bad_share(predicted, truth, tau=2.0), end_point_error(predicted, truth), int(seen.sum())


def main() -> int:
    parser = argparse.ArgumentParser(description="Score the labels of a stereo dataset against its truth.")
    parser.add_argument("root", type=Path, help="the dataset that was labelled")
    parser.add_argument("labels", type=Path, help="the folder that `dpocket label` wrote")
    chosen = parser.parse_args()
    console = Console()
    table = Table("frame", "bad-2 %", "EPE px", "pixels")
    rows = []
    try:
        settings = json.loads((chosen.labels / "labels.json").read_text())["settings"]
        frames = dataset(settings["dataset"]).open(chosen.root)
        for index, name in enumerate(frames.names):
            figures = score(frames[index], chosen.labels)
            if figures is not None:
                rows.append(figures)
                table.add_row(name, f"{100 * figures[0]:.2f}", f"{figures[1]:.3f}", str(figures[2]))
    except (DpocketError, OSError) as e:
        console.print(f"[red]{e}[/]")
        return 2
    if not rows:
        console.print(f"[red]no frame of {chosen.root} has truth in pixels[/]")
        return 2
    bad, epe = (float(np.mean([row[i] for row in rows])) for i in (0, 1))
    table.add_row(f"mean of {len(rows)}", f"{100 * bad:.2f}", f"{epe:.3f}", "")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
