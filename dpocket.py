"""dpocket: dual-pixel depth on phones, from a capture to artifacts that are known to compute the same thing.

The front door: the command line, and the few names that users import.

    import dpocket
    student = dpocket.load("student_int8.tflite", runtime="reference", dialect="xnnpack")
    disparity = student.disparity(left, right)  # two linear H×W views in 0..1 -> signed px, H×W float32
    found = student.predict(left, right)  # .disparity, and .confidence in 0..1 of a student that has one
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from runtime_py.progress import progress_bar
from runtime_py.refusals import answered

if TYPE_CHECKING:
    from runtime_py.student import Student

__all__ = ["load", "main"]

CONSOLE = Console()

app = typer.Typer(
    help="Dual-pixel depth on phones. Every command takes --debug for a traceback.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def load(path: str | Path, runtime: str = "reference", dialect: str | None = None) -> Student:
    """A student's artifact, or a checkpoint in torch: `.contract`, `.run({name: array})`, `.disparity(left, right)`.

    `.predict(left, right)` has `.disparity` and `.confidence`, None of a student without one.

    runtime: "reference" (this project's interpreter) or "vendor" (the runtime that the artifact is made for);
    dialect: "xnnpack" (the default) or "litert-reference" where a runtime has both. Raises DpocketError with what was
    found and what to do.
    """
    if _is_checkpoint(Path(path)):
        from convert.student import float_student
        from training.checkpoint import load_checkpoint

        return float_student(load_checkpoint(Path(path)))
    from runtime_py import load_student

    return load_student(path, runtime, dialect)


def _is_checkpoint(path: Path) -> bool:
    return path.suffix == ".safetensors" or (path.is_dir() and path.suffix != ".mlpackage")


CaptureArgument = Annotated[Path, typer.Argument(help="A view of a dual-pixel capture, or a folder with one.")]
ArtifactArgument = Annotated[Path, typer.Argument(help="A .tflite, .pte, .onnx or .mlpackage made by dpocket export.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the results.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")]


@app.command()
def demo(
    out: Out = Path("build/demo"),
    capture: Annotated[Path | None, typer.Option(help="A capture of your own instead of the rendered one.")] = None,
) -> None:
    """The main job, end to end: capture, student, one integer grid, four artifacts, every runtime, one table."""
    from convert.demo import run_demo
    from runtime_py.parity.report import table

    with progress_bar() as bar:
        result = run_demo(out, capture, lambda what, done, of: bar.report("demo", what, done, of))
    CONSOLE.print(table(result.parity))
    CONSOLE.print(result.summary_line())
    for name in ("disparity.png", "report.html", "summary.json"):
        CONSOLE.print(f"  {out / name}", highlight=False, soft_wrap=True)
    if not result.parity.within_budget:
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Versions, what works on this machine, what does not and why."""
    from runtime_py.doctor import checks, table

    CONSOLE.print(table(checks()))


@app.command()
def captures(path: Annotated[Path, typer.Argument(help="A view, a folder with one, or a tree of captures.")]) -> None:
    """What this capture is, its geometry and range, and what its lint finds; of a tree of captures, a summary."""
    from runtime_py.captures import find_captures, open_capture
    from runtime_py.captures import survey as several
    from runtime_py.captures.describe import describe, table
    from runtime_py.captures.lint import findings

    if path.is_dir() and len(find_captures(path, deep=True)) > 1:
        with progress_bar() as bar:
            told = several.survey(path, lambda done, of, name: bar.report("captures", name, done, of))
        CONSOLE.print(several.table(told))
    else:
        capture = open_capture(path)
        CONSOLE.print(table(describe(capture), findings(capture)))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="The name of a recipe in training/recipes.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the run (default runs/RECIPE).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    settings: Annotated[list[str] | None, typer.Option("--set", help="name=value, over the recipe's.")] = None,
) -> None:
    """Train a student by a recipe, then calibrate its integer grid."""
    from convert.commands import train_and_calibrate
    from training.recipes import recipe as recipe_named

    chosen = recipe_named(recipe, settings)
    with progress_bar() as bar:
        path = train_and_calibrate(chosen, out or Path("runs") / recipe, resume, bar.figures)
    CONSOLE.print(f"student: {path}", highlight=False, soft_wrap=True)


