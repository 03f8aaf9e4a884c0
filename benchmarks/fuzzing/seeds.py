"""Sound artifacts to damage: small models of every kind, what this project's own exporters make of tiny students, and
capture packages.

An artifact is a mapping of relative paths to files; a single file has the path "".
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.fuzzing.mutations import Seed, flatbuffer_seed, protobuf_seed
from benchmarks.fuzzing.packages import package_seeds, zip_fields
from runtime_py.errors import DpocketError
from runtime_py.readers import READERS

Artifact = Mapping[str, Seed]

FORMATS = ("tflite", "onnx", "pte", "mlpackage", "dpz")
PRECISIONS = ("int8", "fp32", "fp16", "int8-weights")


def artifacts(
    kind: str,
    folder: Path | None = None,
    sources: Sequence[str] = ("generated", "exported"),
    precisions: Sequence[str] = PRECISIONS,
) -> list[Artifact]:
    """Sound artifacts of a format: generated models, what the exporters make, and those of `folder` by suffix.

    Exports, of models only, are at those of `precisions` that the format has. Raises DpocketError for an unknown format
    or when there are none.
    """
    if kind not in FORMATS:
        raise DpocketError(f"there is no format '{kind}' to damage; there are: {', '.join(FORMATS)}")
    made = list(GENERATED[kind]()) if "generated" in sources else []
    if "exported" in sources and kind != "dpz":
        with tempfile.TemporaryDirectory() as place:
            # Only the exporters need torch.
            from benchmarks.fuzzing.students import write_artifacts

            write_artifacts(Path(place), kind, precisions)
            made += _found(Path(place), kind)
    if folder is not None:
        made += _found(folder, kind)
    if not made:
        raise DpocketError(f"there is no .{kind} artifact to damage")
    return made


def as_seed(kind: str, name: str, content: bytes) -> Seed:
    """A file with the places of the numbers that its format's reader goes by."""
    if kind in ("tflite", "pte"):
        return flatbuffer_seed(name, content, READERS[f".{kind}"])
    if kind == "dpz":
        return Seed(name, content, zip_fields(content))
    if name.endswith((".json", ".bin")):
        return Seed(name, content, tuple((i, 4) for i in range(0, min(len(content), 1 << 14) - 4, 4)))
    return protobuf_seed(name, content)


def _found(folder: Path, kind: str) -> list[Artifact]:
    made: list[Artifact] = []
    for path in sorted(folder.rglob(f"*.{kind}")):
        files = [p for p in sorted(path.rglob("*")) if p.is_file()] if path.is_dir() else [path]
        named = {os.path.relpath(p, path) if path.is_dir() else "": p for p in files}
        made.append({name: as_seed(kind, name, p.read_bytes()) for name, p in named.items()})
    return made


def _tflite() -> list[Artifact]:
    from benchmarks.models import INT8_OPS, OTHER_OPS
    from benchmarks.models.network import KINDS
    from benchmarks.models.networks import NETWORKS

    made = [build(np.random.default_rng(7)) for build in (*INT8_OPS.values(), *OTHER_OPS.values())]
    made += [build(np.random.default_rng(7)).float_twin() for name, build in INT8_OPS.items() if "quant" not in name]
    made += [build(np.random.default_rng(3), kind) for kind in KINDS for build in NETWORKS.values()]
    return [{"": as_seed("tflite", f"model {i}", model.content())} for i, model in enumerate(made)]


def _onnx() -> list[Artifact]:
    from benchmarks.models.onnx_cases import CASES
    from benchmarks.models.onnx_files import float_model, quantised_model

    made = []
    for name, build in CASES.items():
        for write in (float_model, quantised_model):
            rng = np.random.default_rng(5)
            try:
                made.append((name, write(build(rng), rng)))
            except (KeyError, ValueError, TypeError):
                # Some operations have no quantised form.
                continue
    return [{"": as_seed("onnx", name, content)} for name, content in made]


def _pte() -> list[Artifact]:
    from benchmarks.models.pte import build
    from benchmarks.models.pte_nets import cases

    # Lowering takes seconds for each; a few of them have every kind of record.
    return [{"": as_seed("pte", name, build(case))} for name, case in list(cases().items())[::6]]


GENERATED: Mapping[str, Callable[[], list[Artifact]]] = {
    "tflite": _tflite,
    "onnx": _onnx,
    "pte": _pte,
    "mlpackage": list,
    "dpz": lambda: [{"": seed} for seed in package_seeds()],
}
"""Small models by format; ML programs come from the exporters alone."""
