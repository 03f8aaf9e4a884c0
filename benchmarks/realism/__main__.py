"""The command: measures real captures and rendered training pairs, and writes the page."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks.realism.facts import Facts, measure
from benchmarks.realism.page import write
from benchmarks.realism.pairs import RENDERED, real_sources, rendered_source
from benchmarks.realism.summary import summarise
from runtime_py.errors import DpocketError
from training.recipes import recipe


def main() -> int:
    """Returns 2 when there is nothing to compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.realism", description=(__doc__ or "").strip())
    parser.add_argument("captures", type=Path, help="folder that holds real dual-pixel captures")
    parser.add_argument("--out", type=Path, required=True, help="folder for index.html and realism.json")
    parser.add_argument("--count", type=int, default=400, help="scenes to render")
    parser.add_argument("--recipe", default="pocket", help="whose pool and augmentation are measured")
    given = parser.parse_args()
    console, started = Console(), time.perf_counter()
    try:
        chosen = recipe(given.recipe)
        side = chosen.optimisation.crop
        sources = real_sources(given.captures, chosen.working_width, side)
        console.print(f"{sum(len(s.captures) for s in sources)} captures of {len(sources)} sources")
        sources.append(rendered_source(chosen, given.count))
        found: list[Facts] = []
        for source in sources:
            with console.status(f"measuring {source.title}"):
                found.append(measure(source, chosen.preprocess))
        summary = {"recipe": chosen.name, "width": chosen.working_width, "side": side, **summarise(found)}
        write(given.out, found, summary)
    except DpocketError as e:
        console.print(f"[red]{e}[/]")
        return 2
    for sentence in summary["sentences"]:
        console.print(f"- {sentence}", highlight=False)
    overall = summary["overall"]
    console.print(
        f"{RENDERED} against real, mean of all measures: KS {overall['ks']:.3f}, covered "
        f"{overall['covered']:.3f}, spent {overall['spent']:.3f}; {given.out / 'index.html'} "
        f"after {time.perf_counter() - started:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
