"""Judging comparisons by a budget: within it or not, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Sequence

from runtime_py.parity.budget import Limit
from runtime_py.parity.compare import Comparison

FLOAT_DEVIATION = 1e-3
"""What float artifacts may deviate, in px and in confidence, whatever the budget says: float32 sums depend on their
order."""


def differing_of(comparisons: Sequence[Comparison]) -> int | None:
    """Differing integers of all outputs together; None where one of them has no integers, or there is none."""
    counts = [c.differing for c in comparisons if c.differing is not None]
    return sum(counts) if counts and len(counts) == len(comparisons) else None


def judge(comparisons: Sequence[Comparison], limit: Limit, against: str) -> tuple[str, str]:
    """("ok" or "over", a sentence with the figures); every output must keep within `limit` by itself."""
    differing, beyond = differing_of(comparisons), sum(c.beyond_one or 0 for c in comparisons)
    if differing is None:
        found = f"compared with {against} in real values"
    else:
        found = f"{differing} of {sum(c.total for c in comparisons)} integers differ from {against}"
        if differing:
            found += f", {beyond} by more than one step"
    if not limit.noise:
        found += " (pictures only)"
    broken = [sentence for c in comparisons for sentence in _broken(c, limit)]
    return ("over", "; ".join([found, *broken])) if broken else ("ok", found)


def _broken(comparison: Comparison, limit: Limit) -> list[str]:
    """What one output does not keep of `limit`, in words."""
    allowed = limit.largest(comparison.output)
    per_million, beyond = 0.0, 0.0
    if comparison.differing is None or comparison.beyond_one is None:
        allowed = max(allowed, FLOAT_DEVIATION)
    else:
        per_million, beyond = (n / comparison.total * 1e6 for n in (comparison.differing, comparison.beyond_one))
    name, unit = comparison.output, "" if comparison.unit == "1" else f" {comparison.unit}"
    broken = []
    if per_million > limit.differing_per_million:
        broken.append(f"at most {limit.differing_per_million:g} differing per million are allowed in the {name}")
    if name == "disparity" and beyond > limit.beyond_one_per_million:
        broken.append(f"at most {limit.beyond_one_per_million:g} per million may differ by more than one step")
    if comparison.largest > allowed:
        broken.append(
            f"the largest deviation of the {name} is {comparison.largest:.4f}{unit}, "
            f"at most {allowed:g}{unit} are allowed"
        )
    return broken
