"""Capture packages of the phone app, `<name>.dpz`: a zip with `dpz.json`, the raw views as the phone stored them, and
what it computed from them (docs/DPZ.md).

`orientation` is how the phone was held; it changes nothing here, since results are given as the views are stored.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.bounded_zip import MIB, read_members, write_members
from runtime_py.captures.capture import DPCapture
from runtime_py.captures.device_run import DTYPES, DeviceRun, StoredOutput
from runtime_py.captures.format import Format
from runtime_py.captures.images import kind_of
from runtime_py.captures.json_fields import Fields
from runtime_py.captures.pgm import LONGEST_SIDE, decode_pgm, pgm_bytes
from runtime_py.captures.radiometry import count_levels, linear_from_counts, square_pixels
from runtime_py.errors import CaptureError

HEADER, VERSION = "dpz.json", 1
LARGEST_HEADER = MIB
PIXELS = 1 << 25
"""Square pixels of one view that are read at most."""

TURNS = (0, 90, 180, 270)
VIEWS = ("left", "right")
RGB = {"JPEG": "rgb.jpg", "PNG": "rgb.png"}


@dataclass(frozen=True)
class Sensor:
    """`black` and `white` are stored values of no light and full scale, `bit_depth` the sensor's own bits. `gamma` is
    the exponent from stored to linear, `pixel_aspect` the height of a stored pixel over its width, `orientation` the
    clockwise turn in degrees that makes the stored views upright."""

    black: float
    white: float
    bit_depth: int
    dp_axis: str = "horizontal"
    gamma: float = 1.0
    pixel_aspect: float = 1.0
    orientation: int = 0
    make: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.black) and math.isfinite(self.white) and self.white > self.black):
            raise CaptureError(f"white level {self.white} is not above black level {self.black}")
        if not (0.1 <= self.pixel_aspect <= 10 and 0.1 <= self.gamma <= 10):
            raise CaptureError(f"pixel_aspect {self.pixel_aspect} or gamma {self.gamma} lies outside 0.1 to 10")
        if not 1 <= self.bit_depth <= 16 or self.orientation not in TURNS:
            raise CaptureError(f"bit_depth {self.bit_depth} is not 1 to 16 or orientation {self.orientation} no turn")
        if self.dp_axis not in ("horizontal", "vertical"):
            raise CaptureError(f"dp_axis is horizontal or vertical, not {self.dp_axis!r}")


@dataclass(frozen=True)
class Package:
    """Content of a .dpz. `left` and `right` are uint8 or uint16 planes (H×W) as stored; `rgb` is a JPEG or PNG file."""

    name: str
    sensor: Sensor
    left: NDArray[Any]
    right: NDArray[Any]
    rgb: bytes | None = None
    run: DeviceRun | None = None

    def __post_init__(self) -> None:
        for side, view in (("left", self.left), ("right", self.right)):
            if view.ndim != 2 or view.size == 0 or view.dtype not in (np.uint8, np.uint16):
                raise CaptureError(f"the {side} view is {view.dtype} of shape {view.shape}; it is one plane of counts")
        if self.left.dtype != self.right.dtype:
            raise CaptureError(f"the left view holds {self.left.dtype} and the right one {self.right.dtype}")


def read_package(path: Path) -> Package:
    """The package at `path`, every member held against its SHA-256.

    Raises CaptureError with one sentence for whatever is missing, damaged, foreign, too large or not as announced.
    """
    path = Path(path)
    members = read_members(path)
    if HEADER not in members:
        raise CaptureError(f"{path} is a zip archive without {HEADER}; it is no capture package")
    if len(members[HEADER]) > LARGEST_HEADER:
        raise CaptureError(f"{path}: {HEADER} has {len(members[HEADER])} bytes, at most {LARGEST_HEADER} are read")
    header = Fields.parse(members[HEADER], path / HEADER)
    header.text("format", ("dpz",))
    version = header.integer("version", 1, 1 << 30)
    if version != VERSION:
        raise CaptureError(f"{path} is a package of version {version}, this dpocket reads version {VERSION}")
    _check_members(path, header.object("members"), members)
    try:
        return Package(
            name=header.text("name"),
            sensor=_sensor(header.object("sensor")),
            left=_view(path, header.object("views").object("left"), members),
            right=_view(path, header.object("views").object("right"), members),
            rgb=_member(path, header.object("rgb"), members) if header.has("rgb") else None,
            run=_run(path, header.object("run"), members) if header.has("run") else None,
        )
    except CaptureError as e:
        raise e if str(path) in str(e) else CaptureError(f"{path}: {e}") from e


def write_dpz(path: Path, package: Package) -> None:
    """Write `package` whole or not at all; equal packages give equal bytes.

    Raises CaptureError for what `read_package` would refuse.
    """
    members = {f"{side}.pgm": pgm_bytes(view) for side, view in (("left", package.left), ("right", package.right))}
    header: dict[str, Any] = {"format": "dpz", "version": VERSION, "name": package.name}
    header["sensor"] = asdict(package.sensor)
    header["views"] = {side: {"member": f"{side}.pgm", "encoding": "pgm"} for side in VIEWS}
    if package.rgb is not None:
        kind = kind_of(package.rgb)
        if kind not in RGB:
            raise CaptureError(f"{path}: the colour picture is {kind or 'of no known kind'}; a JPEG or PNG is expected")
        members[RGB[kind]] = package.rgb
        header["rgb"] = {"member": RGB[kind]}
    if package.run is not None:
        header["run"] = _run_header(package.run)
        for name, output in package.run.outputs.items():
            stored = output.values.astype(output.values.dtype.newbyteorder("<"), copy=False)
            members[_member_of(name)] = stored.tobytes()
    header["members"] = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
    }
    write_members(Path(path), {HEADER: (json.dumps(header, indent=1) + "\n").encode(), **members})


def read(path: Path) -> DPCapture:
    """The package's views as a capture, its run with it. Raises CaptureError as `read_package`."""
    package = read_package(path)
    sensor = package.sensor
    height, width = package.left.shape
    if height * sensor.pixel_aspect * width > PIXELS:
        raise CaptureError(f"{path} has views of {width}×{height} stored pixels; {PIXELS} square ones are read at most")
    return DPCapture(
        name=package.name,
        format=FORMAT.name,
        left=_linear(package.left, sensor),
        right=_linear(package.right, sensor),
        dp_axis=sensor.dp_axis,
        bit_depth=sensor.bit_depth,
        black=sensor.black,
        white=sensor.white,
        stored_aspect=sensor.pixel_aspect,
        levels=count_levels(package.left),
        device=package.run,
    )


