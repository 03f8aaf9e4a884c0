"""Every measure by name: which numbers of a source make its distribution, and what a difference asks of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from benchmarks.realism.facts import Facts
from benchmarks.realism.pairs import Array

SEEN = 0.5
"""Least |disparity|, px, at which blur is set in proportion to it."""

NOISY = 0.005
"""Least noise over level at which its correlation can be told from a rest of structure."""


@dataclass(frozen=True)
class Measure:
    """`values` gives one number per window, block or edge. `more` and `less`: what to change in training when rendered
    pairs have more, or less, than real ones."""

    title: str
    unit: str
    values: Callable[[Facts], Array]
    more: str
    less: str


def _texture(name: str, factor: float = 1.0) -> Callable[[Facts], Array]:
    return lambda facts: factor * np.array([getattr(t, name) for t in facts.textures])


def _gain(name: str) -> Callable[[Facts], Array]:
    return lambda facts: np.array([getattr(g, name) for g in facts.gains])


def _gain_offset(facts: Facts) -> Array:
    return np.abs([g.offset for g in facts.gains])


def _gain_slope(facts: Facts) -> Array:
    return np.array([np.hypot(g.slope_x, g.slope_y) for g in facts.gains])


def _decorrelated(name: str) -> Callable[[Facts], Array]:
    return lambda facts: 100 * (1 - facts.of_blocks(name, "structured"))


def _noise(low: float, high: float) -> Callable[[Facts], Array]:
    def values(facts: Facts) -> Array:
        level = facts.of_blocks("level", "quiet")
        return np.asarray(100 * facts.of_blocks("sigma", "quiet")[(level >= low) & (level < high)])

    return values


def _noise_correlation(facts: Facts) -> Array:
    values = facts.of_blocks("whiteness", "quiet")[facts.of_blocks("sigma", "quiet") > NOISY]
    return np.asarray(values[np.isfinite(values)])


def _rise_per_disparity(facts: Facts) -> Array:
    disparity = np.abs(facts.of_edges("disparity"))
    rise = (facts.of_edges("rise_left") + facts.of_edges("rise_right")) / 2
    return np.asarray((rise / np.maximum(disparity, 1e-9))[disparity >= SEEN])


def _lopsided(facts: Facts) -> Array:
    return 100 * np.abs(np.log(facts.of_edges("rise_left") / facts.of_edges("rise_right")))


def _width(low: float, high: float) -> Callable[[Facts], Array]:
    def values(facts: Facts) -> Array:
        disparity = np.abs(facts.of_blocks("disparity", "matched"))
        width = facts.of_blocks("width_x", "matched")[(disparity >= low) & (disparity < high)]
        return np.asarray(width[np.isfinite(width)])

    return values


def _stretched(facts: Facts) -> Array:
    across, down = facts.of_blocks("width_x", "matched"), facts.of_blocks("width_y", "matched")
    known = np.isfinite(across) & np.isfinite(down) & (np.abs(facts.of_blocks("disparity", "matched")) >= SEEN)
    return np.asarray(across[known] / down[known])


def _level(facts: Facts) -> Array:
    return np.asarray(np.log2(np.maximum(facts.of_blocks("level"), 1e-3)))


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "input_rms": Measure(
            "RMS of the network's input",
            "",
            _texture("input_rms"),
            "lower the contrast of textures and the steps between layers",
            "raise the contrast of textures and the steps in brightness between layers",
        ),
        "input_clipped": Measure(
            "share of the input at its limit",
            "%",
            _texture("input_clipped", 100),
            "fewer highlights and black shadows",
            "more strong edges, highlights and black shadows: real inputs reach the limit often",
        ),
        "contrast": Measure(
            "RMS gradient of a window, blurred",
            "log/px",
            _texture("contrast"),
            "lower the contrast of textures",
            "raise the contrast of textures",
        ),
        "kurtosis": Measure(
            "kurtosis of gradients in a window",
            "",
            _texture("kurtosis"),
            "fewer lone edges on empty ground; more texture of middling contrast",
            "more lone edges on smooth ground, less noise-like texture",
        ),
        "flat_share": Measure(
            "share of a window without texture",
            "%",
            _texture("flat_share", 100),
            "fewer surfaces without texture",
            "more surfaces without texture beside textured ones",
        ),
        "spectrum_slope": Measure(
            "slope of the power spectrum",
            "",
            _texture("slope"),
            "steeper spectra: less fine texture, more defocus",
            "flatter spectra: more fine texture",
        ),
        "anisotropy": Measure(
            "gradients across over down",
            "",
            _texture("anisotropy"),
            "fewer upright structures",
            "more upright structures",
        ),
        "level": Measure(
            "block's level over its view's mean",
            "octaves",
            _level,
            "darker surroundings: real windows are cut from views whose mean they do not know",
            "brighter surroundings",
        ),
        "gain_offset": Measure(
            "gain of left over right, magnitude",
            "%",
            _gain_offset,
            "smaller gains between the views",
            "larger gains between the views",
        ),
        "gain_slope": Measure(
            "slope of the gain field", "% per 100 px", _gain_slope, "smoother gain fields", "steeper gain fields"
        ),
        "gain_rough": Measure(
            "gain field's deviation from a plane",
            "%",
            _gain("rough"),
            "draw gain fields nearer to a plane over a crop",
            "more curved gain fields",
        ),
        "noise": Measure(
            "noise at 0.5–2 × the mean level",
            "% of level",
            _noise(0.5, 2.0),
            "fewer noisy samples, or more electrons",
            "more noisy samples, or fewer electrons",
        ),
        "noise_dark": Measure(
            "noise at 0.03–0.3 × the mean level",
            "% of level",
            _noise(0.03, 0.3),
            "less read noise",
            "more noise in shadows",
        ),
        "noise_correlation": Measure(
            "correlation of neighbouring noise",
            "",
            _noise_correlation,
            "whiter noise",
            "coloured noise: real views were resized, demosaiced or compressed",
        ),
        "decorrelation": Measure(
            "1 − ZNCC at the best disparity, slightly blurred",
            "%",
            _decorrelated("zncc"),
            "views too unlike: less misregistration, noise or relief within a block",
            "views too alike: more unlike kernels",
        ),
        "decorrelation_fine": Measure(
            "1 − ZNCC at the best disparity, as stored",
            "%",
            _decorrelated("zncc_fine"),
            "less noise on faint texture",
            "more noise on faint texture",
        ),
        "disparity": Measure(
            "disparity of blocks",
            "px",
            lambda facts: facts.of_blocks("disparity", "matched"),
            "more scenes beyond the focus plane",
            "more scenes in front of the focus plane",
        ),
        "relief": Measure(
            "range of disparity within a window",
            "px",
            lambda facts: facts.by_window("disparity", 10, 90),
            "more windows of one surface or of small steps",
            "larger steps of disparity",
        ),
        "vertical": Measure(
            "vertical misalignment of a window",
            "px",
            lambda facts: np.abs(facts.by_window("vertical", 50, 50)),
            "less misregistration, or in fewer samples",
            "more misregistration",
        ),
        "vertical_spread": Measure(
            "spread of vertical shifts within a window",
            "px",
            lambda facts: facts.by_window("vertical", 10, 90),
            "fewer blocks that cannot be matched vertically",
            "misregistration that varies over the field",
        ),
        "rise": Measure(
            "edge rise (20–80 %) over |disparity|",
            "px/px",
            _rise_per_disparity,
            "sharper kernels: larger α (disparity per px of blur)",
            "more blur at the same disparity: smaller α (disparity per px of blur)",
        ),
        "lopsided": Measure(
            "edge rise, left against right",
            "%",
            _lopsided,
            "kernels of the two views more alike",
            "kernels of the two views less alike",
        ),
        "width_near_focus": Measure(
            "match width at |d| 0.5–1.5 px",
            "px",
            _width(0.5, 1.5),
            "less blur at small disparity",
            "more blur at small disparity",
        ),
        "width_defocused": Measure(
            "match width at |d| 2–4 px",
            "px",
            _width(2.0, 4.0),
            "less blur at large disparity",
            "more blur at large disparity",
        ),
        "stretched": Measure(
            "match width along over across the axis",
            "",
            _stretched,
            "kernels narrower along the axis",
            "kernels wider along the axis: nearer to the whole disc than to one half of it",
        ),
    }
)
