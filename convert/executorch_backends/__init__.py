"""ExecuTorch's delegates beside XNNPACK: how a program becomes a .pte of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from convert.executorch_backends.coreml import to_coreml_pte
from convert.executorch_backends.ethos_u import to_ethos_u_pte
from convert.executorch_backends.vulkan import to_vulkan_pte
from runtime_py.contract import Contract
from runtime_py.program import Program


@dataclass(frozen=True)
class Writer:
    """`write` gives the .pte of a program at a precision that is not `refused` (precision to reason).

    `float_boundary`: the int8 artifact takes and gives float32; `no_float_io`: why it cannot.
    """

    write: Callable[[Program, Contract], bytes]
    refused: Mapping[str, str] = field(default_factory=dict)
    float_boundary: bool = False
    no_float_io: str = ""


NO_WEIGHTS_ONLY = "its convolutions take int8 weights with int8 activations only"
INTEGERS_ONLY = "the NPU computes in integers only"

WRITERS: Mapping[str, Writer] = {
    "executorch-vulkan": Writer(to_vulkan_pte, {"int8-weights": NO_WEIGHTS_ONLY}),
    "executorch-coreml": Writer(
        to_coreml_pte,
        {"int8-weights": "the target coreml writes that package; as a delegate it was not tried"},
        float_boundary=True,
    ),
    "executorch-ethos-u": Writer(
        to_ethos_u_pte,
        {"fp32": INTEGERS_ONLY, "fp16": INTEGERS_ONLY, "int8-weights": INTEGERS_ONLY},
        no_float_io=INTEGERS_ONLY,
    ),
}
"""By the name in `runtime_py.lowering.DELEGATES`, whose others have none: adding one is a file and a line here."""
