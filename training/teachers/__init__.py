"""Teachers: what labels the frames of a dataset for a student to learn from; one module each, listed in `TEACHERS`."""

from __future__ import annotations

from collections.abc import Sequence

from runtime_py.errors import DpocketError
from training.teachers import checkpoint, files, sgbm, stereo_net, zncc
from training.teachers.teacher import Kind, Label, Teacher

__all__ = ["TEACHERS", "Kind", "Label", "Teacher", "make_teacher"]

TEACHERS: dict[str, Kind] = {k.name: k for k in (sgbm.KIND, zncc.KIND, stereo_net.KIND, checkpoint.KIND, files.KIND)}
"""By name, in the order in which they are asked whether a text means them."""


def make_teacher(text: str, settings: Sequence[str] = ()) -> Teacher:
    """The teacher that `text` (a name or a path) means, with "name=value" settings applied.

    Raises DpocketError, with what can be given, for a text that means none, and for what the teacher cannot use.
    """
    for kind in TEACHERS.values():
        if kind.claims(text):
            return kind.make(text, settings)
    known = "; ".join(kind.takes for kind in TEACHERS.values())
    raise DpocketError(f"no teacher is meant by '{text}'; --teacher takes {known}")
