"""What a student may not do: why not, on which target, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runtime_py.errors import DpocketError

DECONVOLUTION = "upsample with nn.ConvTranspose2d(kernel_size=2, stride=2), exact in int8 everywhere"


@dataclass(frozen=True)
class Advice:
    """About one ATen operation: what to write instead, and by target what becomes of it there in int8."""

    instead: str
    targets: Mapping[str, str] = field(default_factory=dict)


RELU6 = Advice(
    "use ReLU; the clamp of ReLU6 is not fused by ExecuTorch",
    {"executorch": "clamped after a grid that includes negatives: nearly half of the codes are wasted"},
)

ADVICE: Mapping[str, Advice] = {
    "batch_norm": Advice("put it right behind a convolution, into which it is folded here"),
    "upsample_bilinear2d": Advice(
        DECONVOLUTION,
        {
            "litert": "XNNPACK and LiteRT's reference kernel differ in a quarter of the integers, by up to 4",
            "executorch": "computed in float32: the layers around it leave int8",
            "onnx": "computed in float32 between DequantizeLinear and QuantizeLinear",
        },
    ),
    "upsample_nearest2d": Advice(
        DECONVOLUTION + "; XNNPACK has no nearest",
        {"litert": "stays outside of XNNPACK", "executorch": "a portable kernel outside of the delegate"},
    ),
    "pixel_shuffle": Advice(
        DECONVOLUTION,
        {
            "litert": "converters write it as transposes of rank 6, which GPU delegates refuse",
            "executorch": "a portable kernel outside of the delegate",
        },
    ),
    "leaky_relu": Advice(
        "use ReLU",
        {
            "litert": "XNNPACK multiplies with 8 fraction bits: a tenth of the integers is not the reference's",
            "executorch": "computed in float32 between int8 layers",
        },
    ),
    "prelu": Advice(
        "use ReLU", {"litert": "GPU delegates refuse it", "executorch": "computed in float32 between int8 layers"}
    ),
    "hardtanh": RELU6,
    "relu6": RELU6,
    "clamp": Advice(
        "use ReLU, and clamp further outside of the network; the output's own grid saturates",
        {"executorch": "not fused with the layer in front"},
    ),
    "hardswish": Advice(
        "use ReLU",
        {"litert": "stays outside of XNNPACK", "executorch": "computed in float32 between int8 layers"},
    ),
    "gelu": Advice("use ReLU", {"executorch": "computed in float32 between int8 layers"}),
    "silu": Advice("use ReLU", {"executorch": "computed in float32 between int8 layers"}),
    "elu": Advice("use ReLU", {"executorch": "computed in float32 between int8 layers"}),
    "sigmoid": Advice(
        "let the network predict the quantity itself and apply the sigmoid outside of it",
        {"litert": "the reference kernel insists on a scale of 1/256", "executorch": "computed in float32"},
    ),
    "tanh": Advice(
        "let the network predict the quantity itself and apply the tanh outside of it",
        {"executorch": "computed in float32 between int8 layers"},
    ),
    "softmax": Advice(
        "let the network predict the logits and apply the softmax outside of it",
        {"litert": "stays outside of XNNPACK, and its output scale must be 1/256", "executorch": "computed in float32"},
    ),
    "sub": Advice(
        "negate the weights of the convolution in front and add",
        {"executorch": "computed in float32, or a file that does not load"},
    ),
    "mul": Advice(
        "fold a constant factor into the convolution in front; a product of two tensors has no exact int8 form here",
        {"litert": "ARM and x86 kernels round by different rules", "executorch": "ARM and x86 round differently"},
    ),
    "slice": Advice(
        "split with two convolutions instead of slicing their common output",
        {"executorch": "quantised on one side only: the file exports and does not load"},
    ),
    "split": Advice("split with two convolutions instead of slicing their common output"),
    "split_with_sizes": Advice("split with two convolutions instead of slicing their common output"),
    "chunk": Advice("split with two convolutions instead of slicing their common output"),
    "pad": Advice(
        "give the padding to the convolution",
        {"executorch": "quantised on one side only: the file exports and does not load"},
    ),
    "constant_pad_nd": Advice(
        "give the padding to the convolution",
        {"executorch": "quantised on one side only: the file exports and does not load"},
    ),
    "instance_norm": Advice(
        "train with batch norm and fold it; float16 overflows in instance norm",
        {"executorch": "computed in float32", "coreml": "its variance overflows float16"},
    ),
    "group_norm": Advice("train with batch norm and fold it; float16 overflows in its variance"),
    "layer_norm": Advice("train with batch norm and fold it; float16 overflows in its variance"),
    "linear": Advice("write it as nn.Conv2d with kernel 1"),
    "avg_pool2d": Advice(
        "use a convolution of stride 2",
        {"litert": "stays outside of XNNPACK", "executorch": "computed in float32 outside of the delegate"},
    ),
    "adaptive_avg_pool2d": Advice("use convolutions of stride 2"),
    "mean": Advice("use convolutions of stride 2", {"litert": "the reference kernel rounds another way than XNNPACK"}),
    "grid_sampler": Advice(
        "warp outside of the exported network",
        {
            "litert": "chains of gathers, which GPU delegates refuse",
            "executorch": "a portable kernel outside of the delegate",
            "coreml": "runs on the CPU, and drifts in float16",
        },
    ),
}
"""By ATen name; adding an operation is one entry."""


@dataclass(frozen=True)
class Refusal:
    """One operation of the model that a student may not have; `place` is its line and module."""

    op: str
    place: str
    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.instead}"


class Refused(DpocketError):
    """A network that cannot be traced: the sentence is about the first operation, `refusals` has them all."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        others = len(refusals) - 1
        rest = f" ({others} more: dpocket lint shows them all)" if others else ""
        super().__init__(f"{refusals[0]}{rest}")
        self.refusals = tuple(refusals)
