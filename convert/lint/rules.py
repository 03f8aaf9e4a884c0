"""Operation × precision × target: allowed, or why not and what to write instead.

An operation is a layer kind that students may have, or the ATen name of one that they may not. Since one student goes
to every target with the same integers, an operation that any of them cannot run so is refused in all, and what becomes
of it in each is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from convert.precision import PRECISIONS
from convert.targets import ALL_TARGETS, TARGETS, precisions_of
from runtime_py.lint.finding import Status
from training.advice import ADVICE

KINDS = ("conv2d", "depthwise_conv2d", "transpose_conv2d", "add", "concat", "max_pool2d", "relu")
"""What students are made of (`training.tracing.LAYERS`, and the ReLU that a layer carries)."""


@dataclass(frozen=True)
class Verdict:
    """`why` and `instead` are empty where all is well."""

    status: Status
    why: str = ""
    instead: str = ""


OK = Verdict("ok")

CAVEATS: Mapping[tuple[str, str, str], Verdict] = {
    ("transpose_conv2d", "onnx", "int8"): Verdict(
        "warning",
        "ONNX Runtime has no int8 kernel for it: float32 between DequantizeLinear and QuantizeLinear",
        "nothing: the integers differ next to a rounding boundary only",
    ),
    ("depthwise_conv2d", "litert", "int8-weights"): Verdict(
        "warning",
        "XNNPACK quantises inputs at run time for dense convolutions only: this one leaves the delegate",
        "use a dense convolution, or export int8",
    ),
}
"""By kind, target and precision: runs, but not as one would like."""

NOTES: Mapping[tuple[str, str], str] = {
    ("coreml", "int8"): "computes in float32 between quantise operations: on CPU and GPU, not on the Neural Engine",
    ("litert", "int8-weights"): "LiteRT quantises activations at run time: these are not the integers of int8",
    ("litert", "fp16"): "weights are stored in half and computed with in float32 on the CPU, in half on a GPU",
}
"""By target and precision: true of every operation."""


def verdict(op: str, target: str, precision: str) -> Verdict:
    """On one operation in one target at one precision, all by name."""
    if precision in ALL_TARGETS[target].refused:
        has = " or ".join(precisions_of(target))
        why = ALL_TARGETS[target].refused[precision]
        return Verdict("refused", f"{target} has no {precision}: {why}", f"use {has}")
    if op in KINDS:
        return CAVEATS.get((op, target, precision), OK)
    advice = ADVICE.get(op)
    if advice is None:
        return Verdict("refused", "no rule for the same integers in every target", f"use {', '.join(KINDS)}")
    if precision == "int8" and target in advice.targets:
        return Verdict("refused", advice.targets[target], advice.instead)
    others = "; ".join(f"{name}: {why}" for name, why in advice.targets.items())
    why = "not the same integers in every target" + (f" ({others})" if others else "")
    return Verdict("refused", why, advice.instead)


def table() -> Iterator[tuple[str, str, str, Verdict]]:
    """Every operation that is known, at every precision, in every target."""
    for op in (*KINDS, *ADVICE):
        for target in TARGETS:
            for precision in PRECISIONS:
                yield op, target, precision, verdict(op, target, precision)


def offered(targets: Sequence[str], precisions: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of `targets` and `precisions` that there are."""
    return [(t, p) for t in targets for p in precisions if p not in ALL_TARGETS[t].refused]
