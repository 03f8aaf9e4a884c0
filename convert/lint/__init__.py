"""Lint of checkpoints: what would not go to a target, or not well, with the line of the model, before exporting."""

from __future__ import annotations

from convert.lint.checkpoint import lint_checkpoint, lint_student, refusals, require_clean, require_traced

__all__ = ["lint_checkpoint", "lint_student", "refusals", "require_clean", "require_traced"]
