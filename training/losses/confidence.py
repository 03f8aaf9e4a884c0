"""Confidence: the probability that a disparity is right to within a fraction of a pixel."""

from __future__ import annotations

CONFIDENT = 0.25
"""An error of the disparity up to this many px of the working width counts as right; contracts state it."""
