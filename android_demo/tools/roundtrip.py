"""Runs what is in the signed APK: its classes.dex, translated back by Debian's enjarify, and its x86-64 library.

    python -m android_demo.tools.roundtrip APK

The tests are those of `jvm_tests`; the app's classes come from the APK alone. Its library was linked against Android's
libc and libdl, whose names do not exist here: links of those names to this machine's own stand in.
"""

from __future__ import annotations

import platform
import sys
import zipfile
from pathlib import Path

from android_demo.tools import build_native, dex, model_assets
from android_demo.tools.app_build import APP
from android_demo.tools.build_apk import Built, sources_below
from android_demo.tools.jvm_tests import ON_THE_JVM, Jvm, compile_into, runtimes, sources_of, tests_of
from android_demo.tools.toolbox import BUILD, Unavailable, call, fresh_folder, printed, require
from runtime_py.errors import DpocketError

ABI = "x86_64"
BIONIC = {"libc.so": "libc.so.6", "libm.so": "libm.so.6", "libdl.so": "libdl.so.2"}


def unpack(apk: Path, folder: Path) -> tuple[Path, list[str]]:
    """classes.dex and the names of the x86-64 libraries of an APK, unpacked to `folder`.

    Raises DpocketError when there is no code.
    """
    with zipfile.ZipFile(apk) as archive:
        names = archive.namelist()
        if "classes.dex" not in names:
            raise DpocketError(f"{apk} holds no classes.dex")
        (folder / "classes.dex").write_bytes(archive.read("classes.dex"))
        libraries: list[str] = []
        for name in (n for n in names if n.startswith(f"lib/{ABI}/")):
            libraries.append(Path(name).name)
            (folder / libraries[-1]).write_bytes(archive.read(name))
    return folder / "classes.dex", libraries


def stand_ins(folder: Path) -> None:
    """Links named as Android's system libraries are, to those of this machine."""
    for android, here in BIONIC.items():
        for place in ("/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"):
            if (Path(place) / here).exists():
                (folder / android).symlink_to(Path(place) / here)
                break


def to_jar(code: Path, target: Path) -> Path:
    """Class files of a classes.dex. Raises Unavailable without enjarify, DpocketError when one cannot be translated."""
    require("enjarify")
    # enjarify belongs to Debian's own Python; another `python3`, of a virtual environment say, does not have it.
    search = {"PATH": "/usr/bin:/bin"}
    printed = call(["enjarify", "--force", "-o", target, code], "translating dex to class files", environment=search)
    if ", 0 classes had errors" not in printed:
        raise DpocketError(f"enjarify could not translate every class: {printed.strip()[-400:]}")
    return target


def report(built: Built) -> str:
    """One line of how many tests pass on the APK's own code. Raises DpocketError when one fails."""
    require("java", "javac", "enjarify", "dexdump")
    if platform.machine() != ABI:
        raise Unavailable(f"the APK's {ABI} library does not run on {platform.machine()}")
    model_assets.make()
    work = fresh_folder(BUILD / "roundtrip")
    code, libraries = unpack(built.apk, work)
    own = to_jar(code, work / "from-dex.jar")
    doubles = compile_into(work / "doubles", sources_below(APP.compile_only), [])
    tests = compile_into(work / "tests", sources_of(*ON_THE_JVM), [built.classes, doubles])
    stand_ins(work)
    properties = build_native.properties()
    jvm = Jvm((tests, own, doubles), work, properties, {"LD_LIBRARY_PATH": str(work)})
    said = jvm.run(tests_of(*ON_THE_JVM), "the tests on the APK's own code")
    return (
        f"{said} on {len(dex.read(code).classes)} classes of the dex and {' '.join(libraries)}, {runtimes(properties)}"
    )


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("usage: python -m android_demo.tools.roundtrip APK", file=sys.stderr)
        return 2
    apk = Path(arguments[0])
    return printed(lambda: report(Built(apk, apk.parent / "work" / "classes", apk.parent / "work" / "classes.dex")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
