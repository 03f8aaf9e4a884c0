"""DPDD (Abuolaim and Brown, ECCV 2020): `{train,val,test}_{c,l,r}/source/1P0A####.png`, sharp ones in `…_c/target/`.

16-bit colour views of a Canon 5D IV, 1680×1120, rendered by the camera maker's software and taken as gamma 2.2. The
names of one scene differ between the folders: the n-th file of `_l` belongs to the n-th of `_r` and of `_c`. So a file
that is missing shifts every later pair, and folders of unequal length are refused as a whole. There is no depth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from runtime_py.captures.capture import DPCapture
from runtime_py.captures.format import Format
from runtime_py.captures.images import read_samples
from runtime_py.captures.listing import files_of
from runtime_py.captures.radiometry import count_levels, linear_from_gamma
from runtime_py.errors import CaptureError

WHITE = 2**16 - 1
_SPLIT = re.compile(r"(train|val|test)_([clr])")


@dataclass(frozen=True)
class Scene:
    """The files of one scene: the two views, their sum as the camera takes it, and the sharp picture at f/22."""

    left: Path
    right: Path
    combined: Path | None
    target: Path | None


def left_of(path: Path) -> Path | None:
    split = _SPLIT.fullmatch(path.parent.parent.name)
    if split is None or path.parent.name not in ("source", "target") or path.suffix.lower() != ".png":
        return None
    names = files_of(path.parent)
    partners = _folder(path, "l", "source")
    others = files_of(partners)
    at = names.index(path.name) if path.name in names else len(others)
    return partners / (others[at] if at < len(others) else path.name)


def scene_of(left: Path) -> Scene:
    """The files that belong to a left view. Raises CaptureError when the folders cannot be paired by order."""
    names = files_of(left.parent)
    if left.name not in names:
        raise CaptureError(f"{left} is missing: DPDD pairs its files by their order, so every folder must be complete")
    if not (rights := files_of(_folder(left, "r", "source"))) or len(rights) != len(names):
        raise CaptureError(
            f"{left.parent} holds {len(names)} files and {_folder(left, 'r', 'source')} {len(rights)}: DPDD pairs them "
            f"by order, so the partner of {left.name} is unknown; download the split again"
        )
    at = names.index(left.name)

    def same_place(side: str, kind: str) -> Path | None:
        found = files_of(_folder(left, side, kind))
        return _folder(left, side, kind) / found[at] if len(found) == len(names) else None

    return Scene(left, _folder(left, "r", "source") / rights[at], same_place("c", "source"), same_place("c", "target"))


def read(left: Path) -> DPCapture:
    """One scene. Raises CaptureError for damaged files, for another depth and for folders of unequal length."""
    views = []
    for path in (left, scene_of(left).right):
        stored = read_samples(path, 16, "a DPDD view")
        views.append((linear_from_gamma(stored, WHITE), count_levels(stored)))
    return DPCapture(
        name=f"{left.parent.parent.name[:-2]}/{left.stem}",
        format=FORMAT.name,
        left=views[0][0],
        right=views[1][0],
        bit_depth=16,
        white=WHITE,
        levels=views[0][1],
    )


def _folder(view: Path, side: str, kind: str) -> Path:
    split = view.parent.parent
    return split.with_name(f"{split.name[:-2]}_{side}") / kind


FORMAT = Format("dpdd", "<split>_l/source/*.png + <split>_r/source/*.png, paired by order", left_of, read)
