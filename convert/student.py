"""A checkpoint on its way out: its float form behind the common door, and its artifacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convert.artifact import Artifact
from convert.coreml_options import CoreMLOptions
from convert.lint import lint_student, require_clean, require_traced
from convert.meaning import Meaning, contract_of_program
from convert.targets import export, require_possible
from runtime_py.errors import DpocketError
from runtime_py.lint import Report
from runtime_py.program import Program, Tensor
from runtime_py.student import Student
from training.calibration import calibrated, store_grid, stored_grid
from training.checkpoint import Checkpoint
from training.quantize import Grid

DEFAULT_SIZE = (384, 512)
"""Height and width of the inputs of an artifact, unless asked otherwise."""


def export_checkpoint(
    checkpoint: Checkpoint,
    targets: Sequence[str],
    precision: str,
    out: Path,
    size: tuple[int, int] = DEFAULT_SIZE,
    progress: Callable[[str], None] = lambda _: None,
    float_io: bool = False,
    recalibrate: Callable[[Checkpoint], Grid] | None = None,
    linted: Callable[[Report], None] = lambda _: None,
    coreml: CoreMLOptions | None = None,
    exact_onnx: bool = False,
) -> list[Artifact]:
    """Artifacts `student_<precision>.*` of `checkpoint` in `out`, all int8 ones on its one grid.

    `float_io`: `student_int8_float-io.*`, which take and give float32 and quantise inside. `coreml`: what packages are
    asked for; `exact_onnx`: an int8 .onnx whose integers are the other targets' (`convert.onnx_exact`).

    A student that was never calibrated is calibrated now, and its grid stored beside its weights; so is any student
    for which `recalibrate` makes a grid. Raises DpocketError for a size that the network cannot take, a grid that
    cannot be stored, and what `convert.targets.export` refuses; requests are checked before any work is done. The
    student is linted before anything is converted: `linted` is given the report, and all that it refuses is raised as
    one DpocketError.
    """
    require_possible(targets, precision, float_io, coreml, exact_onnx)
    require_size(checkpoint, size)
    progress("trace")
    graph = require_traced(checkpoint, size)
    grid = stored_grid(checkpoint) if precision == "int8" and recalibrate is None else None
    if precision == "int8" and grid is None:
        progress("calibrate")
        grid = (recalibrate or calibrated)(checkpoint)
        store_grid(checkpoint, grid)
    progress("lint")
    report = lint_student(checkpoint, graph, grid, [(target, precision) for target in targets])
    linted(report)
    require_clean(report)
    meaning = meaning_of(checkpoint, "student")
    return export(
        graph, meaning, targets, precision, out, grid, progress, float_io, checkpoint.origin, coreml, exact_onnx
    )


def meaning_of(checkpoint: Checkpoint, name: str) -> Meaning:
    """What the numbers of `checkpoint` mean."""
    return Meaning(
        name, checkpoint.working_width, checkpoint.output_stride, checkpoint.preprocess, checkpoint.confident_px
    )


def require_size(checkpoint: Checkpoint, size: tuple[int, int]) -> None:
    """Raise DpocketError for a (height, width) that is no multiple of the network's coarsest cell."""
    multiple, (height, width) = checkpoint.size_multiple, size
    if min(size) < multiple or height % multiple or width % multiple:
        raise DpocketError(
            f"the student takes heights and widths that are multiples of {multiple}, not {height}x{width}"
        )


class FloatRunner:
    """The float student in torch, as a runner: what the exported integers are held against."""

    name = "torch"
    version = torch.__version__
    input_names = ("left", "right")

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint

    @torch.no_grad()
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """float32 NCHW `left` and `right` to the student's outputs by name."""
        found = self._checkpoint.answer(*(torch.from_numpy(inputs[name]) for name in self.input_names))
        return {name: np.asarray(value.numpy(), np.float32) for name, value in found.items()}


def float_student(checkpoint: Checkpoint, size: tuple[int, int] = DEFAULT_SIZE) -> Student:
    """The float student of `checkpoint` with `.predict(left, right)`, tiled as its artifacts are.

    It need not be one that can be exported. Raises DpocketError for a network that is no student, or one that sees more
    than dual pixels.
    """
    require_size(checkpoint, size)
    require_sees_dual_pixels(checkpoint)
    stride, names = checkpoint.output_stride, (*FloatRunner.input_names, *checkpoint.outputs)
    planes = [size] * len(FloatRunner.input_names) + [(size[0] // stride, size[1] // stride)] * len(checkpoint.outputs)
    tensors = tuple(Tensor(name, (1, *plane, 1), "float32") for name, plane in zip(names, planes, strict=True))
    boundary = Program(tensors, (), (0, 1), tuple(range(2, len(names))))
    contract = contract_of_program(boundary, meaning_of(checkpoint, checkpoint.name), "NCHW", float_boundary=False)
    return Student(FloatRunner(checkpoint), contract)


def require_sees_dual_pixels(checkpoint: Checkpoint) -> None:
    """Raise DpocketError for a network that is no student, or whose inputs are not the two views of a capture."""
    if not checkpoint.outputs:
        raise DpocketError(f"the network of {checkpoint.name} is no student: it says nothing of a dual-pixel capture")
    inputs = checkpoint.card["recipe"].get("task", {}).get("inputs", "dp")
    if inputs != "dp":
        raise DpocketError(f"the student {checkpoint.name} sees '{inputs}', and a capture has dual pixels alone")
