"""The ladder itself on steps made here, and its fast steps on the app where everything is installed and set up."""

from __future__ import annotations

from pathlib import Path

import pytest

from android_demo.tools import build_apk, ladder, model_assets, setup, toolbox
from android_demo.tools.app_build import APP
from android_demo.tools.ladder import STEPS, Step, climb
from android_demo.tools.toolbox import Unavailable, missing_packages
from runtime_py.errors import DpocketError


def _fails() -> str:
    raise DpocketError("it broke")


def _cannot() -> str:
    raise Unavailable("not installed: nothing")


def test_a_step_on_fallen_ground_is_skipped_and_one_beside_it_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    steps = {
        "one": Step("", _fails),
        "two": Step("", lambda: "never", ("one",)),
        "three": Step("", _cannot),
        "four": Step("", lambda: "well"),
        "five": Step("", lambda: "never", ("four", "three")),
    }
    results = climb(list(steps), steps)
    assert [r.state for r in results] == ["FAIL", "skip", "skip", "ok", "skip"]
    assert results[1].said == "needs one"
    assert results[4].said == "needs three"
    assert capsys.readouterr().out.count("\n") == 5


def test_a_step_alone_does_not_wait_for_others() -> None:
    steps = {"one": Step("", _fails), "two": Step("", lambda: "alone", ("one",))}
    assert [r.said for r in climb(["two"], steps)] == ["alone"]


def test_every_step_needs_only_steps_before_it() -> None:
    names = list(STEPS)
    assert all(names.index(n) < names.index(name) for name, step in STEPS.items() for n in step.needs)


def test_a_failed_step_is_the_exit_status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ladder, "TABLE", tmp_path / "ladder.json")
    monkeypatch.setattr(ladder, "STEPS", {"one": Step("", _cannot)})
    assert ladder.main([]) == 0
    monkeypatch.setattr(ladder, "STEPS", {"one": Step("", _fails)})
    assert ladder.main([]) == 1
    assert '"FAIL"' in (tmp_path / "ladder.json").read_text()


def test_a_machine_without_the_tools_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Unavailable, match="apt-get install -y --no-install-recommends aapt apksigner"):
        toolbox.require("aapt2", "apksigner")
    assert "openjdk-17-jdk-headless" in missing_packages(files=())


def _ready() -> None:
    if absent := missing_packages():
        pytest.skip(f"not installed: {', '.join(absent)}; {toolbox.INSTALL_LINE}")
    setup.require_set_up()


@pytest.mark.parametrize("name", ["compile", "gradle"])
def test_a_fast_step_holds_for_the_app(name: str) -> None:
    try:
        _ready()
        assert STEPS[name].run()
    except Unavailable as e:
        pytest.skip(str(e))


def test_the_apk_of_the_app_holds_what_it_says(tmp_path: Path) -> None:
    """Built in a folder of its own, with the assets that `make android` left; never exported here."""
    try:
        _ready()
        if not model_assets.FOLDER.is_dir():
            raise Unavailable("no assets: run `make android` first")
        built = build_apk.build_app(model_assets.FOLDER, tmp_path)
    except Unavailable as e:
        pytest.skip(str(e))
    assert "0 invoke-custom" in build_apk.verify(APP, built, APP.abis)
