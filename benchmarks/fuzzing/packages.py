"""Sound capture packages and PGM files, and damage that reaches behind their checksums."""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzzing.mutations import Field, Seed, mutated
from runtime_py.captures.bounded_zip import zip_bytes
from runtime_py.captures.device_run import DeviceRun, StoredOutput
from runtime_py.captures.dpz import HEADER, Package, Sensor, write_dpz
from runtime_py.captures.pgm import pgm_bytes

AWKWARD: tuple[Any, ...] = (
    None, True, "", "x", "../x", "\u0000", "dpz.json", "left.pgm", -1, 0, 1, 2, 3, 90, 255, 256, 65536, 1 << 31,
    1 << 53, 10**30, -0.5, 0.1, 1e-320, 1e308, [], {}, [1], [[]], {"member": "left.pgm"}, "a" * 400, "🙂", "int8",
    "float32",
)  # fmt: skip

STRUCTURES = ((b"PK\x03\x04", ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))),
              (b"PK\x01\x02", ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4))),
              (b"PK\x05\x06", ((8, 2), (10, 2), (12, 4), (16, 4), (20, 2))))  # fmt: skip
"""Records of a zip archive, and position and size of the numbers in each that a reader goes by."""


def package_seeds() -> list[Seed]:
    """Packages of 8 and 16 bits, of both axes, with and without a run and a colour picture."""
    rng = np.random.default_rng(11)
    seeds = []
    for index, bits in enumerate((16, 8, 16)):
        left, right = rng.integers(0, 1 << bits, (2, 18, 34)).astype(f"uint{bits}")
        sensor = Sensor(
            0.0, float((1 << bits) - 1), min(bits, 10),
            dp_axis="vertical" if index == 2 else "horizontal", gamma=2.2 if bits == 8 else 1.0,
            pixel_aspect=2.0 if index == 0 else 1.0, orientation=90 * index, make="Make", model="Model",
        )  # fmt: skip
        rgb = b"\xff\xd8\xff\xe0" + bytes(40) if index else None
        package = Package(f"capture {index}", sensor, left, right, rgb, _run(rng) if index != 1 else None)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "x.dpz"
            write_dpz(path, package)
            content = path.read_bytes()
        seeds.append(Seed(package.name, content, zip_fields(content)))
    return seeds


def _run(rng: np.random.Generator) -> DeviceRun:
    disparity = StoredOutput(rng.integers(-128, 128, (2, 6, 8)).astype(np.int8), 0.05, -3)
    confidence = StoredOutput(rng.uniform(0, 1, (2, 6, 8)).astype(np.float32))
    return DeviceRun(
        "m.tflite", "ab" * 32, "toy", "0.1", "litert", "2.3", "xnnpack", "cpu", "cd" * 32,
        {"disparity": disparity, "confidence": confidence}, {"run": 3.5},
    )  # fmt: skip


def zip_fields(content: bytes) -> tuple[Field, ...]:
    """Places of the numbers in the records of an archive."""
    return tuple(
        (found.start() + position, size)
        for signature, fields in STRUCTURES
        for found in re.finditer(re.escape(signature), content)
        for position, size in fields
    )


def pgm_seeds() -> list[Seed]:
    """Of 8 and 16 bits; the numbers that a reader goes by are text."""
    rng = np.random.default_rng(12)
    planes = (rng.integers(0, 200, (18, 34)).astype(np.uint8), rng.integers(0, 60000, (20, 17)).astype(np.uint16))
    files = [pgm_bytes(plane) for plane in planes]
    files.append(files[0].replace(b"P5 ", b"P5\n# a comment\n"))
    return [Seed("pgm", data, tuple((i, 1) for i in range(2, 16))) for data in files]


def mutated_package(rng: random.Random, seed: Seed, others: Sequence[Seed]) -> bytes:
    """The archive's own bytes damaged, or a member, with or without the header's checksums made right again."""
    if rng.random() < 0.4:
        return mutated(rng, seed, others)
    with zipfile.ZipFile(io.BytesIO(seed.content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chosen = rng.choice(list(members))
    if chosen == HEADER or rng.random() < 0.5:
        members[HEADER] = mutated_json(rng, members[HEADER])
    else:
        inner = members[chosen]
        members[chosen] = mutated(rng, Seed(chosen, inner, tuple((i, 1) for i in range(2, 16))), others)
        if rng.random() < 0.8:
            members[HEADER] = _listed_anew(members)
    if rng.random() < 0.1:
        members[rng.choice(("extra", "../x", "a/b", "LEFT.PGM", "left.pgm "))] = b"x"
    if rng.random() < 0.1:
        members.pop(rng.choice(list(members)))
    return zip_bytes(members)


def _listed_anew(members: dict[str, bytes]) -> bytes:
    header = json.loads(members[HEADER])
    for name in header["members"]:
        content = members[name]
        header["members"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return json.dumps(header).encode()


def mutated_json(rng: random.Random, text: bytes) -> bytes:
    """Values and names of a JSON object exchanged for awkward ones; now and then the text itself is damaged."""
    raw = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _spoil(rng, raw)
    data = json.dumps(raw, indent=rng.choice((None, 1))).encode()
    if rng.random() < 0.25:
        data = mutated(rng, Seed("json", data, ()), [Seed("json", data, ())])
    if rng.random() < 0.03:
        data = data.replace(b"1", b"[" * rng.choice((5, 100, 50_000)), 1)
    return data


def _spoil(rng: random.Random, raw: Any) -> None:
    """One random entry, at any depth, is replaced, renamed, removed or repeated."""
    places = list(_places(raw))
    if not places:
        return
    holder, key = rng.choice(places)
    action = rng.randrange(8)
    if action == 0:
        del holder[key]
    elif action == 1 and isinstance(holder, dict):
        holder[rng.choice(("", "x", f"{key}2"))] = holder.pop(key)
    elif action == 2 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] = rng.choice((-holder[key], holder[key] + 1, holder[key] * 2, holder[key] * 1e9, holder[key] / 3))
    elif action == 3 and isinstance(holder[key], list):
        holder[key] = holder[key] * rng.choice((0, 2, 50))
    else:
        holder[key] = rng.choice(AWKWARD)


def _places(raw: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key or index) of a JSON value."""
    entries: list[tuple[Any, Any]] = []
    if isinstance(raw, dict):
        entries = [(raw, key) for key in raw]
    elif isinstance(raw, list):
        entries = [(raw, index) for index in range(len(raw))]
    return [*entries, *(place for holder, key in entries for place in _places(holder[key]))]
