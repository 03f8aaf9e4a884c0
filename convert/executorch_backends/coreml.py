"""A program as a .pte for ExecuTorch's Core ML delegate, float32 and NCHW at the boundary."""

from __future__ import annotations

from convert.coreml import RESCALES_ADDITIONS
from convert.executorch_backends.delegate import in_float32, is_half, lower_whole, silence
from convert.float_io import with_float_boundary
from convert.torch_view import TorchView
from runtime_py.contract import Contract
from runtime_py.program import Program


def to_coreml_pte(program: Program, contract: Contract) -> bytes:
    """The .pte of a float32, float16 or int8 `program`: one Core ML delegate for iOS 17.

    float16 computes in half; the other two in float32. Core ML has no int8 boundary, so that an int8 program is
    quantised inside. Its convolutions then sum in float32 between our quantise operations, without the rounding of
    `convert.coreml_exact`: a value now and then is a step off the other targets'. ExecuTorch gives every package a new
    random identifier, so that no two files are the same. Raises DpocketError for a student that it does not take whole.
    """
    with silence():
        import coremltools as ct
        from executorch.backends.apple.coreml.compiler import CoreMLBackend
        from executorch.backends.apple.coreml.partition import CoreMLPartitioner

        specs = CoreMLBackend.generate_compile_specs(
            minimum_deployment_target=ct.target.iOS17,
            compute_precision=ct.precision.FLOAT16 if is_half(program) else ct.precision.FLOAT32,
            pass_names=[name for name in ct.PassPipeline.DEFAULT.passes if name != RESCALES_ADDITIONS],
        )
    takes_int8 = any(program.tensors[i].dtype == "int8" for i in program.inputs)
    boundary = with_float_boundary(program) if takes_int8 else in_float32(program)
    return lower_whole(TorchView(boundary), CoreMLPartitioner(compile_specs=specs), "Core ML", contract)
