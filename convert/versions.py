"""Versions of the tools that made an artifact."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

ALWAYS = ("dpocket", "numpy", "torch")


def versions_of(distributions: Iterable[str]) -> dict[str, str]:
    """Distribution name to version, Python and this project included; "not installed" for what is not."""
    found = {"python": platform.python_version()}
    for name in (*ALWAYS, *distributions):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
