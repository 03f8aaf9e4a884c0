"""What works on this machine, what does not, and why."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from runtime_py.lowering import DELEGATES, versions, why_not
from runtime_py.quiet import quiet

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Check:
    """One part of the house: `works` with its version in `detail`, or the reason why not."""

    part: str
    works: bool
    detail: str


@dataclass(frozen=True)
class Part:
    """A distribution that must import `module`; `extra` installs it, `limit` may say why importing is not enough."""

    name: str
    distribution: str
    module: str
    extra: str
    limit: Callable[[], str | None] = lambda: None


def _macos_only() -> str | None:
    if sys.platform == "darwin":
        return None
    return f"writes .mlpackage here, but Core ML predicts on macOS only (this is {platform.system()})"


PARTS: tuple[Part, ...] = (
    Part("arrays", "numpy", "numpy", ""),
    Part("pictures", "opencv-python-headless", "cv2", ""),
    Part("plots", "matplotlib", "matplotlib", ""),
    Part("training", "torch", "torch", "train"),
    Part("training loop", "lightning", "lightning.fabric", "train"),
    Part("LiteRT", "ai-edge-litert", "ai_edge_litert.interpreter", "convert"),
    Part("ExecuTorch", "executorch", "executorch.runtime", "convert"),
    Part("ONNX Runtime", "onnxruntime", "onnxruntime", "convert"),
    Part("ONNX export", "onnx", "onnx", "convert"),
    Part("Core ML", "coremltools", "coremltools", "convert", _macos_only),
    Part("TensorFlow's interpreter", "tensorflow", "tensorflow", "tensorflow"),
    Part("confidence maps of Google's dataset", "OpenEXR", "OpenEXR", "exr"),
)
"""Every optional part: adding one is one line."""


def checks() -> list[Check]:
    """All parts in order, Python first."""
    found = [Check("Python", sys.version_info >= (3, 11), f"{platform.python_version()}, {platform.machine()}")]
    return found + [_check(part) for part in PARTS] + [_lowering(name) for name in DELEGATES]


def _check(part: Part) -> Check:
    try:
        installed = version(part.distribution)
    except PackageNotFoundError:
        how = f"pip install 'dpocket[{part.extra}]'" if part.extra else f"pip install {part.distribution}"
        return Check(part.name, False, f"{part.distribution} is not installed: {how}")
    try:
        with quiet(native=True):
            importlib.import_module(part.module)
    except Exception as e:  # a broken binary may raise anything; the reason is what the user needs
        return Check(part.name, False, f"{part.distribution} {installed} does not import: {type(e).__name__}: {e}")
    limit = part.limit()
    return Check(part.name, limit is None, f"{part.distribution} {installed}" + (f"; {limit}" if limit else ""))


def _lowering(name: str) -> Check:
    """Whether a student can be lowered to a delegate of ExecuTorch; none of these delegates runs where it is made."""
    reason = why_not(name)
    return Check(f"ExecuTorch for {DELEGATES[name].title}", reason is None, reason or f"lowers here: {versions(name)}")


def table(found: list[Check]) -> Table:
    """The checks for a terminal."""
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(title="dpocket doctor")
    drawn.add_column("part")
    drawn.add_column("works")
    drawn.add_column("detail", overflow="fold")
    for check in found:
        drawn.add_row(
            check.part, "yes" if check.works else "no", escape(check.detail), style=None if check.works else "yellow"
        )
    return drawn
