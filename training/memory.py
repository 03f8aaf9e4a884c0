"""Memory that a process keeps once it has it, where the C library would return it after every large tensor."""

from __future__ import annotations

import ctypes
import os

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Numbers of settings in glibc's malloc.h (M_TRIM_THRESHOLD, M_MMAP_MAX), with what they are set to here:"""
NEVER, NONE = -1, 0


def keep_memory() -> bool:
    """Ask the C library to keep what this process frees, for its next tensors; whether it will.

    By default glibc maps a large tensor's memory for itself, or trims the heap once it is free, so that the kernel has
    to clear every page again at the next step, which can take as long as the step. The price is that a process stays as
    large as it ever was. Where there is no glibc nothing happens.
    """
    try:
        if not (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return False
        library = ctypes.CDLL(None)
        return all(library.mallopt(setting, to) == 1 for setting, to in ((TRIM_THRESHOLD, NEVER), (MMAP_MAX, NONE)))
    except (AttributeError, OSError, ValueError, TypeError):  # another system, or another C library
        return False


def keep_memory_in_worker(number: int) -> None:
    """`keep_memory` for `worker_init_fn` of a DataLoader, which tells every worker its number."""
    keep_memory()
