"""The app's engines, through its JNI and over the double of ExecuTorch's Java API, on real models in a JVM."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runtime_py.manifest import contract_of
from tests.convert.tiny_student import MEANING, graph_of, grid_of, trained

ENGINES = ("engine/LiteRtEngineTest", "engine/ExecuTorchEngineTest")
CAPTURE = Path(__file__).parents[2] / "runtime_py" / "samples" / "20261122_120000_000_left.pgm"


def _assets(precision: str, folder: Path) -> Path:
    """A tiny student for both runtimes, its contract and its golden pair, as the app's assets are."""
    from convert.targets import export
    from runtime_py.golden import PAIR, pair_cases
    from runtime_py.vectors import write_vectors

    graph = graph_of(trained())
    artifacts = export(graph, MEANING, ["litert", "executorch"], precision, folder / "made", grid_of(graph))
    for artifact in artifacts:
        shutil.copyfile(artifact.path, folder / f"student_{precision}{artifact.path.suffix}")
    tflite = next(a.path for a in artifacts if a.path.suffix == ".tflite")
    (folder / "contract.json").write_text(contract_of(tflite).to_json())
    write_vectors(folder, PAIR, pair_cases(tflite, CAPTURE))
    return folder


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_engines_give_the_references_outputs_and_refuse_damaged_models_in_words(precision: str, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("executorch")
    from android_demo.tools import build_native, junit
    from android_demo.tools.jvm_tests import Jvm
    from android_demo.tools.toolbox import Unavailable, require

    try:
        require("java", "javac", "gcc", "/usr/share/java/junit4.jar", "/usr/share/java/hamcrest.jar")
        libraries, found = build_native.host(), build_native.properties()
    except Unavailable as e:
        pytest.skip(str(e))
    tests = junit.test_sources(ENGINES)
    assert len(tests) == len(ENGINES)
    junit.compile_tests(tests, tmp_path / "classes")
    found |= {"dpocket.assets": str(_assets(precision, tmp_path / "assets")), "dpocket.precision": precision}
    said = Jvm((tmp_path / "classes",), libraries, properties=found).run(tests, "the engines' tests")
    assert "tests of 2 classes pass" in said
    absent = [reason for name, reason in found.items() if name.endswith(".absent")]
    if absent:
        pytest.skip(f"not all engines were run: {'; '.join(absent)}")
