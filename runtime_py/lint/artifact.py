"""What is wrong with an artifact, from the file alone: one check per function, listed in `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from runtime_py.contract import CONTRACT_KEY, TensorSpec
from runtime_py.dialects import dialect_named
from runtime_py.errors import DpocketError
from runtime_py.lint import xnnpack
from runtime_py.lint.finding import Finding, LayerAudit, Report, Status, sorted_findings, with_status
from runtime_py.lint.headroom import findings_and_audits, untied
from runtime_py.lint.islands import Island, is_integer, islands
from runtime_py.manifest import contract_of, manifest_path
from runtime_py.ops import check as check_shapes
from runtime_py.program import Op, Program, Tensor
from runtime_py.readers import read

FLUSHED = 2.0**-11
"""Share of a tensor's float16 weights (of their sum) in subnormal numbers, which some devices take for 0: as much as
float16's own rounding changes."""

SMALLEST_NORMAL = float(np.finfo(np.float16).smallest_normal)

TARGET_OF = {".tflite": "litert", ".pte": "executorch", ".onnx": "onnx", ".mlpackage": "coreml"}

RESCALE = "rescale the layer's weights, or keep it in float32"

DECONVOLUTION = "upsample with a transposed convolution of kernel 2 and stride 2"


@dataclass(frozen=True)
class Evidence:
    """An artifact's path and program, and what several checks ask of them."""

    path: Path
    program: Program

    @property
    def target(self) -> str:
        return TARGET_OF.get(self.path.suffix.lower(), "")

    @cached_property
    def precision(self) -> str:
        """int8, int8-weights, fp16 or fp32, as far as the file shows it."""
        constants = {t.dtype for t in self.program.tensors if t.data is not None and t.data.ndim > 1}
        if any(op.kind == "quantize" for op in self.program.ops) or is_integer(self.program):
            return "int8"
        return "int8-weights" if "int8" in constants else "fp16" if "float16" in constants else "fp32"

    @cached_property
    def layouts(self) -> tuple[Op, ...]:
        """Transposes that the file has; those of the reader, which brings NCHW files to NHWC, left out."""
        ops = (op for op in self.program.ops if op.kind == "transpose" and not op.where.startswith("the axes of"))
        return tuple(op for op in ops if any(self.program.tensors[i].data is None for i in op.inputs))

    def tensor(self, op: Op) -> Tensor:
        return self.program.tensors[op.outputs[0]]

    def place(self, op: Op) -> str:
        """Where an operation is in the file, without the file's name."""
        return op.where.removeprefix(f"{self.program.source}, ")

    def finding(self, check: str, status: Status, op: Op, what: str, instead: str) -> Finding:
        return Finding(check, status, self.tensor(op).name, self.place(op), what, instead, self.target, self.precision)

    def of_file(self, check: str, status: Status, what: str, instead: str, layer: str = "") -> Finding:
        return Finding(check, status, layer, self.path.name, what, instead, self.target, self.precision)


def lint_artifact(path: Path) -> Report:
    """Findings on a .tflite, .pte, .onnx or .mlpackage, also one that this project did not make, and its headroom.

    Raises ArtifactError when the file is missing, damaged or has operations that the reference runtime cannot read.
    """
    evidence = Evidence(Path(path), read(path))
    program = evidence.program
    for op in program.ops:
        check_shapes(program.tensors, op, dialect_named("xnnpack"), program.source)
    headroom, audits = findings_and_audits(program, evidence.place)
    # Where XNNPACK refuses an addition, LiteRT has kernels of its own: the check of the delegate says so.
    aside = ("addends",) if evidence.target == "litert" else ()
    there = [f for f in headroom if f.target in ("", evidence.target) and f.check not in aside]
    found = [f for check in CHECKS.values() for f in check(evidence)]
    found += [replace(f, target=evidence.target, precision=evidence.precision) for f in there]
    return Report(Path(path).name, sorted_findings(found), with_status(audits, found), _facts(evidence, audits))


def _facts(evidence: Evidence, audits: list[LayerAudit]) -> dict[str, str]:
    program = evidence.program
    computing = [op for op in program.ops if op.kind not in ("quantize", "dequantize", "transpose")]
    integer = [op for op in computing if evidence.tensor(op).dtype == "int8"]
    facts = {"target": evidence.target, "precision": evidence.precision}
    if evidence.target == "coreml" and evidence.precision == "int8":
        facts["computes"] = "in float between quantize and dequantize operations, as every int8 ML program does"
    elif evidence.precision == "int8":
        facts["computes"] = f"{len(integer)} of {len(computing)} operations in int8"
    if audits:
        facts["largest possible sum"] = f"2^{np.log2(max(a.figures.get('sum', 1.0) for a in audits)):.1f} of 2^31 steps"
    return facts


