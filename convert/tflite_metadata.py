"""The TFLite metadata of a .tflite: what its tensors mean, for tools that know nothing of dpocket.

Two parts, as https://ai.google.dev/edge/litert/conversion/tensorflow/metadata has them: a FlatBuffer (identifier
"M001") in the model's metadata entry "TFLITE_METADATA", and a zip behind the model that holds its associated files,
here the contract. Field numbers are those of metadata_schema.fbs 1.5.0 (tensorflow/tflite-support,
tensorflow_lite_support/metadata).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime_py.contract import Contract, Preprocess, TensorSpec
from runtime_py.program import Program

METADATA_KEY = "TFLITE_METADATA"
IDENTIFIER = b"M001"

CONTRACT_FILE = "contract.json"
"""The associated file's name in the zip and in the metadata."""

AUTHOR = "dpocket"

LICENSE = "Apache-2.0 for students that ship with dpocket; of any other, ask who trained it"

PARSER_VERSION = "1.0.0"
"""The schema's version that has every field used here; nothing below came later."""

DESCRIPTIONS, FEATURE, NORMALIZATION = 1, 1, 1
"""AssociatedFileType.DESCRIPTIONS, ContentProperties.FeatureProperties, ProcessUnitOptions.NormalizationOptions."""

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can say: the clock must not decide an artifact's bytes."""


def metadata_buffer(program: Program, contract: Contract) -> bytes:
    """The FlatBuffer of ModelMetadata for `program`, whose inputs and outputs `contract` names in the same order.

    The model's version is a hash of its constants: exports of the same weights at the same precision share it.
    """
    import flatbuffers

    outputs = ", ".join(spec.name for spec in contract.outputs)
    subgraph = Table(
        {
            0: "main",
            1: f"two views of a dual-pixel capture to {outputs}",
            2: [_input(spec, contract) for spec in contract.inputs],
            3: [_output(spec, contract) for spec in contract.outputs],
        }
    )
    contract_file = Table({0: CONTRACT_FILE, 1: "units, signs, grids and preprocessing as JSON", 2: DESCRIPTIONS})
    model = Table(
        {
            0: f"dpocket {contract.student}",
            1: _description(contract),
            2: _version(program),
            3: [subgraph],
            4: AUTHOR,
            5: LICENSE,
            6: [contract_file],
            7: PARSER_VERSION,
        }
    )
    builder = flatbuffers.Builder(1 << 12)
    builder.Finish(model.pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def with_contract_file(model: bytes, contract: Contract) -> bytes:
    """`model` with the zip of its associated file behind it; the offsets in it count from the model's first byte.

    The file is stored, not deflated, and the zip has no comment: the Task Library's C++ extractor refuses deflated
    files ("Expected uncompressed zip archive"), the Java one would hand out the deflated bytes and takes the file's
    last 22 bytes for the zip's end record.
    """
    content = io.BytesIO()
    content.write(model)
    # Not "a", which would first look for a zip in the model, whose weights may look like one.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo(CONTRACT_FILE, ZIP_TIME)
        # The default depends on the machine; 3 is Unix.
        entry.create_system, entry.external_attr = 3, 0o644 << 16
        archive.writestr(entry, contract.to_json())
    return content.getvalue()


@dataclass(frozen=True)
class Table:
    """A FlatBuffers table to be, value by field number: a text, a one-byte enumeration, reals, texts, or tables."""

    fields: Mapping[int, str | int | Table | Sequence[float] | Sequence[str] | Sequence[Table]]

    def pack(self, builder: Any) -> int:
        """Write what it refers to, then the table; returns its offset."""
        stored = {n: v if isinstance(v, int) else _pack(builder, v) for n, v in self.fields.items()}
        builder.StartObject(max(stored, default=-1) + 1)
        for number, value in stored.items():
            if isinstance(self.fields[number], int):
                builder.PrependUint8Slot(number, value, 0)
            else:
                builder.PrependUOffsetTRelativeSlot(number, value, 0)
        return int(builder.EndObject())


def _pack(builder: Any, value: str | Table | Sequence[float] | Sequence[str] | Sequence[Table]) -> int:
    if isinstance(value, str):
        return int(builder.CreateSharedString(value))
    if isinstance(value, Table):
        return value.pack(builder)
    is_real = all(isinstance(item, float) for item in value)
    items = [item if isinstance(item, float) else _pack(builder, item) for item in value]
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        (builder.PrependFloat32 if is_real else builder.PrependUOffsetTRelative)(item)
    return int(builder.EndVector())


def _input(spec: TensorSpec, contract: Contract) -> Table:
    # Mean 0 and deviation 1: what a mean and a deviation could do, the contract's preprocessing has done.
    unchanged = Table({0: NORMALIZATION, 1: Table({0: [0.0], 1: [1.0]})})
    told = f"{spec.name} view, {_preprocessing(contract.preprocess, contract.working_width)}; {_stored(spec)}"
    return Table({**_tensor(spec, told), 4: [unchanged]})


def _output(spec: TensorSpec, contract: Contract) -> Table:
    unit = f"{spec.unit} of a view {contract.working_width} px wide" if spec.unit == "px" else "0..1"
    within = "" if spec.within_px is None else f", that the disparity is right to within {spec.within_px:g} px"
    told = ", ".join(text for text in (f"{spec.name} in {unit}{within}", spec.sign) if text)
    return Table(_tensor(spec, f"{told}; {_stored(spec)}"))


def _tensor(spec: TensorSpec, told: str) -> dict[int, Any]:
    """A feature map: an ImageProperties would promise that 8-bit pictures may be put in."""
    low, high = spec.valid_range
    dimensions = ["batch", "height", "width", "channel"]
    return {0: spec.name, 1: told, 2: dimensions, 3: Table({0: FEATURE, 1: Table({})}), 5: Table({0: [high], 1: [low]})}


def _preprocessing(preprocess: Preprocess, width: int) -> str:
    return (
        f"linear light x at {width} px width as clip({preprocess.gain:g} (g - box(g)), ±{preprocess.limit:g}) of "
        f"g = log(x / mean(x) + {preprocess.floor:g}), box a mean over {preprocess.box} x {preprocess.box} px"
    )


def _stored(spec: TensorSpec) -> str:
    if spec.scale is None:
        return spec.dtype
    grid = f"scale {spec.scale:.9g}, zero point {spec.zero_point}"
    return f"{spec.dtype}, {grid}" if spec.dtype != "float32" else f"float32, int8 inside with {grid}"


def _description(contract: Contract) -> str:
    return (
        f"Signed disparity of a dual-pixel capture. Views have square pixels and a {contract.dp_axis} dual-pixel axis; "
        f"outputs have 1/{contract.output_stride} of their height and width. The whole contract is {CONTRACT_FILE}."
    )


def _version(program: Program) -> str:
    digest = hashlib.sha256()
    for tensor in program.tensors:
        if tensor.data is not None:
            digest.update(f"{tensor.name} {tensor.dtype} {tensor.shape}".encode() + tensor.data.tobytes())
    return digest.hexdigest()[:12]
