"""Golden vectors on disk: what a computation was given and what it must give, for any language to read.

`<stem>.json` lists cases; `<stem>.bin` holds their arrays, little-endian, rows first, one after the other, each at a
multiple of 8 bytes. The JSON is
`{"format": "dpocket-vectors", "version": 1, "bytes": n, "sha256": "…", "cases": [{"kind", "name", "settings",
"arrays": {name: {"dtype", "shape", "offset"}}}]}`; bytes and hash are those of the .bin.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.errors import ArtifactError
from runtime_py.files import write_atomic

FORMAT, VERSION, ALIGNMENT = "dpocket-vectors", 1, 8

DTYPES = ("uint8", "int8", "uint16", "int32", "float32", "float64")


@dataclass(frozen=True)
class Case:
    """One computation: `kind` says which, `settings` are plain JSON values, `arrays` what goes in and comes out."""

    kind: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def encode(cases: Sequence[Case]) -> tuple[bytes, bytes]:
    """The bytes of the .json and of the .bin. Raises ValueError for a dtype that is not in `DTYPES`."""
    data, listed = bytearray(), []
    for case in cases:
        places = {}
        for name, array in case.arrays.items():
            if array.dtype.name not in DTYPES:
                raise ValueError(f"'{name}' of case '{case.name}' is {array.dtype}; vectors hold {', '.join(DTYPES)}")
            data += bytes(-len(data) % ALIGNMENT)
            places[name] = {"dtype": array.dtype.name, "shape": list(array.shape), "offset": len(data)}
            data += np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        listed.append({"kind": case.kind, "name": case.name, "settings": dict(case.settings), "arrays": places})
    digest = hashlib.sha256(data).hexdigest()
    head = {"format": FORMAT, "version": VERSION, "bytes": len(data), "sha256": digest}
    lines = ",\n".join(json.dumps(case, sort_keys=True, allow_nan=False) for case in listed)
    return f'{json.dumps(head)[:-1]}, "cases": [\n{lines}\n]}}\n'.encode(), bytes(data)


def write_vectors(folder: Path, stem: str, cases: Sequence[Case]) -> None:
    """Write `<stem>.json` and `<stem>.bin` to `folder`, which is made where it is missing."""
    described, data = encode(cases)
    write_atomic(Path(folder) / f"{stem}.bin", data)
    write_atomic(Path(folder) / f"{stem}.json", described)


def read_vectors(folder: Path, stem: str) -> list[Case]:
    """The cases of `<stem>.json` and `<stem>.bin`.

    Raises ArtifactError when a file is missing, is no such file, or when the two do not belong together.
    """
    path = Path(folder) / f"{stem}.json"
    try:
        raw, data = json.loads(path.read_bytes()), path.with_suffix(".bin").read_bytes()
        if (raw["format"], raw["version"]) != (FORMAT, VERSION):
            raise ArtifactError(f"{path} is no file of golden vectors of version {VERSION}")
        if len(data) != raw["bytes"] or hashlib.sha256(data).hexdigest() != raw["sha256"]:
            raise ArtifactError(f"{path.with_suffix('.bin')} is not the one that {path.name} describes; make both anew")
        return [
            Case(c["kind"], c["name"], c["settings"], {n: _array(a, data) for n, a in c["arrays"].items()})
            for c in raw["cases"]
        ]
    except OSError as e:
        raise ArtifactError(f"could not read {e.filename}: {e.strerror}") from e
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise ArtifactError(f"{path} is no readable file of golden vectors: {type(e).__name__} {e}") from e


def _array(place: Mapping[str, Any], data: bytes) -> NDArray[Any]:
    if place["dtype"] not in DTYPES:
        raise ValueError(f"dtype {place['dtype']}")
    dtype = np.dtype(place["dtype"])
    shape = [int(n) for n in place["shape"]]
    stored = np.frombuffer(data, dtype.newbyteorder("<"), math.prod(shape), int(place["offset"]))
    return stored.reshape(shape).astype(dtype)
