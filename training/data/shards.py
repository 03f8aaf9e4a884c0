"""Shards: many samples in few large tar files that are read from front to back, in the WebDataset convention.

A sample's members share a key (`000000042.left.npy`, `000000042.json`), and files in a tar are in the order of their
keys. `index.json` beside the shards says how many samples each holds, its size and its SHA-256. Members are .npy and
.json only: a shard from elsewhere can bring wrong numbers, but no code.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime_py.captures.images import read_bytes
from runtime_py.errors import DpocketError
from runtime_py.files import sha256_of, write_atomic
from training.data.datasets.frames import TOLERATED, Indexed, Readable
from training.data.sample import KIND, VERSION, Sample

INDEX = "index.json"
FORMAT = "dpocket-shards"
LARGEST = 256 * 2**20
PICTURES = ("left", "right", "rgb", "views")
"""Members that may be stored as float16; a disparity of 60 px would be rounded to 1/32 px there."""


@dataclass(frozen=True)
class Shard:
    """One tar file of the set, the number of its samples and what proves it whole."""

    file: str
    samples: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ShardSet:
    """The shards of a folder, in the order in which they were written."""

    folder: Path
    shards: tuple[Shard, ...]

    def __len__(self) -> int:
        """Samples in all shards, as the index counts them."""
        return sum(shard.samples for shard in self.shards)

    def first_of(self, number: int) -> int:
        """The key of the first sample of shard `number`."""
        return sum(shard.samples for shard in self.shards[:number])

    def damaged(self) -> tuple[str, ...]:
        """One sentence for each shard that is missing or is not what was written; reads all of them."""
        return tuple(reason for shard in self.shards if (reason := self.damage_of(shard, thorough=True)))

    def damage_of(self, shard: Shard, thorough: bool = False) -> str:
        """Why a shard is not whole, "" where it is; its contents are looked at only when `thorough`."""
        path = self.folder / shard.file
        try:
            size = path.stat().st_size
            if size != shard.bytes:
                return f"shard {path} has {size} bytes, its index says {shard.bytes}"
            if thorough and sha256_of(path) != shard.sha256:
                return f"shard {path} is not what was written: its SHA-256 differs from the index"
        except OSError as e:
            return f"shard {path} cannot be read: {e.strerror or e}"
        return ""


def open_shards(folder: Path | str) -> ShardSet:
    """The set that `index.json` in a folder describes.

    Raises DpocketError when it is missing or malformed, or was written for another version of the sample contract.
    """
    folder = Path(folder)
    path = folder / INDEX
    if not path.is_file():
        raise DpocketError(f"{folder} holds no {INDEX}: shards are read through the index that was written with them")
    try:
        raw: Any = json.loads(read_bytes(path))
        if raw["format"] != FORMAT or raw["sample_version"] != VERSION:
            raise DpocketError(
                f"{path} is {raw['format']}, samples of version {raw['sample_version']}; this is {FORMAT}, version "
                f"{VERSION}: write the shards again"
            )
        shards = tuple(
            Shard(str(s["file"]), int(s["samples"]), int(s["bytes"]), str(s["sha256"])) for s in raw["shards"]
        )
    except (ValueError, KeyError, TypeError) as e:
        raise DpocketError(f"{path} is no index of shards ({type(e).__name__}: {e})") from e
    for shard in shards:
        if Path(shard.file).name != shard.file or shard.samples < 1 or shard.bytes < 1:
            raise DpocketError(f"{path} lists a shard {shard}, which no writer wrote")
    if not shards:
        raise DpocketError(f"{path} lists no shards")
    return ShardSet(folder, shards)


def write_shards(
    frames: Indexed,
    folder: Path,
    *,
    largest: int = LARGEST,
    half: bool = False,
    tolerated: float = TOLERATED,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ShardSet, tuple[str, ...]]:
    """Write every readable frame into shards of at most `largest` bytes (one sample at least), and their index.

    `half` stores pictures, never the truth, as float16. Returns the set and a sentence for each frame that was
    skipped, which the index keeps too. Raises DpocketError for a folder that has an index, and as `Readable` does.
    """
    if (folder / INDEX).exists():
        raise DpocketError(f"{folder} already holds shards; choose another folder")
    readable = Readable(frames, tolerated)
    written: list[Shard] = []
    pile = _Pile()
    for number, sample in enumerate(readable):
        members = encoded(sample, number, half)
        if pile.samples and pile.size + sum(map(len, members.values())) > largest:
            written.append(pile.close(folder, len(written)))
            pile = _Pile()
        pile.add(members)
        if progress:
            progress(number + 1, len(frames))
    if pile.samples:
        written.append(pile.close(folder, len(written)))
    index = {
        "format": FORMAT,
        "sample_version": VERSION,
        "samples": sum(s.samples for s in written),
        "skipped": list(readable.skipped),
        "shards": [asdict(s) for s in written],
    }
    write_atomic(folder / INDEX, json.dumps(index, indent=1).encode())
    return ShardSet(folder, tuple(written)), readable.skipped


class _Pile:
    """A shard in memory until it is full."""

    def __init__(self) -> None:
        self.samples, self._buffer = 0, io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._buffer, mode="w", format=tarfile.USTAR_FORMAT)

    @property
    def size(self) -> int:
        return self._buffer.tell()

    def add(self, members: dict[str, bytes]) -> None:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            self._tar.addfile(info, io.BytesIO(data))
        self.samples += 1

    def close(self, folder: Path, number: int) -> Shard:
        self._tar.close()
        data = self._buffer.getvalue()
        name = f"shard-{number:06d}.tar"
        write_atomic(folder / name, data)
        return Shard(name, self.samples, len(data), hashlib.sha256(data).hexdigest())


def encoded(sample: Sample, number: int, half: bool = False) -> dict[str, bytes]:
    """The members of a sample of batch 1 by file name, without its batch dimension; the .json comes last.

    The .json holds the kind of sample, its name and time, and a CRC-32 of every plane, since .npy has none.
    """
    if sample.left.shape[0] != 1:
        raise DpocketError(f"a shard holds samples one by one, not batches of {sample.left.shape[0]}")
    members: dict[str, bytes] = {}
    checks: dict[str, int] = {}
    for name, plane in sample.planes().items():
        stored = plane[0].numpy().astype(np.float16 if half and name in PICTURES else np.float32)
        buffer = io.BytesIO()
        np.save(buffer, stored, allow_pickle=False)
        members[f"{number:09d}.{name}.npy"] = buffer.getvalue()
        checks[name] = zlib.crc32(buffer.getvalue())
    about: dict[str, Any] = {key: getattr(sample, key) for key in KIND}
    about |= {
        "version": VERSION,
        "name": sample.names[0] if sample.names else "",
        "time": None if sample.time is None else float(sample.time[0]),
        "crc32": checks,
    }
    members[f"{number:09d}.json"] = json.dumps(about).encode()
    return members
