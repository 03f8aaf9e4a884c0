"""Public datasets as samples: one module per dataset, listed in `DATASETS`."""

from __future__ import annotations

from runtime_py.errors import DpocketError
from training.data.datasets import (
    cmu,
    dp119,
    dp_disp,
    dpdd,
    dpmv,
    google,
    kitti,
    kitti_raw,
    light_field,
    middlebury,
    plain,
)
from training.data.datasets.frames import Dataset, Frames, Readable

__all__ = ["DATASETS", "Dataset", "Frames", "Readable", "dataset"]

DATASETS: dict[str, Dataset] = {
    d.name: d
    for d in (
        dpmv.DATASET,
        google.DATASET,
        dpdd.DATASET,
        dp_disp.DATASET,
        cmu.DATASET,
        dp119.DATASET,
        middlebury.DATASET,
        kitti.DATASET,
        kitti_raw.DATASET,
        light_field.DATASET,
        plain.DATASET,
    )
}
"""By name; `DATASETS[name].open(root, split)` gives the frames."""


def dataset(name: str) -> Dataset:
    """Raises DpocketError, listing the names, for one that is not known."""
    if name not in DATASETS:
        raise DpocketError(f"there is no dataset '{name}'; known are {', '.join(DATASETS)}")
    return DATASETS[name]
