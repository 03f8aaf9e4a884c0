"""`Jvm`: a process that is given damaged files one by one and may die of any of them."""

from __future__ import annotations

import contextlib
import selectors
import struct
import subprocess
from collections.abc import Sequence

from runtime_py.errors import DpocketError

SECONDS = 10.0
"""What one file may take."""

ANSWERS = ("result", "refused", "memory", "defect")
"""How the lines of a JVM begin."""


class Jvm:
    """A process that answers one line to every file."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def answer(self, code: bytes, content: bytes) -> str:
        """The line for one file; "died ..." or "stuck ..." when there is none."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise DpocketError("the JVM was started without pipes")
        try:
            stdin.write(code + struct.pack(">i", len(content)) + content)
            stdin.flush()
        except BrokenPipeError:
            return f"died {self._process.wait()}"
        with selectors.DefaultSelector() as waiting:
            waiting.register(stdout, selectors.EVENT_READ)
            if not waiting.select(SECONDS):
                return f"stuck for {SECONDS:g} s"
        line = stdout.readline().decode(errors="replace").strip()
        # A JVM that native code brought down reports that on its output.
        return line if line.partition(" ")[0] in ANSWERS else f"died {self._process.wait()} {line}".strip()
