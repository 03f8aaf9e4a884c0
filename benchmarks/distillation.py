"""Does distillation help? The same student on the same scenes for the same steps, with ever more of its teacher.

    python -m benchmarks.distillation explicit|mono --out FOLDER [--seeds 1 2 3] [--arms NAME ...] [--set name=value]
        [--teacher-set name=value] [--captures FOLDER] [--json FILE]

`explicit`: a dual-pixel student of the rig of three phones. `mono`: Mono-Net in its third stage. One Stereo-Net,
trained here first, serves both (`benchmarks.distillation_arms` has all settings). Every arm is trained once per seed,
scenes are rendered once, and complete runs are not repeated: after an interruption the same command goes on. Students
are judged on the same held-out rendered scenes, with `--captures` also on the real ones of that folder.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.distillation_arms import STUDIES, TEACHER, Study
from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic
from training.fit import fit
from training.recipes import Recipe, recipe

Scores = Mapping[str, float]


@dataclass(frozen=True)
class Figure:
    """Of the seeds of one arm."""

    mean: float
    deviation: float
    least: float
    most: float

    @staticmethod
    def of(values: Sequence[float]) -> Figure:
        """Sample deviation (n - 1); not a number of a single seed."""
        deviation = statistics.stdev(values) if len(values) > 1 else math.nan
        return Figure(statistics.fmean(values), deviation, min(values), max(values))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=list(STUDIES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--arms", nargs="+")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--teacher-set", dest="of_teacher", action="append", default=[])
    parser.add_argument("--captures", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    study = STUDIES[given.study]
    try:
        chosen = chosen_arms(study, given.arms)
        teacher = taught(given.out, given.of_teacher)
        scores = {
            arm: [
                student(given.study, arm, seed, given.out, teacher, given.settings, given.captures)
                for seed in given.seeds
            ]
            for arm in chosen
        }
    except DpocketError as e:
        print(e, file=sys.stderr)
        return 2
    print(table(study, scores))
    if given.json:
        write_atomic(
            given.json, json.dumps(told(given.study, given.seeds, given.settings, teacher, scores), indent=1).encode()
        )
    return 0


def chosen_arms(study: Study, names: Sequence[str] | None) -> list[str]:
    """The arms called `names`, all without. Raises DpocketError for an unknown one."""
    for name in names or []:
        if name not in study.arms:
            raise DpocketError(f"no arm is called '{name}'; known are: {', '.join(study.arms)}")
    return list(names or study.arms)


def taught(out: Path, settings: Sequence[str]) -> Path:
    """The folder of the run of Stereo-Net in `out`, trained now if it is not there."""
    before: list[str] = []
    folder = out
    for stage, (name, own) in enumerate(TEACHER, 1):
        folder = out / f"stage-{stage}"
        trained(recipe(name, [*own, *before, *settings]), folder, out / "cache")
        before = [f"start={folder}"]
    return folder


def student(
    name: str, arm: str, seed: int, out: Path, teacher: Path, settings: Sequence[str], captures: Path | None
) -> Scores:
    """Scores of the student of one arm and seed."""
    study = STUDIES[name]
    of_teacher = f"task.sees={teacher}" if name == "explicit" else f"start={teacher}"
    made = recipe(study.recipe, [*study.settings_of(arm), of_teacher, *settings, f"seed={seed}"])
    folder = out / name / f"{arm.replace('+ ', 'with ').replace(' ', '-')}-{seed}"
    scores = dict(trained(made, folder, out / "cache"))
    if captures is not None and name == "explicit":
        scores.update(on_captures(folder, captures))
    return scores


def trained(made: Recipe, folder: Path, cache: Path) -> Scores:
    """Scores of the run in `folder`, begun, resumed or, where it is complete, read.

    A run of other settings in this folder is refused by `fit`.
    """
    card = folder / "student.json"
    if card.is_file():
        known = json.loads(card.read_text())
        same = {**known["recipe"], "monitor": None} == {**json.loads(json.dumps(made.to_dict())), "monitor": None}
        if same and known["steps"] == made.optimisation.steps:
            return scores_of(known)
    print(f"{folder.name}: training", file=sys.stderr, flush=True)
    fit(made, folder, resume=True, cache=cache)
    return scores_of(json.loads(card.read_text()))


def scores_of(card: Mapping[str, object]) -> Scores:
    """What the last validation found."""
    scores = card["scores"]
    if not isinstance(scores, dict):
        raise TypeError("a card's scores are a mapping")
    return {str(name): float(value) for name, value in scores.items()}


def on_captures(folder: Path, captures: Path) -> Scores:
    """Mean AI(1) and 1 - |ρ| over the scenes of CMU and DP119 in `captures`, kept beside the weights."""
    kept = folder / "captures.json"
    if not kept.is_file():
        from convert.student import float_student
        from runtime_py.evaluate import evaluate
        from training.checkpoint import load_checkpoint

        found = float_student(load_checkpoint(folder))
        scores: dict[str, float] = {}
        for dataset in ("cmu", "dp119"):
            result = evaluate(lambda left, right: found.predict(left, right).disparity, dataset, captures)
            scores |= {f"{dataset}_{metric}": result.mean(metric) for metric in ("ai1", "rank_loss")}
        write_atomic(kept, json.dumps(scores, indent=1).encode())
    read: Scores = json.loads(kept.read_text())
    return read


def figures(scores: Mapping[str, Sequence[Scores]]) -> dict[str, dict[str, Figure]]:
    """By arm and name of the figure, those that all seeds have."""
    found = {}
    for arm, runs in scores.items():
        names = [name for name in runs[0] if all(name in run for run in runs)]
        found[arm] = {name: Figure.of([run[name] for run in runs]) for name in names}
    return found


def table(study: Study, scores: Mapping[str, Sequence[Scores]]) -> str:
    """Markdown: mean ± deviation (least … most) over the seeds, the best mean of the deciding figure in bold."""
    found = figures(scores)
    named = [*study.figures, *(n for n in next(iter(found.values())) if n.startswith(("cmu_", "dp119_")))]
    best = min(found, key=lambda arm: found[arm][study.figures[0]].mean)
    lines = [f"| arm | {' | '.join(named)} |", "|---" * (1 + len(named)) + "|"]
    for arm, own in found.items():
        name = f"**{arm}**" if arm == best else arm
        cells = (f"{f.mean:.4f} ± {f.deviation:.4f} ({f.least:.4f} … {f.most:.4f})" for f in (own[n] for n in named))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def told(
    name: str, seeds: Sequence[int], settings: Sequence[str], teacher: Path, scores: Mapping[str, Sequence[Scores]]
) -> dict[str, object]:
    """Everything, for a JSON file."""
    card = json.loads((teacher / "student.json").read_text())
    return {
        "study": name,
        "seeds": list(seeds),
        "teacher": scores_of(card),
        "settings": {arm: [*STUDIES[name].settings_of(arm), *settings] for arm in scores},
        "runs": {arm: [dict(run) for run in runs] for arm, runs in scores.items()},
        "figures": {arm: {n: asdict(f) for n, f in own.items()} for arm, own in figures(scores).items()},
    }


if __name__ == "__main__":
    sys.exit(main())
