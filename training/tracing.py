"""From a `torch.nn.Module` to its `StudentGraph`, or the lines of the model that a target could not run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from runtime_py.errors import DpocketError
from training.advice import ADVICE, Refusal, Refused
from training.folding import fold_batch_norms
from training.graph import FUSES_RELU, Layer, Pair, StudentGraph, same_pads
from training.model_line import aten_name, line_of, module_of


def trace(
    student: nn.Module,
    example_inputs: Sequence[Tensor],
    names: Sequence[str] = ("left", "right"),
    outputs: Sequence[str] = ("disparity",),
) -> StudentGraph:
    """The student's inference graph, through torch.export, for NCHW inputs of the examples' exact shapes.

    A tensor is named after the module that makes it ("down1.conv"), or after the enclosing module and the operation
    ("block.add"); a ReLU belongs to the layer in front of it, and so does a batch norm (`training.folding`). Raises
    Refused, with the model's lines, for operations that would not give the same integers in every target, and
    DpocketError for a network that cannot be traced at all.
    """
    if len(names) != len(example_inputs):
        raise DpocketError(f"{len(example_inputs)} example inputs were given for the input names {', '.join(names)}")
    was_training = {m: m.training for m in student.modules()}
    try:
        with torch.no_grad():
            folded = fold_batch_norms(student.eval(), example_inputs)
            # Clones: torch.export takes two references to one tensor for one input.
            exported = torch.export.export(folded, tuple(x.clone() for x in example_inputs))
    except DpocketError:
        raise
    except Exception as e:
        raise DpocketError(
            f"the student cannot be traced by torch.export ({str(e).strip().splitlines()[0]}); "
            "write its forward without branches on tensor values and with static shapes"
        ) from e
    finally:
        for module, mode in was_training.items():
            module.training = mode
    tracer = _Tracer(exported, tuple(names))
    if tracer.refusals:
        raise Refused(tracer.refusals)
    return tracer.finish(tuple(outputs))


class _Tracer:
    """Walks an exported graph once and collects its layers, and the refusals of those that it cannot have.

    What a refused operation makes counts as a tensor that anything may follow, so that one line is refused once.
    """

    def __init__(self, exported: torch.export.ExportedProgram, names: tuple[str, ...]) -> None:
        signature = exported.graph_signature
        stored = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self.constants = {k: exported.state_dict[v].detach().cpu().float() for k, v in stored.items()}
        self.tensor_of: dict[Node, str] = {}
        self.layers: dict[str, Layer] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.names = names
        self.refusals: list[Refusal] = []
        self.unknown: set[Node] = set()
        self.returned: tuple[Node, ...] = ()
        placeholders = dict(zip(signature.user_inputs, names, strict=True))
        for node in exported.graph.nodes:
            if node.op == "placeholder" and node.name in placeholders:
                self._put(node, placeholders[node.name])
            elif node.op == "output":
                self.returned = tuple(node.args[0])
            elif node.op == "call_function":
                self._call_or_note(node)

    def finish(self, outputs: tuple[str, ...]) -> StudentGraph:
        """The graph, with the tensors that leave the student renamed to `outputs`."""
        if len(self.returned) != len(outputs):
            raise DpocketError(f"the student returns {len(self.returned)} tensors, expected {', '.join(outputs)}")
        renamed = {self.tensor_of[n]: new for n, new in zip(self.returned, outputs, strict=True)}
        if len(renamed) != len(outputs) or any(old in self.names for old in renamed):
            raise DpocketError("each output of a student must be a tensor of its own, made by one of its layers")
        taken = set(outputs) & (set(self.shapes) - set(renamed))
        if taken:
            raise DpocketError(
                f"the output name '{taken.pop()}' is also a module or an input of the student; rename it"
            )
        new_name = {name: renamed.get(name, name) for name in self.shapes}
        layers = tuple(
            replace(layer, name=new_name[layer.name], inputs=tuple(new_name[i] for i in layer.inputs))
            for layer in self.layers.values()
        )
        shapes = {new_name[name]: shape for name, shape in self.shapes.items()}
        return StudentGraph(layers, self.names, outputs, shapes)

    def _put(self, node: Node, name: str) -> None:
        self.tensor_of[node] = name
        self.shapes[name] = tuple(int(n) for n in node.meta["val"].shape)

    def _call_or_note(self, node: Node) -> None:
        try:
            self._call(node)
        except Refused as e:
            self.refusals += [refusal for refusal in e.refusals if refusal not in self.refusals]
            self.unknown.add(node)
            self.tensor_of[node] = node.name

    def _call(self, node: Node) -> None:
        op = aten_name(node)
        if op in ("relu", "getitem") and node.args[0] in self.unknown:
            self.unknown.add(node)
            self.tensor_of[node] = node.name
        elif op in ("relu",):
            self._fuse_relu(node)
        elif op in ("alias", "detach", "contiguous", "dropout", "_assert_tensor_metadata"):
            if isinstance(node.args[0], Node) and node.args[0] in self.tensor_of:
                self.tensor_of[node] = self.tensor_of[node.args[0]]
        elif op in LAYERS:
            layer = LAYERS[op](self, node)
            self.layers[layer.name] = layer
            self._put(node, layer.name)
        else:
            instead = ADVICE[op].instead if op in ADVICE else f"compose it from {', '.join(sorted(LAYERS))} and relu"
            raise self.refusal(node, f"'{op}' does not run with the same integers in every target", instead)

    def _fuse_relu(self, node: Node) -> None:
        source = node.args[0]
        layer = self.layers.get(self.tensor_of.get(source, "")) if isinstance(source, Node) else None
        if layer is None or layer.kind not in FUSES_RELU:
            found = layer.kind if layer else "an input"
            raise self.refusal(node, f"a ReLU after {found} cannot be fused", f"put it behind {', '.join(FUSES_RELU)}")
        if isinstance(source, Node) and len(source.users) > 1:
            raise self.refusal(node, f"'{layer.name}' is used both with and without its ReLU", "use one of the two")
        self.layers[layer.name] = replace(layer, relu=True)
        self.tensor_of[node] = layer.name

    def refusal(self, node: Node, what: str, instead: str) -> Refused:
        return Refused([Refusal(aten_name(node), line_of(node), what, instead)])

    def make(self, node: Node, kind: str, inputs: Sequence[Any], **fields: Any) -> Layer:
        """A layer with a name that no other layer has."""
        module = module_of(node)
        leaf = fields.get("weight") is not None or kind == "max_pool2d"
        base = module if leaf and module else f"{module}.{kind}" if module else kind
        name, count = base, 1
        while name in self.shapes:
            count += 1
            name = f"{base}_{count}"
        for value in inputs:
            if value not in self.tensor_of:
                raise self.refusal(node, f"'{kind}' of a constant", "fold the constant into a convolution's bias")
        tensors = tuple(self.tensor_of[value] for value in inputs)
        return Layer(name, kind, tensors, module=module, where=line_of(node), **fields)


def _arguments(node: Node, *defaults: tuple[str, Any]) -> list[Any]:
    """A call's arguments in order, completed by its keywords and the operator's defaults."""
    return [
        node.args[i] if i < len(node.args) else node.kwargs.get(name, default)
        for i, (name, default) in enumerate(defaults)
    ]


def _pair(value: Any) -> Pair:
    return (int(value[0]), int(value[-1])) if isinstance(value, (list, tuple)) else (int(value), int(value))


def _constant(tracer: _Tracer, node: Node, argument: Any) -> Tensor | None:
    if argument is None:
        return None
    if not isinstance(argument, Node) or argument.name not in tracer.constants:
        raise tracer.refusal(node, "weights that are computed in forward", "use the parameters of an nn.Conv2d")
    weights: Tensor = tracer.constants[argument.name]
    return weights


def _conv2d(tracer: _Tracer, node: Node) -> Layer:
    x, w, b, stride, padding, dilation, groups = _arguments(
        node, ("", None), ("", None), ("bias", None), ("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)
    )
    weight, bias = _constant(tracer, node, w), _constant(tracer, node, b)
    if weight is None:
        raise tracer.refusal(node, "a convolution without weights", "use nn.Conv2d")
    size, kernel = _pair(x.meta["val"].shape[2:]), _pair(weight.shape[2:])
    stride, dilation = _pair(stride), _pair(dilation)
    same = [same_pads(size[i], kernel[i], stride[i], dilation[i]) for i in (0, 1)]
    if isinstance(padding, str):
        if padding == "same" and any(a != b for a, b in same):
            raise tracer.refusal(node, f"padding 'same' of an even kernel {kernel} is lopsided", "use an odd kernel")
        pads = (same[0][0], same[1][0]) if padding == "same" else (0, 0)
    else:
        pads = _pair(padding)
    if same != [(pads[0],) * 2, (pads[1],) * 2] and pads != (0, 0):
        raise tracer.refusal(
            node,
            f"a kernel {kernel} of stride {stride} with padding {pads} on {size[0]}x{size[1]} pixels pads otherwise in "
            "TFLite (SAME)",
            "use an odd kernel with stride 1, or kernel 4 with padding 1 or kernel 2 with padding 0 and stride 2 on an "
            "even size",
        )
    channels = int(x.meta["val"].shape[1])
    if groups not in (1, channels):
        raise tracer.refusal(node, f"a convolution of {groups} groups", f"use 1 group, or one per channel ({channels})")
    is_depthwise = groups == channels and groups > 1
    attrs = {
        "stride": stride,
        "dilation": dilation,
        "pads": pads,
        "padding": "same" if same == [(pads[0],) * 2, (pads[1],) * 2] else "valid",
    }
    return tracer.make(
        node, "depthwise_conv2d" if is_depthwise else "conv2d", [x], weight=weight, bias=bias, attrs=attrs
    )


def _transpose_conv2d(tracer: _Tracer, node: Node) -> Layer:
    x, w, b, stride, padding, output_padding, groups, dilation = _arguments(
        node,
        *[("", None)] * 2,
        ("bias", None),
        ("stride", 1),
        ("padding", 0),
        ("output_padding", 0),
        ("groups", 1),
        ("dilation", 1),
    )
    weight, bias = _constant(tracer, node, w), _constant(tracer, node, b)
    if weight is None:
        raise tracer.refusal(node, "a transposed convolution without weights", "use nn.ConvTranspose2d")
    shape = (_pair(weight.shape[2:]), _pair(stride), _pair(padding), _pair(output_padding), _pair(dilation), groups)
    allowed = [((2 * k, 2 * k), (2, 2), (k - 1, k - 1), (0, 0), (1, 1), 1) for k in (1, 2)]
    if shape not in allowed:
        raise tracer.refusal(
            node,
            f"a transposed convolution of kernel {shape[0]}, stride {shape[1]}, padding {shape[2]}",
            "use kernel 2, stride 2, padding 0 or kernel 4, stride 2, padding 1, in one group",
        )
    attrs = {"stride": shape[1], "dilation": (1, 1), "pads": shape[2], "padding": "same"}
    return tracer.make(node, "transpose_conv2d", [x], weight=weight, bias=bias, attrs=attrs)


def _add(tracer: _Tracer, node: Node) -> Layer:
    a, b = node.args[0], node.args[1]
    if node.kwargs.get("alpha", 1) != 1 or not isinstance(a, Node) or not isinstance(b, Node):
        raise tracer.refusal(
            node, "an add of a constant or with a factor", "fold it into a convolution's bias or weights"
        )
    if a.meta["val"].shape != b.meta["val"].shape:
        raise tracer.refusal(
            node, f"an add of shapes {tuple(a.meta['val'].shape)} and {tuple(b.meta['val'].shape)}", "make them equal"
        )
    return tracer.make(node, "add", [a, b])


def _concat(tracer: _Tracer, node: Node) -> Layer:
    parts, axis = _arguments(node, ("tensors", ()), ("dim", 0))
    if axis not in (1, -3) or not 2 <= len(parts) <= 5:
        raise tracer.refusal(node, f"a cat of {len(parts)} tensors on axis {axis}", "use 2 to 5 tensors on axis 1")
    return tracer.make(node, "concat", list(parts), attrs={"axis": 1})


def _max_pool2d(tracer: _Tracer, node: Node) -> Layer:
    x, kernel, stride, padding, dilation, ceil = _arguments(
        node, ("", None), ("kernel_size", 2), ("stride", 2), ("padding", 0), ("dilation", 1), ("ceil_mode", False)
    )
    size = _pair(x.meta["val"].shape[2:])
    settings = (_pair(kernel), _pair(stride or kernel), _pair(padding), _pair(dilation), bool(ceil))
    if settings != ((2, 2), (2, 2), (0, 0), (1, 1), False) or size[0] % 2 or size[1] % 2:
        raise tracer.refusal(
            node, f"a max pool of {settings} on {size[0]}x{size[1]} pixels", "use 2x2, stride 2, on an even size"
        )
    attrs = {"window": (2, 2), "stride": (2, 2), "dilation": (1, 1), "pads": (0, 0), "padding": "valid"}
    return tracer.make(node, "max_pool2d", [x], attrs=attrs)


LAYERS: dict[str, Callable[[_Tracer, Node], Layer]] = {
    "conv2d": _conv2d,
    "conv_transpose2d": _transpose_conv2d,
    "add": _add,
    "cat": _concat,
    "max_pool2d": _max_pool2d,
}
"""The ATen operations that a student may use, besides ReLU."""
