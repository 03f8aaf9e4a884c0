"""`Finding`, one thing that lint has to say, and `Report`, all of them with the audit per layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

Status = Literal["ok", "warning", "refused"]

ORDER: Sequence[Status] = ("refused", "warning", "ok")
"""From the gravest."""


@dataclass(frozen=True)
class Finding:
    """What is wrong, or could be, with one layer or operation.

    "refused": a target or runtime does not take it, or its numbers are lost; "warning": it runs, but slower or less
    exactly than it could. `layer` is the tensor or module, `place` the line of the model or the operation of the file;
    `target` and `precision` are empty where all of them are meant.
    """

    check: str
    status: Status
    layer: str
    place: str
    what: str
    instead: str
    target: str = ""
    precision: str = ""


@dataclass(frozen=True)
class LayerAudit:
    """The figures of one layer by name (`runtime_py.lint.table.COLUMNS` says what each is).

    A figure that does not apply is left out. `status` is that of its gravest finding.
    """

    layer: str
    kind: str
    place: str
    figures: Mapping[str, float]
    status: Status = "ok"


@dataclass(frozen=True)
class Report:
    """What was linted, facts about it (name -> value), findings from the gravest, and figures per layer."""

    subject: str
    findings: tuple[Finding, ...]
    layers: tuple[LayerAudit, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.status == "refused")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.status == "warning")

    def to_json(self) -> str:
        return json.dumps({"refused": len(self.refused), "warnings": len(self.warnings), **asdict(self)}, indent=1)


def sorted_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """From the gravest; otherwise in the order they were found, without repetitions."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: ORDER.index(finding.status)))


def with_status(layers: Sequence[LayerAudit], findings: Sequence[Finding]) -> tuple[LayerAudit, ...]:
    """The audits, each with the status of the gravest finding on its layer."""
    worst: dict[str, Status] = {}
    for finding in sorted_findings(findings):
        worst.setdefault(finding.layer, finding.status)
    return tuple(LayerAudit(a.layer, a.kind, a.place, a.figures, worst.get(a.layer, "ok")) for a in layers)
