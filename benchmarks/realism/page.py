"""The comparison as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from benchmarks.realism.facts import Facts
from benchmarks.realism.pairs import RENDERED
from benchmarks.realism.plots import CAPTIONS, distance_figure, figures
from runtime_py.files import write_atomic

TEMPLATE = Path(__file__).with_name("page.html.j2")


def write(out: Path, all_facts: list[Facts], summary: dict[str, Any]) -> None:
    """`index.html` and `realism.json` in `out`. Neither holds a pixel of a capture."""
    write_atomic(out / "index.html", html(all_facts, summary).encode())
    write_atomic(out / "realism.json", (json.dumps(summary, indent=1) + "\n").encode())


def html(all_facts: list[Facts], summary: dict[str, Any]) -> str:
    """The page's text."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["short"] = lambda value: "–" if value is None else f"{value:.3g}"
    drawn = [(title, CAPTIONS[title], _inline(picture)) for title, picture in figures(all_facts).items()]
    titles = [RENDERED, *(t for t in summary["sources"] if t != RENDERED)]
    return environment.from_string(TEMPLATE.read_text()).render(
        summary=summary, figures=drawn, bars=_inline(distance_figure(summary)), titles=titles, rendered=RENDERED
    )


def _inline(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
