"""What XNNPACK changes about a delegate's nodes before it runs them, where that changes numbers.

Found by experiment on ExecuTorch 1.4.1; each rule reproduced every output of the networks in benchmarks/pte_corpus.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from runtime_py.program import Op
from runtime_py.readers.assembly import Assembly

FUSED = ("conv2d", "depthwise_conv2d", "transpose_conv2d", "fully_connected")
"""Kinds that take over the clamp of their only user; add, mul and concat were seen not to."""


def fuse_clamps(assembly: Assembly, ops: Sequence[Op], externals: Collection[int]) -> None:
    """Lets int8 operations requantise straight to the grid of a clamp that is their only user.

    XNNPACK drops such a clamp and gives its limits and its output's grid to the operation before it
    (`xnn_subgraph_fusion`), so that the grid between the two, on which the file would round once more, is never met.
    """
    readers = Counter(i for op in ops for i in op.inputs)
    writers = {i: op for op in ops for i in op.outputs}
    for op in ops:
        given = op.inputs[0]
        alone = op.kind == "clamp" and readers[given] == 1 and given not in externals
        if alone and given in writers and writers[given].kind in FUSED and assembly[given].dtype == "int8":
            assembly.regrid(given, assembly[op.outputs[0]].quant)


def mark_shared_pixels(assembly: Assembly, users: Mapping[int, Sequence[int]]) -> None:
    """Marks convolutions that read another's grids; `users` are the operations on each value quantised at run time.

    A plain 1x1 convolution runs as a fully connected layer, for which the value is quantised pixel by pixel. Another
    convolution of the same value then meets integers on as many grids as there are pixels, and takes those of batch
    item n for the whole image to lie on the grid of pixel n. Its results are far off; this is what ExecuTorch computes.
    """
    for numbers in users.values():
        plain = [_is_plain(assembly, assembly.ops[i]) for i in numbers]
        if any(plain):
            for number, is_plain in zip(numbers, plain, strict=True):
                if not is_plain:
                    assembly.set_attrs(number, pixel_grids=True)


def _is_plain(assembly: Assembly, op: Op) -> bool:
    if op.kind == "fully_connected":
        return True
    image, weights = (assembly[i].shape for i in op.inputs[:2])
    ungrouped = op.kind == "conv2d" and len(weights) == 4 and weights[3] == image[-1]
    unpadded = op.attrs.get("padding") == ((0, 0), (0, 0))
    return ungrouped and unpadded and weights[1:3] == (1, 1) and tuple(op.attrs["stride"]) == (1, 1)