def _contract(evidence: Evidence) -> Iterator[Finding]:
    inside = CONTRACT_KEY in evidence.program.metadata
    if not inside and not manifest_path(evidence.path).exists():
        what = "no contract, inside or beside it: units, signs, names and preprocessing are unknown"
        yield evidence.of_file("contract", "warning", what, "make it with dpocket export")
        return
    try:
        contract = contract_of(evidence.path)
    except DpocketError as e:
        yield evidence.of_file("contract", "refused", str(e), "export it again")
        return
    program = evidence.program
    stated = {spec.name: spec for spec in (*contract.inputs, *contract.outputs)}
    for i in (*program.inputs, *program.outputs):
        tensor = program.tensors[i]
        differs = "is not in the contract" if tensor.name not in stated else _differs(tensor, stated[tensor.name])
        if differs:
            yield evidence.of_file("contract", "refused", f"'{tensor.name}' {differs}", "export it again", tensor.name)


def _differs(tensor: Tensor, spec: TensorSpec) -> str:
    if (tensor.shape, tensor.dtype) != (spec.shape, spec.dtype):
        return f"is {tensor.dtype} {tensor.shape} in the file and {spec.dtype} {spec.shape} in the contract"
    if tensor.quant is None or spec.scale is None or tensor.dtype != "int8":
        return ""
    found = float(tensor.quant.scale[0]), int(tensor.quant.zero_point[0])
    # The contract is text: the scale's decimal digits must give the same float32.
    same = np.float32(found[0]) == np.float32(spec.scale) and found[1] == spec.zero_point
    return "" if same else f"has the grid {found} in the file and {(spec.scale, spec.zero_point)} in the contract"


def _bias(evidence: Evidence) -> Iterator[Finding]:
    for op in evidence.program.ops if evidence.target == "litert" else ():
        integer = op.kind in ("conv2d", "depthwise_conv2d") and evidence.tensor(op).dtype == "int8"
        if integer and (len(op.inputs) < 3 or op.inputs[2] < 0):
            what = "an int8 convolution without a bias, which no set of LiteRT's kernels takes"
            yield evidence.finding("bias", "refused", op, what, "give it a bias, of zeros if need be")


def _ties(evidence: Evidence) -> Iterator[Finding]:
    """Copies of integers between grids: what LiteRT refuses, or computes without looking."""
    for op in evidence.program.ops:
        if op.kind not in ("concat", "max_pool2d", "average_pool2d", "resize_bilinear", "resize_nearest"):
            continue
        if names := untied(evidence.program, op):
            told = f"the grid of '{names[0]}' is not that of the output"
            refused = evidence.target in ("litert", "executorch") and op.kind != "average_pool2d"
            what = f"{told}; kernels {'refuse that' if refused else 'copy the integers and ignore it'}"
            instead = "give all of its inputs the output's scale and zero point, or put a QUANTIZE in front"
            yield evidence.finding("ties", "refused" if refused else "warning", op, what, instead)


def _delegate(evidence: Evidence) -> Iterator[Finding]:
    """What stays outside of XNNPACK, on the two targets that delegate to it."""
    outside: dict[tuple[str, str], list[Op]] = {}
    for op in evidence.program.ops:
        reason = None
        if evidence.target == "litert":
            reason = xnnpack.outside(evidence.program, op)
        elif evidence.target == "executorch" and op.where.startswith("instruction"):
            reason = "is a portable kernel"
        if reason is not None:
            outside.setdefault((op.kind, reason), []).append(op)
    for (kind, reason), ops in outside.items():
        what = f"{_counted(kind, len(ops))} outside of XNNPACK: {reason}"
        yield evidence.finding("delegate", "warning", ops[0], what, INSTEAD.get(kind, OTHERWISE))


