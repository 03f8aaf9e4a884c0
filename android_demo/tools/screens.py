"""The app's screens as PNGs, painted by its own drawing code on maps that the reference runtime computes.

python -m android_demo.tools.screens        # into build/android/screens
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import numpy as np

from android_demo.tools import junit, model_assets
from android_demo.tools.jvm_tests import compile_into, core_classes, sources_of
from android_demo.tools.toolbox import BUILD, ROOT, call, class_path, digest_of, fresh_folder, printed, require
from runtime_py.contract import Contract
from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic

SCREENS = BUILD / "screens"
PAINTER = "org.dpocket.core.RenderScreens"
SIZE = (1080, 2160)
FEWEST, FEWEST_COLOURS = 8, 8


def write_maps(artifact: Path, capture: Path, folder: Path) -> tuple[int, int, Contract]:
    """Both views, disparity and confidence as little-endian float32 files in `folder`; their width, height, contract.

    The maps of one artifact and capture are computed once (the reference takes seconds).
    """
    from runtime_py import load_student
    from runtime_py.captures import open_capture
    from runtime_py.captures.orientation import views

    student = load_student(artifact)
    left, right = views(open_capture(capture))
    digest = digest_of([artifact, *sorted(p for p in capture.parent.iterdir() if p.is_file())])
    note = folder / "maps.json"
    if not note.is_file() or json.loads(note.read_text()).get("inputs") != digest:
        fresh_folder(folder)
        found = student.predict(left, right)
        maps = {"left": left, "right": right, "disparity": found.disparity, "confidence": found.confidence}
        for name, plane in maps.items():
            if plane is not None:
                write_atomic(folder / f"{name}.f32", np.ascontiguousarray(plane, "<f4").tobytes())
        write_atomic(note, json.dumps({"inputs": digest}).encode())
    return left.shape[1], left.shape[0], student.contract


def colours_of(path: Path) -> int:
    """How many colours an image has. Raises DpocketError when it is no PNG of the screens' size."""
    import cv2

    head = path.read_bytes()[:24]
    if head[:8] != b"\x89PNG\r\n\x1a\n" or struct.unpack(">II", head[16:24]) != SIZE:
        raise DpocketError(f"{path.name} is no PNG of {SIZE[0]}×{SIZE[1]}")
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise DpocketError(f"{path.name} cannot be decoded")
    return len(np.unique(pixels.reshape(-1, 3)[::7], axis=0))


def report() -> str:
    """Paint every screen; one line of how many. Raises DpocketError when one is missing, empty, or all are alike."""
    require("java", "javac")
    artifact = model_assets.make() / model_assets.MODELS[0]
    width, height, contract = write_maps(artifact, model_assets.sample_capture(), BUILD / "screens.maps")
    classes = core_classes()
    # The painter is written for this: it may use AWT, which Android does not have.
    painter = [p for p in sources_of("core") if p.stem in ("RenderScreens", "AwtPen")]
    if len(painter) != 2:
        raise DpocketError(f"{junit.TESTS / junit.PACKAGE / 'core'} has no RenderScreens.java with its AwtPen.java")
    compiled = compile_into(BUILD / "jvm" / "screens", painter, [classes])
    within = next((o.within_px for o in contract.outputs if o.name == "confidence"), None) or "NaN"
    numbers = [str(n) for n in (width, height, contract.working_width, within)]
    fresh_folder(SCREENS)
    command: list[str | Path] = ["java", "-Djava.awt.headless=true", "-cp", class_path([compiled, classes]), PAINTER]
    call([*command, BUILD / "screens.maps", *numbers, SCREENS], "painting the screens")
    painted = sorted(SCREENS.glob("*.png"))
    if len(painted) < FEWEST:
        raise DpocketError(f"{len(painted)} screens were painted, at least {FEWEST} are wanted")
    if empty := [p.name for p in painted if colours_of(p) < FEWEST_COLOURS]:
        raise DpocketError(f"nothing is painted on {', '.join(empty)}")
    if len({p.read_bytes() for p in painted}) < len(painted):
        raise DpocketError(f"two of the screens in {SCREENS} are the same picture")
    return f"{len(painted)} PNGs in {SCREENS.relative_to(ROOT)}"


if __name__ == "__main__":
    sys.exit(printed(report))
