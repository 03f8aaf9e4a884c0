"""Metrics of disparity, depth, views and video against truth, and the published protocols by name.

P is the prediction, D the truth, C the confidence (weights, ones by default); vectors are flattened and must be finite.
Every sum runs in float64: in float32 the fits go wrong on millions of pixels. Functions raise ContractError for arrays
of different sizes, values that are not finite, and weights that are negative or all zero.
"""

from runtime_py.metrics.affine_invariant import affine_fit, affine_invariant_1, affine_invariant_2
from runtime_py.metrics.depth import abs_rel, ratio_share, rmse, rmse_log, sq_rel
from runtime_py.metrics.edges import gradient_error, sobel
from runtime_py.metrics.light_field import VIEW_METRICS, ViewScores, psnr, score_views, ssim
from runtime_py.metrics.protocols import PROTOCOLS, Protocol
from runtime_py.metrics.ranks import RANKS, average_ranks, dense_ranks, google_ranks, rank_loss, spearman
from runtime_py.metrics.score import METRICS, Score, score, score_pixels
from runtime_py.metrics.stereo import bad_share, d1_share, end_point_error
from runtime_py.metrics.temporal import TemporalError, flow_warped_error
from runtime_py.metrics.vectors import Vector

__all__ = [
    "METRICS",
    "PROTOCOLS",
    "RANKS",
    "VIEW_METRICS",
    "Protocol",
    "Score",
    "TemporalError",
    "Vector",
    "ViewScores",
    "abs_rel",
    "affine_fit",
    "affine_invariant_1",
    "affine_invariant_2",
    "average_ranks",
    "bad_share",
    "d1_share",
    "dense_ranks",
    "end_point_error",
    "flow_warped_error",
    "google_ranks",
    "gradient_error",
    "psnr",
    "rank_loss",
    "ratio_share",
    "rmse",
    "rmse_log",
    "score",
    "score_pixels",
    "score_views",
    "sobel",
    "spearman",
    "sq_rel",
    "ssim",
]