@app.command()
def label(
    dataset_dir: Annotated[Path, typer.Argument(help="The folder of a dataset; its layout is found out.")],
    teacher: Annotated[str, typer.Option(metavar="NAME|CHECKPOINT", help="sgbm, zncc, a checkpoint or run, or PFMs.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the labels, outside of the dataset.")],
    dataset: Annotated[str | None, typer.Option(help="The layout: where several fit, or to save the search.")] = None,
    pair: Annotated[str | None, typer.Option(help="stereo or dual-pixel, where a frame has both.")] = None,
    confidence: Annotated[bool, typer.Option("--confidence", help="Also write <frame>.confidence.pfm.")] = False,
    workers: Annotated[int, typer.Option(help="Processes on this machine.")] = 1,
    settings: Annotated[list[str] | None, typer.Option("--set", help="name=value, over the teacher's.")] = None,
) -> None:
    """Label every frame of a dataset with a teacher's disparity, one .pfm each; run again to continue.

    Under torchrun each process takes its share, on one machine or several that share the folder. Exit 1: all done, but
    frames were skipped; labels.json names them.
    """
    from training.label import LabelJob, Shard, label_dataset, summary_lines

    job = LabelJob(dataset_dir, teacher, out, dataset, pair, tuple(settings or ()), confidence)
    shard = Shard.from_environment()
    # Processes of one torchrun share a terminal: one bar is enough.
    with progress_bar(shown=shard.rank == 0) as bar:
        summary = label_dataset(job, shard, workers, lambda done, of, name: bar.report("label", name, done, of))
    for line in summary_lines(summary, out):
        CONSOLE.print(line, highlight=False, soft_wrap=True, markup=False)
    # torchrun stops the others when one process fails, so that only the last one to end may say so.
    if summary.complete and summary.skipped:
        raise typer.Exit(1)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint: .safetensors with its .json card.")],
    target: Annotated[str, typer.Option(help="Comma-separated targets.")] = "litert,executorch,coreml,onnx",
    precision: Annotated[str, typer.Option(help="fp32, fp16, int8 or int8-weights.")] = "int8",
    size: Annotated[str, typer.Option(help="Height and width of the input, HxW.")] = "384x512",
    out: Out = Path("build/export"),
    float_io: Annotated[bool, typer.Option("--float-io", help="int8 that takes and gives float32.")] = False,
    calibrate: Annotated[str | None, typer.Option(help="New grid: minmax|percentile|mse[+balance][+bias].")] = None,
    calibration: Annotated[str | None, typer.Option(help="... on these captures, or on 'rendered' scenes.")] = None,
    no_parity: Annotated[bool, typer.Option("--no-parity", help="Do not run what was made.")] = False,
    coreml_deployment_target: Annotated[str | None, typer.Option(help="iOS15, iOS16, iOS17 or iOS18.")] = None,
    coreml_inputs: Annotated[str | None, typer.Option(help="Core ML's inputs: tensor or image.")] = None,
    onnx_exact: Annotated[
        bool, typer.Option("--onnx-exact", help="int8 .onnx with the other targets' integers.")
    ] = False,
) -> None:
    """Export a checkpoint to artifacts with contracts and manifests, on one integer grid, and measure their parity.

    Exit 1: an artifact differs from the reference by more than its runtime's budget; its manifest says so too.
    """
    from convert.request import ExportRequest
    from runtime_py.lint.table import show_findings

    # fmt: off
    request = ExportRequest(
        checkpoint, target, precision, size, out, float_io, calibrate, calibration, not no_parity,
        coreml_deployment_target, coreml_inputs, onnx_exact,
    )
    # fmt: on
    with progress_bar() as bar:
        exported = request.run(bar.report, lambda report: show_findings(report, bar.console))
    for line in exported.lines():
        CONSOLE.print(line, highlight=False, soft_wrap=True, markup=False)
    if not exported.within_budget:
        raise typer.Exit(1)


@app.command()
def run(
    artifact: ArtifactArgument,
    capture: CaptureArgument,
    runtime: Annotated[str, typer.Option(help="reference or vendor.")] = "reference",
    dialect: Annotated[str | None, typer.Option(help="xnnpack or litert-reference.")] = None,
    out: Out = Path("build/run"),
) -> None:
    """Disparity of a capture: disparity.pfm (px, float32) and disparity.png; likewise confidence where there is one."""
    from runtime_py.captures import open_capture
    from runtime_py.job import disparity_to_folder

    student = load(artifact, runtime, dialect)
    CONSOLE.print(disparity_to_folder(student, open_capture(capture), out), highlight=False, soft_wrap=True)


