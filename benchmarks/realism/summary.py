"""All numbers of a comparison, as they are stored: percentiles per source and measure, distances, sentences."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.realism.distances import FEWEST, Distance, distance
from benchmarks.realism.edges import implied_alpha
from benchmarks.realism.facts import Facts
from benchmarks.realism.measures import MEASURES
from benchmarks.realism.pairs import RENDERED, Array

COVERED, SPENT, NOTABLE = 0.85, 0.6, 0.2
"""A measure is written about below these shares, or where medians disagree and its distance is above the last."""

PERCENTILES = (10, 50, 90)


def summarise(all_facts: list[Facts]) -> dict[str, Any]:
    """JSON-able. `all_facts` holds one source titled "rendered" and at least one other."""
    (rendered,) = (f for f in all_facts if f.title == RENDERED)
    real = [f for f in all_facts if f.title != RENDERED]
    found: dict[str, Distance] = {}
    measures: dict[str, Any] = {}
    for name, measure in MEASURES.items():
        values = {f.title: measure.values(f) for f in (rendered, *real)}
        gap = distance(values[RENDERED], [v for title, v in values.items() if title != RENDERED])
        measures[name] = {
            "title": measure.title,
            "unit": measure.unit,
            "sources": {t: _told(v) for t, v in values.items()},
        }
        if gap is not None:
            found[name] = gap
            measures[name]["distance"] = {key: _short(value) for key, value in asdict(gap).items()}
    return {
        "sources": {f.title: _source(f) for f in all_facts},
        "overall": {
            key: _short(float(np.mean([getattr(gap, key) for gap in found.values()])))
            for key in ("ks", "wasserstein", "covered", "spent")
        },
        "measures": measures,
        "sentences": [sentence(name, measures[name]) for name in _worth_saying(measures)],
    }


def _told(values: Array) -> dict[str, float | int | None]:
    if values.size < FEWEST:
        return {"n": int(values.size), **{f"p{p}": None for p in PERCENTILES}}
    return {
        "n": int(values.size),
        **{f"p{p}": _short(float(v)) for p, v in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)},
    }


def _short(value: float) -> float | None:
    """Four significant digits; None, which JSON has, for NaN and infinity, which it has not."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _source(facts: Facts) -> dict[str, Any]:
    names = tuple(dict.fromkeys(facts.captures))
    told: dict[str, Any] = {
        "captures": len(names),
        "windows": len(facts.captures),
        "edges": facts.of_edges("disparity").size,
    }
    told["alpha"] = _short(implied_alpha(facts.of_edges("disparity"), _rise(facts)))
    if facts.title != RENDERED:
        laws = [facts.noise_law(name) for name in names]
        told["electrons"] = [_short(law.electrons) for law in laws]
        told["read"] = [_short(law.read) for law in laws]
    return told


def _rise(facts: Facts) -> Array:
    return (facts.of_edges("rise_left") + facts.of_edges("rise_right")) / 2


def _worth_saying(measures: dict[str, Any]) -> list[str]:
    """Names of the measures that differ, largest difference first."""

    def differs(name: str) -> bool:
        gap = measures[name].get("distance")
        if gap is None:
            return False
        low, high = _medians(measures[name])
        outside = not low <= measures[name]["sources"][RENDERED]["p50"] <= high
        return bool((outside and gap["ks"] > NOTABLE) or gap["covered"] < COVERED or gap["spent"] < SPENT)

    return sorted(filter(differs, measures), key=lambda name: -measures[name]["distance"]["ks"])


def _medians(told: dict[str, Any]) -> tuple[float, float]:
    medians = [s["p50"] for title, s in told["sources"].items() if title != RENDERED and s["p50"] is not None]
    return min(medians), max(medians)


def sentence(name: str, told: dict[str, Any]) -> str:
    """What differs in one measure and what would mend it."""
    measure, gap, own = MEASURES[name], told["distance"], told["sources"][RENDERED]
    low, high = _medians(told)
    unit = f" {measure.unit}" if measure.unit else ""
    text = (
        f"{measure.title[0].upper()}{measure.title[1:]}: rendered {own['p50']:.3g}{unit} "
        f"({own['p10']:.3g} to {own['p90']:.3g}), real sources {low:.3g} to {high:.3g} in their medians. "
    )
    if own["p50"] > high:
        text += f"Too much: {measure.more}. "
    elif own["p50"] < low:
        text += f"Too little: {measure.less}. "
    if gap["covered"] < COVERED:
        text += f"Rendered pairs cover {100 * gap['covered']:.0f} % of what real ones show. "
    if gap["spent"] < SPENT:
        text += f"{100 * (1 - gap['spent']):.0f} % of the rendered values lie where hardly a real one does. "
    return text.strip()