def _islands(evidence: Evidence) -> Iterator[Finding]:
    if evidence.target == "coreml":
        return
    alike: dict[tuple[tuple[str, ...], str], list[Island]] = {}
    for island in islands(evidence.program):
        alike.setdefault((island.kinds, island.where), []).append(island)
    for (kinds, where), found in alike.items():
        told = {"between": "between int8 layers", "start": "in front of the first int8 layer", "end": "at the end"}
        names = ", ".join(evidence.tensor(i.ops[-1]).name.removesuffix(".float")[-20:] for i in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        what = f"{' → '.join(kinds)} in float {told[where]} ({names}{more})"
        instead = INSTEAD.get(f"{evidence.target}:{kinds[0]}", INSTEAD.get(kinds[0], OTHERWISE))
        yield evidence.finding("island", "warning", found[0].ops[0], what, instead)


def _layout(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    reshaped = {i for op in program.ops if op.kind == "reshape" for i in (*op.inputs[:1], *op.outputs)}
    shuffles = [op for op in evidence.layouts if reshaped & {*op.inputs, *op.outputs}]
    plain = [op for op in evidence.layouts if op not in shuffles]
    if shuffles:
        what = (
            f"{_counted('transpose', len(shuffles))} between reshapes, as of a pixel shuffle: GPU delegates refuse it"
        )
        yield evidence.finding("layout", "warning", shuffles[0], what, DECONVOLUTION)
    ends = {*program.inputs, *program.outputs}
    inner = [op for op in plain if not ends & {*op.inputs, *op.outputs}]
    for ops, where in ((inner, "inside"), ([op for op in plain if op not in inner], "at the boundary")):
        if ops:
            size = sum(int(np.prod(evidence.tensor(op).shape)) for op in ops)
            what = f"{_counted('transpose', len(ops))} {where}: {size:,} values are moved for nothing else"
            yield evidence.finding("layout", "warning", ops[0], what, "export channel-last at the boundary (NHWC)")


def _half(evidence: Evidence) -> Iterator[Finding]:
    for tensor in evidence.program.tensors:
        if tensor.data is None or tensor.data.dtype != np.float16:
            continue
        size = np.abs(tensor.data.astype(np.float64))
        if not np.isfinite(size).all():
            what = "constants that float16 cannot hold have become infinite"
            yield evidence.of_file("half", "refused", what, RESCALE, tensor.name)
        elif size[size < SMALLEST_NORMAL].sum() > FLUSHED * size.sum():
            share = float(np.mean((size > 0) & (size < SMALLEST_NORMAL)))
            what = f"{share:.0%} of the weights are subnormal in float16: devices may take them for 0"
            yield evidence.of_file("half", "warning", what, RESCALE, tensor.name)


def _kernels(evidence: Evidence) -> Iterator[Finding]:
    """Int8 operations whose kernels disagree, or are wrong."""
    for op in evidence.program.ops if evidence.target == "litert" else ():
        if evidence.tensor(op).dtype == "int8" and op.kind in DISAGREE:
            status, what, instead = DISAGREE[op.kind]
            yield evidence.finding("kernels", status, op, what, instead)


def _counted(kind: str, count: int) -> str:
    return kind if count == 1 else f"{count} times {kind}"


OTHERWISE = "compose it from convolutions, ReLU, additions and concatenations"

INSTEAD: Mapping[str, str] = {
    "onnx:transpose_conv2d": "nothing, if rounding on ties may differ: ONNX Runtime has no int8 kernel for it",
    "resize_bilinear": DECONVOLUTION,
    "resize_nearest": DECONVOLUTION,
    "depth_to_space": DECONVOLUTION,
    "average_pool2d": "use a convolution of stride 2",
    "hard_swish": "use ReLU",
    "leaky_relu": "use ReLU",
    "prelu": "use ReLU",
    "gelu": "use ReLU",
    "elu": "use ReLU",
    "relu": "let the convolution in front fuse it",
    "relu6": "use ReLU",
    "softmax": "leave it out of the network",
    "logistic": "leave it out of the network, and apply it to the output",
    "tanh": "leave it out of the network, and apply it to the output",
    "mirror_pad": "give zero padding to the convolution",
    "pad": "give the padding to the convolution",
    "concat": "join at most five tensors at once",
    "depthwise_conv2d": "quantise activations too (int8), or use a dense convolution",
    "quantize": "give both sides the same grid",
    "add": "bring the two branches to like ranges",
    "sub": "negate the weights in front, and add",
    "slice": "compute the parts with convolutions of their own",
    "strided_slice": "use a convolution of that stride",
}
"""What to write instead, by kind, or by target and kind."""

DISAGREE: Mapping[str, tuple[Status, str, str]] = {
    "resize_bilinear": (
        *("warning", "XNNPACK and LiteRT's reference kernel differ in a quarter of the integers, by up to 4"),
        DECONVOLUTION,
    ),
    "sum": (
        *("refused", "LiteRT's reference kernel reads int8 as uint8 here: its result is useless"),
        "use a convolution whose weights are 1",
    ),
}
"""int8 kernels of LiteRT that do not give the same integers."""

CHECKS: Mapping[str, Callable[[Evidence], Iterator[Finding]]] = {
    "contract": _contract,
    "bias": _bias,
    "ties": _ties,
    "delegate": _delegate,
    "islands": _islands,
    "layout": _layout,
    "half": _half,
    "kernels": _kernels,
}
"""Every check of an artifact; adding one is a function and a line."""
