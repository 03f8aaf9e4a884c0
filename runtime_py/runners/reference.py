"""This project's interpreter as a runner: every format that `readers` knows, in either dialect."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from runtime_py.inputs import Array
from runtime_py.program import Tensor
from runtime_py.readers import read
from runtime_py.runners.runner import package_version

if TYPE_CHECKING:
    from runtime_py.interpreter import Listener

OWN_DIALECTS: Mapping[str, str] = {".onnx": "onnx-qdq", ".mlpackage": "coreml-fp16"}
"""The dialect of files that XNNPACK does not run."""


class ReferenceRunner:
    """Without a `dialect` in that of the file's own runtime.

    Raises ArtifactError for a file that cannot be read, DpocketError for an unknown dialect.
    """

    def __init__(self, path: Path, dialect: str | None = None) -> None:
        from runtime_py.interpreter import Interpreter

        dialect = dialect or OWN_DIALECTS.get(path.suffix.lower(), "xnnpack")
        self._interpreter = Interpreter(read(path), dialect)
        self.name = f"reference/{dialect}"
        self.version = package_version("dpocket")
        self.input_names = self._interpreter.program.input_names()

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the program asks for, in its order."""
        program = self._interpreter.program
        return tuple(program.tensors[i] for i in program.inputs)

    def run(self, inputs: Mapping[str, Array], listener: Listener | None = None) -> dict[str, Array]:
        """Outputs by name; `listener` gets (name, array) of every tensor on the way."""
        return self._interpreter.run(inputs, listener)

    def trace(self, inputs: Mapping[str, Array]) -> Generator[tuple[str, Array], None, dict[str, Array]]:
        """Yields (name, array) of every tensor as soon as it exists, keeping none; returns the outputs."""
        return self._interpreter.trace(inputs)
