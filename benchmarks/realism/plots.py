"""The page's figures: rendered pairs in black over every real source in its colour, as PNG bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.realism.distances import FEWEST
from benchmarks.realism.facts import Facts
from benchmarks.realism.measures import MEASURES
from benchmarks.realism.pairs import RENDERED, Array
from benchmarks.realism.texture import GRADIENTS, frequencies

LEVELS = np.geomspace(0.03, 8.0, 11)
DISPARITIES = np.array([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
LINES = (("half disc", 0.57), ("ramp disc", 1.57))
"""20–80 % rise of an edge per px of disparity: 0.242 and 0.394 of the circle of confusion, over α = 0.424 and 0.25."""

Axes = Any


def _style(title: str, index: int) -> dict[str, Any]:
    if title == RENDERED:
        return {"color": "black", "linewidth": 2.2, "zorder": 5, "label": title}
    return {"color": f"C{index}", "linewidth": 1.2, "label": title}


def _styled(all_facts: list[Facts]) -> list[tuple[Facts, dict[str, Any]]]:
    real = [f for f in all_facts if f.title != RENDERED]
    rendered = [f for f in all_facts if f.title == RENDERED]
    return [(f, _style(f.title, i)) for i, f in enumerate(real)] + [(f, _style(f.title, 0)) for f in rendered]


def distribution(axes: Axes, all_facts: list[Facts], name: str, scale: str = "linear") -> None:
    """Cumulative distributions of one measure."""
    measure, seen = MEASURES[name], []
    for facts, style in _styled(all_facts):
        values = np.sort(measure.values(facts))
        if values.size < FEWEST:
            continue
        seen.append(values)
        axes.plot(values, (np.arange(values.size) + 0.5) / values.size, **style)
    if scale == "log":
        axes.set_xscale("log")
    if seen:
        low = min(float(np.quantile(v, 0.01)) for v in seen)
        high = max(float(np.quantile(v, 0.99)) for v in seen)
        low = max(low, 1e-3) if scale == "log" else low
        if high > low:
            axes.set_xlim(low, high)
        if scale == "log":
            _plain_decimals(axes.xaxis, low, high)
    unit = f", {measure.unit}" if measure.unit else ""
    axes.set(xlabel=f"{measure.title}{unit}", ylabel="share below", ylim=(0, 1))


def _plain_decimals(axis: Any, low: float, high: float) -> None:
    """At most six tick labels, as plain numbers: on short logarithmic axes the default ones lie over each other."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    steps = (1, 2, 5) if high / low < 300 else (1,)
    marks = [m * 10.0**e for e in range(-6, 7) for m in steps if low <= m * 10.0**e <= high]
    if len(marks) < 2:
        return
    axis.set_major_locator(FixedLocator(marks[:: -(-len(marks) // 6)]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def gradients(axes: Axes, all_facts: list[Facts], member: str, name: str) -> None:
    """Log-probability of gradients."""
    centres, width = (GRADIENTS[:-1] + GRADIENTS[1:]) / 2, GRADIENTS[1] - GRADIENTS[0]
    for facts, style in _styled(all_facts):
        counts = np.sum([getattr(t, member) for t in facts.textures], axis=0)
        density = counts / counts.sum() / width
        axes.plot(centres[1:-1], np.where(density > 0, density, np.nan)[1:-1], **style)
    axes.set(yscale="log", xlabel=f"{name} gradient, log units per px", ylabel="probability density")


def spectrum(axes: Axes, all_facts: list[Facts]) -> None:
    """Median power spectra."""
    for facts, style in _styled(all_facts):
        axes.plot(frequencies(), 10 ** np.median([t.spectrum for t in facts.textures], axis=0), **style)
    axes.set(xscale="log", yscale="log", xlabel="frequency, cycles per px", ylabel="power, median window")


def noise_curve(axes: Axes, all_facts: list[Facts]) -> None:
    """Noise over level against level, with the middle 80 % of rendered windows as a band."""
    for facts, style in _styled(all_facts):
        level, sigma = (facts.of_blocks(name, "quiet") for name in ("level", "sigma"))
        at, low, middle, high = _binned(level, 100 * sigma, LEVELS, (10, 50, 90))
        axes.plot(at, middle, marker=".", **style)
        if facts.title == RENDERED:
            axes.fill_between(at, low, high, color="black", alpha=0.12, linewidth=0)
    axes.set(xscale="log", yscale="log", xlabel="block's level over the view's mean", ylabel="noise, % of level")


def rise_curve(axes: Axes, all_facts: list[Facts]) -> None:
    """Rise of the sharper edges against disparity; lines: what a camera in perfect focus elsewhere would add."""
    for facts, style in _styled(all_facts):
        rise = (facts.of_edges("rise_left") + facts.of_edges("rise_right")) / 2
        at, quarter = _binned(np.abs(facts.of_edges("disparity")), rise, DISPARITIES, (25,))
        axes.plot(at, quarter, marker=".", **style)
    at = np.linspace(0, 6, 50)
    for (name, factor), dash in zip(LINES, (":", "--"), strict=True):
        axes.plot(at, np.hypot(1.2, factor * at), dash, color="grey", linewidth=1)
        axes.annotate(
            name, (5.0, float(np.hypot(1.2, factor * 5.0))), color="grey", fontsize=8, ha="right", va="bottom"
        )
    axes.set(xlabel="|disparity| of the edge, px", ylabel="20–80 % rise, px (lower quartile)", ylim=(0, None))


def width_curve(axes: Axes, all_facts: list[Facts]) -> None:
    """Width of the match against disparity."""
    for facts, style in _styled(all_facts):
        disparity, width = (facts.of_blocks(name, "matched") for name in ("disparity", "width_x"))
        known = np.isfinite(width)
        at, middle = _binned(np.abs(disparity[known]), width[known], DISPARITIES, (50,))
        axes.plot(at, middle, marker=".", **style)
    axes.set(xlabel="|disparity| of the block, px", ylabel="match width along the axis, px", ylim=(0, None))


def distances(axes: Axes, summary: dict[str, Any]) -> None:
    """KS distance of every measure, with the distance among real sources as a tick."""
    told = [(m["title"], m["distance"]) for m in summary["measures"].values() if "distance" in m]
    told.sort(key=lambda pair: pair[1]["ks"])
    at = np.arange(len(told))
    axes.barh(at, [gap["ks"] for _, gap in told], color="0.35", height=0.62, label="rendered against all real")
    among = [gap["among"] if gap["among"] is not None else np.nan for _, gap in told]
    axes.plot(
        among, at, "|", color="C3", markersize=12, markeredgewidth=2, label="a real source against the others, median"
    )
    axes.set(yticks=at, yticklabels=[title for title, _ in told], xlim=(0, 1), xlabel="Kolmogorov–Smirnov distance")
    axes.legend(loc="lower right", fontsize=8)


def _binned(x: Array, y: Array, edges: Array, percentiles: tuple[float, ...]) -> tuple[Array, ...]:
    """Mean x of each bin with `FEWEST` values at least, and the percentiles of y there."""
    rows = []
    for low, high in pairwise(edges):
        inside = (x >= low) & (x < high)
        if int(inside.sum()) >= FEWEST:
            rows.append([float(np.mean(x[inside])), *np.percentile(y[inside], percentiles)])
    return tuple(np.array(rows, np.float64).reshape(-1, 1 + len(percentiles)).T)


Panel = Callable[[Axes, list[Facts]], None]


def _cdf(name: str, scale: str = "linear") -> Panel:
    return lambda axes, facts: distribution(axes, facts, name, scale)


FIGURES: Mapping[str, tuple[Panel, ...]] = MappingProxyType(
    {
        "Gradients and spectrum": (
            lambda axes, facts: gradients(axes, facts, "gradients_x", "horizontal"),
            lambda axes, facts: gradients(axes, facts, "gradients_y", "vertical"),
            spectrum,
        ),
        "Contrast, texture and the network's input": (_cdf("input_rms"), _cdf("kurtosis", "log"), _cdf("flat_share")),
        "Gain field": (_cdf("gain_offset"), _cdf("gain_slope", "log"), _cdf("gain_rough", "log")),
        "Noise against level": (noise_curve, _cdf("noise", "log"), _cdf("noise_correlation")),
        "Likeness of the views": (_cdf("decorrelation", "log"), _cdf("decorrelation_fine", "log"), _cdf("vertical")),
        "Disparity": (_cdf("disparity"), _cdf("relief"), _cdf("level")),
        "Blur against disparity": (rise_curve, width_curve, _cdf("lopsided")),
    }
)
"""Every figure with its three panels."""

CAPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "Gradients and spectrum": "Of log(x / mean + floor), the scale on which the student sees contrast.",
        "Contrast, texture and the network's input": "Per window. The input is what preprocessing makes of a window.",
        "Gain field": "Left over right in matched blocks. CMU's reader has divided by the white sheets already.",
        "Noise against level": "From the difference of matched blocks; the band holds 80 % of the rendered blocks.",
        "Likeness of the views": "1 − ZNCC of 32 px blocks with structure, at their best disparity.",
        "Disparity": "Of matched blocks; range between the 10th and 90th percentile of a window; brightness of blocks.",
        "Blur against disparity": "Isolated upright edges; width of the views’ correlation; rise left against right.",
    }
)


def figures(all_facts: list[Facts]) -> dict[str, bytes]:
    """Every figure of `FIGURES` as PNG."""
    return {title: _drawn(panels, all_facts) for title, panels in FIGURES.items()}


def distance_figure(summary: dict[str, Any]) -> bytes:
    """The distances of all measures as PNG."""
    figure = _figure((9.0, 7.0))
    axes = figure.subplots()
    distances(axes, summary)
    return _png(figure)


def _drawn(panels: tuple[Panel, ...], all_facts: list[Facts]) -> bytes:
    figure = _figure((12.5, 3.7))
    grid = figure.subplots(1, len(panels))
    for axes, panel in zip(grid, panels, strict=True):
        panel(axes, all_facts)
        axes.grid(alpha=0.25)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=9, frameon=False)
    return _png(figure)


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Any) -> bytes:
    from PIL import Image

    drawn, stored = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=90)
    # Lines on white need few colours: a palette halves the page.
    Image.open(drawn).convert("RGB").quantize(160).save(stored, "PNG", optimize=True)
    return stored.getvalue()
