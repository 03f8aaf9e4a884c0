"""An artifact and its manifest: both or none, also when a process dies or two export into one folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from convert.artifact import Artifact, Content, Origin, write_artifact
from runtime_py.contract import Contract, TensorSpec
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.files import locked_folder
from runtime_py.manifest import contract_of, manifest_path, read_manifest, with_parity

ROOT = Path(__file__).parents[2]
PLANE = TensorSpec("left", (1, 1, 4, 4), "NCHW", "float32", "1", (-3.0, 3.0))
CONTRACT = Contract("toy", (PLANE,), (PLANE,), 4, 1)
CONTENTS: dict[str, tuple[Content, Content]] = {
    "toy.onnx": (b"first", b"second"),
    "toy.mlpackage": ({"Manifest.json": b"{}", "Data/a": b"first"}, {"Manifest.json": b"{}", "Data/b": b"second"}),
}


def write(path: Path, content: Content) -> Artifact:
    return write_artifact(path, content, "onnx", "fp32", CONTRACT, Origin("weights", "", {}))


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_second_export_replaces_the_first_and_leaves_nothing_else(name: str, tmp_path: Path) -> None:
    first, second = CONTENTS[name]
    write(tmp_path / name, first)
    write(tmp_path / name, second)
    expected = {name: second} if isinstance(second, bytes) else {f"{name}/{key}": data for key, data in second.items()}
    found = files_in(tmp_path)
    assert {key: data for key, data in found.items() if key != f"{name}.json"} == expected
    assert contract_of(tmp_path / name) == CONTRACT
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("stopped", ["the artifact", "the manifest"])
def test_a_move_that_fails_gives_back_what_was_there(
    name: str, stopped: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = CONTENTS[name]
    write(tmp_path / name, first)
    before = files_in(tmp_path)
    place = tmp_path / name if stopped == "the artifact" else manifest_path(tmp_path / name)
    move = os.replace

    def refusing(source: Path, target: Path) -> None:
        if target == place and Path(source).name == place.name:
            raise PermissionError(1, "Operation not permitted")
        move(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    with pytest.raises(DpocketError, match="Operation not permitted; what was there before is unchanged"):
        write(tmp_path / name, second)
    assert files_in(tmp_path) == before


KILLED = """
import os, signal, sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from test_artifact import CONTENTS, write
move, path = os.replace, Path({path!r})
def killed(source, target):
    move(source, target)
    if target == path and Path(source).name == path.name:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = killed
write(path, CONTENTS[path.name][1])
"""


@pytest.mark.parametrize("name", CONTENTS)
def test_a_process_killed_between_the_two_moves_leaves_a_pair_that_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write(path, CONTENTS[name][0])
    script = KILLED.format(tests=str(Path(__file__).parent), root=str(ROOT), path=str(path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with pytest.raises(ArtifactError, match=f"is not the file that {name}.json describes .* export it again"):
        contract_of(path)
    write(path, CONTENTS[name][1])
    assert contract_of(path) == CONTRACT


WRITING = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from test_artifact import write
for i in range(60):
    write(Path({path!r}), {content})
"""


@pytest.mark.parametrize(
    "content", ['f"{i} {sys.argv[1]}".encode()', '{"a": f"{i} {sys.argv[1]}".encode(), sys.argv[1]: b""}']
)
def test_exports_into_one_folder_at_the_same_time_are_whole_pairs_one_after_the_other(
    content: str, tmp_path: Path
) -> None:
    path = tmp_path / "toy.onnx"
    script = WRITING.format(tests=str(Path(__file__).parent), root=str(ROOT), path=str(path), content=content)
    running = [subprocess.Popen([sys.executable, "-c", script, str(n)], stderr=subprocess.PIPE) for n in range(3)]
    while any(process.poll() is None for process in running):
        with locked_folder(tmp_path):
            assert not path.exists() or contract_of(path) == CONTRACT
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    assert contract_of(path) == CONTRACT
    assert sorted(p.name for p in tmp_path.iterdir()) == ["toy.onnx", "toy.onnx.json"]


def test_parity_of_an_artifact_that_was_replaced_is_not_recorded(tmp_path: Path) -> None:
    measured = write(tmp_path / "toy.onnx", b"first")
    write(tmp_path / "toy.onnx", b"second")
    with pytest.raises(ArtifactError, match="replaced by another export"):
        with_parity(measured.path, {"status": "within budget"}, measured.manifest.sha256)
    assert read_manifest(measured.path).parity == {"status": "not measured"}
