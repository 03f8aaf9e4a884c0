"""`Runner`: what every runtime looks like from outside."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from runtime_py.errors import RuntimeUnavailable
from runtime_py.inputs import Array
from runtime_py.program import Tensor


class Runner(Protocol):
    """An artifact loaded into a runtime, ready to run any number of times."""

    @property
    def name(self) -> str:
        """Runtime and kernel set, for reports: "litert/xnnpack"."""

    @property
    def version(self) -> str:
        """Version of the package that computes."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Inputs in the artifact's order."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name, as stored, of inputs by name. Raises ContractError for inputs that do not fit."""


class ArtifactRunner(Runner, Protocol):
    """A runner of a file, which says itself what it asks for."""

    @property
    def inputs(self) -> Sequence[Tensor]:
        """Names, shapes and types of the inputs, in the artifact's order; a size of -1 is open."""


def vendor_module(module: str, package: str) -> Any:
    """Imports a vendor's module only now. Raises RuntimeUnavailable with the reason when it cannot be."""
    try:
        return importlib.import_module(module)
    except ImportError as e:
        raise RuntimeUnavailable(f"{package} is not usable here ({e}); pip install {package}") from e


def package_version(package: str) -> str:
    """The installed version of a package, "unknown" when its metadata is missing."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
