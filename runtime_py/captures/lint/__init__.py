"""What looks wrong in a capture: each finding with the measure behind it.

Thresholds lie outside what sound captures of the public datasets show; they are stated beside each check.
"""

from __future__ import annotations

from collections.abc import Callable

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.lint import geometry, light, sides
from runtime_py.captures.lint.evidence import Evidence, Finding

__all__ = ["CHECKS", "Evidence", "Finding", "findings"]

CHECKS: dict[str, Callable[[Evidence], Finding | None]] = {
    "exposure": light.exposure,
    "black-level": light.black_level,
    "saturation": light.saturation,
    "levels": light.levels,
    "aspect": geometry.aspect,
    "identical": light.identical,
    "unmatched": geometry.unmatched,
    "untextured": geometry.untextured,
    "misalignment": geometry.misalignment,
    "axis": geometry.axis,
    "swapped": sides.swapped,
}


def findings(capture: DPCapture) -> list[Finding]:
    """All findings on a capture, in the order of `CHECKS`; none means that nothing looked wrong."""
    evidence = Evidence(capture)
    return [finding for check in CHECKS.values() if (finding := check(evidence)) is not None]
