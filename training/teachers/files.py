"""`files`: disparities that another program has written as PFM, checked and brought into the layout of labels.

A file belongs to the frame whose name it has below the folder, with or without `_disp` at the end, as UniMatch writes
it. Leading folders of the name may be missing where the rest is unique, as in a flat folder of `image_NNN_disp.pfm`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from runtime_py.captures.pfm import read_pfm
from runtime_py.errors import CaptureError
from training.data.sample import Sample
from training.teachers.teacher import Kind, Label, without_settings

ENDINGS = ("", "_disp")


class FilesTeacher:
    """Takes the labels of a tree of PFM files, infinity or NaN meaning unknown; confidence is 1 where one is known."""

    pairs = ("stereo", "dual-pixel")

    def __init__(self, root: Path) -> None:
        self._files = {p.relative_to(root).with_suffix("").as_posix(): p for p in sorted(root.rglob("*.pfm"))}
        self._root = root
        self._endings: Counter[str] = Counter()

    def identity(self) -> dict[str, Any]:
        # Contents are not hashed: the tree may hold 100 GB. Names and sizes tell one tree from another.
        listing = "\n".join(f"{name} {path.stat().st_size}" for name, path in self._files.items())
        digest = hashlib.sha256(listing.encode()).hexdigest()
        return {"teacher": "files", "files": len(self._files), "names_and_sizes_sha256": digest}

    def prepare(self, names: Sequence[str]) -> None:
        self._endings = Counter(ending for name in names for ending in _without_folders(name))

    def label(self, sample: Sample) -> Label:
        """Raises CaptureError naming the file that is missing, damaged, of another size or of the wrong sign."""
        path = self._file_of(sample.names[0])
        disparity = read_pfm(path)
        known = np.isfinite(disparity)
        if disparity.shape != sample.size:
            raise CaptureError(f"{path} is {disparity.shape} (rows, columns) and its frame {sample.size}")
        if not known.any():
            raise CaptureError(f"{path} has no finite value")
        extent = sample.size[sample.dp_dimension]
        if float(np.abs(disparity[known]).max()) >= extent:
            raise CaptureError(f"{path} has disparities beyond the {extent} px of its frame; it should be in px")
        if sample.pair == "stereo" and float(np.median(disparity[known])) < 0:
            raise CaptureError(f"{path} is mostly negative; x_left - x_right of a stereo pair is positive")
        return Label(np.where(known, disparity, np.float32(np.inf)), known.astype(np.float32))

    def _file_of(self, name: str) -> Path:
        for shorter in _without_folders(name):
            if self._endings[shorter] > 1:
                break
            for ending in ENDINGS:
                if (found := self._files.get(shorter + ending)) is not None:
                    return found
        raise CaptureError(f"{self._root} has no {name}.pfm or {name}_disp.pfm")


def _without_folders(name: str) -> Iterator[str]:
    """The name, then the name without its first folder, and so on."""
    parts = name.split("/")
    return ("/".join(parts[i:]) for i in range(len(parts)))


def _claims(text: str) -> bool:
    root = Path(text)
    return root.is_dir() and next(root.rglob("*.pfm"), None) is not None


def _make(text: str, settings: Sequence[str]) -> FilesTeacher:
    without_settings("files", settings)
    return FilesTeacher(Path(text))


KIND = Kind("files", "a folder of .pfm files that another teacher wrote", _claims, _make)
