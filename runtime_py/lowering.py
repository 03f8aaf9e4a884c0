"""Lowering a student to one of ExecuTorch's delegates: what each asks of this machine, found by trying."""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path
from types import MappingProxyType

from runtime_py.quiet import quiet

CONVERT = "pip install 'dpocket[convert]'"
CPUINFO = "pip install py-cpuinfo"
NOWHERE = "no package registry has it:"
NEUROPILOT = f"{NOWHERE} MediaTek's NeuroPilot portal does"


@dataclass(frozen=True)
class Tool:
    """What a backend needs and does not bring: why it is `missing`, None where it is here, and how to `get` it."""

    missing: Callable[[], str | None]
    get: str


@dataclass(frozen=True)
class Delegate:
    """One backend of ExecuTorch: what it is called, its modules, the tools these need, and whose versions matter.

    `untried`: nobody had the tools while this was written, so that there is no lowering, and why.
    """

    title: str
    modules: tuple[str, ...]
    tools: tuple[Tool, ...] = ()
    distributions: tuple[str, ...] = ("executorch",)
    untried: str = ""


def _module(name: str) -> Callable[[], str | None]:
    return lambda: _import_error(name)


def _no_qnn_sdk() -> str | None:
    """Without the variable, importing ExecuTorch's Qualcomm backend would download the SDK."""
    root = os.environ.get("QNN_SDK_ROOT")
    if not root:
        return "QNN_SDK_ROOT does not name a Qualcomm AI Engine Direct (QNN) SDK"
    library = Path(root) / "lib" / "x86_64-linux-clang" / "libQnnHtp.so"
    try:
        ctypes.CDLL(str(library))
    except OSError as e:
        return f"the QNN SDK of QNN_SDK_ROOT does not load: {e}"
    return None


DELEGATES: Mapping[str, Delegate] = MappingProxyType(
    {
        "executorch-vulkan": Delegate("Vulkan", ("executorch.backends.vulkan.partitioner.vulkan_partitioner",)),
        "executorch-coreml": Delegate(
            "Core ML",
            ("executorch.backends.apple.coreml.compiler", "executorch.backends.apple.coreml.partition"),
            (Tool(_module("coremltools"), CONVERT),),
            ("executorch", "coremltools"),
        ),
        "executorch-ethos-u": Delegate(
            "Arm Ethos-U",
            ("executorch.backends.arm.ethosu",),
            (
                Tool(_module("ethosu.vela.vela"), "pip install ethos-u-vela==5.1.0"),
                # Its metadata asks for a numpy below 2.2, which the other converters refuse; it works with theirs.
                Tool(_module("tosa_serializer"), "pip install --no-deps tosa-tools==2026.5.0"),
            ),
            ("executorch", "ethos-u-vela", "tosa-tools"),
        ),
        "executorch-qualcomm": Delegate(
            "Qualcomm",
            ("executorch.backends.qualcomm.partition.qnn_partitioner",),
            (Tool(_no_qnn_sdk, f"{NOWHERE} Qualcomm's software center does"), Tool(_module("cpuinfo"), CPUINFO)),
            untried="there was no QNN SDK to write and try a lowering with",
        ),
        "executorch-mediatek": Delegate(
            "MediaTek",
            ("executorch.backends.mediatek",),
            (Tool(_module("mtk_converter"), NEUROPILOT), Tool(_module("mtk_neuron"), NEUROPILOT)),
            untried="there was no NeuroPilot SDK to write and try a lowering with",
        ),
    }
)
"""Every delegate beside XNNPACK, by the name of its target."""


def why_not(name: str) -> str | None:
    """Why this machine cannot lower to `name` of `DELEGATES`, with what to do about it; None where it can.

    Every module that lowering needs is imported, which may take seconds.
    """
    delegate = DELEGATES[name]
    reasons = [(reason, tool.get) for tool in delegate.tools if (reason := tool.missing()) is not None]
    if not reasons:
        # Not before: Qualcomm's backend would download its SDK.
        reasons = [(reason, CONVERT) for module in delegate.modules if (reason := _import_error(module)) is not None]
    return "; ".join(f"{reason} ({get})" for reason, get in reasons) or delegate.untried or None


def versions(name: str) -> str:
    """Distributions and versions that lower to `name` of `DELEGATES`, such as "executorch 1.4.1"."""
    found = []
    for distribution in DELEGATES[name].distributions:
        try:
            found.append(f"{distribution} {version(distribution)}")
        except PackageNotFoundError:
            found.append(f"{distribution} of unknown version")
    return ", ".join(found)


def _import_error(module: str) -> str | None:
    level = logging.root.level
    try:
        with quiet(native=True), redirect_stdout(StringIO()):
            importlib.import_module(module)
    except ModuleNotFoundError as e:
        return f"{e.name} is not installed"
    except Exception as e:  # a backend may raise anything; the reason is what the user needs
        return f"{module} does not import: {type(e).__name__}: {' '.join(str(e).split())}"
    finally:
        # Some backends turn on everybody's log when imported.
        logging.root.setLevel(level)
    return None
