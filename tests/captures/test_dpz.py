"""Capture packages: what is written is read, as a capture and as a phone's run, and every damage has a sentence."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packages import device_run, package, rewritten, with_header

from runtime_py.captures import bounded_zip, find_captures, open_capture
from runtime_py.captures.device_run import StoredOutput, inputs_hash
from runtime_py.captures.dpz import Package, Sensor, read_package, write_dpz
from runtime_py.captures.pgm import write_pgm
from runtime_py.errors import CaptureError

JPEG = b"\xff\xd8\xff\xe0" + bytes(20) + b"\xff\xd9"


def test_a_package_comes_back_as_it_was(tmp_path: Path) -> None:
    whole = package(rgb=JPEG)
    write_dpz(tmp_path / "a.dpz", whole)
    again = read_package(tmp_path / "a.dpz")
    assert (again.name, again.sensor, again.rgb) == (whole.name, whole.sensor, JPEG)
    for side in ("left", "right"):
        np.testing.assert_array_equal(getattr(again, side), getattr(whole, side))
    assert again.run is not None
    assert whole.run is not None
    assert replace(again.run, outputs=whole.run.outputs) == whole.run
    np.testing.assert_array_equal(again.run.outputs["disparity"].values, whole.run.outputs["disparity"].values)
    assert again.run.outputs["disparity"].scale == 0.05


def test_the_members_are_what_the_document_says(tmp_path: Path) -> None:
    write_dpz(tmp_path / "a.dpz", package())
    with zipfile.ZipFile(tmp_path / "a.dpz") as archive:
        assert archive.namelist() == ["dpz.json", "left.pgm", "right.pgm", "outputs/disparity.bin"]
        header = json.loads(archive.read("dpz.json"))
        assert archive.read("outputs/disparity.bin") == bytes(n % 256 for n in range(-12, 12))
        for name, told in header["members"].items():
            assert told["sha256"] == hashlib.sha256(archive.read(name)).hexdigest()
    assert header["run"]["outputs"][0]["shape"] == [2, 3, 4]


def test_equal_packages_give_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_dpz(tmp_path / f"{name}.dpz", package())
    assert (tmp_path / "a.dpz").read_bytes() == (tmp_path / "b.dpz").read_bytes()


def test_a_package_is_the_capture_that_its_views_are(tmp_path: Path) -> None:
    """The capture app's own files, 756 rows of two-to-one pixels, give the same light."""
    views = {side: np.random.default_rng(n).integers(64, 1024, (756, 2016)) for n, side in enumerate(("left", "right"))}
    stored = {side: (counts * 65535 // 1023).astype(np.uint16) for side, counts in views.items()}
    for side, pixels in stored.items():
        write_pgm(tmp_path / "files" / f"x_{side}.pgm", pixels)
    sensor = Sensor(64 * 65535 / 1023, 65535.0, 10, pixel_aspect=2.0)
    write_dpz(tmp_path / "x.dpz", Package("x", sensor, stored["left"], stored["right"]))
    ours, theirs = open_capture(tmp_path / "x.dpz"), open_capture(tmp_path / "files")
    assert (ours.format, theirs.format) == ("dpz", "google-app")
    np.testing.assert_array_equal(ours.left, theirs.left)
    np.testing.assert_array_equal(ours.right, theirs.right)
    assert (ours.bit_depth, ours.stored_aspect, ours.levels) == (theirs.bit_depth, theirs.stored_aspect, theirs.levels)


def test_gamma_and_axis_are_the_sensors(tmp_path: Path) -> None:
    plane = np.full((20, 20), 128, np.uint8)
    write_dpz(tmp_path / "a.dpz", Package("a", Sensor(0.0, 255.0, 8, "vertical", gamma=2.2), plane, plane))
    capture = open_capture(tmp_path)
    assert capture.left[0, 0] == pytest.approx((128 / 255) ** 2.2, rel=1e-6)
    assert (capture.dp_axis, capture.device) == ("vertical", None)


def test_raw_planes_are_little_endian(tmp_path: Path) -> None:
    write_dpz(tmp_path / "a.dpz", package(run=None))
    left = package().left

    def raw(members: dict[str, bytes]) -> None:
        header = json.loads(members["dpz.json"])
        members["left.raw"] = b"".join(struct.pack("<H", int(v)) for v in left.ravel())
        del members["left.pgm"], header["members"]["left.pgm"]
        header["views"]["left"] = {
            "member": "left.raw", "encoding": "raw", "width": 36, "height": 20, "dtype": "uint16",
        }  # fmt: skip
        header["members"]["left.raw"] = {
            "bytes": len(members["left.raw"]),
            "sha256": hashlib.sha256(members["left.raw"]).hexdigest(),
        }
        members["dpz.json"] = json.dumps(header).encode()

    np.testing.assert_array_equal(read_package(rewritten(tmp_path / "a.dpz", raw)).left, left)


def test_a_flat_picture_is_stored_since_it_would_grow_too_much(tmp_path: Path) -> None:
    plane = np.zeros((1500, 1500), np.uint8)
    write_dpz(tmp_path / "a.dpz", Package("black", Sensor(0.0, 255.0, 8), plane, plane))
    assert read_package(tmp_path / "a.dpz").left.shape == (1500, 1500)


def test_the_hash_of_inputs_is_over_tiles_then_inputs() -> None:
    tiles = [{"right": np.array([[3, 4]], np.int8), "left": np.array([[1, 2]], np.int8)}] * 2
    assert inputs_hash(tiles, ["left", "right"]) == hashlib.sha256(bytes([1, 2, 3, 4] * 2)).hexdigest()
    reals = [{"left": np.array([[1.0]], ">f4")}]
    assert inputs_hash(reals, ["left"]) == hashlib.sha256(struct.pack("<f", 1.0)).hexdigest()


def _set(*place: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        inner: Any = header
        for step in place[:-1]:
            inner = inner[step]
        inner[place[-1]] = value

    return change


HEADERS = [
    (_set("version", value=2), "is a package of version 2, this dpocket reads version 1"),
    (_set("format", value="zip"), "'format' is one of dpz, and 'zip' was found"),
    (_set("name", value="a\x1b[31m"), "'name' is a short text"),
    (_set("sensor", value=[]), r"'sensor' is an object, and \[\] was found"),
    (_set("sensor", "black", value="64"), "'sensor.black' is a number, and '64' was found"),
    (_set("sensor", "black", value=1e999), "is not JSON: Infinity"),
    (_set("sensor", "black", value=True), "'sensor.black' is a number, and True was found"),
    (_set("sensor", "black", value=10**400), "'sensor.black' is a number"),
    (_set("sensor", "white", value=10), "white level 10.0 is not above black level 4100.0"),
    (_set("sensor", "pixel_aspect", value=11), "pixel_aspect 11.0 .* outside 0.1 to 10"),
    (_set("sensor", "orientation", value=45), "orientation 45 no turn"),
    (_set("sensor", "dp_axis", value="both"), "dp_axis is horizontal or vertical, not 'both'"),
    (_set("sensor", "bit_depth", value=10.5), "'sensor.bit_depth' is a whole number from 1 to 16, and 10.5"),
    (_set("views", "left", "member", value="../left.pgm"), "has no member '../left.pgm', which dpz.json refers to"),
    (_set("views", "left", "member", value="outputs/disparity.bin"), r"not a picture|PGM"),
    (_set("views", "right", value=None), "'views.right' is an object, and nothing was found"),
    (_set("members", "left.pgm", "sha256", value="0" * 64), "'left.pgm' is not what was written"),
    (_set("members", "left.pgm", "bytes", value=3), "'left.pgm' has 1455 bytes, dpz.json announces another number"),
    (_set("members", "gone.bin", value={}), "has no member 'gone.bin', which dpz.json lists"),
    (_set("members", value={}), "has a member '.*' that dpz.json does not know"),
    (_set("run", "model_sha256", value="AB" * 32), "'run.model_sha256' is a SHA-256"),
    (_set("run", "outputs", value=[]), "a run has outputs of no tiles"),
    (_set("run", "outputs", 0, "shape", value=[2, 3, 5]), "has 24 bytes; 2×3×5 values of int8 are 30"),
    (_set("run", "outputs", 0, "shape", value=[24]), r"'run.outputs\[0\].shape' is a list of 3 whole numbers"),
    (_set("run", "outputs", 0, "dtype", value="object"), "is one of int8, uint8, float16, float32, and 'object'"),
    (_set("run", "outputs", 0, "scale", value=-1), "scale -1.0 and zero point 3"),
    (_set("run", "timings_ms", value={"run": "7 ms"}), "'run.timings_ms.run' is a number"),
]


@pytest.mark.parametrize(("change", "sentence"), HEADERS)
def test_a_wrong_header_is_refused_with_its_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    write_dpz(tmp_path / "a.dpz", package())
    with pytest.raises(CaptureError, match=sentence) as caught:
        read_package(with_header(tmp_path / "a.dpz", change))
    assert "a.dpz" in str(caught.value)


def _zipped(path: Path, *entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def _announcing(path: Path, size: int) -> Path:
    """An archive whose only member is said to inflate to `size` bytes."""
    data = bytearray(_zipped(path, ("dpz.json", b"{}")).read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


ARCHIVES: list[tuple[Callable[[Path], Path], str]] = [
    (lambda p: _zipped(p, ("../../etc/x", b"")), "a member called '../../etc/x', which is no safe name"),
    (lambda p: _zipped(p, ("/etc/x", b"")), "no safe name"),
    (lambda p: _zipped(p, ("a\\b", b"")), "no safe name"),
    (lambda p: _zipped(p, ("C:x", b"")), "no safe name"),
    (lambda p: _zipped(p, ("a/", b"")), "no safe name"),
    (lambda p: _zipped(p, *((f"m{i}", b"") for i in range(33))), "has 33 members; a capture package has at most 32"),
    (lambda p: _zipped(p, ("big", bytes(1 << 20))), "would grow from .* to 1048576 bytes, more than 200 times"),
    (lambda p: _announcing(p, 49 << 20), "'dpz.json' would have 51380224 bytes; a member has at most 48 MiB"),
    (lambda p: _announcing(p, 1), "damaged zip|1 were announced"),
    (lambda p: _zipped(p, ("a.txt", b"x")), "is a zip archive without dpz.json"),
    (lambda p: _zipped(p, ("dpz.json", b"x"), method=zipfile.ZIP_BZIP2), "packed by method 12"),
    (lambda p: _zipped(p, ("dpz.json", b"\xff\xfe{")), "dpz.json is not JSON"),
    (lambda p: _zipped(p, ("dpz.json", b"[" * 100_000)), "dpz.json is not JSON|would grow"),
    (lambda p: _zipped(p, ("dpz.json", b"[]")), r"'the whole' is an object, and \[\] was found"),
]


@pytest.mark.parametrize(("make", "sentence"), ARCHIVES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_that_is_no_package_is_refused(tmp_path: Path, make: Callable[[Path], Path], sentence: str) -> None:
    with pytest.raises(CaptureError, match=sentence):
        read_package(make(tmp_path / "a.dpz"))


def test_members_that_lie_on_each_other_are_refused(tmp_path: Path) -> None:
    """David Fifield's bomb: many directory entries share the packed bytes of one member."""
    content = np.random.default_rng(0).bytes(40_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(9):
            archive.writestr(f"m{i}", content if i == 0 else b"")
    data = bytearray(buffer.getvalue())
    first = data.index(b"PK\x01\x02")
    entry = first
    for _ in range(1, 9):
        entry = data.index(b"PK\x01\x02", entry + 1)
        data[entry + 16 : entry + 28] = data[first + 16 : first + 28]
        data[entry + 42 : entry + 46] = data[first + 42 : first + 46]
    (tmp_path / "a.dpz").write_bytes(data)
    with pytest.raises(CaptureError, match=r"lie on each other"):
        read_package(tmp_path / "a.dpz")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"P5 1 1 255\n\x00", "is not a zip archive, whatever its name says: it begins with 50 35 20 31"),
        (b"PK\x03\x04" + bytes(100), "is cut short or has something behind it"),
    ],
)
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.dpz").write_bytes(content)
    with pytest.raises(CaptureError, match=sentence):
        open_capture(tmp_path / "a.dpz")


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dpz(tmp_path / "a.dpz", package())
    monkeypatch.setattr(bounded_zip, "FILE", 1 << 10)
    monkeypatch.setattr(bounded_zip, "read_bytes", lambda path: pytest.fail("the file was read"))
    with pytest.raises(CaptureError, match="at most 0 MiB"):
        read_package(tmp_path / "a.dpz")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.99])
def test_a_torn_package_is_refused_and_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "torn.dpz"
    write_dpz(path, package())
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(CaptureError, match=r"torn\.dpz"):
        open_capture(path)
    assert len(find_captures(tmp_path)) == 1, "it is found, so that it is named among the damaged"


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_no_changed_byte_goes_unnoticed_or_crashes(tmp_path: Path, data: st.DataObject) -> None:
    """Every byte of content is hashed; a change elsewhere (a date, a flag) leaves the package what it was."""
    path = tmp_path / "a.dpz"
    write_dpz(path, package())
    whole = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    try:
        found = read_package(path)
    except CaptureError:
        return
    np.testing.assert_array_equal(found.left, package().left)
    assert found.run is not None
    np.testing.assert_array_equal(found.run.outputs["disparity"].values, device_run().outputs["disparity"].values)


def test_views_of_different_size_are_refused_as_a_capture(tmp_path: Path) -> None:
    other = package(right=package().right[:, 1:])
    write_dpz(tmp_path / "a.dpz", other)
    with pytest.raises(CaptureError, match="left view is 36×40 and the right view 35×40"):
        open_capture(tmp_path / "a.dpz")


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    odd = device_run(outputs={"../x": StoredOutput(np.zeros((1, 2, 2), np.int8), 1.0, 0)})
    with pytest.raises(CaptureError, match="cannot be called"):
        write_dpz(tmp_path / "a.dpz", package(run=odd))
    with pytest.raises(CaptureError, match="is GIF; a JPEG or PNG"):
        write_dpz(tmp_path / "a.dpz", package(rgb=b"GIF89a"))
    assert not list(tmp_path.iterdir())
