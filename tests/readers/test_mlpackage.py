"""ML programs against PyTorch, against coremltools' own decompression, and damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime_py.error_bound import network_tolerance
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.interpreter import Interpreter
from runtime_py.quiet import quiet
from runtime_py.readers import read
from runtime_py.readers.mil_blob import bit_fields

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
ct = pytest.importorskip("coremltools", reason="coremltools is not installed")

from mil_nets import NETS, SHAPE, Small, converted  # noqa: E402

Array = NDArray[Any]
MODEL = Path("Data/com.apple.CoreML/model.mlmodel")
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")


def run(path: Path, x: Array) -> list[Array]:
    program = read(path)
    return list(Interpreter(program, "coreml-fp16").run({program.input_names()[0]: x}).values())


def off(got: Array, wanted: Array) -> float:
    """The largest deviation as a share of the range."""
    assert got.shape == wanted.shape
    return float(np.abs(got - wanted).max() / max(np.ptp(wanted), 1e-6))


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
@pytest.mark.parametrize("name", NETS)
def test_converted_networks_give_what_pytorch_gives(name: str, half: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = NETS[name]().eval()
    converted(net, tmp_path / "net.mlpackage", half)
    x = torch.randn(SHAPE)
    with torch.no_grad():
        wanted = [y.numpy() for y in net(x)]
    got = run(tmp_path / "net.mlpackage", x.numpy())
    assert len(got) == len(wanted)
    allowed = network_tolerance(read(tmp_path / "net.mlpackage")) if half else 1e-5
    errors = [off(g, w) for g, w in zip(got, wanted, strict=True)]
    assert max(errors) <= allowed, errors
    # Half floats must show: a reader that quietly kept float32 would pass otherwise.
    assert not half or max(errors) > 1e-4


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network with weights in every compressed form; each beside coremltools' decompression of it."""
    folder = tmp_path_factory.mktemp("compressed")
    torch.manual_seed(1)
    net = Small()
    with quiet():
        import coremltools.optimize.coreml as cto

        everywhere: dict[str, Any] = {"weight_threshold": 0}
        quantised, palette = cto.OpLinearQuantizerConfig, cto.OpPalettizerConfig
        forms = {
            "iOS16": {
                "affine": quantised(mode="linear", **everywhere),
                "palette6": palette(mode="uniform", nbits=6, **everywhere),
                "sparse": cto.OpMagnitudePrunerConfig(target_sparsity=0.6, **everywhere),
            },
            "iOS18": {
                "blocks4": quantised(dtype="int4", granularity="per_block", block_size=4, **everywhere),
                "unsigned4": quantised(mode="linear", dtype="uint4", **everywhere),
                "tables3": palette(
                    mode="uniform", nbits=3, granularity="per_grouped_channel", group_size=4, **everywhere
                ),
                "sparse": cto.OpMagnitudePrunerConfig(target_sparsity=0.6, **everywhere),
            },
        }
        for target, configs in forms.items():
            plain = converted(net, folder / f"{target}.mlpackage", half=True, target=target)
            for form, config in configs.items():
                compress = {
                    cto.OpLinearQuantizerConfig: cto.linear_quantize_weights,
                    cto.OpPalettizerConfig: cto.palettize_weights,
                    cto.OpMagnitudePrunerConfig: cto.prune_weights,
                }[type(config)]
                model = compress(plain, cto.OptimizationConfig(config))
                model.save(str(folder / f"{target}_{form}.mlpackage"))
                cto.decompress_weights(model).save(str(folder / f"{target}_{form}_dense.mlpackage"))
    return folder


def test_compressed_weights_are_the_numbers_that_coremltools_decompresses(compressed: Path) -> None:
    x = np.random.default_rng(2).standard_normal(SHAPE).astype(np.float32)
    seen = set()
    for dense in sorted(compressed.glob("*_dense.mlpackage")):
        small = dense.with_name(dense.name.replace("_dense", ""))
        seen |= {kind for kind in CONSTEXPR if kind in (small / MODEL).read_bytes()}
        for got, wanted in zip(run(small, x), run(dense, x), strict=True):
            np.testing.assert_array_equal(got, wanted, err_msg=small.name)
    assert seen == set(CONSTEXPR)


