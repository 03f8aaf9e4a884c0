"""`Description`: what a capture is, in numbers, and as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.correspond import WIDTH
from runtime_py.captures.gain import GainRamp, gain_ramp
from runtime_py.captures.lint import Evidence, Finding

if TYPE_CHECKING:
    from rich.table import Table

PERCENTILES = (0.1, 1.0, 50.0, 99.0, 99.9)


@dataclass(frozen=True)
class Description:
    """Size in square pixels; `black` and `white` as stored; percentiles (at `PERCENTILES`) of linear light, 1 = white.

    `disparity` is the 5 % to 95 % range of sparse matches along the axis, in pixels at the capture's own size, None
    where too little could be matched; `truth` says what is known, None where nothing is.
    """

    name: str
    format: str
    width: int
    height: int
    dp_axis: str
    stored_aspect: float
    bit_depth: int
    black: float
    white: float
    left: tuple[float, ...]
    right: tuple[float, ...]
    gain: float
    ramp: GainRamp | None
    disparity: tuple[float, float] | None
    truth: str | None


def describe(capture: DPCapture) -> Description:
    """Measure a capture. `gain` is the left view's mean over the right view's."""
    height, width = capture.size
    left, right = (tuple(float(v) for v in np.percentile(view, PERCENTILES)) for view in (capture.left, capture.right))
    return Description(
        name=capture.name,
        format=capture.format,
        width=width,
        height=height,
        dp_axis=capture.dp_axis,
        stored_aspect=capture.stored_aspect,
        bit_depth=capture.bit_depth,
        black=capture.black,
        white=capture.white,
        left=left,
        right=right,
        gain=float(capture.left.mean()) / max(float(capture.right.mean()), 1e-9),
        ramp=gain_ramp(capture),
        disparity=_disparity(capture),
        truth=_truth(capture),
    )


def table(description: Description, found: Sequence[Finding] = ()) -> Table:
    """Two columns, what and how much, with the lint's findings below."""
    from rich.markup import escape
    from rich.table import Table

    d = description
    drawn = Table(title=escape(d.name), show_header=False)
    drawn.add_column("what", style="bold")
    drawn.add_column("value", overflow="fold")
    drawn.add_row("format", d.format)
    drawn.add_row("size", f"{d.width}×{d.height}")
    drawn.add_row("dual-pixel axis", d.dp_axis)
    if d.stored_aspect != 1:
        drawn.add_row("stored pixels", f"{d.stored_aspect:g} times as high as wide")
    drawn.add_row("samples", f"{d.bit_depth} bit, black {d.black:g}, white {d.white:g}")
    for side, values in (("left", d.left), ("right", d.right)):
        drawn.add_row(f"{side} light", "  ".join(f"{p:g} %: {v:.4f}" for p, v in zip(PERCENTILES, values, strict=True)))
    drawn.add_row("gain left/right", f"{d.gain:.3f}")
    if d.ramp is not None:
        drawn.add_row(
            "gain ramp", f"log(left/right) changes by {d.ramp.slope:+.3f} ± {d.ramp.error:.3f} along the axis"
        )
    if d.disparity is None:
        drawn.add_row("disparity", "too little texture to tell")
    else:
        drawn.add_row(
            "disparity", f"about {d.disparity[0]:+.1f} … {d.disparity[1]:+.1f} px at this size (nearer is positive)"
        )
    drawn.add_row("truth", d.truth or "none")
    drawn.add_section()
    for finding in found:
        drawn.add_row(f"[yellow]{finding.check}[/]", f"{finding.value:.3g} {finding.unit}: {finding.sentence}")
    if not found:
        drawn.add_row("lint", "nothing looks wrong")
    return drawn


def _disparity(capture: DPCapture) -> tuple[float, float] | None:
    evidence = Evidence(capture)
    if not evidence.geometry:
        return None
    along = capture.size[1] if capture.dp_axis == "horizontal" else capture.size[0]
    low, high = np.percentile(evidence.matches.shifts[:, 1], (5, 95)) * along / WIDTH
    return float(low), float(high)


def _truth(capture: DPCapture) -> str | None:
    if capture.truth is None:
        return None
    share = float(capture.truth.valid.mean())
    height, width = capture.truth.valid.shape
    weighed = ", with confidence" if capture.truth.confidence is not None else ""
    return f"{capture.truth.kind} on {width}×{height} pixels, {share:.0%} known{weighed}"
