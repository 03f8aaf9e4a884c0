"""A program as a .pte for ExecuTorch's Vulkan delegate (GPU), NCHW at the boundary."""

from __future__ import annotations

from convert.executorch_backends.delegate import in_float32, is_half, lower_whole, silence
from convert.torch_view import TorchView
from runtime_py.contract import Contract
from runtime_py.program import Program


def to_vulkan_pte(program: Program, contract: Contract) -> bytes:
    """The .pte of a float32, float16 or int8 `program`: one Vulkan delegate.

    float16: the delegate keeps and computes every tensor in half; the boundary stays float32. int8: the delegate fuses
    our quantise and dequantise operations with what is between into its int8 shaders. What it has no such shader for (a
    concat, some depthwise convolutions) it dequantises, computes in float32 and quantises again, on our numbers.
    Raises DpocketError for a student that it does not take whole.
    """
    with silence():
        from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

        partitioner = VulkanPartitioner({"force_fp16": True} if is_half(program) else None)
    return lower_whole(TorchView(in_float32(program)), partitioner, "Vulkan", contract)
