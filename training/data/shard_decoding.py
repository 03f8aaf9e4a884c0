"""From the members of a shard back to a sample, believing nothing that a file says of itself."""

from __future__ import annotations

import json
import math
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runtime_py.errors import DpocketError
from training.data.sample import KIND, PLANES, VERSION, Sample, check

_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<f4|<f2)', 'fortran_order': False, "
    rb"'shape': \((\d{1,9}(?:, \d{1,9}){0,3}),?\), \} *\n",
    re.DOTALL,
)
"""What numpy writes before float32 and float16 samples in C order. Its own parser evaluates a Python expression."""


def decode_npy(data: bytes) -> NDArray[np.float32]:
    """An array of float32 or float16, in C order, as float32. Raises DpocketError for any other content.

    The header's shape must account for every byte, before anything of that size is made.
    """
    match = _HEADER.match(data)
    if match is None or int.from_bytes(data[8:10], "little") != match.end() - 10:
        raise DpocketError(f"a member is no .npy of float32 or float16 in C order; it begins with {data[:64]!r}")
    dtype, shape = np.dtype(match[1].decode()), tuple(int(n) for n in match[2].split(b", "))
    found = len(data) - match.end()
    if min(shape) < 1 or math.prod(shape) * dtype.itemsize != found:
        raise DpocketError(f"a member of shape {shape} and type {dtype} has {found} bytes of samples")
    return np.frombuffer(data, dtype, offset=match.end()).reshape(shape).astype(np.float32)


def decode_json(data: bytes) -> Any:
    """Raises DpocketError for anything but a JSON object."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as e:
        raise DpocketError(f"a member is no JSON ({e})") from e
    if not isinstance(found, dict):
        raise DpocketError("a member is JSON, but no object")
    return found


DECODERS: dict[str, Callable[[bytes], Any]] = {"npy": decode_npy, "json": decode_json}
"""By extension: the only kinds of member that are ever decoded."""


def decoded(members: dict[str, bytes]) -> Sample:
    """The sample of batch 1 whose members are `{"left.npy": …, "json": …}`; DpocketError says what is wrong."""
    parts: dict[str, Any] = {}
    for name, data in members.items():
        stem, _, extension = name.rpartition(".")
        if extension not in DECODERS:
            raise DpocketError(f"it has a member .{name}; only {', '.join('.' + e for e in DECODERS)} are read")
        parts[stem] = DECODERS[extension](data)
    about = parts.pop("", None)
    if about is None or about.get("version") != VERSION:
        raise DpocketError(f"it has no .json of version {VERSION}")
    checks = about.get("crc32")
    if not isinstance(checks, dict) or set(checks) != set(parts) or not set(parts) <= set(PLANES):
        raise DpocketError(f"it holds {sorted(parts)} and its .json speaks of {checks}")
    for name in parts:
        if zlib.crc32(members[f"{name}.npy"]) != checks[name]:
            raise DpocketError(f"its {name} fails its checksum")
    return _built(parts, about)


def _built(parts: dict[str, Any], about: dict[str, Any]) -> Sample:
    planes: dict[str, Any] = {name: torch.from_numpy(array)[None] for name, array in parts.items()}
    try:
        kind = {key: about[key] for key in KIND}
        kind["view_offsets"] = tuple((float(u), float(v)) for u, v in kind["view_offsets"])
        time = None if about["time"] is None else torch.tensor([float(about["time"])])
        sample = Sample(**planes, **kind, time=time, names=(str(about["name"]),))
    except (KeyError, TypeError, ValueError) as e:
        raise DpocketError(f"its .json does not describe a sample ({type(e).__name__}: {e})") from e
    return check(sample)


def members_of(path: Path, keys: range) -> Iterator[tuple[int, dict[str, bytes]]]:
    """(key, members) of the samples of a tar whose keys lie in `keys`, in the file's order.

    Raises DpocketError, after what could be read, where the tar itself is damaged.
    """
    gathered: dict[str, bytes] = {}
    current = -1
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                key, _, name = member.name.partition(".")
                number = int(key) if key.isdecimal() else -1
                if number != current and gathered:
                    yield current, gathered
                    gathered = {}
                current = number
                if current >= keys.stop:
                    break
                # A sparse member of a small file can claim terabytes of zeros.
                if current in keys and member.isreg() and not member.issparse():
                    file = tar.extractfile(member)
                    gathered[name] = b"" if file is None else file.read()
    except (tarfile.TarError, OSError, EOFError, ValueError) as e:
        raise DpocketError(f"shard {path} is damaged: {e}") from e
    if gathered:
        yield current, gathered
