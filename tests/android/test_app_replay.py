"""The app's own Java runs the student on a JVM and exports a package, which the desktop replays: no integer differs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from android_demo.tools import build_native, junit
from android_demo.tools.build_apk import sources_below
from android_demo.tools.jvm_tests import ON_THE_JVM, compile_into
from android_demo.tools.toolbox import Unavailable
from runtime_py.captures import open_capture
from runtime_py.captures.dpz import Package, Sensor, read_package, write_dpz
from runtime_py.captures.pgm import write_pgm
from runtime_py.golden import PAIR, pair_cases
from runtime_py.manifest import contract_of
from runtime_py.parity.device import with_devices
from runtime_py.parity.matrix import Parity
from runtime_py.vectors import write_vectors

SIZE = (96, 128)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The left file of 16-bit views of shifted noise, low so that there are few tiles."""
    folder = tmp_path_factory.mktemp("capture")
    noise = cv2.GaussianBlur(np.random.default_rng(8).uniform(0, 60000, (40, 202)), (0, 0), 1.2).astype(np.uint16)
    write_pgm(folder / "noise_left.pgm", noise[:, 2:])
    write_pgm(folder / "noise_right.pgm", noise[:, :-2])
    return folder / "noise_left.pgm"


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory, capture: Path) -> Path:
    """What the APK has: a small model with its manifest, contract and golden pair."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT's library runs the model")
    pytest.importorskip("torch", reason="the student is exported")
    from convert.student import export_checkpoint
    from training.checkpoint import SHIPPED, load_checkpoint

    folder = tmp_path_factory.mktemp("assets")
    (made,) = export_checkpoint(load_checkpoint(SHIPPED), ["litert"], "int8", folder, SIZE)
    shutil.move(made.path, folder / "student.tflite")
    shutil.move(f"{made.path}.json", folder / "student.tflite.json")
    (folder / "contract.json").write_text(contract_of(folder / "student.tflite").to_json())
    write_vectors(folder, PAIR, pair_cases(folder / "student.tflite", capture))
    return folder


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that starts `ExportTool`."""
    own = sources_below([junit.SOURCES / junit.PACKAGE / room for room in ON_THE_JVM])
    main = [junit.TESTS / junit.PACKAGE / "engine/ExportTool.java"]
    try:
        doubles = sources_below([build_native.DOUBLE / "java"])
        classes = compile_into(tmp_path_factory.mktemp("java") / "classes", [*own, *doubles, *main], [])
        libraries = [f"-Djava.library.path={build_native.host()}", f"-Ddpocket.litert={build_native.litert_library()}"]
    except Unavailable as e:
        pytest.skip(str(e))
    return ["java", *libraries, "-cp", str(classes), "org.dpocket.engine.ExportTool"]


def _exported(java: list[str], assets: Path, folder: Path, files: list[Path]) -> Path:
    out = folder / "export.dpz"
    command = [*java, str(assets), str(folder), "student.tflite", str(out), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 integers differ" in done.stdout
    return out


def _assert_replays(assets: Path, package: Path) -> None:
    found = with_devices(Parity((), (), {}), [assets / "student.tflite"], [open_capture(package)])
    (row,) = found.rows
    assert (row.status, row.differing_integers, row.max_disparity_px) == ("ok", 0, 0.0), row.reason
    assert row.reason.startswith("0 of ")


def test_picked_files_replay_with_no_integer_differing(
    java: list[str], assets: Path, capture: Path, tmp_path: Path
) -> None:
    package = _exported(java, assets, tmp_path, [capture, capture.with_name("noise_right.pgm")])
    _assert_replays(assets, package)
    run = read_package(package).run
    assert run is not None
    manifest = json.loads((assets / "student.tflite.json").read_text())
    assert (run.model_sha256, run.student) == (manifest["sha256"], manifest["contract"]["student"])
    ours, theirs = open_capture(package), open_capture(capture)
    np.testing.assert_array_equal(ours.left, theirs.left)
    np.testing.assert_array_equal(ours.right, theirs.right)


@pytest.mark.parametrize("dp_axis", ["horizontal", "vertical"])
def test_a_raw_package_replays_with_no_integer_differing(
    java: list[str], assets: Path, tmp_path: Path, dp_axis: str
) -> None:
    """Ten bits over black, two-to-one pixels, and an axis that lies or stands."""
    counts = cv2.GaussianBlur(np.random.default_rng(9).uniform(64, 1023, (20, 202)), (0, 0), 1.2).astype(np.uint16)
    views = [counts[:, 2:], counts[:, :-2]]
    if dp_axis == "vertical":
        views = [np.ascontiguousarray(np.repeat(view, 2, axis=0).T) for view in views]
    aspect = 2.0 if dp_axis == "horizontal" else 1.0
    sensor = Sensor(64.0, 1023.0, 10, dp_axis, pixel_aspect=aspect, orientation=90)
    write_dpz(tmp_path / "raw.dpz", Package("raw", sensor, *views))
    package = _exported(java, assets, tmp_path, [tmp_path / "raw.dpz"])
    _assert_replays(assets, package)
    assert read_package(package).sensor == sensor
