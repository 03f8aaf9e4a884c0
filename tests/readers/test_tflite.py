from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.models import INT8_OPS
from benchmarks.models.tflite import Model, O, T, constant, model
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.interpreter import Interpreter
from runtime_py.readers import READERS, read
from runtime_py.readers.tflite import read_tflite

pytest.importorskip("ai_edge_litert", reason="the test models are written with LiteRT's schema")

CONV_FIELDS = {"strideH": 2, "strideW": 3, "padding": 0, "fusedActivationFunction": 1}
CONV_FIELDS |= {"dilationHFactor": 1, "dilationWFactor": 1}


def conv_tensors() -> list[T]:
    return [
        T("serving_left:0", (1, 8, 9, 2), "int8", 0.5, -3),
        constant("weights", np.ones((4, 3, 3, 2), np.int8), [0.1, 0.2, 0.3, 0.4]),
        constant("bias", np.arange(4, dtype=np.int32), [0.05, 0.1, 0.15, 0.2]),
        T("result", (1, 4, 3, 4), "int8", 0.25, 7),
    ]


def conv_model(**extra: object) -> bytes:
    op = O("CONV_2D", (0, 1, 2), (3,), "Conv2DOptions", CONV_FIELDS)
    return model(conv_tensors(), [op], (0,), (3,), **extra)  # type: ignore[arg-type]


def test_a_convolution_is_read_with_attributes_grids_and_constants() -> None:
    program = read_tflite(conv_model(), "conv.tflite")
    (op,) = program.ops
    assert op.kind == "conv2d"
    assert op.attrs == {"stride": (2, 3), "dilation": (1, 1), "padding": "same", "activation": "relu"}
    image, weights, bias, result = (program.tensors[i] for i in (*op.inputs, *op.outputs))
    assert (image.shape, image.dtype, image.data) == ((1, 8, 9, 2), "int8", None)
    assert weights.quant is not None
    np.testing.assert_array_equal(weights.quant.scale, np.float32([0.1, 0.2, 0.3, 0.4]))
    assert weights.quant.axis == 0
    assert bias.data is not None
    assert bias.data.tolist() == [0, 1, 2, 3]
    assert result.quant is not None
    assert (float(result.quant.scale[0]), int(result.quant.zero_point[0])) == (0.25, 7)


def test_signature_names_replace_tensor_names_of_inputs_and_outputs() -> None:
    content = conv_model(signature={"inputs": {"left": 0}, "outputs": {"disparity": 3}})
    program = read_tflite(content, "conv.tflite")
    assert (program.input_names(), program.output_names()) == (("left",), ("disparity",))
    assert [t.name for t in program.tensors[1:3]] == ["weights", "bias"]


def test_repeated_names_are_told_apart() -> None:
    tensors = [T("x", (1, 2), "float32"), T("x", (1, 2), "float32"), T("x", (1, 2), "float32")]
    ops = [O("RELU", (0,), (1,)), O("RELU", (1,), (2,))]
    program = read_tflite(model(tensors, ops, (0,), (2,)), "names")
    assert [t.name for t in program.tensors] == ["x", "x#1", "x#2"]


def test_metadata_is_returned_by_name() -> None:
    program = read_tflite(conv_model(metadata={"dpocket.contract": b"{}", "min_runtime_version": b"1.5.0"}), "m")
    assert program.metadata == {"dpocket.contract": b"{}", "min_runtime_version": b"1.5.0"}


def test_the_output_shape_operand_of_a_transposed_convolution_is_dropped() -> None:
    program = read_tflite(INT8_OPS["transpose_conv2d"](np.random.default_rng(0)).content(), "m")
    (op,) = program.ops
    assert [program.tensors[i].name for i in op.inputs] == ["x", "w", "b"]


def test_an_unknown_operator_is_named_with_those_that_are_known() -> None:
    tensors = [T("x", (1, 2), "float32"), T("y", (1, 2), "float32")]
    with pytest.raises(ArtifactError, match=r"it uses CUMSUM; operators that are known: .*CONV_2D"):
        read_tflite(model(tensors, [O("CUMSUM", (0,), (1,))], (0,), (1,)), "m")


def test_a_buffer_shorter_than_its_shape_is_refused() -> None:
    tensors = conv_tensors()
    tensors[1].shape = (4, 3, 3, 200_000_000)
    with pytest.raises(ArtifactError, match=r"tensor 1 'weights'"):
        read_tflite(model(tensors, [O("CONV_2D", (0, 1, 2), (3,), "Conv2DOptions", CONV_FIELDS)], (0,), (3,)), "m")
    tensors[1].shape = (4, 3, 3, 3)
    with pytest.raises(ArtifactError, match="needs 108 bytes, its buffer has 72"):
        read_tflite(model(tensors, [O("CONV_2D", (0, 1, 2), (3,), "Conv2DOptions", CONV_FIELDS)], (0,), (3,)), "m")


