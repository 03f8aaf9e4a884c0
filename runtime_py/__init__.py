"""Reference runtime of dpocket: reads artifacts and captures, computes what a device computes; needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime_py.runners.reference import ReferenceRunner
    from runtime_py.student import Student

__all__ = ["load", "load_student"]


def load(path: str | Path, dialect: str = "xnnpack") -> ReferenceRunner:
    """Any supported artifact, one that this project did not make included, in the reference interpreter.

    The result runs `{name: array} -> {name: array}` with the names, shapes and dtypes of the file. Raises ArtifactError
    naming the place in the file, DpocketError for an unknown dialect.
    """
    from runtime_py.runners.reference import ReferenceRunner

    return ReferenceRunner(Path(path), dialect)


def load_student(path: str | Path, runtime: str = "reference", dialect: str | None = None) -> Student:
    """A student's artifact with its contract: `.contract`, `.run`, `.trace`, `.disparity(left, right)`, `.predict`.

    runtime: "reference", "vendor" (what the suffix belongs to) or the name of one; dialect: "xnnpack" or
    "litert-reference" where the runtime has both. Raises ArtifactError for a damaged or foreign file and
    RuntimeUnavailable when the runtime is missing here.
    """
    from runtime_py.manifest import contract_of
    from runtime_py.runners import open_runner
    from runtime_py.student import Student

    contract = contract_of(Path(path))
    runner: Any = open_runner(path, runtime, dialect, contract)
    return Student(runner, contract)
