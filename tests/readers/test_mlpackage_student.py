"""The project's own packages of the shipped student: against PyTorch, and against XNNPACK's integers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime_py.error_bound import network_tolerance
from runtime_py.interpreter import Interpreter
from runtime_py.program import Program
from runtime_py.readers import read

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("coremltools", reason="coremltools is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")

Array = NDArray[Any]
Inputs = Callable[[int], dict[str, Array]]
SIZE = (96, 128)
"""The students' inputs here, small."""

VIEWS = ((0, "left"), (1, "right"))

Exported = dict[str, Path]


def weights() -> list[Path]:
    """The shipped student, and any other whose weights and grid lie beside it."""
    from training.checkpoint import SHIPPED

    return [p for p in sorted(SHIPPED.parent.glob("*.safetensors")) if p.with_suffix(".grid.json").exists()]


@pytest.fixture(scope="module", params=weights(), ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def exported(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    from convert.coreml import float16_scales, to_mlpackage
    from convert.litert import to_tflite
    from convert.lower import lower
    from convert.meaning import contract_of_program
    from convert.precision import at_precision
    from convert.student import meaning_of
    from convert.targets import export
    from training.calibration import stored_grid, traced
    from training.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    graph, meaning, grid = traced(checkpoint, SIZE), meaning_of(checkpoint, path.stem), stored_grid(checkpoint)
    out = tmp_path_factory.mktemp("student")
    made = {}
    for target, precision in (("coreml", "fp32"), ("coreml", "fp16"), ("coreml", "int8"), ("litert", "int8")):
        (artifact,) = export(graph, meaning, [target], precision, out, grid)
        made[f"{target} {precision}"] = artifact.path
    program = float16_scales(at_precision(lower(graph), "int8", grid))
    contract = contract_of_program(program, meaning, "NCHW", True)
    layers = at_precision(lower(graph), "int8", grid)
    made["litert int8 by layers"] = out / "layers.tflite"
    made["litert int8 by layers"].write_bytes(to_tflite(layers, contract_of_program(layers, meaning, "NHWC", False)))
    made["coreml int8 in float16"] = out / "half.mlpackage"
    for name, content in to_mlpackage(program, contract, half=True).items():
        file = made["coreml int8 in float16"] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return made


def scene(seed: int) -> dict[str, Array]:
    """A smooth random scene, shifted by 2 pixels between the views, NCHW."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.standard_normal((1, 1, SIZE[0] // 4, SIZE[1] // 4)))
    plane = torch.nn.functional.interpolate(coarse, SIZE, mode="bicubic").numpy()
    noise = rng.standard_normal((2, *plane.shape)) * 0.1
    return {n: (np.roll(plane, 2 * i, 3) + noise[i]).astype(np.float32) for i, n in VIEWS}


def noise(seed: int) -> dict[str, Array]:
    """Values over more than the input's whole range, without any structure, NCHW."""
    rng = np.random.default_rng(seed)
    return {n: rng.uniform(-3.1, 3.1, (1, 1, *SIZE)).astype(np.float32) for _, n in VIEWS}


def test_float_packages_are_the_student(path: Path, exported: Exported) -> None:
    from training.checkpoint import load_checkpoint

    views = scene(0)
    with torch.no_grad():
        wanted = load_checkpoint(path).answer(*(torch.from_numpy(views[n]) for _, n in VIEWS))
    for precision in ("fp32", "fp16"):
        program = read(exported[f"coreml {precision}"])
        assert b"working_width" in program.metadata["dpocket.contract"]
        found = Interpreter(program, "coreml-fp16").run(views)
        allowed = network_tolerance(program) if precision == "fp16" else 1e-5
        for name, expected in wanted.items():
            off = float(np.abs(found[name] - expected.numpy()).max() / np.ptp(expected.numpy()))
            print(f"{path.stem} {precision} {name}: off by {off:.2e} of the range, allowed {allowed:.2e}")
            assert off <= allowed


@pytest.mark.parametrize("inputs", [scene, noise])
def test_int8_package_gives_the_integers_of_xnnpack(exported: Exported, inputs: Inputs) -> None:
    """All but additions are exact; those are for nearly every pair of operands (`convert.coreml_exact`)."""
    difference = steps(exported["coreml int8"], exported["litert int8"], inputs)
    assert (difference == 0).mean() >= 0.9999
    assert (difference <= 1).mean() >= 0.9999


def test_int8_package_in_half_floats_stays_near_xnnpack(exported: Exported) -> None:
    """Scales and weights are rounded to float16 as well; single steps grow through the layers."""
    difference = steps(exported["coreml int8 in float16"], exported["litert int8"], scene, ("disparity",))
    assert (difference <= 1).mean() >= 0.99
    assert difference.max() <= 8


def steps(package: Path, tflite: Path, inputs: Inputs, outputs: tuple[str, ...] = ()) -> NDArray[np.int64]:
    """By how many steps of the outputs' grids the two differ; all outputs if none are named."""
    ours, theirs = read(package), read(tflite)
    contract = json.loads(ours.metadata["dpocket.contract"])
    our_scale = np.float32(contract["inputs"][0]["scale"])
    grids = {o["name"]: (o["scale"], o["zero_point"]) for o in contract["outputs"]}
    runs = Interpreter(ours, "coreml-fp16"), Interpreter(theirs, "xnnpack")
    found = []
    for seed in range(4):
        stored = {n: on_grid(v.transpose(0, 2, 3, 1), *grid_of(theirs, n)) for n, v in inputs(seed).items()}
        real = {n: (q.astype(np.float32) * our_scale).transpose(0, 3, 1, 2) for n, q in stored.items()}
        got, wanted = runs[0].run(real), runs[1].run(stored)
        for name in outputs or tuple(grids):
            got_stored = on_grid(got[name].transpose(0, 2, 3, 1), *grids[name])
            found.append(np.abs(got_stored.astype(np.int64) - wanted[name]))
    all_steps = np.stack(found)
    shares = [(all_steps <= n).mean() for n in (0, 1)]
    print(f"{package.name}: equal {shares[0]:.5f}, within 1 {shares[1]:.5f}, worst {all_steps.max()}")
    return all_steps


def test_each_layer_of_the_int8_package_is_within_one_step_on_full_range_noise(exported: Exported) -> None:
    """Noise drives the student far outside its range, where steps grow; so XNNPACK's integers go into each."""
    ours, theirs = read(exported["coreml int8 in float16"]), read(exported["litert int8 by layers"])
    rng = np.random.default_rng(3)
    stored = {n: rng.integers(-128, 128, (1, *SIZE, 1), dtype=np.int8) for _, n in VIEWS}
    known: list[Array] = []
    Interpreter(theirs, "xnnpack").run(stored, lambda name, array: known.append(array))
    quantised = [op.outputs[0] for op in ours.ops if op.kind == "quantize"]
    assert len(quantised) == len(known)
    worst, within = 0, []
    values = dict(zip(quantised, (as_in(ours, i, a) for i, a in zip(quantised, known, strict=True)), strict=True))
    for index in quantised[2:]:
        got = layer(ours, index, values)
        step = np.abs(got.astype(int) - values[index])
        worst, within = max(worst, int(step.max())), [*within, float((step <= 1).mean())]
    print(f"worst layer: within 1 {min(within):.6f}, largest step {worst}")
    assert min(within) >= 0.9999


def as_in(program: Program, index: int, stored_NHWC: Array) -> Array:
    shape = program.tensors[index].shape
    return stored_NHWC if stored_NHWC.shape == shape else np.ascontiguousarray(stored_NHWC.transpose(0, 3, 1, 2))


def layer(program: Program, wanted: int, known: dict[int, Array]) -> Array:
    """One quantised tensor from those before it."""
    needed, ops = [wanted], []
    inputs: set[int] = set()
    for op in reversed(program.ops):
        if op.outputs[0] in needed:
            ops.insert(0, op)
            for i in op.inputs:
                (inputs.add if i in known else needed.append)(i)
    part = replace(program, ops=tuple(ops), inputs=tuple(inputs), outputs=(wanted,))
    feed = {program.tensors[i].name: known[i] for i in inputs}
    (got,) = Interpreter(part, "coreml-fp16").run(feed).values()
    return got


def grid_of(program: Program, name: str) -> tuple[float, int]:
    """Scale and zero point of a tensor."""
    (quant,) = (t.quant for t in program.tensors if t.name == name)
    return float(quant.scale[0]), int(quant.zero_point[0])


def on_grid(real: Array, scale: float, zero_point: int) -> NDArray[np.int8]:
    return np.clip(np.rint(real / np.float32(scale)) + zero_point, -128, 127).astype(np.int8)
