"""`Source`: the frames of a dataset tree that are to be labelled, whichever layout it has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from runtime_py.errors import DpocketError
from training.data.datasets import DATASETS, Dataset, Frames, dataset
from training.data.datasets.pictures import luminance
from training.data.sample import PAIRS, Sample

FALLBACK = "plain"
"""The layout that takes any pair: only asked when no other one fits."""

OPTIONS: dict[str, dict[str | None, dict[str, Any]]] = {
    "dpmv": {"stereo": {"views": True}},
    "light-field": {"stereo": {"views": 3}, "dual-pixel": {"views": 0}, None: {"views": 0}},
}
"""Options with which a dataset is opened for a kind of pair (None: each frame's own)."""

RIGHT_NEIGHBOUR = (1.0, 0.0)


@dataclass(frozen=True)
class Source:
    """Named frames of one dataset, each read as the kind of pair that was asked for (None: its own)."""

    dataset: str
    frames: Frames
    pair: str | None

    @cached_property
    def positions(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @property
    def names(self) -> tuple[str, ...]:
        return self.frames.names

    def read(self, name: str) -> Sample:
        """One frame, batch 1.

        Raises CaptureError, with the frame's name, when it is damaged, DpocketError when its dataset has no such pairs.
        """
        sample = self.frames[self.positions[name]]
        if self.pair is None or self.pair == sample.pair:
            return sample
        if self.pair == "dual-pixel":
            raise DpocketError(f"frame {name} of {self.dataset} is a stereo pair; leave out --pair dual-pixel")
        return stereo_of(sample, self.dataset)


def stereo_of(sample: Sample, dataset_name: str) -> Sample:
    """The stereo pair that a sample holds beside its dual pixels: rgb and the view one step to the right of it.

    In a plain folder the two views themselves are taken for it. Raises DpocketError where there is none.
    """
    if sample.rgb is not None and sample.views is not None and RIGHT_NEIGHBOUR in sample.view_offsets:
        left, right = sample.rgb, sample.views[:, sample.view_offsets.index(RIGHT_NEIGHBOUR)]
        left, right = luminance(left), luminance(right)
        unknown = torch.zeros_like(left)
        return Sample(left, right, unknown, unknown, pair="stereo", names=sample.names)
    if dataset_name == FALLBACK and sample.dp_axis == "horizontal":
        return replace(sample, pair="stereo")
    raise DpocketError(f"frame {sample.names[0]} of {dataset_name} holds no stereo pair; leave out --pair stereo")


def open_source(root: Path, dataset_name: str | None = None, pair: str | None = None) -> Source:
    """The frames at or below `root`; without `dataset_name` its layout is found out.

    Raises DpocketError for an unknown kind of pair or dataset, for an empty tree (it lists the known layouts), for one
    that fits several layouts (it lists those), and for names that cannot be those of label files.
    """
    if pair is not None and pair not in PAIRS:
        raise DpocketError(f"there is no kind of pair '{pair}'; known are {', '.join(PAIRS)}")
    if not root.is_dir():
        raise DpocketError(f"there is no folder {root} to look for frames in")
    chosen = dataset(dataset_name) if dataset_name is not None else _detected(root)
    frames = chosen.open(root, "all", **OPTIONS.get(chosen.name, {}).get(pair, {}))
    _check_names(frames.names, chosen)
    return Source(chosen.name, frames, pair)


def layouts_help() -> str:
    """The known layouts, one line each."""
    return "\n".join(f"  {d.name}: {d.layout}" for d in DATASETS.values())


def _detected(root: Path) -> Dataset:
    fitting = [d for d in DATASETS.values() if d.name != FALLBACK and d.opener(root, "all")[0]]
    if len(fitting) > 1:
        names = ", ".join(d.name for d in fitting)
        raise DpocketError(
            f"{root} holds several datasets ({names}): label them one by one, each into a folder of its own, "
            "by giving the folder of one or --dataset NAME"
        )
    if not fitting and not DATASETS[FALLBACK].opener(root, "all")[0]:
        raise DpocketError(f"no frame to label was found in {root}; these layouts are known:\n{layouts_help()}")
    return fitting[0] if fitting else DATASETS[FALLBACK]


def _check_names(names: tuple[str, ...], chosen: Dataset) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DpocketError(
            f"{len(twice)} names of {chosen.title} occur twice, {twice[0]} among them; label the folders one by one"
        )
    for name in names:
        path = PurePosixPath(name)
        if not path.parts or path.is_absolute() or ".." in path.parts or any(p.startswith(".") for p in path.parts):
            raise DpocketError(f"the frame name '{name}' of {chosen.title} cannot be that of a file")
