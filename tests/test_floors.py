"""The house stands on its floors: imports run down only, and the lowest floor needs no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {"runtime_py": 0, "training": 1, "convert": 2, "dpocket": 3}
MODULES = sorted(p for floor in FLOORS for p in [*(ROOT / floor).rglob("*.py"), *ROOT.glob(f"{floor}.py")])


def imported_packages(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_floor_imports_only_floors_below(module: Path) -> None:
    floor = FLOORS[module.relative_to(ROOT).parts[0].removesuffix(".py")]
    above = {name for name, level in FLOORS.items() if level > floor}
    assert not imported_packages(module.read_text()) & above


def test_the_check_itself_sees_an_upward_import() -> None:
    assert imported_packages("def f():\n    from training.fit import fit\n") == {"training"}


def run_without_torch(code: str) -> subprocess.CompletedProcess[str]:
    blocked = "import sys\nfor name in ('torch', 'lightning', 'executorch', 'coremltools'): sys.modules[name] = None\n"
    return subprocess.run([sys.executable, "-c", blocked + code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_room_of_the_reference_runtime_imports_without_torch() -> None:
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in MODULES if "runtime_py" in p.parts]
    done = run_without_torch("".join(f"import {n.removesuffix('.__init__')}\n" for n in names))
    assert done.returncode == 0, done.stderr


def test_importing_the_reference_runtime_loads_nothing_heavy() -> None:
    heavy = ("cv2", "matplotlib", "jinja2", "onnxruntime", "ai_edge_litert", "rich")
    done = run_without_torch(f"import runtime_py, sys\nprint([m for m in {heavy} if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_a_command_that_needs_torch_says_what_to_install() -> None:
    done = run_without_torch("import dpocket\ndpocket.main(['export', 'x.safetensors'])\n")
    assert done.returncode == 2
    assert "pip install 'dpocket[train,convert]'" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_the_front_door_opens_without_torch() -> None:
    done = run_without_torch(
        "import dpocket\ntry:\n    dpocket.main(['--help'])\nexcept SystemExit as e:\n    assert not e.code\n"
    )
    assert done.returncode == 0, done.stderr
