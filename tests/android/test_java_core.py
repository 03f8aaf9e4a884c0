"""The app's numeric classes in Java give the bits that runtime_py gives, on vectors that runtime_py makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from android_demo.tools.toolbox import Unavailable, require
from runtime_py.golden import CORE
from runtime_py.golden_cases import KINDS, core_cases
from runtime_py.vectors import encode, read_vectors

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "android_demo" / "tests" / "golden"


def test_golden_vectors_in_the_repository_are_what_the_runtime_computes_now() -> None:
    """`python -m runtime_py.golden android_demo/tests/golden` makes them anew when a change was meant."""
    described, data = encode(core_cases())
    for suffix, now in ((".json", described), (".bin", data)):
        assert (GOLDEN / f"{CORE}{suffix}").read_bytes() == now, f"{CORE}{suffix} is not what runtime_py computes"
    assert len(described) + len(data) < 300_000


def test_golden_vectors_reach_what_differs_between_languages() -> None:
    cases = read_vectors(GOLDEN, CORE)
    assert len({case.kind for case in cases}) >= len(KINDS)
    views = np.concatenate([c.arrays["view"].ravel() for c in cases if c.kind in ("resize", "preprocess")])
    assert (views < 0).mean() > 0.02
    assert (views == 1).any()
    clipped = [np.abs(c.arrays["signal"]) == np.float32(c.settings["limit"]) for c in cases if c.kind == "preprocess"]
    assert sum(int(c.sum()) for c in clipped) > 10
    assert not all(c.all() for c in clipped)
    exact = next(c for c in cases if c.kind == "quantize" and c.settings["scale"] == 0.5)
    steps = exact.arrays["real"][:541] / np.float32(0.5)
    ties = np.abs(steps - np.trunc(steps)) == 0.5
    assert ties.sum() >= 270
    widths = [(c.arrays["view"].shape[1], c.settings["width"]) for c in cases if c.kind == "resize"]
    assert {np.sign(to - given) for given, to in widths} == {-1, 0, 1}


def test_java_gives_the_same_bits() -> None:
    try:
        require("java", "javac", "/usr/share/java/junit4.jar", "/usr/share/java/hamcrest.jar")
    except Unavailable as e:
        pytest.skip(str(e))
    command = [sys.executable, "-m", "android_demo.tools.junit", "core"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "OK (" in done.stdout


def test_a_name_without_tests_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    from android_demo.tools.junit import main

    assert main(["core/NoSuchTest"]) == 1
    assert "has no tests called core/NoSuchTest" in capsys.readouterr().err
