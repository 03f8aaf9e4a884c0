"""The integer grid of a student: what it is, and how it is found."""

from training.quantize.calibrate import BIAS_LIMIT, calibrate, weight_scales
from training.quantize.grid import OUTPUT_STEPS, Grid, Steps
from training.quantize.post_training import ADJUSTMENTS, adjusted, quantised
from training.quantize.ranges import BINS, METHODS, TAIL

__all__ = [
    "ADJUSTMENTS",
    "BIAS_LIMIT",
    "BINS",
    "METHODS",
    "OUTPUT_STEPS",
    "TAIL",
    "Grid",
    "Steps",
    "adjusted",
    "calibrate",
    "quantised",
    "weight_scales",
]
