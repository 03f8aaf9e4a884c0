"""Where in a model's source the nodes of its exported graph come from."""

from __future__ import annotations

import operator
import re

from torch.fx import Node


def aten_name(node: Node) -> str:
    """The name of the operation that a node calls, such as "conv2d"."""
    if node.target is operator.getitem:
        return "getitem"
    return str(node.target).removeprefix("aten.").split(".")[0].rstrip("_")


def module_of(node: Node) -> str:
    """The path of the innermost module around a node, "" for the student itself."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return str(stack[-1][0]) if stack else ""


def line_of(node: Node) -> str:
    """The model's own line behind a node: file, number and module."""
    frames = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    own = [f for f in frames if "/torch/" not in f[0].replace("\\", "/")]
    place = f'File "{own[-1][0]}", line {own[-1][1]}' if own else "the student"
    return f"{place} (module '{module_of(node)}')" if module_of(node) else place
