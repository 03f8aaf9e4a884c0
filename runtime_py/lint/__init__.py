"""Lint of artifacts: what they ask of a runtime that it does not do well, and how much room their integers leave."""

from __future__ import annotations

from runtime_py.lint.artifact import lint_artifact
from runtime_py.lint.finding import Finding, LayerAudit, Report

__all__ = ["Finding", "LayerAudit", "Report", "lint_artifact"]
