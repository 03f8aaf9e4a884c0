from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("executorch", reason="the test models are made and run by ExecuTorch")
pytest.importorskip("torchao", reason="the test models are quantised by torchao")

from benchmarks.models.pte import Array, build, run_executorch
from benchmarks.models.pte_nets import cases
from runtime_py.contract import CONTRACT_KEY, CONTRACT_METHOD, Contract, TensorSpec
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.interpreter import Interpreter
from runtime_py.manifest import contract_of
from runtime_py.program import Program
from runtime_py.readers.pte import read_pte
from runtime_py.runners import open_runner

CASES = cases(seed=3)


@cache
def content(name: str) -> bytes:
    return build(CASES[name])


def computed(program: Program, arrays: Sequence[Array]) -> list[Array]:
    results = Interpreter(program).run(dict(zip(program.input_names(), arrays, strict=True)))
    return [results[name] for name in program.output_names()]


def kinds(program: Program) -> list[str]:
    return [op.kind for op in program.ops]


@pytest.mark.parametrize("name", ["bilinear U-Net, int8", "relu6 of one user of two, int8", "linear, dynamic"])
def test_every_output_of_a_quantised_network_equals_executorch(name: str) -> None:
    expected = run_executorch(content(name), CASES[name].inputs())
    for got, wanted in zip(computed(read_pte(content(name), name), CASES[name].inputs()), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", ["heads, fp32", "moves, portable"])
def test_float_outputs_are_within_a_hundred_thousandth_of_their_range(name: str) -> None:
    expected = run_executorch(content(name), CASES[name].inputs())
    for got, wanted in zip(computed(read_pte(content(name), name), CASES[name].inputs()), expected, strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * float(np.ptp(wanted)))


def test_a_3x3_convolution_beside_a_1x1_one_is_as_wrong_as_executorch_computes_it() -> None:
    name = "one image for 3x3 and 1x1, dynamic"
    arrays = CASES[name].inputs()
    results = computed(read_pte(content(name), name), arrays)
    for got, wanted in zip(results, run_executorch(content(name), arrays), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_bilinear_resizing_of_an_int8_network_stands_between_float_conversions() -> None:
    found = kinds(read_pte(content("bilinear U-Net, int8"), "unet"))
    resize = found.index("resize_bilinear")
    assert found[resize - 1] == "dequantize"
    assert "quantize" in found[resize:]


def test_a_delegate_of_convolutions_keeps_transposes_at_its_boundary_only() -> None:
    found = kinds(read_pte(content("relu6 of one user of two, int8"), "relu6"))
    assert found[0] in ("quantize", "transpose")
    assert found.count("transpose") == 2


def test_images_keep_the_shape_and_the_order_of_inputs_that_pytorch_has() -> None:
    program = read_pte(content("heads, fp32"), "heads")
    assert [program.tensors[i].shape for i in program.inputs] == list(CASES["heads, fp32"].shapes)
    assert program.input_names() == ("input0",)
    assert program.output_names() == ("output0", "output1", "output2")


def contract_for(name: str) -> Contract:
    (shape,) = CASES[name].shapes
    outputs = run_executorch(content(name), CASES[name].inputs())
    spec = TensorSpec("view", shape, "NCHW", "float32", "1", (-3.0, 3.0))
    specs = tuple(TensorSpec(f"map{i}", o.shape, "NCHW", "float32", "px", (-9.0, 9.0)) for i, o in enumerate(outputs))
    return Contract("student", (spec,), specs, working_width=shape[3], output_stride=1)


def test_the_contract_inside_names_inputs_and_outputs_and_needs_no_sidecar(tmp_path: Path) -> None:
    name = "heads, fp32"
    contract = contract_for(name)
    path = tmp_path / "student.pte"
    path.write_bytes(build(CASES[name], {CONTRACT_METHOD: contract.to_json(), "note": "by hand"}))
    program = read_pte(path.read_bytes(), str(path))
    assert program.input_names() == ("view",)
    assert program.output_names() == ("map0", "map1", "map2")
    assert json.loads(program.metadata[CONTRACT_KEY]) == json.loads(contract.to_json())
    assert program.metadata["note"] == b"by hand"
    assert contract_of(path) == contract
    runner = open_runner(path, "reference")
    assert set(runner.run({"view": CASES[name].inputs()[0]})) == {"map0", "map1", "map2"}


def test_a_foreign_file_another_backend_and_an_unknown_kernel_are_named() -> None:
    with pytest.raises(ArtifactError, match=r"not a \.pte file"):
        read_pte(b"\x00" * 64, "zeros.pte")
    whole = content("heads, fp32")
    with pytest.raises(ArtifactError, match=r"delegate 0 is for 'CoreMLBackendX'"):
        read_pte(whole.replace(b"XnnpackBackend", b"CoreMLBackendX"), "other.pte")
    portable = content("moves, portable")
    with pytest.raises(ArtifactError, match=r"it uses aten::fun\.out; kernels that are known: .*aten::add\.out"):
        read_pte(portable.replace(b"aten::cat\0", b"aten::fun\0"), "kernel.pte")


def test_weights_that_the_file_does_not_hold_are_named() -> None:
    whole = content("bilinear U-Net, int8")
    start = whole.index(b"scale_")
    damaged = whole[: start + 8] + b"0" + whole[start + 9 :]
    with pytest.raises(ArtifactError, match=r"under the key 'scale_"):
        read_pte(damaged if damaged != whole else whole[: start + 8] + b"1" + whole[start + 9 :], "keys.pte")


@pytest.mark.parametrize("name", ["bilinear U-Net, int8", "moves, portable"])
def test_every_truncation_is_an_artifact_error(name: str) -> None:
    whole = content(name)
    program = read_pte(whole, name)
    last = max(i for i in range(len(whole)) if whole[i])
    for length in range(0, last, 61):
        try:
            cut = read_pte(whole[:length], name)
        except ArtifactError:
            continue
        assert len(cut.ops) == len(program.ops), "only bytes that nothing uses may be missing"


@pytest.mark.parametrize("name", ["bilinear U-Net, int8", "moves, portable", "linear, dynamic"])
def test_mutated_files_run_or_raise_an_error_for_the_user(name: str) -> None:
    whole = content(name)
    rng = np.random.default_rng(1)
    raised = 0
    for _ in range(400):
        mutated = bytearray(whole)
        for position in rng.integers(0, len(whole), int(rng.integers(1, 6))):
            mutated[position] = int(rng.integers(0, 256))
        try:
            program = read_pte(bytes(mutated), "mutated.pte")
            zeros = [np.zeros(program.tensors[i].shape, program.tensors[i].dtype) for i in program.inputs]
            computed(program, zeros)
        except DpocketError:
            raised += 1
    assert raised > 20