def test_a_wrong_declared_output_shape_is_refused_with_the_right_one() -> None:
    tensors = conv_tensors()
    tensors[3].shape = (1, 4, 4, 4)
    content = model(tensors, [O("CONV_2D", (0, 1, 2), (3,), "Conv2DOptions", CONV_FIELDS)], (0,), (3,))
    with pytest.raises(ArtifactError, match=r"its inputs give \(\(1, 4, 3, 4\),\)"):
        Interpreter(read_tflite(content, "m"))


def test_a_missing_file_a_foreign_file_and_an_unknown_suffix_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="No such file"):
        read(tmp_path / "absent.tflite")
    photo = tmp_path / "photo.tflite"
    photo.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(1000))
    with pytest.raises(ArtifactError, match="a JPEG image"):
        read(photo)
    with pytest.raises(ArtifactError, match=r"reads .*\.tflite"):
        read(tmp_path / "model.h5")
    noise = tmp_path / "noise.tflite"
    noise.write_bytes(b"no model at all, just text")
    with pytest.raises(ArtifactError, match=r"not a \.tflite file"):
        read(noise)
    assert set(READERS) >= {".tflite"}


def test_every_truncation_is_an_artifact_error() -> None:
    whole = conv_model(metadata={"dpocket.contract": b"{}"})
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(ArtifactError):
            read_tflite(whole[:length], "cut.tflite")


def small_net() -> Model:
    """Convolution, transposed convolution, concat, padding and pooling, so that mutations meet many decoders."""
    rng = np.random.default_rng(0)
    tensors = [
        T("x", (1, 8, 8, 4), "int8", 0.1, 3),
        constant("w", rng.integers(-127, 128, (4, 3, 3, 4)).astype(np.int8), np.full(4, 0.01)),
        constant("b", np.arange(4, dtype=np.int32), np.full(4, 0.001)),
        T("half", (1, 4, 4, 4), "int8", 0.2, 0),
        constant("w2", rng.integers(-127, 128, (4, 2, 2, 4)).astype(np.int8), 0.01),
        constant("shape", np.array([1, 8, 8, 4], np.int32)),
        T("up", (1, 8, 8, 4), "int8", 0.1, 3),
        T("both", (1, 8, 8, 8), "int8", 0.1, 3),
        constant("paddings", np.array([[0, 0], [1, 1], [0, 2], [0, 0]], np.int32)),
        T("wide", (1, 10, 10, 8), "int8", 0.1, 3),
        T("y", (1, 5, 5, 8), "int8", 0.1, 3),
    ]
    conv = {"strideH": 2, "strideW": 2, "padding": 0, "fusedActivationFunction": 1}
    pool = {"strideH": 2, "strideW": 2, "padding": 1, "filterHeight": 2, "filterWidth": 2}
    up = {"strideH": 2, "strideW": 2, "padding": 0}
    ops = [
        O("CONV_2D", (0, 1, 2), (3,), "Conv2DOptions", conv | {"dilationHFactor": 1, "dilationWFactor": 1}),
        O("TRANSPOSE_CONV", (5, 4, 3, 2), (6,), "TransposeConvOptions", up),
        O("CONCATENATION", (0, 6), (7,), "ConcatenationOptions", {"axis": 3}),
        O("PAD", (7, 8), (9,), "PadOptions"),
        O("MAX_POOL_2D", (9,), (10,), "Pool2DOptions", pool),
    ]
    return Model(tensors, ops, (0,), (10,), [rng.integers(-128, 128, (1, 8, 8, 4)).astype(np.int8)])


def test_mutated_files_run_or_raise_an_error_for_the_user() -> None:
    whole = small_net().content()
    rng = np.random.default_rng(1)
    raised = 0
    for _ in range(1500):
        mutated = bytearray(whole)
        for position in rng.integers(0, len(whole), int(rng.integers(1, 4))):
            mutated[position] = int(rng.integers(0, 256))
        try:
            program = read_tflite(bytes(mutated), "mutated.tflite")
            zeros = {program.tensors[i].name: program.tensors[i] for i in program.inputs}
            if all(np.prod(t.shape) < 1e6 for t in program.tensors):
                Interpreter(program).run({name: np.zeros(t.shape, t.dtype) for name, t in zeros.items()})
        except DpocketError:
            raised += 1
    assert raised > 100
