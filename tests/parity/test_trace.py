"""Traces: saved runs that can be compared later, elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from parity_students import HEIGHT, WIDTH, BlurRunner, SureRunner, contract

from runtime_py.errors import ArtifactError, ContractError
from runtime_py.parity.compare import compare, compare_outputs
from runtime_py.parity.samples import Sample, random_samples
from runtime_py.parity.trace import Trace, record


def traced(runner: BlurRunner, samples: list[Sample], dtype: str = "int8") -> Trace:
    return record(runner, contract(dtype), samples, artifact="a", runtime="r", dialect="d")


def test_a_saved_trace_is_the_trace(tmp_path: Path) -> None:
    trace = traced(BlurRunner(), random_samples(contract(), 3))
    trace.save(tmp_path / "t.npz")
    again = Trace.load(tmp_path / "t.npz")
    assert again.contract == trace.contract
    assert (again.samples, again.inputs_sha256, again.runtime) == (trace.samples, trace.inputs_sha256, trace.runtime)
    np.testing.assert_array_equal(again.outputs["disparity"], trace.outputs["disparity"])


@pytest.mark.parametrize("content", [b"", b"not a trace", b"PK\x03\x04 half an archive"])
def test_what_is_no_trace_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(ArtifactError, match="not a saved trace"):
        Trace.load(tmp_path / "t.npz")


def test_random_samples_reach_both_ends_of_the_integers() -> None:
    stored = random_samples(contract(), 1)[0].stored(contract())["left"]
    assert (stored.min(), stored.max()) == (-128, 127)


def test_int8_and_float_artifacts_of_one_grid_are_given_the_same_integers() -> None:
    sample = random_samples(contract(), 1)[0]
    stored, real = sample.stored(contract("int8"))["left"], sample.stored(contract("float32"))["left"]
    assert real.shape == (1, 1, HEIGHT, WIDTH)
    np.testing.assert_array_equal(np.rint(real.reshape(-1) / np.float32(3 / 127)), stored.reshape(-1))


def test_one_changed_integer_is_counted_located_and_measured_in_pixels() -> None:
    samples = random_samples(contract(), 3)
    reference, changed = traced(BlurRunner(), samples), traced(BlurRunner(change=(1, 2, 3, 5)), samples)
    found = compare(changed, reference)
    assert (found.differing, found.total) == (1, 3 * (HEIGHT // 4) * (WIDTH // 4))
    assert found.worst_sample == samples[1].name
    assert found.largest == pytest.approx(5 * 0.05)
    assert found.mean == pytest.approx(5 * 0.05 / found.total)
    assert np.argwhere(found.worst_map).tolist() == [[2, 3]]


def test_a_float_output_on_the_grid_is_compared_integer_by_integer() -> None:
    samples = random_samples(contract(), 2)
    as_float = traced(BlurRunner(dtype="float32", change=(0, 0, 0, -1)), samples, "float32")
    assert compare(as_float, traced(BlurRunner(), samples)).differing == 1


def test_traces_of_different_samples_are_not_compared() -> None:
    one, other = (
        traced(BlurRunner(), random_samples(contract(), 1)),
        traced(BlurRunner(), random_samples(contract(), 2)),
    )
    with pytest.raises(ContractError, match="different samples"):
        compare(one, other)


def test_noise_can_be_left_out_of_a_comparison() -> None:
    noise = random_samples(contract(), 2)
    picture = Sample("a tile", noise[0].planes)
    reference, changed = (
        traced(BlurRunner(), [picture, *noise]),
        traced(BlurRunner(change=(2, 0, 0, 3)), [picture, *noise]),
    )
    assert compare(changed, reference).differing == 1
    assert compare(changed, reference, noise=False).differing == 0
    with pytest.raises(ContractError, match="no picture"):
        compare(traced(BlurRunner(), noise), traced(BlurRunner(), noise), noise=False)


def test_every_output_is_compared_in_its_own_unit() -> None:
    samples = random_samples(contract(), 2)
    both = contract(confidence=True)
    reference, changed = (
        record(runner, both, samples, artifact="a", runtime="r", dialect="d")
        for runner in (SureRunner(), SureRunner(less=3))
    )
    disparity, confidence = compare_outputs(changed, reference)
    assert (disparity.output, disparity.unit, disparity.differing, disparity.largest) == ("disparity", "px", 0, 0.0)
    assert (confidence.output, confidence.unit, confidence.differing) == ("confidence", "1", 2)
    assert confidence.beyond_one == 2
    assert confidence.largest == pytest.approx(3 / 255)


def test_an_output_that_only_one_trace_has_is_left_alone() -> None:
    samples = random_samples(contract(), 1)
    both = record(SureRunner(), contract(confidence=True), samples, artifact="a", runtime="r", dialect="d")
    assert [c.output for c in compare_outputs(both, traced(BlurRunner(), samples))] == ["disparity"]
