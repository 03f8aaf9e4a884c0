"""Binary PGM: every way in which a file on a phone's card goes wrong has its own sentence."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime_py.captures.pgm import read_pgm, write_pgm
from runtime_py.errors import CaptureError


def test_high_byte_comes_first_in_sixteen_bit_samples(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 65535\n" + bytes([0x12, 0x04, 0xFF, 0x00]))
    pixels, maxval = read_pgm(tmp_path / "a.pgm")
    assert pixels.tolist() == [[0x1204, 0xFF00]]
    assert (pixels.dtype, maxval) == (np.uint16, 65535)


def test_eight_bit_samples_and_comments_in_the_header(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5\n# made by hand\n3 1\n# largest\n200\n" + bytes([0, 7, 200]))
    pixels, maxval = read_pgm(tmp_path / "a.pgm")
    assert pixels.tolist() == [[0, 7, 200]]
    assert (pixels.dtype, maxval) == (np.uint8, 200)


def test_a_sample_equal_to_white_space_is_not_taken_for_the_header(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 255\n" + b"\n#")
    assert read_pgm(tmp_path / "a.pgm")[0].tolist() == [[10, 35]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_opencv_reads_what_is_written(tmp_path: Path, dtype: type) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7)).astype(dtype)
    write_pgm(tmp_path / "a.pgm", pixels)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.pgm"), cv2.IMREAD_UNCHANGED), pixels)
    np.testing.assert_array_equal(read_pgm(tmp_path / "a.pgm")[0], pixels)


WHOLE = b"P5 4 3 65535\n" + bytes(24)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (WHOLE[:-5], r"promises 4×3 pixels of 2 bytes = 24 bytes, 19 are there"),
        (WHOLE + b"xyz", r"3 bytes more than the 4×3 pixels of 2 bytes = 24 bytes"),
        (b"\xff\xd8\xff\xe0" + bytes(40), "is a JPEG file, not a binary PGM"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "is a PNG file, not a binary PGM"),
        (b"P2 1 1 255\n7", "is a ASCII PGM file"),
        (b"\x00\x01\x02\x03", "first bytes 00 01 02 03"),
        (b"P5 4 x 65535\n", "'P5 width height maxval' was expected, 'P5 4 x 65535' was found"),
        (b"P5 4", "bad PGM header"),
        (b"P5 0 3 65535\n", "bad PGM header: 0×3 pixels"),
        (b"P5 4 3 70000\n", "values up to 70000"),
        (b"P5 1 1 100\n\xff", "values up to 255, above the 100"),
    ],
)
def test_a_damaged_file_is_named_with_what_was_found(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = tmp_path / "view.pgm"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=sentence) as caught:
        read_pgm(path)
    assert str(path) in str(caught.value)


def test_a_plane_of_floats_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="not float64"):
        write_pgm(tmp_path / "a.pgm", np.zeros((2, 2)))
    assert not list(tmp_path.iterdir())
