"""A tree of captures is counted, judged, and its damaged captures named; none passes silently."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import dpocket
from runtime_py.captures.survey import survey, table
from runtime_py.errors import CaptureError


def _view(seed: int) -> np.ndarray:  # type: ignore[type-arg]
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((200, 300)), 2)
    return np.asarray(np.clip(110 + 40 * noise / noise.std(), 1, 250).astype(np.uint8))


def _tree(root: Path) -> None:
    for name, right in (("box/001", 1), ("box/002", 2), ("casual/iphone/003", 1)):
        (root / name).mkdir(parents=True)
        cv2.imwrite(str(root / name / "l.png"), _view(1))
        cv2.imwrite(str(root / name / "r.png"), _view(right))
    cv2.imwrite(str(root / "box/001/d.png"), np.full((200, 300), 80, np.uint8))
    torn = root / "casual/iphone/003/r.png"
    torn.write_bytes(torn.read_bytes()[:1000])
    for side in ("left", "right"):
        cv2.imwrite(str(root / f"mine_{side}.png"), _view(1))


def test_formats_truth_findings_and_damage_are_counted(tmp_path: Path) -> None:
    _tree(tmp_path)
    steps: list[tuple[int, int]] = []
    told = survey(tmp_path, lambda done, of, name: steps.append((done, of)))
    assert told.sizes == {("dp119", 300, 200): 2, ("plain", 300, 200): 1}
    assert told.with_truth == {"dp119": 1, "plain": 0}
    assert [name for name, _ in told.found["unmatched"]] == ["box/002/l.png"]
    assert sorted(name for name, _ in told.found["identical"]) == ["box/001/l.png", "mine_left.png"]
    assert [path.relative_to(tmp_path).as_posix() for path, _ in told.damaged] == ["casual/iphone/003/l.png"]
    assert told.clean == 0
    assert steps == [(i, 4) for i in range(5)]


def test_the_command_prints_a_summary_of_a_tree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.console import Console

    _tree(tmp_path)
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    monkeypatch.setattr(dpocket, "CONSOLE", console)
    with pytest.raises(SystemExit) as done:
        dpocket.main(["captures", str(tmp_path)])
    assert done.value.code == 0
    printed = console.export_text()
    for said in ("3 read, 1 damaged", "2 of 300×200, 1 with truth", "casual/iphone/003/r.png is a truncated PNG"):
        assert said in printed


def test_names_that_look_like_markup_are_printed_as_they_are(tmp_path: Path) -> None:
    from rich.console import Console

    folder = tmp_path / "[red]set[/]"
    _tree(folder)
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table(survey(folder)))
    assert "[red]set[/]" in console.export_text()


def test_a_tree_without_one_readable_capture_is_an_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for side in ("left", "right"):
            (tmp_path / f"{name}_{side}.png").touch()
    with pytest.raises(
        CaptureError, match=r"none of the 2 captures in .* can be read; the first: .*a_left.png is empty"
    ):
        survey(tmp_path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"there is no folder .*gone to look for captures in"):
        survey(tmp_path / "gone")
