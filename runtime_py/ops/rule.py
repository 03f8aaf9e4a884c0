"""`Rule`: what the table of operations holds for each kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtime_py.ops.cost import Cost, pointwise
from runtime_py.ops.node import Kernel, Node, Shape


@dataclass(frozen=True)
class Rule:
    """`shape` gives the outputs' shapes from the inputs'; `bind` prepares weights and tables and returns the kernel.

    Both raise ArtifactError for an operation that cannot be done. `inputs` is how many operands there may be. `cost`
    estimates what it takes; it is asked only when the shapes have been found right.
    """

    inputs: range
    shape: Callable[[Node], tuple[Shape, ...]]
    bind: Callable[[Node], Kernel]
    cost: Callable[[Node], Cost] = pointwise
