"""Errors that are the user's to act on: one sentence with what was asked, what was found and what to do.

The command line prints the sentence and leaves with exit code 2; anything else is a defect of this project and
keeps its traceback.
"""


class DpocketError(Exception):
    """Base of every error that carries a sentence for the user."""


class CaptureError(DpocketError):
    """A dual-pixel capture is missing, damaged, or not what it claims to be."""


class ArtifactError(DpocketError):
    """An artifact is damaged, foreign, or uses something this project cannot read; names the place in the file."""


class ContractError(DpocketError):
    """Values handed to a student do not fit its contract (name, shape, dtype, range)."""


class RuntimeUnavailable(DpocketError):
    """A vendor runtime cannot run on this machine; the message is the reason."""
