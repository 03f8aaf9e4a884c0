"""The targets: which files a student becomes, at which precisions, and `export`, which makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from convert.artifact import Artifact, Content, Origin, write_artifact
from convert.coreml import to_mlpackage
from convert.executorch import to_pte
from convert.litert import to_tflite
from convert.lower import lower
from convert.meaning import Meaning, contract_of_program
from convert.onnx import to_onnx
from convert.precision import PRECISIONS, at_precision
from convert.versions import versions_of
from runtime_py.contract import Contract
from runtime_py.errors import DpocketError, RuntimeUnavailable
from runtime_py.program import Program
from training.graph import StudentGraph
from training.quantize import Grid


@dataclass(frozen=True)
class Target:
    """One artifact format.

    `write` turns a program at some precision into the file's content. `float_boundary`: int8 artifacts take float32.
    `refused` names the precisions it does not have, with the reason; `tools` are distributions the writer uses.
    """

    suffix: str
    layout: str
    write: Callable[[Program, Contract], Content]
    tools: tuple[str, ...]
    float_boundary: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)


def _coreml(program: Program, contract: Contract) -> Content:
    """float16 arithmetic for fp16 and int8-weights; float32 for fp32, and for int8, whose integers it keeps.

    In float16 an int8 student leaves the other targets' integers on a quarter of its outputs (RESULTS.md).
    """
    is_fp32 = all(t.dtype == "float32" for t in program.tensors)
    is_int8 = program.tensors[program.inputs[0]].dtype == "int8"
    return to_mlpackage(program, contract, half=not is_fp32 and not is_int8)


TARGETS: Mapping[str, Target] = {
    "litert": Target(".tflite", "NHWC", to_tflite, ("ai-edge-litert", "flatbuffers")),
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
    "coreml": Target(".mlpackage", "NCHW", _coreml, ("coremltools",), float_boundary=True),
    "onnx": Target(".onnx", "NCHW", to_onnx, ("onnx",)),
}
"""Every format by name; adding one is a file and a line here."""


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
) -> list[Artifact]:
    """Write one artifact and manifest per target into `out_dir`, as "<student>_<precision><suffix>".

    `grid` is required for int8; the same numbers go into every target. `progress(target)` is called before each. All
    requests are checked before anything is written. Raises DpocketError for an unknown target or precision, a
    refused pair of them, or a disk that cannot take the files; RuntimeUnavailable when a converter is not installed.
    """
    require_possible(targets, precision)
    program = at_precision(lower(graph), precision, grid)
    made = []
    for name in targets:
        progress(name)
        target = TARGETS[name]
        contract = contract_of_program(program, meaning, target.layout, target.float_boundary)
        try:
            content = target.write(program, contract)
        except ImportError as e:
            raise RuntimeUnavailable(
                f"export to {name} needs {' and '.join(target.tools)}: {e}; install dpocket[convert]"
            ) from e
        except OSError as e:
            raise DpocketError(f"could not convert to {name}: {e.strerror or e}; nothing was written") from e
        on_grid = grid.hash() if grid is not None and precision == "int8" else ""
        origin = Origin(graph.weights_hash(), on_grid, versions_of(target.tools))
        path = Path(out_dir) / f"{meaning.student}_{precision}{target.suffix}"
        made.append(write_artifact(path, content, name, precision, contract, origin))
    return made


def require_possible(targets: Sequence[str], precision: str) -> None:
    """Raise DpocketError for no target, an unknown target or precision, or a refused pair of them."""
    if not targets:
        raise DpocketError(f"no target was asked for; there are: {', '.join(TARGETS)}")
    for name in targets:
        _check(name, precision)


def _target(name: str) -> Target:
    if name not in TARGETS:
        raise DpocketError(f"there is no target '{name}'; there are: {', '.join(TARGETS)}")
    return TARGETS[name]


def _check(name: str, precision: str) -> None:
    refused = _target(name).refused
    if precision not in PRECISIONS:
        raise DpocketError(f"there is no precision '{precision}'; there are: {', '.join(PRECISIONS)}")
    if precision in refused:
        raise DpocketError(f"{name} has no {precision}: {refused[precision]}; it has {', '.join(precisions_of(name))}")