@app.command()
def parity(
    artifacts: Annotated[list[Path], typer.Argument(help="Artifacts of one student.")],
    captures: Annotated[Path, typer.Option("--captures", help="A capture, or a folder of captures.")],
    budget: Annotated[Path | None, typer.Option(help="Limits per runtime, JSON.")] = None,
    json: Json = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report to this file.")] = None,
) -> None:
    """Compare artifacts in every runtime of this machine: exit 0 within budget, 1 outside."""
    from runtime_py.job import parity_on_captures
    from runtime_py.parity.report import table

    with progress_bar() as bar:
        found = parity_on_captures(
            artifacts, captures, budget, json, html, lambda what, done, of: bar.report("parity", what, done, of)
        )
    CONSOLE.print(table(found))
    if not found.within_budget:
        raise typer.Exit(1)


@app.command()
def lint(
    path: Annotated[Path, typer.Argument(metavar="CHECKPOINT|ARTIFACT", help="A student, or any artifact.")],
    target: Annotated[str, typer.Option(help="Of a checkpoint: comma-separated targets (all of them).")] = "",
    precision: Annotated[str, typer.Option(help="Of a checkpoint: comma-separated precisions (all of them).")] = "",
    size: Annotated[str, typer.Option(help="Of a checkpoint: height and width of the input, HxW.")] = "384x512",
    json: Json = None,
) -> None:
    """What will not run, or not well: operations, float16 overflow and int8 headroom, with the line of the model.

    Exit 0: nothing is refused; 1: something is.
    """
    from runtime_py.lint import lint_artifact
    from runtime_py.lint.table import answer

    with progress_bar() as bar:
        if _is_checkpoint(path):
            from convert.lint.command import checkpoint_report

            report = checkpoint_report(path, target, precision, size, bar.report)
        else:
            report = lint_artifact(path)
    if not answer(report, CONSOLE, json):
        raise typer.Exit(1)


@app.command(name="eval")
def evaluate_command(
    student: Annotated[Path, typer.Argument(metavar="ARTIFACT|CHECKPOINT", help="What to score.")],
    dataset: Annotated[str, typer.Option(help="cmu, dp119, dp-disp or google.")],
    root: Annotated[Path, typer.Option(help="The folder that holds the dataset.")],
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Score as published: cmu, kaist-cmu, dp119, dp-disp, kaist, sony or google (default: average ranks)."
        ),
    ] = None,
    json: Json = None,
) -> None:
    """Score on real captures with truth: AI(1), AI(2), 1-|rank correlation|, mean and worst scene."""
    from runtime_py.evaluate import evaluate
    from runtime_py.evaluate_table import table
    from runtime_py.files import write_atomic

    loaded = load(student)
    with progress_bar() as bar:
        show = lambda done, of, name: bar.report("eval", name, done, of)  # noqa: E731
        result = evaluate(loaded.disparity, dataset, root, show, protocol=protocol)
    CONSOLE.print(table(result, f"{student.name} on {dataset}"))
    if json is not None:
        write_atomic(json, (result.to_json() + "\n").encode())


@app.command()
def bench(
    artifacts: Annotated[list[Path], typer.Argument(help="Any .tflite, .pte or .onnx; ratios are to the first.")],
    rounds: Annotated[int, typer.Option(help="Timed calls of each artifact.")] = 50,
    runtime: Annotated[str, typer.Option(help="vendor (each in its own) or reference.")] = "vendor",
    json: Json = None,
) -> None:
    """Latency side by side on one thread, taken in turns; nodes in the file, in the delegate, and float islands."""
    from runtime_py.bench import bench as timed
    from runtime_py.bench.table import table
    from runtime_py.files import write_atomic

    with progress_bar() as bar:
        found = timed(artifacts, runtime, rounds, lambda what, done, of: bar.report("bench", what, done, of))
    CONSOLE.print(table(found))
    if json is not None:
        write_atomic(json, found.to_json().encode())


def main(arguments: list[str] | None = None) -> None:
    """The console script: exit code 0, 1 (parity outside its budget) or 2 (what to mend is said in one sentence)."""
    answered(lambda given: app(args=given, prog_name="dpocket"), sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    main()
