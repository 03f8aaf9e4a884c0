"""Small capture packages for tests."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from runtime_py.captures.device_run import DeviceRun, StoredOutput
from runtime_py.captures.dpz import Package, Sensor


def device_run(**changes: Any) -> DeviceRun:
    """Two tiles of 3×4 cells of an int8 student."""
    disparity = np.arange(-12, 12).reshape(2, 3, 4).astype(np.int8)
    told: dict[str, Any] = {
        "model": "student.tflite",
        "model_sha256": "ab" * 32,
        "student": "toy",
        "app": "0.1",
        "runtime": "litert",
        "runtime_version": "2.3.0",
        "dialect": "xnnpack",
        "delegate": "cpu",
        "inputs_sha256": "cd" * 32,
        "outputs": {"disparity": StoredOutput(disparity, 0.05, 3)},
        "timings_ms": {"preprocess": 12.5, "run": 7.25},
    }
    return DeviceRun(**{**told, **changes})


def package(**changes: Any) -> Package:
    """Ten bits scaled to sixteen, as Google's capture app writes them, of random light."""
    views = np.random.default_rng(4).integers(64, 1024, (2, 20, 36)) * 65535 // 1023
    told: dict[str, Any] = {
        "name": "20260101_120000",
        "sensor": Sensor(4100.0, 65535.0, 10, pixel_aspect=2.0, orientation=90, make="Google", model="Pixel 4"),
        "left": views[0].astype(np.uint16),
        "right": views[1].astype(np.uint16),
        "run": device_run(),
    }
    return Package(**{**told, **changes})


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The package at `path` with its members changed, zipped again by Python's own hand."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    return path


def with_header(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The package at `path` with another dpz.json."""

    def replace(members: dict[str, bytes]) -> None:
        header = json.loads(members["dpz.json"])
        change(header)
        members["dpz.json"] = json.dumps(header).encode()

    return rewritten(path, replace)
