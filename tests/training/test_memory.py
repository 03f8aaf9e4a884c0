"""What `keep_memory` is for: tensors that come and go must not be mapped and cleared by the kernel every time."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from training import memory

COUNT = """
import resource, sys, torch
from training.memory import keep_memory
if sys.argv[1] == "keep":
    assert keep_memory()
def step():
    large = [torch.ones(2**22) for _ in range(4)]
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Page faults of twenty times four tensors of 16 MiB, 4096 pages each where pages are small."""


def faults(mode: str) -> int:
    # A C library that others have set up already would show nothing.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    environment["MALLOC_MMAP_THRESHOLD_"] = "131072"  # or glibc's guess of it decides what is measured
    ran = subprocess.run(
        [sys.executable, "-c", COUNT, mode], env=environment, capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_that_is_kept_is_not_faulted_in_again() -> None:
    assert faults("keep") < 0.1 * faults("return")


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(memory.os, "confstr", unknown)
    assert memory.keep_memory() is False
    monkeypatch.setattr(memory.os, "confstr", lambda name: "musl 1.2")
    assert memory.keep_memory() is False
