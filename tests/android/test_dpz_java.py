"""Capture packages between both languages: what one writes, the other reads, bit for bit, and refuses alike."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from android_demo.tools import junit
from android_demo.tools.build_apk import sources_below
from android_demo.tools.jvm_tests import compile_into
from android_demo.tools.toolbox import Unavailable
from runtime_py.captures import open_capture
from runtime_py.captures.device_run import DeviceRun, StoredOutput, inputs_hash
from runtime_py.captures.dpz import Package, Sensor, read_package, write_dpz
from runtime_py.errors import CaptureError

RNG = np.random.default_rng(6)
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(200)) + b"\xff\xd9"


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`DpzTool` on a JVM, with its arguments."""
    core = sources_below([junit.SOURCES / junit.PACKAGE / "core"])
    engine = [junit.SOURCES / junit.PACKAGE / "engine/Engine.java"]
    main = [junit.TESTS / junit.PACKAGE / "core/DpzTool.java"]
    try:
        classes = compile_into(tmp_path_factory.mktemp("java") / "classes", [*core, *engine, *main], [])
    except Unavailable as e:
        pytest.skip(str(e))
    java = ["java", "-XX:TieredStopAtLevel=1", "-cp", str(classes), "org.dpocket.core.DpzTool"]

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*java, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8", check=False,
            env={**os.environ, "JAVA_TOOL_OPTIONS": "-Dfile.encoding=UTF-8"},
        )  # fmt: skip

    return run


def packages() -> dict[str, Package]:
    """16 bit with a run, 8 bit with a tone curve and a picture, and a black one, which is stored and not deflated."""
    deep = RNG.integers(0, 65536, (2, 40, 64)).astype(np.uint16)
    flat = RNG.integers(0, 256, (2, 33, 20)).astype(np.uint8)
    app = Sensor(64 * 65535 / 1023, 65535.0, 10, pixel_aspect=2.0, orientation=270, make="Gôögle", model="Pixel “4”")
    curve = Sensor(0.0, 255.0, 8, "vertical", gamma=2.2)
    dark = np.zeros((400, 500), np.uint16)
    return {
        "deep": Package("20260101_120000", app, deep[0], deep[1], None, device_run()),
        "flat": Package("flat", curve, flat[0], flat[1], JPEG),
        "dark": Package("dark", curve, dark, dark),
    }


def device_run() -> DeviceRun:
    tiles = [{name: RNG.integers(-128, 128, (24, 32)).astype(np.int8) for name in ("left", "right")}] * 2
    outputs = {
        "disparity": StoredOutput(RNG.integers(-128, 128, (2, 6, 8)).astype(np.int8), 0.0443346276879310, -2),
        "confidence": StoredOutput(RNG.uniform(0, 1, (2, 6, 8)).astype(np.float32)),
    }
    return DeviceRun(
        model="student_int8.tflite", model_sha256="0123456789abcdef" * 4, student="pyramid", app="0.1.0",
        runtime="litert", runtime_version="2.3.0", dialect="xnnpack", delegate="XNNPACK, 1 thread",
        inputs_sha256=inputs_hash(tiles, ["left", "right"]), outputs=outputs, timings_ms={"run": 12.5, "maps": 1e-3},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["deep", "flat", "dark"])
def test_java_reads_what_python_writes(
    tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, name: str
) -> None:
    package = packages()[name]
    path = tmp_path / "x.dpz"
    write_dpz(path, package)
    done = tool("read", path, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    s = package.sensor
    told = [package.name, s.black, s.white, s.bit_depth, s.dp_axis, s.gamma, s.pixel_aspect, s.orientation]
    assert done.stdout.strip() == "|".join(map(str, [*told, s.make, s.model]))
    for side in ("left", "right"):
        stored = np.fromfile(tmp_path / f"{side}.bin", "<u2").reshape(package.left.shape)
        np.testing.assert_array_equal(stored, getattr(package, side))
    light = open_capture(path).left
    seen = np.fromfile(tmp_path / "linear.bin", "<f4").reshape(light.shape)
    np.testing.assert_array_equal(seen, light)
    if package.run is not None:
        for output, stored in package.run.outputs.items():
            assert (tmp_path / f"{output}.bin").read_bytes() == stored.values.tobytes()
    if package.rgb is not None:
        assert (tmp_path / "rgb.bin").read_bytes() == package.rgb


@pytest.mark.parametrize("name", ["deep", "flat", "dark"])
def test_python_reads_what_java_writes(
    tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, name: str
) -> None:
    package = packages()[name]
    write_dpz(tmp_path / "x.dpz", package)
    done = tool("copy", tmp_path / "x.dpz", tmp_path / "y.dpz")
    assert done.returncode == 0, done.stdout + done.stderr
    again = read_package(tmp_path / "y.dpz")
    assert (again.name, again.sensor, again.rgb) == (package.name, package.sensor, package.rgb)
    np.testing.assert_array_equal(again.left, package.left)
    np.testing.assert_array_equal(again.right, package.right)
    assert (again.run is None) == (package.run is None)
    if again.run is not None and package.run is not None:
        assert replace(again.run, outputs=package.run.outputs) == package.run
        for output, stored in package.run.outputs.items():
            found = again.run.outputs[output]
            np.testing.assert_array_equal(found.values, stored.values)
            assert (found.scale, found.zero_point) == (stored.scale, stored.zero_point)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "no zip": lambda data: b"P5 1 1 255\n\x00",
    "cut": lambda data: data[: len(data) // 2],
    "one bit of a view": lambda data: data[:900] + bytes([data[900] ^ 8]) + data[901:],
    "something behind it": lambda data: data + b"x",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_both_refuse_the_same_damage_in_words(
    tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "x.dpz"
    write_dpz(path, packages()["deep"])
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(CaptureError):
        read_package(path)
    done = tool("read", path, tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout.startswith("refused: x.dpz")


def test_a_machine_without_a_compiler_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match=r"apt-get install .*openjdk-17-jdk-headless"):
        compile_into(Path("unused"), [], [])
