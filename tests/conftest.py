"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def captures_root() -> Path:
    """The folder of real captures; tests that need it are skipped, saying so, on a machine without one."""
    candidates = [Path(__file__).parents[1].parent / "shared" / "captures"]
    if "DPOCKET_CAPTURES" in os.environ:
        candidates.insert(0, Path(os.environ["DPOCKET_CAPTURES"]))
    for root in candidates:
        if root.is_dir():
            return root
    pytest.skip("no real captures on this machine: neither $DPOCKET_CAPTURES nor ../shared/captures exists")
