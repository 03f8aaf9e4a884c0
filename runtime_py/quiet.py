"""Vendors' libraries without their chatter: warnings, progress bars and log lines that a user cannot act on."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet(native: bool = False) -> Iterator[None]:
    """Silence Python warnings, logging below ERROR and stderr; with `native` also what libraries write to it directly.

    Exceptions pass.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            with _closed_stderr() if native else contextlib.nullcontext():
                yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def _closed_stderr() -> Iterator[None]:
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
