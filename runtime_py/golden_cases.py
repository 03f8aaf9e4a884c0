"""The golden cases: small inputs of every computation between a capture and a picture, and what it gives for them.

Inputs are made of integers alone (`_noise`), so that the same bytes come out wherever this runs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.exact import box_mean, mean_in_order, natural_log
from runtime_py.captures.preprocess import preprocess, resize_to_width
from runtime_py.contract import Contract, Preprocess, TensorSpec
from runtime_py.student import Student, resampled
from runtime_py.tiling import Tiling
from runtime_py.vectors import Case


def _noise(count: int, seed: int, levels: int) -> NDArray[np.int64]:
    """Integers 0..levels-1 by splitmix64 (Steele, Lea & Flood 2014): no generator whose stream a library may change."""
    with np.errstate(over="ignore"):
        x = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed << 32)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) % np.uint64(levels)).astype(np.int64)


def _view(height: int, width: int, seed: int) -> NDArray[np.float32]:
    """A linear view: coarse squares of different brightness under noise, noise below black, a saturated patch."""
    rows, columns = np.indices((height, width))
    coarse = np.maximum(_noise(64, seed, 900) - 250, 0)[(rows // 7 * 5 + columns // 9) % 64]
    counts = coarse + _noise(height * width, seed + 1, 120).reshape(height, width) - 40
    counts[height // 3 : height // 2, width // 4 : width // 2] = 1023
    linear: NDArray[np.float32] = (counts / 1023).astype(np.float32)
    return linear


def _counts() -> list[Case]:
    from runtime_py.captures.pgm import decode_pgm, pgm_bytes
    from runtime_py.captures.radiometry import linear_from_counts, square_pixels

    counts = (_noise(9 * 14, 1, 1024).reshape(9, 14) * 65535 / 1023).astype(np.uint16)
    counts[0, :6] = [0, 4099, 4100, 4101, 65534, 65535]
    cases = []
    for black, white, aspect in ((64 * 65535 / 1023, 65535.0, 2), (0.0, 1023.5, 1)):
        linear = square_pixels(linear_from_counts(counts, black, white).astype(np.float32), aspect)
        settings = {"black": black, "white": white, "aspect": aspect}
        cases.append(Case("counts", f"black {black:.1f}", settings, {"counts": counts, "linear": linear}))
    eight = _noise(5 * 7, 2, 201).astype(np.uint8).reshape(5, 7)
    files = {
        "8 bit with comments": pgm_bytes(eight, 200).replace(b"P5 ", b"P5\n# made by hand\n#\n"),
        "16 bit": pgm_bytes(counts, 65535),
    }
    for name, data in files.items():
        pixels, maxval = decode_pgm(data, Path(name))
        arrays: dict[str, NDArray[Any]] = {"file": np.frombuffer(data, np.uint8), "pixels": pixels.astype(np.uint16)}
        cases.append(Case("pgm", name, {"maxval": maxval}, arrays))
    return cases


def _means() -> list[Case]:
    cases = []
    for height, width, side in ((12, 17, 7), (6, 5, 4), (3, 9, 11)):
        view = _view(height, width, side)
        arrays: dict[str, NDArray[Any]] = {"view": view, "box": box_mean(view.astype(np.float64), side)}
        arrays["mean"] = np.array([mean_in_order(view)])
        cases.append(Case("means", f"{width}×{height} over {side}", {"side": side}, arrays))
    return cases


def _logarithms() -> list[Case]:
    near_one = 0.7072 + 0.7 * (_noise(300, 3, 2**20) / 2.0**20)
    powers = np.ldexp(1.0 + _noise(400, 4, 2**52) / 2.0**52, _noise(400, 5, 2045) - 1022)
    usual = 0.05 + _noise(300, 6, 2**24) / 2.0**20
    fixed = np.array([1.0, 2.0, 0.5, np.finfo(float).tiny, np.finfo(float).max, 1.0 + 2**-52, 1.0 - 2**-53])
    x = np.concatenate([near_one, powers, usual, fixed])
    return [Case("log", "all of the range", {}, {"x": x, "log": natural_log(x)})]


def _resizes() -> list[Case]:
    sizes = [(23, 61, 24), (23, 61, 61), (13, 61, 97), (31, 30, 29), (3, 40, 17), (11, 133, 16), (1, 5, 12), (2, 48, 3)]
    cases = []
    for height, width, target in sizes:
        view = _view(height, width, width)
        arrays = {"view": view, "resized": resize_to_width(view, target)}
        cases.append(Case("resize", f"{width}×{height} to {target}", {"width": target}, arrays))
    return cases


def _preprocessing() -> list[Case]:
    cases = []
    for height, width, settings in (
        (37, 53, Preprocess()),
        (48, 40, Preprocess(box=15, floor=0.1, gain=2.0, limit=2.5)),
        (9, 21, Preprocess()),
        (20, 17, Preprocess(box=4, floor=0.02, gain=5.3, limit=3.7)),
        (16, 1, Preprocess(box=3)),
    ):
        view = _view(height, width, height)
        arrays = {"view": view, "signal": preprocess(view, settings)}
        cases.append(Case("preprocess", f"{width}×{height}, box {settings.box}", dataclasses.asdict(settings), arrays))
    return cases


def _spec(name: str, plane: tuple[int, int], grid: tuple[float, int], limit: float, **more: Any) -> TensorSpec:
    unit = "1" if limit <= 3 else "px"
    lowest = 0.0 if name == "confidence" else -limit
    shape = (1, *plane, 1)
    return TensorSpec(name, shape, "NHWC", "int8", unit, (lowest, limit), scale=grid[0], zero_point=grid[1], **more)


def _quantising() -> list[Case]:
    cases = []
    for scale, zero in ((0.5, 3), (0.025, 0), (1 / 255, -128), (0.0233687, -7), (3.7e-5, 12)):
        spec = _spec("left", (1, 1), (scale, zero), 3.0)
        halves = np.arange(-270, 271, dtype=np.float64) * (scale / 2)
        beside = np.nextafter(halves.astype(np.float32), np.float32(9))
        real = np.concatenate([halves.astype(np.float32), beside, np.array([-3, 3, 0, -0.0, 1e30, -1e30])])
        codes = np.arange(-128, 128).astype(np.int8)
        arrays: dict[str, NDArray[Any]] = {
            "real": real.astype(np.float32),
            "stored": spec.quantize(real.astype(np.float32)),
            "codes": codes,
            "decoded": spec.dequantize(codes),
        }
        cases.append(Case("quantize", f"scale {scale:g}", {"scale": scale, "zero_point": zero}, arrays))
    return cases


def _tilings() -> list[Case]:
    cases = []
    for plane, tile, stride, overlap in (
        ((24, 32), (24, 32), 4, None),
        ((30, 71), (16, 24), 4, None),
        ((5, 9), (16, 24), 2, None),
        ((1, 3), (2, 6), 1, (0, 2)),
        ((45, 30), (24, 16), 2, (11, 7)),
    ):
        tiling = Tiling(plane, tile, stride, overlap)
        whole = (_noise(plane[0] * plane[1], plane[1], 256) - 128).astype(np.int8).reshape(plane)
        cells = (tile[0] // stride, tile[1] // stride)
        count = len(tiling.origins)
        outputs = ((_noise(count * cells[0] * cells[1], 8, 2001) - 1000) / 128).astype(np.float32)
        outputs = outputs.reshape(count, *cells)
        blend = tiling.blend(list(outputs))
        size = (plane[0] + 3, plane[1] * 5 // 4)
        arrays: dict[str, NDArray[Any]] = {
            "plane": whole,
            "origins": np.array(tiling.origins, np.int32),
            "tiles": np.stack(tiling.cut(whole)),
            "outputs": outputs,
            "blend": blend,
            "resampled": resampled(blend, plane, stride, size),
        }
        settings = {"tile": tile, "stride": stride, "overlap": overlap}
        cases.append(Case("tiling", f"{plane[1]}×{plane[0]} by {tile[1]}×{tile[0]}", settings, arrays))
    return cases


class _Answers:
    """A stand-in network whose integers follow from how often it was asked; what it was given is kept."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.asked: list[dict[str, NDArray[Any]]] = []
        self.given: list[dict[str, NDArray[Any]]] = []

    def run(self, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        self.asked.append(inputs)
        answer = {}
        for i, spec in enumerate(self.contract.outputs):
            integers = _noise(int(np.prod(spec.shape)), 10 * len(self.asked) + i, 256) - 128
            answer[spec.name] = integers.astype(np.int8).reshape(spec.shape)
        self.given.append(answer)
        return answer


def _students() -> list[Case]:
    tile, stride, cells = (24, 32), 4, (6, 8)
    contract = Contract(
        "golden",
        tuple(_spec(name, tile, (0.0235, -2), 3.0) for name in ("left", "right")),
        (
            _spec("disparity", cells, (0.0627, 3), 8.0, sign="x_left - x_right"),
            _spec("confidence", cells, (0.0043, -128), 1.0, within_px=0.5),  # its integers reach beyond 1
        ),
        working_width=48,
        output_stride=stride,
        preprocess=Preprocess(box=11),
    )
    cases = []
    for height, width in ((31, 61), (30, 48), (27, 35)):
        runner = _Answers(contract)
        left, right = _view(height, width, 20), _view(height, width, 30)
        found = Student(runner, contract).predict(left, right)
        if found.confidence is None:
            raise ValueError("the golden contract has a confidence")
        arrays = {"left": left, "right": right, "disparity": found.disparity, "confidence": found.confidence}
        for name in ("left", "right"):
            arrays[f"input.{name}"] = np.stack([asked[name] for asked in runner.asked])
        for name in ("disparity", "confidence"):
            arrays[f"output.{name}"] = np.stack([given[name] for given in runner.given])
        settings = {"contract": json.loads(contract.to_json())}
        cases.append(Case("student", f"{width}×{height}", settings, arrays))
    return cases


def _colours() -> list[Case]:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    from runtime_py.pictures import COLOURS, CONFIDENCE_COLOURS

    cases = []
    for colours, ends in ((COLOURS, (-1.3, 1.3)), (CONFIDENCE_COLOURS, (0.0, 1.0))):
        across = ends[0] + (ends[1] - ends[0]) * (np.arange(-60, 701) / 640)
        values = across.astype(np.float32)
        painted = colormaps[colours](Normalize(*ends)(values.astype(np.float64)), bytes=True)[:, :3]
        arrays = {"values": values, "rgb": np.ascontiguousarray(painted)}
        cases.append(Case("colours", colours, {"low": ends[0], "high": ends[1]}, arrays))
    map_of = (_noise(777, 9, 4001) - 2000).astype(np.float64) / 300
    reach = {"reach": float(np.percentile(np.abs(map_of), 99.5))}
    return [*cases, Case("reach", "99.5th percentile", reach, {"values": map_of.astype(np.float32)})]


KINDS: tuple[Callable[[], list[Case]], ...] = (
    _counts,
    _means,
    _logarithms,
    _resizes,
    _preprocessing,
    _quantising,
    _tilings,
    _students,
    _colours,
)


def core_cases() -> list[Case]:
    """Every case of core.json, the same bytes on every machine."""
    return [case for make in KINDS for case in make()]