def _linear(stored: NDArray[Any], sensor: Sensor) -> NDArray[np.float32]:
    linear = linear_from_counts(stored, sensor.black, sensor.white)
    if sensor.gamma != 1:
        linear = linear**sensor.gamma
    return square_pixels(linear.astype(np.float32), sensor.pixel_aspect)


def _check_members(path: Path, told: Fields, members: Mapping[str, bytes]) -> None:
    for name in (n for n in members if n != HEADER and n not in told.names()):
        raise CaptureError(f"{path} has a member '{name}' that {HEADER} does not know")
    for name in told.names():
        if name not in members:
            raise CaptureError(f"{path} has no member '{name}', which {HEADER} lists; copy it again")
        entry, found = told.object(name), members[name]
        if entry.integer("bytes", 0, 1 << 40) != len(found):
            raise CaptureError(f"{path}: '{name}' has {len(found)} bytes, {HEADER} announces another number")
        if entry.sha256("sha256") != hashlib.sha256(found).hexdigest():
            raise CaptureError(f"{path}: '{name}' is not what was written (its SHA-256 is another); copy it again")


def _member(path: Path, told: Fields, members: Mapping[str, bytes]) -> bytes:
    name = told.text("member")
    if name not in members or name == HEADER:
        raise CaptureError(f"{path} has no member '{name}', which {HEADER} refers to")
    return members[name]


def _sensor(told: Fields) -> Sensor:
    return Sensor(
        black=told.number("black"),
        white=told.number("white"),
        bit_depth=told.integer("bit_depth", 1, 16),
        dp_axis=told.text("dp_axis"),
        gamma=told.number("gamma"),
        pixel_aspect=told.number("pixel_aspect"),
        orientation=told.integer("orientation", 0, 270),
        make=told.text("make"),
        model=told.text("model"),
    )


def _view(path: Path, told: Fields, members: Mapping[str, bytes]) -> NDArray[Any]:
    data = _member(path, told, members)
    if told.text("encoding", ("pgm", "raw")) == "pgm":
        return decode_pgm(data, path / told.text("member"))[0]
    shape = told.integer("height", 1, LONGEST_SIDE), told.integer("width", 1, LONGEST_SIDE)
    return _array(path, told, data, shape, ("uint8", "uint16"))


def _array(path: Path, told: Fields, data: bytes, shape: tuple[int, ...], dtypes: tuple[str, ...]) -> NDArray[Any]:
    """Little-endian values of the dtype that `told` names, in native byte order."""
    dtype = np.dtype(told.text("dtype", dtypes))
    promised = math.prod(shape) * dtype.itemsize
    if len(data) != promised:
        size = "×".join(map(str, shape))
        raise CaptureError(
            f"{path}: '{told.text('member')}' has {len(data)} bytes; {size} values of {dtype} are {promised}"
        )
    return np.frombuffer(data, dtype.newbyteorder("<")).reshape(shape).astype(dtype)


def _run(path: Path, told: Fields, members: Mapping[str, bytes]) -> DeviceRun:
    timings = told.object("timings_ms")
    outputs = {}
    for output in told.objects("outputs"):
        values = _array(path, output, _member(path, output, members), output.integers("shape", 3, 1 << 20), DTYPES)
        scale = output.number("scale") if output.has("scale") else None
        zero_point = output.integer("zero_point", -128, 255) if output.has("zero_point") else None
        outputs[output.text("name")] = StoredOutput(values, scale, zero_point)
    return DeviceRun(
        **{name: told.text(name) for name in TEXTS},
        model_sha256=told.sha256("model_sha256"),
        inputs_sha256=told.sha256("inputs_sha256"),
        outputs=outputs,
        timings_ms={name: timings.number(name) for name in timings.names()},
    )


TEXTS = tuple(f.name for f in fields(DeviceRun) if f.type == "str" and not f.name.endswith("sha256"))
"""The fields of a run that are plain text."""


def _run_header(run: DeviceRun) -> dict[str, Any]:
    header: dict[str, Any] = {name: getattr(run, name) for name in (*TEXTS, "model_sha256", "inputs_sha256")}
    header["timings_ms"] = dict(run.timings_ms)
    header["outputs"] = [
        {
            "name": name,
            "member": _member_of(name),
            "dtype": output.values.dtype.name,
            "shape": list(output.values.shape),
            "scale": output.scale,
            "zero_point": output.zero_point,
        }
        for name, output in run.outputs.items()
    ]
    return header


def _member_of(output: str) -> str:
    return f"outputs/{output}.bin"


FORMAT = Format("dpz", "<name>.dpz (a capture package of the phone app)", lambda p: p if _is_dpz(p) else None, read)


def _is_dpz(path: Path) -> bool:
    return path.suffix.lower() == ".dpz"
