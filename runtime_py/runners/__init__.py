"""The table of runtimes, and `open_runner`. Vendors' packages are imported only when one of them is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime_py.contract import Contract
from runtime_py.dialects import DIALECTS
from runtime_py.errors import DpocketError, RuntimeUnavailable
from runtime_py.runners.coreml import CoreMLRunner
from runtime_py.runners.executorch import ExecuTorchRunner
from runtime_py.runners.litert import LiteRTRunner
from runtime_py.runners.onnxruntime import OnnxRuntimeRunner
from runtime_py.runners.reference import ReferenceRunner
from runtime_py.runners.runner import ArtifactRunner


@dataclass(frozen=True)
class Choice:
    """What was asked for when opening an artifact; `dialect` None is the runtime's own."""

    path: Path
    dialect: str | None
    contract: Contract | None


RUNTIMES: Mapping[str, Callable[[Choice], ArtifactRunner]] = {
    "reference": lambda c: ReferenceRunner(c.path, c.dialect),
    "litert": lambda c: LiteRTRunner(c.path, c.dialect or "xnnpack"),
    "tensorflow": lambda c: LiteRTRunner(c.path, c.dialect or "xnnpack", "tensorflow"),
    "executorch": lambda c: ExecuTorchRunner(c.path, c.contract),
    "onnxruntime": lambda c: OnnxRuntimeRunner(c.path),
    "coreml": lambda c: CoreMLRunner(c.path),
}
"""Every runtime by name."""

DIALECTS_OF: Mapping[str, tuple[str, ...]] = {
    "reference": tuple(DIALECTS),
    "litert": ("xnnpack", "litert-reference"),
    "tensorflow": ("xnnpack", "litert-reference"),
    "executorch": ("xnnpack",),
}
"""The dialects that a runtime can be asked for; the others have kernels of their own."""

VENDORS: Mapping[str, str] = {
    ".tflite": "litert",
    ".pte": "executorch",
    ".onnx": "onnxruntime",
    ".mlpackage": "coreml",
}
"""The vendor's runtime for each kind of artifact."""


def open_runner(
    path: str | Path, runtime: str = "vendor", dialect: str | None = None, contract: Contract | None = None
) -> ArtifactRunner:
    """Loads an artifact into a runtime: a name of RUNTIMES, or "vendor" for the one that its suffix belongs to.

    `dialect` chooses among kernels, `contract` names what `.pte` files know by position only. Raises DpocketError for
    an unknown name, RuntimeUnavailable when the runtime is missing here, ArtifactError when it refuses the file.
    """
    path = Path(path)
    if runtime == "vendor":
        if path.suffix.lower() not in VENDORS:
            raise DpocketError(f"{path} ends in '{path.suffix}'; artifacts end in {', '.join(VENDORS)}")
        runtime = VENDORS[path.suffix.lower()]
    if runtime not in RUNTIMES:
        raise DpocketError(f"there is no runtime '{runtime}'; known are: vendor, {', '.join(RUNTIMES)}")
    allowed = DIALECTS_OF.get(runtime, ())
    if dialect is not None and dialect not in allowed:
        raise RuntimeUnavailable(
            f"{runtime} has no dialect '{dialect}', only {', '.join(allowed) or 'its own kernels'}"
        )
    return RUNTIMES[runtime](Choice(path, dialect, contract))
