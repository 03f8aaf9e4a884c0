"""`dpocket parity` on a capture package: what a phone computed, replayed on the desktop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import dpocket
from convert.student import export_checkpoint
from runtime_py.captures import open_capture
from runtime_py.captures.device_run import DeviceRun, StoredOutput, inputs_hash
from runtime_py.captures.dpz import Package, Sensor, read_package, write_dpz
from runtime_py.files import sha256_of
from runtime_py.job import parity_on_captures
from runtime_py.parity.device import with_devices
from runtime_py.parity.matrix import Parity, ParityRow
from runtime_py.student import network_inputs
from training.checkpoint import SHIPPED, load_checkpoint

SIZE = (96, 128)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("ai_edge_litert", reason="LiteRT stands for the phone")
    out = tmp_path_factory.mktemp("artifact")
    return export_checkpoint(load_checkpoint(SHIPPED), ["litert"], "int8", out, SIZE)[0].path


@pytest.fixture(scope="module")
def package(artifact: Path) -> Package:
    """Shifted noise on a vertical axis, low so that there are few tiles, as a phone with LiteRT would hand it out."""
    noise = cv2.GaussianBlur(np.random.default_rng(5).uniform(500, 4000, (162, 30)), (0, 0), 1.5).astype(np.uint16)
    sensor = Sensor(256.0, 4095.0, 12, "vertical", orientation=90, make="None", model="desktop")
    bare = Package("noise", sensor, noise[2:], noise[:-2])
    return replace(bare, run=_as_a_phone(artifact, bare))


def _as_a_phone(artifact: Path, package: Package) -> DeviceRun:
    student = dpocket.load(artifact, "vendor")
    contract = student.contract
    # A vertical axis is turned counter-clockwise; here in integers, before anything is computed.
    turned = [(np.rot90(v).astype(np.float64) - 256) / (4095 - 256) for v in (package.left, package.right)]
    views = [np.clip(v, 0, None).astype(np.float32) for v in turned]
    _, tiles = network_inputs(contract, *views)
    answers = [student.run({n: p.reshape(contract.input(n).shape) for n, p in tile.items()}) for tile in tiles]
    outputs = {
        spec.name: StoredOutput(
            np.stack([a[spec.name].reshape(spec.plane()) for a in answers]), spec.scale, spec.zero_point
        )
        for spec in contract.outputs
    }
    return DeviceRun(
        model=artifact.name, model_sha256=sha256_of(artifact), student=contract.student, app="test", runtime="litert",
        runtime_version="1", dialect="xnnpack", delegate="cpu", outputs=outputs, timings_ms={"run": 3.5},
        inputs_sha256=inputs_hash(tiles, [s.name for s in contract.inputs]),
    )  # fmt: skip


def _device_row(artifact: Path, package: Package, folder: Path) -> tuple[ParityRow, bool]:
    write_dpz(folder / "x.dpz", package)
    found = with_devices(Parity((), (), {}), [artifact], [open_capture(folder / "x.dpz")])
    assert len(found.rows) == len(found.comparisons) == 1
    return found.rows[0], found.within_budget


def _changed(package: Package, **changes: Any) -> Package:
    assert package.run is not None
    return replace(package, run=replace(package.run, **changes))


def test_a_phone_that_computes_what_the_desktop_does_differs_in_no_integer(
    artifact: Path, package: Package, tmp_path: Path
) -> None:
    write_dpz(tmp_path / "x.dpz", package)
    found = parity_on_captures([artifact], tmp_path / "x.dpz")
    (row,) = (row for row in found.rows if row.runtime == "device")
    assert (row.status, row.differing_integers, row.max_disparity_px, row.latency_ms) == ("ok", 0, 0.0, 3.5)
    assert found.within_budget
    assert package.run is not None
    cells = sum(output.values.size for output in package.run.outputs.values())
    assert row.reason.startswith(f"0 of {cells} integers differ from reference (xnnpack) on noise, by litert 1")


def test_one_integer_of_a_phone_is_counted_and_measured_in_px(artifact: Path, package: Package, tmp_path: Path) -> None:
    assert package.run is not None
    spoilt = {name: replace(o, values=o.values.copy()) for name, o in package.run.outputs.items()}
    values = spoilt["disparity"].values
    values[0, 3, 4] = values[0, 3, 4] - 5 if values[0, 3, 4] > 0 else values[0, 3, 4] + 5
    row, within = _device_row(artifact, _changed(package, outputs=spoilt), tmp_path)
    assert (row.status, row.differing_integers) == ("over", 1)
    assert row.max_disparity_px == pytest.approx(5 * (spoilt["disparity"].scale or 0), rel=1e-5)
    assert not within


def test_other_network_inputs_are_told_from_another_network(artifact: Path, package: Package, tmp_path: Path) -> None:
    row, within = _device_row(artifact, _changed(package, inputs_sha256="0" * 64), tmp_path)
    assert (row.status, row.differing_integers, within) == ("over", 0, False)
    assert "the phone's network inputs are not what preprocessing makes of its views" in row.reason


def test_a_run_of_another_artifact_is_said_plainly(artifact: Path, package: Package, tmp_path: Path) -> None:
    row, within = _device_row(artifact, _changed(package, model_sha256="12" * 32), tmp_path)
    assert (row.status, row.differing_integers, within) == ("unavailable", None, True)
    assert "sha256 121212121212…), which is none of the artifacts given" in row.reason


def _fewer(o: StoredOutput) -> StoredOutput:
    return replace(o, values=np.concatenate([o.values, o.values]))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_fewer, "where int8 .* was expected"),
        (lambda o: replace(o, scale=2 * (o.scale or 0)), "the phone took 'disparity' for steps of"),
        (lambda o: StoredOutput(o.values.astype(np.float32)), "the phone gave float32"),
    ],
)
def test_a_run_that_does_not_fit_its_artifact_fails_in_words(
    artifact: Path, package: Package, tmp_path: Path, change: Callable[[StoredOutput], StoredOutput], sentence: str
) -> None:
    assert package.run is not None
    outputs = {"disparity": change(package.run.outputs["disparity"])}
    row, within = _device_row(artifact, _changed(package, outputs=outputs), tmp_path)
    assert (row.status, within) == ("failed", False)
    assert np.any([part in row.reason for part in sentence.split(" .* ")])


def test_the_commands_read_a_package(artifact: Path, package: Package, tmp_path: Path) -> None:
    path = tmp_path / "x.dpz"
    write_dpz(path, package)
    for command in (["captures", str(path)], ["run", str(artifact), str(path), "--out", str(tmp_path / "out")]):
        with pytest.raises(SystemExit) as left:
            dpocket.main(command)
        assert not left.value.code
    assert cv2.imread(str(tmp_path / "out/disparity.pfm"), cv2.IMREAD_UNCHANGED).shape == package.left.shape
    assert open_capture(path).device is not None
    assert read_package(path).sensor.orientation == 90
