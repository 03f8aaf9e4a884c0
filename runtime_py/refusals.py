"""How a command answers what it cannot do: one sentence and exit code 2, never a traceback unless it was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from runtime_py.errors import DpocketError

EXTRAS = {
    **dict.fromkeys(("torch", "safetensors"), "train,convert"),
    **dict.fromkeys(("lightning", "tensorboard"), "train"),
    **dict.fromkeys(("executorch", "torchao", "coremltools", "onnx", "flatbuffers", "ai_edge_litert"), "convert"),
}
"""The extra that installs a package which a command may find missing."""


def answered(command: Callable[[list[str]], Any], arguments: Sequence[str]) -> None:
    """Run `command` on `arguments` without "--debug", which keeps tracebacks.

    A DpocketError, or a package that an extra would install, ends the process with a sentence and exit code 2.
    """
    # Every runtime is measured on one thread; numpy reads this when it is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    debug = "--debug" in arguments
    try:
        command([a for a in arguments if a != "--debug"])
    except DpocketError as e:
        if debug:
            raise
        _refuse(str(e))
    except ModuleNotFoundError as e:
        package = (e.name or "").split(".")[0]
        if debug or package not in EXTRAS:
            raise
        _refuse(f"this command needs {package}, which is not installed: pip install 'dpocket[{EXTRAS[package]}]'")


def _refuse(sentence: str) -> NoReturn:
    from rich.console import Console

    Console(stderr=True).print(f"dpocket: {sentence}", style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(2)
