"""Losses, one file per kind; most return (loss, figures): a scalar to minimise and detached scalars to log."""

from __future__ import annotations

from training.losses.confidence import CONFIDENT, confidence_loss
from training.losses.consistency import consistency_loss
from training.losses.disparity import mean_absolute_disparity_error, scene_scaled_l1
from training.losses.photometric import image_loss, photometric_error
from training.losses.self_supervised import SelfSupervision, self_supervised_loss
from training.losses.smoothness import smoothness_loss
from training.losses.structure import structural_dissimilarity

__all__ = [
    "CONFIDENT",
    "SelfSupervision",
    "confidence_loss",
    "consistency_loss",
    "image_loss",
    "mean_absolute_disparity_error",
    "photometric_error",
    "scene_scaled_l1",
    "self_supervised_loss",
    "smoothness_loss",
    "structural_dissimilarity",
]
