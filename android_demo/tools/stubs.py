"""`android.jar` without an SDK: classes with Android's signatures, compiled from what AOSP's `api/current.txt` says."""

from __future__ import annotations

import zipfile
from pathlib import Path

from android_demo.tools import api_file, stub_source
from android_demo.tools.toolbox import call, digest_of, fresh_folder, is_current, note_digest, require

EPOCH = (1980, 1, 1, 0, 0, 0)


def jar(classes: Path, target: Path) -> int:
    """Pack a folder of class files into a jar whose bytes depend on them alone; returns how many there are."""
    files = sorted(classes.rglob("*.class"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(file.relative_to(classes).as_posix(), EPOCH), file.read_bytes())
    return len(files)


def write_sources(signatures: Path, folder: Path) -> list[Path]:
    """The stub sources of a signature file (format 2.0), one file per top-level class."""
    with open(signatures, encoding="utf-8") as lines:
        writer = stub_source.StubWriter(api_file.parse(lines))
    written = []
    for api in writer.top_level():
        path = folder.joinpath(*api.package.split("."), f"{api.name}.java")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(writer.source(api), encoding="utf-8")
        written.append(path)
    return written


def make_stub_jar(signatures: Path, target: Path) -> Path:
    """The stub jar of a signature file; made anew only when the file or the generator changed.

    Raises Unavailable without a JDK, DpocketError when javac refuses a stub.
    """
    require("javac")
    digest = digest_of([signatures, Path(api_file.__file__), Path(stub_source.__file__), Path(__file__)])
    if is_current(target, digest):
        return target
    work = fresh_folder(target.parent / "stubs")
    names = work / "sources.txt"
    names.write_text("\n".join(f'"{p}"' for p in write_sources(signatures, work / "src")))
    # Level 8: Android's interfaces have default methods; the app itself stays at level 7.
    options = ["--release", "8", "-nowarn", "-Xlint:none", "-proc:none", "-g:none"]
    call(["javac", *options, "-d", work / "classes", f"@{names}"], "compiling the stubs of android.jar")
    jar(work / "classes", target)
    note_digest(target, digest)
    fresh_folder(work).rmdir()
    return target
