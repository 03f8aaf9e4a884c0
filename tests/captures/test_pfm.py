"""PFM against bytes made by hand and against OpenCV's reader and writer."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from runtime_py.captures.pfm import pfm_bytes, read_pfm, write_pfm
from runtime_py.errors import CaptureError

BOTTOM_UP = (4.0, 5.0, 6.0, 1.0, 2.0, 3.0)
"""The samples of the rows 1 2 3 over 4 5 6 in the order of the file."""

ROWS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


@pytest.mark.parametrize(("scale", "order"), [(b"-1.0", "<"), (b"1", ">"), (b"-0.003922", "<"), (b"2.5e2", ">")])
def test_the_sign_of_the_scale_is_the_byte_order_and_its_size_changes_nothing(
    tmp_path: Path, scale: bytes, order: str
) -> None:
    file = tmp_path / "d.pfm"
    file.write_bytes(b"Pf\n3 2\n" + scale + b"\n" + struct.pack(f"{order}6f", *BOTTOM_UP))
    np.testing.assert_array_equal(read_pfm(file), ROWS)
    assert read_pfm(file).dtype == np.float32


def test_a_first_sample_that_looks_like_white_space_belongs_to_the_samples(tmp_path: Path) -> None:
    file = tmp_path / "d.pfm"
    file.write_bytes(b"Pf\n1 1\n-1\n" + b"\n\n\n\n")
    assert read_pfm(file)[0, 0] == np.frombuffer(b"\n\n\n\n", "<f4")[0]


def test_a_written_plane_is_these_bytes(tmp_path: Path) -> None:
    write_pfm(tmp_path / "d.pfm", ROWS.astype(np.float64))
    assert (tmp_path / "d.pfm").read_bytes() == b"Pf\n3 2\n-1.0\n" + struct.pack("<6f", *BOTTOM_UP)


def test_colour_is_red_green_blue(tmp_path: Path) -> None:
    file = tmp_path / "c.pfm"
    file.write_bytes(b"PF\n1 2\n-1.0\n" + struct.pack("<6f", 4, 5, 6, 1, 2, 3))
    np.testing.assert_array_equal(read_pfm(file, channels=3), ROWS[:, None, :])
    assert pfm_bytes(ROWS[:, None, :]) == file.read_bytes()
    with pytest.raises(CaptureError, match="3 channels, and one plane"):
        read_pfm(file)


FLOATS = st.floats(width=32, allow_nan=False)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plane=arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=FLOATS))
def test_opencv_reads_what_is_written_and_the_other_way_round(tmp_path: Path, plane: np.ndarray) -> None:
    write_pfm(tmp_path / "ours.pfm", plane)
    theirs = cv2.imread(str(tmp_path / "ours.pfm"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(theirs, plane)
    assert cv2.imwrite(str(tmp_path / "theirs.pfm"), plane)
    np.testing.assert_array_equal(read_pfm(tmp_path / "theirs.pfm"), plane)


def test_opencv_reads_colour_as_written(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).random((3, 4, 3)).astype(np.float32)
    write_pfm(tmp_path / "c.pfm", samples)
    theirs = cv2.imread(str(tmp_path / "c.pfm"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(theirs[..., ::-1], samples)


def test_unknown_values_survive(tmp_path: Path) -> None:
    plane = np.array([[np.inf, -np.inf, np.nan, -0.0]], np.float32)
    write_pfm(tmp_path / "d.pfm", plane)
    assert read_pfm(tmp_path / "d.pfm").tobytes() == plane.tobytes()


WHOLE = b"Pf\n3 2\n-1.0\n" + struct.pack("<6f", *BOTTOM_UP)
DAMAGED = [
    (b"", "empty"),
    (WHOLE[:-1], "truncated: 3×2 pixels of 4 bytes are 24 bytes, 23"),
    (WHOLE[:9], "no PFM"),
    (WHOLE + b"x", "longer than its header says"),
    (b"\x89PNG\r\n\x1a\n" + bytes(30), "a PNG file was found"),
    (b"<html>gone</html>", "<html>gone</html"),
    (b"Pf\n0 2\n-1.0\n", "0×2 pixels"),
    (b"Pf\n99999 2\n-1.0\n", "99999×2 pixels"),
    (b"Pf\n3 2\n0\n" + bytes(24), "its scale is '0'"),
    (b"Pf\n3 2\nnan\n" + bytes(24), "its scale is 'nan'"),
    (b"Pf\n3 2\nlittle\n" + bytes(24), "its scale is 'little'"),
]


@pytest.mark.parametrize(("content", "expected"), DAMAGED)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "broken.pfm"
    file.write_bytes(content)
    with pytest.raises(CaptureError) as refused:
        read_pfm(file)
    assert "broken.pfm" in str(refused.value)
    assert expected in str(refused.value)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 2), (0, 3), (1, 2, 3, 3)])
def test_other_shapes_are_refused_and_leave_no_file(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(CaptureError, match="not an array of shape"):
        write_pfm(tmp_path / "d.pfm", np.zeros(shape, np.float32))
    assert list(tmp_path.iterdir()) == []


def test_middlebury_disparities_are_pixels(captures_root: Path) -> None:
    scene = captures_root / "cca-public/Stereo_data_example"
    truth = read_pfm(scene / "MiddEval3_GT/trainingQ/Teddy/disp0GT.pfm")
    known = truth[np.isfinite(truth)]
    assert truth.shape == (375, 450)
    # calib.txt of the scene announces disparities below 64 px.
    assert 10 < known.min() < known.max() < 64
