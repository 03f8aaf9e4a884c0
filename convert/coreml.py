"""A program as a Core ML ML program in NCHW, with the program's names and its numbers."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from convert.coreml_compact import compact
from convert.coreml_exact import ExactWriter
from convert.coreml_metadata import describe
from convert.coreml_options import CoreMLOptions, precision_of
from convert.coreml_writer import Writer
from runtime_py.contract import Contract
from runtime_py.program import Program
from runtime_py.quiet import quiet

RESCALES_ADDITIONS = "common::distributive_quantized_binary_op_scale_normalization"
"""The one default pass that would write other scales than the grid's."""

CHANGES_NUMBERS = {
    "common::fuse_conv_scale",
    "common::divide_to_multiply",
    "common::nullify_redundant_quantization_zero_point",
}
"""Default passes that would merge an `ExactWriter`'s factors with weights, invert them, or move zero points."""

FOLDER = "com.apple.CoreML"


def to_mlpackage(
    program: Program, contract: Contract, half: bool = True, options: CoreMLOptions | None = None
) -> dict[str, bytes]:
    """The files of the .mlpackage by relative path; the same program gives the same bytes.

    `contract` is that of the package: `options.boundary` of one with float32 inputs. Outputs are float32, NCHW, and
    so are inputs unless `options` say otherwise; an int8 program is quantised inside, by `quantize` and
    `dequantize` around operations that compute in float16 (`half`) or float32. In float32 an `ExactWriter` brings
    every sum back to the other targets' integers. With `half`, an int8 program must be `float16_scales(program)`:
    faster on the Neural Engine, but not these integers; Core ML's own passes then write some int8 tensors of zero
    point -128 as uint8 with zero point 0, which is the same grid. Raises DpocketError for options that the
    program's precision cannot have.
    """
    options = options or CoreMLOptions()
    precision = precision_of(program)
    options.require_possible(precision)
    with quiet():
        model = _converted(program, contract, half, options)
        spec = model.get_spec()
        # At most one file: coremltools keeps a few numbers in the program itself.
        stored = [(p.name, p.read_bytes()) for p in Path(model.weights_dir).iterdir()]
        blobs = {f"Data/{FOLDER}/weights/{name}": compact(spec, data) for name, data in stored}
    describe(spec.description, contract, options, precision)
    return {
        f"Data/{FOLDER}/model.mlmodel": bytes(spec.SerializeToString(deterministic=True)),
        **blobs,
        "Manifest.json": _package_manifest(),
    }


def _converted(program: Program, contract: Contract, half: bool, options: CoreMLOptions) -> Any:
    import coremltools as ct

    pipeline = ct.PassPipeline.DEFAULT
    is_exact = not half and precision_of(program) == "int8"
    pipeline.remove_passes({RESCALES_ADDITIONS} | (CHANGES_NUMBERS if is_exact else set()))
    return ct.convert(
        (ExactWriter if is_exact else Writer)(program, contract, options).program_of(ct),
        convert_to="mlprogram",
        inputs=_images(ct, contract) or None,
        minimum_deployment_target=getattr(ct.target, options.deployment_target),
        compute_precision=ct.precision.FLOAT16 if half else ct.precision.FLOAT32,
        pass_pipeline=pipeline,
        skip_model_load=True,
    )


def _images(ct: Any, contract: Contract) -> list[Any]:
    """coremltools' types of the inputs where they are images: no factor and no offset, pixels are taken as they are."""
    return [
        ct.ImageType(
            name=spec.name,
            shape=spec.shape,
            channel_first=True,
            color_layout=ct.colorlayout.GRAYSCALE if spec.dtype == "uint8" else ct.colorlayout.GRAYSCALE_FLOAT16,
            grayscale_use_uint8=spec.dtype == "uint8",
        )
        for spec in contract.inputs
        if spec.pixel_format
    ]


def float16_scales(program: Program) -> Program:
    """`program` with the int8 tensors' scales rounded to float16, as Core ML's float16 arithmetic carries them.

    A relative change of at most 2⁻¹¹. Biases keep their real values.
    """
    tensors = tuple(
        replace(t, quant=replace(t.quant, scale=t.quant.scale.astype(np.float16).astype(np.float32)))
        if t.quant is not None and t.dtype == "int8"
        else t
        for t in program.tensors
    )
    return replace(program, tensors=tensors)


def _package_manifest() -> bytes:
    """The package's table of contents, with identifiers that do not change from export to export."""
    items = {"model.mlmodel": "CoreML Model Specification", "weights": "CoreML Model Weights"}
    ids = {name: str(uuid.uuid5(uuid.NAMESPACE_URL, f"dpocket/{name}")).upper() for name in items}
    entries = {
        ids[name]: {"author": FOLDER, "description": what, "name": name, "path": f"{FOLDER}/{name}"}
        for name, what in items.items()
    }
    content = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": entries,
        "rootModelIdentifier": ids["model.mlmodel"],
    }
    # As coremltools formats it: it rewrites the file when it opens a package, and the hash must survive that.
    return (json.dumps(content, indent=4, sort_keys=True) + "\n").encode()
