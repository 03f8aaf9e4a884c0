"""The ARM64 sweep: its emulated CPUs, its pinned wheels, its bars, and a tiny student through all of it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from android_demo.arm64 import sweep, toolchain
from android_demo.arm64.cpus import CPUS, write_prefix
from android_demo.arm64.trial import Trial, cost_bars, own_trial, plain_trial, witnesses
from android_demo.tools.toolbox import ROOT, Unavailable, digest_of, is_current
from runtime_py.errors import ArtifactError

INT8 = Trial("a.tflite", "dpocket", "litert", "int8", "cortex-a76", 3, 100, 0, 0, None, None, 50, 0.0)
FP32 = dataclasses.replace(
    INT8,
    precision="fp32",
    integers=None,
    differing_from_x86=None,
    differing_from_reference=None,
    deviation_from_x86={"disparity": 2e-6},
    deviation_from_reference={"disparity": 1e-3},
    instructions=100,
)


def test_cpuinfo_names_the_part_that_qemu_emulates_and_no_feature_it_lacks(tmp_path: Path) -> None:
    folder = write_prefix(CPUS["cortex-a53"], tmp_path)
    told = (folder / "proc" / "cpuinfo").read_text()
    # Arm's Cortex-A53 r0p4: MIDR 0x410fd034, ARMv8.0: no dot product, no half precision, no atomics.
    assert re.search(r"^CPU part\t: 0xd03$", told, re.MULTILINE)
    features = re.search(r"^Features\t: (.*)$", told, re.MULTILINE)
    assert features is not None
    assert not {"asimddp", "asimdhp", "atomics"} & set(features[1].split())
    assert CPUS["cortex-a76"].has_dot_product
    assert (folder / "sys/devices/system/cpu/possible").read_text() == "0\n"


def test_wheels_are_of_the_versions_in_constraints() -> None:
    pinned = dict(re.findall(r"^(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}$", toolchain.WHEELS.read_text(), re.MULTILINE))
    constrained = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert pinned == {name: constrained[name] for name in ("ai-edge-litert", "executorch")}


def test_one_differing_integer_breaks_the_bar() -> None:
    assert sweep.judged([INT8, FP32]) == (["litert: int8 costs 50% of float32's instructions on cortex-a76"], [])
    _, broken = sweep.judged([dataclasses.replace(INT8, differing_from_reference=1), FP32])
    assert broken == ["a.tflite on cortex-a76: 1 of 100 integers differ from the reference"]
    _, broken = sweep.judged([dataclasses.replace(INT8, differing_from_x86=2), FP32])
    assert broken == ["a.tflite on cortex-a76: 2 of 100 integers differ from x86-64"]


def test_float_and_cost_beyond_their_bars_are_told() -> None:
    _, broken = sweep.judged([INT8, dataclasses.replace(FP32, deviation_from_x86={"disparity": 2.1e-6})])
    assert broken == ["a.tflite on cortex-a76: 2.10e-06 of the range from x86-64, 2e-06 is allowed"]
    _, broken = sweep.judged([dataclasses.replace(INT8, instructions=51), FP32])
    assert len(broken) == 1
    assert "at most 50% is allowed" in broken[0]


def test_cost_is_judged_on_the_cpu_with_dot_products_only() -> None:
    slow = dataclasses.replace(INT8, cpu="cortex-a53", instructions=1000)
    plain = dataclasses.replace(INT8, made_by="plain", instructions=1000)
    assert cost_bars([slow, plain, INT8, FP32]) == [("litert", 0.5)]


def test_missing_tools_are_a_skip_with_the_line_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda command: None)
    assert sweep.main([]) == sweep.SKIPPED
    said = capsys.readouterr().err
    assert "skipped: not installed: " in said
    assert "apt-get install" in said
    assert "qemu-user" in said


@pytest.fixture(scope="module")
def tools() -> toolchain.Toolchain:
    if not is_current(toolchain.BUILD / "wheels" / "unpacked", digest_of([toolchain.WHEELS])):
        pytest.skip("the aarch64 wheels are not here; `make arm64` downloads them")
    try:
        return toolchain.build()
    except Unavailable as e:
        pytest.skip(str(e))


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_tiny_student_keeps_its_numbers_on_arm(precision: str, tools: toolchain.Toolchain, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("executorch")
    from convert.targets import export
    from runtime_py.parity.samples import random_samples
    from tests.convert.tiny_student import MEANING, graph_of, grid_of, trained

    graph = graph_of(trained())
    for artifact in export(graph, MEANING, ["litert", "executorch"], precision, tmp_path, grid_of(graph)):
        samples = random_samples(artifact.manifest.contract, 3)
        held_against = witnesses(artifact.path, samples)
        trial = own_trial(tools, "cortex-a76", artifact.path, held_against)
        assert trial.broken() == []
        assert trial.samples == 3
        # At the least one instruction per four multiplications of the first convolution (16x24 cells, 6x2x4x4).
        assert trial.instructions > 16 * 24 * 6 * 2 * 4 * 4 / 16
        assert trial.repeatability < 0.01
        if precision == "int8":
            moved = held_against.reference.outputs["disparity"].copy()
            moved.flat[7] ^= 1
            other = dataclasses.replace(held_against.reference, outputs={"disparity": moved})
            changed = dataclasses.replace(held_against, reference=other)
            assert own_trial(tools, "cortex-a76", artifact.path, changed).differing_from_reference == 1
        plain = tmp_path / f"plain_{precision}{artifact.path.suffix}"
        plain.write_bytes(artifact.path.read_bytes())
        assert plain_trial(tools, "cortex-a76", plain).instructions == pytest.approx(trial.instructions, rel=0.02)


def test_damaged_model_is_an_error_in_words(tools: toolchain.Toolchain, tmp_path: Path) -> None:
    from android_demo.arm64.emulator import emulate

    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"\x1c\0\0\0TFL3" + bytes(64))
    with pytest.raises(ArtifactError, match=r"broken\.tflite does not run on cortex-a53 .*LiteRT cannot"):
        emulate(tools, "cortex-a53", broken, [np.zeros((1, 4), np.int8)], ["a", "b"])
