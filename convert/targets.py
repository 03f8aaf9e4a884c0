"""The targets: which files a student becomes, at which precisions, and `export`, which makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from convert.artifact import Artifact, Content, Origin, write_artifact
from convert.coreml import to_mlpackage
from convert.coreml_options import CoreMLOptions, precision_of
from convert.executorch import to_pte
from convert.executorch_backends import WRITERS
from convert.float_io import with_float_boundary
from convert.litert import to_tflite
from convert.lower import lower
from convert.meaning import Meaning, contract_of_program
from convert.onnx import to_onnx
from convert.onnx_exact import to_exact_onnx
from convert.pixel_blocks import with_pixel_blocks
from convert.precision import PRECISIONS, at_precision
from convert.versions import versions_of
from runtime_py.contract import Contract
from runtime_py.errors import DpocketError, RuntimeUnavailable
from runtime_py.lowering import DELEGATES, why_not
from runtime_py.program import Program
from training.graph import StudentGraph
from training.quantize import Grid, adjusted


@dataclass(frozen=True)
class Target:
    """One artifact format.

    `write` turns a program at some precision into the file's content. `float_boundary`: int8 artifacts take float32.
    `refused` names the precisions it does not have, with the reason; `tools` are distributions the writer uses.
    `no_float_io` is why int8 artifacts cannot take and give float32, empty where they can. `boundary` is what the
    artifact's own inputs make of its contract.
    """

    suffix: str
    layout: str
    write: Callable[[Program, Contract], Content]
    tools: tuple[str, ...]
    float_boundary: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    no_float_io: str = ""
    boundary: Callable[[Contract], Contract] = lambda contract: contract


def coreml_target(options: CoreMLOptions) -> Target:
    """Packages as `options` ask for them.

    float16 arithmetic for fp16 and int8-weights; float32 for fp32, and for int8, whose integers it keeps: in float16 an
    int8 student leaves the other targets' integers on a quarter of its outputs (RESULTS.md).
    """

    def write(program: Program, contract: Contract) -> Content:
        half = precision_of(program) in ("fp16", "int8-weights")
        return to_mlpackage(program, contract, half, options)

    return Target(".mlpackage", "NCHW", write, ("coremltools",), float_boundary=True, boundary=options.boundary)


def _litert(program: Program, contract: Contract) -> Content:
    return to_tflite(with_pixel_blocks(program), contract)


TARGETS: Mapping[str, Target] = {
    "litert": Target(".tflite", "NHWC", _litert, ("ai-edge-litert", "flatbuffers")),
    "executorch": Target(
        ".pte",
        "NCHW",
        to_pte,
        ("executorch", "torchao"),
        refused={
            "fp16": "a .pte keeps XNNPACK's float32 weights, so that it would be fp32 with coarser numbers",
            "int8-weights": "XNNPACK would quantise activations at run time and leave depthwise convolutions outside",
        },
    ),
    "coreml": coreml_target(CoreMLOptions()),
    "onnx": Target(".onnx", "NCHW", to_onnx, ("onnx",)),
}
"""Every format by name; adding one is a file and a line here."""


def _untried(program: Program, contract: Contract) -> Content:
    raise RuntimeUnavailable("there is no lowering to this delegate; see dpocket doctor")


def _delegate(name: str) -> Target:
    writer, suffix = WRITERS.get(name), f".{name.removeprefix('executorch-')}.pte"
    if writer is None:
        return Target(suffix, "NCHW", _untried, ())
    return Target(
        suffix,
        "NCHW",
        writer.write,
        DELEGATES[name].distributions,
        writer.float_boundary,
        writer.refused,
        writer.no_float_io,
    )


ALL_TARGETS: Mapping[str, Target] = {**TARGETS, **{name: _delegate(name) for name in DELEGATES}}
"""With ExecuTorch's delegates beside XNNPACK, which `executorch` is: made when asked for by name; no runtime here has
them."""


def precisions_of(target: str) -> tuple[str, ...]:
    """The precisions that `target` can be exported at."""
    return tuple(p for p in PRECISIONS if p not in _target(target).refused)


def export(
    graph: StudentGraph,
    meaning: Meaning,
    targets: Sequence[str],
    precision: str,
    out_dir: Path,
    grid: Grid | None = None,
    progress: Callable[[str], None] = lambda _: None,
    float_io: bool = False,
    recipe: Mapping[str, Any] | None = None,
    coreml: CoreMLOptions | None = None,
    exact_onnx: bool = False,
) -> list[Artifact]:
    """Write one artifact and manifest per target into `out_dir`, as "<student>_<precision><suffix>".

    `grid` is required for int8; the same numbers go into every target. `float_io`: int8 artifacts that take and give
    float32 and quantise inside, as "<student>_int8_float-io<suffix>"; a target whose int8 has that boundary anyway
    (Core ML) writes the same content under that name. `coreml`: what packages are asked for;
    `exact_onnx`: an int8 .onnx by `convert.onnx_exact`. `progress(target)` is
    called before each. All requests are checked before anything is written. Raises DpocketError for an unknown target
    or precision, a refused pair of them, or a disk that cannot take the files; RuntimeUnavailable when a converter is
    not installed.
    """
    require_possible(targets, precision, float_io, coreml, exact_onnx)
    # What post-training changed of the weights holds for the integers alone; an artifact's identity is the student's.
    source = graph if grid is None or precision != "int8" else adjusted(graph, grid)
    program = at_precision(lower(source), precision, grid)
    origin = Origin(graph.weights_hash(), "", {}, recipe or {})
    if grid is not None and precision == "int8":
        origin = replace(origin, grid=grid.hash(), calibration=_calibration(grid))
    variant = f"{precision}_float-io" if float_io else precision
    asked = {"coreml": coreml_target(coreml or CoreMLOptions())}
    if exact_onnx:
        asked["onnx"] = replace(TARGETS["onnx"], write=to_exact_onnx)
    made: list[Artifact] = []
    for name in targets:
        progress(name)
        target = asked.get(name) or _target(name)
        try:
            contract = contract_of_program(program, meaning, target.layout, target.float_boundary or float_io)
            contract = target.boundary(contract)
            adds_boundary = float_io and not target.float_boundary
            content = _content(name, target, with_float_boundary(program) if adds_boundary else program, contract)
            path = Path(out_dir) / f"{meaning.student}_{variant}{target.suffix}"
            made_of = replace(origin, tools=versions_of(target.tools))
            made.append(write_artifact(path, content, name, precision, contract, made_of))
        except DpocketError as e:
            if not made:
                raise
            raise type(e)(f"{e}; complete before that: {', '.join(str(a.path) for a in made)}") from e
    return made


def _content(name: str, target: Target, program: Program, contract: Contract) -> Content:
    try:
        return target.write(program, contract)
    except ImportError as e:
        raise RuntimeUnavailable(
            f"export to {name} needs {' and '.join(target.tools)}: {e}; install dpocket[convert]"
        ) from e
    except OSError as e:
        raise DpocketError(f"could not convert to {name}: {e.strerror or e}; nothing was written of it") from e


def _calibration(grid: Grid) -> dict[str, str]:
    found = {"method": grid.method, "source": grid.source, "inputs_sha256": grid.calibration}
    return {name: value for name, value in found.items() if value}


def require_possible(
    targets: Sequence[str],
    precision: str,
    float_io: bool = False,
    coreml: CoreMLOptions | None = None,
    exact_onnx: bool = False,
) -> None:
    """Raise DpocketError for no target, an unknown target or precision, a refused pair of them, `float_io` of a
    precision that is not int8, `coreml` options that no package of that precision can have, or `exact_onnx` of what is
    no int8 .onnx."""
    if not targets:
        raise DpocketError(f"no target was asked for; there are: {', '.join(TARGETS)}")
    for name in targets:
        _check(name, precision)
        if float_io and _target(name).no_float_io:
            raise DpocketError(f"{name} has no --float-io: {_target(name).no_float_io}")
    if coreml is not None:
        if "coreml" not in targets:
            raise DpocketError(f"options of Core ML were given, and the targets are {', '.join(targets)}: add coreml")
        coreml.require_possible(precision)
    if exact_onnx and ("onnx" not in targets or precision != "int8"):
        raise DpocketError(f"--onnx-exact is for an int8 .onnx, not for {', '.join(targets)} at {precision}")
    if float_io and precision != "int8":
        raise DpocketError(f"--float-io is for int8: {precision} takes and gives float32 without it")
    for name in targets:
        reason = why_not(name) if name in DELEGATES else None
        if reason is not None:
            raise RuntimeUnavailable(f"this machine cannot lower to {name}: {reason}")


def _target(name: str) -> Target:
    if name not in ALL_TARGETS:
        raise DpocketError(f"there is no target '{name}'; there are: {', '.join(ALL_TARGETS)}")
    return ALL_TARGETS[name]


def _check(name: str, precision: str) -> None:
    refused = _target(name).refused
    if precision not in PRECISIONS:
        raise DpocketError(f"there is no precision '{precision}'; there are: {', '.join(PRECISIONS)}")
    if precision in refused:
        raise DpocketError(f"{name} has no {precision}: {refused[precision]}; it has {', '.join(precisions_of(name))}")
