"""What a package holds, as notes: operations by kind and by the device they are expected on, and where its bytes are.

Nothing here has run on an Apple device: "expected" follows Apple's guides, and Xcode's performance report of the
package tells what is so. Core ML Tools guide, "Typed Execution": what is typed float32 runs on CPU and GPU, float16 on
the Neural Engine too. "API Overview", "Quantizing weights and activations": from iPhone 15 Pro on the Neural Engine
computes 8-bit weights and activations in integers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime_py.readers.mil import Operation
from runtime_py.readers.mlpackage import Package, function_of
from runtime_py.readers.protobuf import Message

CONSTANTS = "no device: folded when the model is compiled"
FLOAT32_DEVICES = "CPU or GPU, float32"
ENGINE_FLOAT16 = "Neural Engine, float16"
ENGINE_INT8 = "Neural Engine, int8 from A17 Pro on, float16 before"

INTEGER_KINDS = ("quantize", "dequantize")
FUSED_KINDS = ("conv", "conv_transpose", "add", "concat", "max_pool")
"""Kinds that may be computed in integers between a dequantise and a quantise."""


@dataclass(frozen=True)
class Notes:
    """`operations`: expected place -> kind -> count. `program_bytes` is the protobuf, `weight_bytes` the blob file."""

    operations: Mapping[str, Mapping[str, int]]
    program_bytes: int
    weight_bytes: int

    def lines(self) -> list[str]:
        """As text: a line for each place, then the bytes."""
        told = []
        for place, kinds in self.operations.items():
            counted = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
            told.append(f"expected on {place}: {counted}")
        return [*told, f"program {self.program_bytes} bytes, weights {self.weight_bytes} bytes"]


def notes_of(path: Path) -> Notes:
    """Notes of an .mlpackage. Raises ArtifactError for what is none or is damaged."""
    package = Package(Path(path))
    model = package.model()
    function = function_of(Message(model, str(path), "the model"), package)
    dtypes = {named.name: named.dtype for named in function.inputs}
    dtypes |= {out.name: out.dtype for op in function.operations for out in op.outputs}
    is_quantised = any(op.type in INTEGER_KINDS for op in function.operations)
    places: dict[str, Counter[str]] = {}
    for operation in function.operations:
        if operation.type != "const":
            places.setdefault(expected(operation, dtypes, is_quantised), Counter())[operation.type] += 1
    weight_bytes = sum(file.stat().st_size for file in Path(path).rglob("weights/*"))
    return Notes({place: dict(kinds) for place, kinds in places.items()}, len(model), weight_bytes)


def expected(operation: Operation, dtypes: Mapping[str, str], is_quantised: bool) -> str:
    """Where Apple's documents let one operation be expected, by the type that it computes in."""
    if operation.type.startswith("constexpr_"):
        return CONSTANTS
    used = [name for names in operation.operands.values() for name in names if isinstance(name, str)]
    types = {dtypes[name] for name in used if name in dtypes} | {out.dtype for out in operation.outputs}
    if "float32" in types:
        return FLOAT32_DEVICES
    return ENGINE_INT8 if is_quantised and operation.type in (*INTEGER_KINDS, *FUSED_KINDS) else ENGINE_FLOAT16
