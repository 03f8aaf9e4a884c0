"""Torn and foreign picture files are refused, where decoders would fill them with grey."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime_py.captures.images import read_image
from runtime_py.errors import CaptureError

PICTURE = np.random.default_rng(1).integers(0, 65535, (40, 50), np.uint16)


def _encoded(extension: str) -> bytes:
    stored = PICTURE if extension in (".png", ".tif") else (PICTURE >> 8).astype(np.uint8)
    return bytes(cv2.imencode(extension, stored)[1])


@pytest.mark.parametrize("extension", [".png", ".tif"])
def test_sixteen_bits_survive(tmp_path: Path, extension: str) -> None:
    (tmp_path / f"a{extension}").write_bytes(_encoded(extension))
    np.testing.assert_array_equal(read_image(tmp_path / f"a{extension}"), PICTURE)


@pytest.mark.parametrize("extension", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_a_truncated_picture_is_refused(tmp_path: Path, extension: str, kept: float) -> None:
    data = _encoded(extension)
    path = tmp_path / f"torn{extension}"
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(CaptureError, match=r"truncated|damaged"):
        read_image(path)


def test_a_flipped_bit_in_a_png_fails_its_checksum(tmp_path: Path) -> None:
    data = bytearray(_encoded(".png"))
    data[len(data) // 2] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(CaptureError, match="fails its checksum"):
        read_image(tmp_path / "a.png")


def test_repeated_exif_does_not_reach_the_decoder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = _encoded(".png")
    body = b"eXIf" + b"MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00"
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + chunk + data[33:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PICTURE)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"hello, this is text", "begins with the bytes 68 65"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(20), "a HEIC file"),
        (b"PK\x03\x04" + bytes(20), "a ZIP file"),
    ],
)
def test_a_foreign_file_is_named(tmp_path: Path, data: bytes, sentence: str) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(CaptureError, match=sentence):
        read_image(tmp_path / "a.png")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"there is no file .*nowhere\.png"):
        read_image(tmp_path / "nowhere.png")
