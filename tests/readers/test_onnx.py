"""Every operator of the `.onnx` reader against ONNX Runtime, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.models.onnx_cases import CASES
from benchmarks.models.onnx_files import Case, float_model, quantised_model
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.interpreter import Interpreter
from runtime_py.readers.onnx import read_onnx
from runtime_py.runners.onnxruntime import OnnxRuntimeRunner

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

SEEDS = 8
FLOAT_ERROR = 1e-5
"""Of the output's range."""


def outputs_of_both(path: Path, content: bytes, inputs: Mapping[str, np.ndarray]) -> list[tuple[Any, Any]]:
    """(ours, ONNX Runtime's) for every output; none when ONNX Runtime refuses the model."""
    path.write_bytes(content)
    try:
        wanted = OnnxRuntimeRunner(path).run(inputs)
    except DpocketError:
        return []
    got = Interpreter(read_onnx(content, "model"), "onnx-qdq").run(inputs)
    assert list(got) == list(wanted)
    return [(got[name], wanted[name]) for name in wanted]


def inputs_of(case: Case, rng: np.random.Generator, dtype: str) -> dict[str, np.ndarray]:
    if dtype == "float32":
        return {f"x{i}": rng.normal(0, 2, shape).astype(np.float32) for i, shape in enumerate(case.shapes)}
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max + 1
    return {f"x{i}": rng.integers(low, high, shape).astype(dtype) for i, shape in enumerate(case.shapes)}


@pytest.mark.parametrize("name", CASES)
def test_floats_agree_with_onnx_runtime(name: str, tmp_path: Path) -> None:
    compared = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        case = CASES[name](rng)
        pairs = outputs_of_both(tmp_path / "model.onnx", float_model(case, rng), inputs_of(case, rng, "float32"))
        for ours, theirs in pairs:
            assert ours.dtype == theirs.dtype
            span = max(float(np.ptp(theirs)), float(np.abs(theirs).max()))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=FLOAT_ERROR * span, err_msg=f"seed {seed}: {case}")
            compared += theirs.size
    assert compared


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("name", CASES)
def test_integers_equal_onnx_runtime(name: str, dtype: str, tmp_path: Path) -> None:
    if (name, dtype) == ("softmax", "uint8"):
        pytest.skip("ONNX Runtime's fused uint8 softmax turns a probability of 1 into 0 (256 wraps)")
    compared = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        case = CASES[name](rng)
        content = quantised_model(case, rng, dtype)
        for ours, theirs in outputs_of_both(tmp_path / "model.onnx", content, inputs_of(case, rng, dtype)):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs, err_msg=f"seed {seed}: {case}")
            compared += theirs.size
    assert compared


@pytest.mark.parametrize("name", ["add", "mul"])
def test_all_pairs_of_integers_equal_onnx_runtime(name: str, tmp_path: Path) -> None:
    first, second = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    shape = (1, 1, 256, 256)
    inputs = {"x0": first.astype(np.int8).reshape(shape), "x1": second.astype(np.int8).reshape(shape)}
    for seed in range(SEEDS):
        content = quantised_model(Case(name.capitalize(), [shape, shape]), np.random.default_rng(seed))
        ((ours, theirs),) = outputs_of_both(tmp_path / "model.onnx", content, inputs)
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["add", "average_pool", "concat", "gemm", "leaky_relu", "matmul", "mul", "sigmoid"])
def test_operators_that_name_their_grids_are_read(name: str, tmp_path: Path) -> None:
    """ONNX Runtime itself writes such a model: the optimised one."""
    import onnxruntime

    compared = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        case = CASES[name](rng)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.add_session_config_entry("session.qdqisint8allowed", "1")
        options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
        options.log_severity_level = 4
        onnxruntime.InferenceSession(quantised_model(case, rng), options, providers=["CPUExecutionProvider"])
        content = (tmp_path / "optimised.onnx").read_bytes()
        assert b"QLinear" in content or b"QGemm" in content
        for ours, theirs in outputs_of_both(tmp_path / "model.onnx", content, inputs_of(case, rng, "int8")):
            np.testing.assert_array_equal(ours, theirs, err_msg=f"seed {seed}: {case}")
            compared += theirs.size
    assert compared


def model_of(nodes: list[Any], constants: Mapping[str, np.ndarray], shape: list[Any], opset: int = 17) -> Any:
    """A model of float32 input x and output y."""
    helper = onnx.helper
    value = helper.make_tensor_value_info
    stored = [onnx.numpy_helper.from_array(data, name) for name, data in constants.items()]
    graph = helper.make_graph(nodes, "g", [value("x", 1, shape)], [value("y", 1, None)], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def test_older_opsets_have_their_operands_as_attributes(tmp_path: Path) -> None:
    node = onnx.helper.make_node
    nodes = [
        node("Pad", ["x"], ["a"], pads=[0, 0, 1, 2, 0, 0, 0, 1]),
        node("Slice", ["a"], ["b"], starts=[1, 0], ends=[9, 5], axes=[2, 3]),
        node("Clip", ["b"], ["c"], min=-0.5, max=0.75),
        node("Unsqueeze", ["c"], ["d"], axes=[0]),
        node("Squeeze", ["d"], ["e"], axes=[0]),
        node("Upsample", ["e", "scales"], ["f"], mode="nearest"),
        node("Softmax", ["f"], ["y"], axis=1),
    ]
    content = model_of(nodes, {"scales": np.array([1, 1, 2, 2], np.float32)}, [2, 3, 6, 5], opset=9).SerializeToString()
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 5)).astype(np.float32)
    ((ours, theirs),) = outputs_of_both(tmp_path / "model.onnx", content, {"x": x})
    np.testing.assert_allclose(ours, theirs, atol=1e-7)


