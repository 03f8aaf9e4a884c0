"""The comparison of arms: they differ by their losses alone, complete runs stay, and figures are those of all seeds."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import distillation
from benchmarks.distillation import Figure, chosen_arms, table
from benchmarks.distillation_arms import STUDIES
from runtime_py.errors import DpocketError
from training.recipes import recipe

TINY = (
    *("data.count=2", "data.size=64", "optimisation.crop=64", "optimisation.batch=2", "optimisation.steps=2"),
    *("monitor.scenes=1", "monitor.save_every=2"),
)


@pytest.mark.parametrize("name", STUDIES)
def test_arms_differ_in_nothing_but_the_spaces(name: str) -> None:
    study = STUDIES[name]
    recipes = [recipe(study.recipe, list(study.settings_of(arm))) for arm in study.arms]
    assert len({made.identity() for made in recipes}) == len(recipes) == 5
    assert len({replace(made, task=recipes[0].task).identity() for made in recipes}) == 1
    spaces = ("output", "feature", "long_range", "masked")
    kept = [getattr(made.task, "weights", made.task) for made in recipes]
    assert [[bool(getattr(weights, space)) for space in spaces] for weights in kept] == [
        [False, False, False, False],
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]
    rest = [{k: v for k, v in vars(weights).items() if k not in spaces} for weights in kept]
    assert all(own == rest[0] for own in rest)


@pytest.mark.parametrize("name", STUDIES)
def test_an_interrupted_comparison_goes_on_where_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    width = 'model_settings={"width": 4, "shifts": 2}'
    small = [*TINY, width] if name == "mono" else list(TINY)
    teacher = [word for s in (*TINY, width) for word in ("--teacher-set", s)]
    student = [word for s in small for word in ("--set", s)]

    def run(*more: str) -> list[str]:
        out, file = tmp_path / "out", tmp_path / "told.json"
        words = ["distillation", name, "--out", str(out), "--json", str(file), *teacher, *student, *more]
        monkeypatch.setattr(sys, "argv", words)
        assert distillation.main() == 0
        return [line.split(":")[0] for line in capsys.readouterr().err.splitlines() if line.endswith(": training")]

    assert run("--seeds", "1", "--arms", "without teacher") == ["stage-1", "stage-2", "without-teacher-1"]
    assert run("--seeds", "1", "--arms", "without teacher", "masked") == ["masked-1"]
    told = json.loads((tmp_path / "told.json").read_text())
    first = STUDIES[name].figures[0]
    found = told["figures"]["masked"][first]
    assert found["mean"] == found["least"] == found["most"] == told["runs"]["masked"][0][first]
    assert math.isnan(found["deviation"])
    assert told["teacher"]["stereo_epe_px"] > 0


def test_the_best_arm_is_the_one_with_the_least_mean() -> None:
    study = STUDIES["explicit"]
    seeds = {"without teacher": (0.30, 0.34), "output": (0.20, 0.28)}
    scores = {arm: [{"ai1_px": v, "rendered_error_px": 1.0} for v in values] for arm, values in seeds.items()}
    lines = table(study, scores).splitlines()
    assert lines[2].startswith("| without teacher | 0.3200 ± 0.0283 (0.3000 … 0.3400) |")
    assert lines[3].startswith("| **output** | 0.2400 ± 0.0566 (0.2000 … 0.2800) |")
    assert Figure.of([1.0, 2.0, 6.0]) == Figure(3.0, pytest.approx(7**0.5), 1.0, 6.0)  # type: ignore[arg-type]


def test_an_unknown_arm_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DpocketError, match="no arm is called 'more'; known are: without teacher, output"):
        chosen_arms(STUDIES["mono"], ["more"])