CONSTEXPR = (
    b"constexpr_affine_dequantize",
    b"constexpr_blockwise_shift_scale",
    b"constexpr_lut_to_dense",
    b"constexpr_sparse_to_dense",
)


def test_packed_numbers_begin_at_the_lowest_bit() -> None:
    """The example of coremltools' documentation: 0, 3, 2, 1 in one byte, 3 in the next."""
    stored = np.array([0b01_10_11_00, 0b00_00_00_11], np.uint8)
    assert bit_fields(stored, 2, 5).tolist() == [0, 3, 2, 1, 3]
    assert bit_fields(np.array([0b10_001_010, 0b0000_111_0], np.uint8), 3, 4).tolist() == [2, 1, 2, 7]


@pytest.fixture
def package(compressed: Path, tmp_path: Path) -> Path:
    """A package that may be damaged."""
    return Path(shutil.copytree(compressed / "iOS18_tables3.mlpackage", tmp_path / "net.mlpackage"))


def test_missing_and_foreign_parts_are_named(package: Path, tmp_path: Path) -> None:
    manifest = package / "Manifest.json"
    whole = json.loads(manifest.read_text())
    entry = whole["itemInfoEntries"][whole["rootModelIdentifier"]]
    entry["path"] = "../../outside.mlmodel"
    manifest.write_text(json.dumps(whole))
    (tmp_path / "outside.mlmodel").write_bytes(b"secret")
    with pytest.raises(ArtifactError, match="lies outside the package"):
        read(package)
    manifest.write_text("{}")
    with pytest.raises(ArtifactError, match=r"Manifest\.json names no root model"):
        read(package)
    manifest.unlink()
    with pytest.raises(ArtifactError, match=r"Manifest\.json is missing"):
        read(package)
    with pytest.raises(ArtifactError, match="does not exist"):
        read(tmp_path / "absent.mlpackage")
    (tmp_path / "file.mlpackage").write_bytes(b"PK")
    with pytest.raises(ArtifactError, match=r"an \.mlpackage is a folder"):
        read(tmp_path / "file.mlpackage")


def test_a_cut_weight_file_and_a_cut_program_are_damage(package: Path) -> None:
    for name in (WEIGHTS, MODEL):
        whole = (package / name).read_bytes()
        for size in (0, 40, len(whole) // 2, len(whole) - 1):
            (package / name).write_bytes(whole[:size])
            with pytest.raises(ArtifactError):
                read(package)
        (package / name).write_bytes(whole)
    read(package)


def test_unknown_operations_are_named_with_those_that_are_known(package: Path) -> None:
    model = package / MODEL
    model.write_bytes(model.read_bytes().replace(b"conv_transpose", b"conv_transposX"))
    with pytest.raises(ArtifactError, match=r"it uses conv_transposX; operations that are known: abs, add"):
        read(package)


def test_mutated_packages_run_or_raise_an_error_for_the_user(package: Path) -> None:
    rng = np.random.default_rng(4)
    whole = {name: (package / name).read_bytes() for name in (MODEL, WEIGHTS, Path("Manifest.json"))}
    raised = 0
    for _ in range(600):
        name = list(whole)[rng.choice(3, p=[0.8, 0.15, 0.05])]
        mutated = bytearray(whole[name])
        for position in rng.integers(0, len(mutated), int(rng.integers(1, 4))):
            mutated[position] = int(rng.integers(0, 256))
        (package / name).write_bytes(bytes(mutated))
        try:
            program = read(package)
            if all(np.prod(t.shape) < 1e6 for t in program.tensors):
                inputs = [program.tensors[i] for i in program.inputs]
                Interpreter(program, "coreml-fp16").run({t.name: np.zeros(t.shape, t.dtype) for t in inputs})
        except DpocketError:
            raised += 1
        (package / name).write_bytes(whole[name])
    assert raised > 50
