"""Which frames of dpMV belong together, to which split, and which are left out."""

from __future__ import annotations

import csv
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime_py.captures.images import read_bytes
from runtime_py.captures.listing import files_of
from runtime_py.errors import CaptureError

PHONES = ("A", "B", "C")
"""From the scene's point of view: C stands left, B in the centre, A right."""

SKIPPED_DATES = ("20230212", "20230301")
SEED = 42
SHARES = (0.8, 0.9)
"""Ends of train and of val, as shares of the shuffled videos; the rest is test."""

SPLITS = ("train", "val", "test")
_VIDEO = re.compile(r"\d{8}_\d{6}_\d{3}")
_FRAME = re.compile(r"image_(\d+)\.(?:jpg|png)")


@dataclass(frozen=True)
class Triple:
    """One moment of a video: the colour file name of each phone. Frame numbers of the phones differ."""

    video: str
    files: tuple[tuple[str, str], ...]

    def file(self, phone: str) -> str:
        """Raises CaptureError when the list names no frame of that phone."""
        found = dict(self.files).get(phone)
        if found is None:
            raise CaptureError(f"the list of video {self.video} names no frame of phone {phone}")
        return found


def split_videos(videos: list[str], split: str) -> list[str]:
    """The videos of a split: all sorted, shuffled with seed 42, cut 80/10/10, and then the skipped dates left out."""
    shuffled = sorted(videos)
    random.Random(SEED).shuffle(shuffled)
    ends = [int(share * len(shuffled)) for share in SHARES]
    parts = {"train": shuffled[: ends[0]], "val": shuffled[ends[0] : ends[1]], "test": shuffled[ends[1] :]}
    chosen = shuffled if split == "all" else parts[split]
    return sorted(video for video in chosen if not video.startswith(SKIPPED_DATES))


def triples_by_order(rectified: Path, split: str, dropped: dict[str, int]) -> list[Triple]:
    """The n-th frame of each phone is one moment, as the release's own lists were made; leading frames are dropped."""
    videos = [p.name for p in (rectified / "B" / "Video_data").iterdir() if _VIDEO.fullmatch(p.name)]
    found = []
    for video in split_videos(videos, split):
        names = {phone: _frames(rectified / phone / "Video_data" / video) for phone in PHONES}
        present = {phone: frames for phone, frames in names.items() if frames}
        for i in range(dropped.get(video, 0), min(len(frames) for frames in present.values()) if present else 0):
            found.append(Triple(video, tuple((phone, frames[i]) for phone, frames in present.items())))
    return found


def _frames(folder: Path) -> list[str]:
    numbered = [(int(m[1]), m[0]) for m in map(_FRAME.fullmatch, files_of(folder)) if m]
    return [name for _, name in sorted(numbered)]


def listed_triples(path: Path, dropped: dict[str, int]) -> list[Triple]:
    """The moments of a list `{split}_files.json`: `{"videos": [{"name", "frames": [{"rgb": {"A": file, …}}]}]}`.

    A video may occur several times, as pieces. Raises CaptureError for another form.
    """
    try:
        raw: Any = json.loads(read_bytes(path))
        rows = [(video["name"], frame["rgb"]) for video in raw["videos"] for frame in video["frames"]]
        found = [
            Triple(str(name), tuple((p, str(files[p])) for p in PHONES if p in files))
            for name, files in rows
            if not str(name).startswith(SKIPPED_DATES)
        ]
    except (ValueError, KeyError, TypeError) as e:
        raise CaptureError(
            f"{path} is no list of dpMV frames ({type(e).__name__}: {e}); expected "
            '{"videos": [{"name": …, "frames": [{"rgb": {"A": file, "B": file, "C": file}}]}]}'
        ) from e
    for name in {n for t in found for n in (t.video, *(file for _, file in t.files))}:
        if name in ("", ".", "..") or "/" in name or "\\" in name:
            raise CaptureError(f"{path} names '{name}'; a list names videos and files without folders")
    return [t for t in found if _number(t) >= _first_kept(t, dropped)]


def _number(triple: Triple) -> int:
    match = _FRAME.fullmatch(triple.file("B"))
    if match is None:
        raise CaptureError(f"video {triple.video} has a frame '{triple.file('B')}'; frames are called image_NNN.jpg")
    return int(match[1])


def _first_kept(triple: Triple, dropped: dict[str, int]) -> int:
    # A list says nothing of the frames before its first one, so that leading frames are counted by their number.
    return dropped.get(triple.video, 0)


def leading_frames(tables: list[Path]) -> dict[str, int]:
    """Frames to drop from the start of each video: the larger count where several tables name it.

    A row of such a CSV is a video and a count; a first row of titles is passed over. Raises CaptureError for another.
    """
    dropped: dict[str, int] = {}
    for table in tables:
        rows = list(csv.reader(read_bytes(table).decode("utf-8-sig", "replace").splitlines()))
        for number, row in enumerate(rows, 1):
            cells = [cell.strip() for cell in row]
            if not any(cells) or (number == 1 and not _VIDEO.fullmatch(cells[0])):
                continue
            if len(cells) < 2 or not _VIDEO.fullmatch(cells[0]) or not cells[1].isdecimal():
                raise CaptureError(
                    f"{table}, line {number}, is '{','.join(row)}'; each line is a video (YYYYMMDD_HHMMSS_mmm) and the "
                    "number of leading frames to drop"
                )
            dropped[cells[0]] = max(dropped.get(cells[0], 0), int(cells[1]))
    return dropped