def test_sizes_computed_from_shapes_are_known_while_reading(tmp_path: Path) -> None:
    node = onnx.helper.make_node
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "zero"], ["batch"], axis=0),
        node("Unsqueeze", ["batch", "zeros"], ["head"]),
        node("Constant", [], ["rest"], value_ints=[-1]),
        node("Concat", ["head", "rest"], ["sizes"], axis=0),
        node("Reshape", ["x", "sizes"], ["y"]),
    ]
    constants = {"zero": np.array(0, np.int64), "zeros": np.array([0], np.int64)}
    content = model_of(nodes, constants, ["batch", 3, 4]).SerializeToString()
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    ((ours, theirs),) = outputs_of_both(tmp_path / "model.onnx", content, {"x": x})
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int32", "int8", "uint8", "int64", "bool"])
def test_constants_are_read_from_raw_and_from_typed_fields(dtype: str, raw: bool) -> None:
    values = np.array([[0, 1, 2], [3, 100, 1]]).astype(dtype)
    code = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    data = values.tobytes() if raw else values.reshape(-1).tolist()
    constant = onnx.helper.make_tensor("c", code, values.shape, data, raw=raw)
    model = model_of(
        [onnx.helper.make_node("Cast", ["c"], ["d"], to=1), onnx.helper.make_node("Add", ["x", "d"], ["y"])], {}, [2, 3]
    )
    model.graph.initializer.append(constant)
    program = read_onnx(model.SerializeToString(), "model")
    got = Interpreter(program, "onnx-qdq").run({"x": np.zeros((2, 3), np.float32)})["y"]
    np.testing.assert_array_equal(got, values.astype(np.float32))


def test_convolutions_in_a_row_need_transposes_only_at_the_ends() -> None:
    node, rng = onnx.helper.make_node, np.random.default_rng(0)
    weights = {f"w{i}": rng.normal(size=(4, 4, 3, 3)).astype(np.float32) for i in range(3)}
    nodes = [
        node("Conv", ["x", "w0"], ["a"], pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "w1"], ["c"], pads=[1, 1, 1, 1]),
        node("Add", ["c", "b"], ["d"]),
        node("Concat", ["d", "b"], ["e"], axis=1),
        node("Slice", ["e", "from", "to", "axes"], ["f"]),
        node("Conv", ["f", "w2"], ["y"]),
    ]
    bounds = {"from": np.array([2]), "to": np.array([6]), "axes": np.array([1])}
    program = read_onnx(model_of(nodes, weights | bounds, [1, 4, 9, 8]).SerializeToString(), "model")
    assert [op.kind for op in program.ops].count("transpose") == 2
    assert {"a", "b", "c", "d", "e", "f"} <= {t.name for t in program.tensors}


def test_metadata_is_kept() -> None:
    model = model_of([onnx.helper.make_node("Relu", ["x"], ["y"])], {}, [1, 3])
    onnx.helper.set_model_props(model, {"who": "me"})
    content = model.SerializeToString()
    assert read_onnx(content, "model").metadata == {"who": b"me"}


def _unknown(model: Any) -> None:
    model.graph.node[0].op_type = "Einsum"


def _computed_weights(model: Any) -> None:
    model.graph.node.append(onnx.helper.make_node("Conv", ["x", "y"], ["z"]))


def _unwritten(model: Any) -> None:
    model.graph.node[0].input[0] = "nobody"


def _twice(model: Any) -> None:
    model.graph.node.append(onnx.helper.make_node("Relu", ["x"], ["y"]))


def _external(model: Any) -> None:
    model.graph.initializer.add(name="c", data_type=1, dims=[1], data_location=1)


def _negative(model: Any) -> None:
    model.graph.initializer.add(name="c", data_type=1, dims=[-1])


def _short(model: Any) -> None:
    model.graph.initializer.add(name="c", data_type=1, dims=[1 << 40], raw_data=b"1234")


def _huge(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1 << 40


def _open(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "width"


def _opset(model: Any) -> None:
    model.opset_import[0].version = 99


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_unknown, "it uses Einsum; operators that are known: Add, "),
        (_computed_weights, "must be a constant"),
        (_unwritten, "reads 'nobody' before anything writes it"),
        (_twice, "writes 'y' a second time"),
        (_external, "stored in another file"),
        (_negative, "impossible shape"),
        (_short, "has 1 values"),
        (_huge, "impossible shape"),
        (_open, "no fixed shape"),
        (_opset, "opset 99"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(damage: Callable[[Any], None], sentence: str) -> None:
    model = model_of([onnx.helper.make_node("Relu", ["x"], ["y"])], {}, [1, 3])
    damage(model)
    with pytest.raises(ArtifactError, match="model") as caught:
        read_onnx(model.SerializeToString(), "model.onnx")
    assert sentence in str(caught.value)


def test_damaged_files_are_refused_or_run() -> None:
    rng = np.random.default_rng(0)
    contents = [
        quantised_model(CASES[name](rng), rng) for name in ("conv", "conv_transpose", "concat", "resize", "pad")
    ]
    for trial in range(600):
        content = bytearray(contents[trial % len(contents)])
        for _ in range(int(rng.integers(1, 4))):
            content[int(rng.integers(len(content)))] = int(rng.integers(256))
        cut = bytes(content[: int(rng.integers(1, len(content)))] if trial % 5 == 0 else content)
        try:
            program = read_onnx(cut, "model")
            inputs = {
                program.tensors[i].name: np.zeros(program.tensors[i].shape, program.tensors[i].dtype)
                for i in program.inputs
            }
            Interpreter(program, "onnx-qdq").run(inputs)
        except ArtifactError:
            pass
