"""The app's native library without the NDK: `python -m android_demo.tools.build_native` makes it for both ABIs.

clang and lld know Android's targets, and what the library calls of Android's libc is little: bionic/ declares it and
stubs made here give the linker the names. What comes out is checked: it asks only for names that bionic has at minSdk,
needs no other library, exports JNI methods only and is aligned to 16 KiB pages. `host` builds the same sources for this
machine's JVM, and `executorch_double` the native half of the double of ExecuTorch's Java API.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from android_demo.tools.toolbox import (
    BUILD,
    DEMO,
    MAIN,
    Unavailable,
    call,
    digest_of,
    is_current,
    note_digest,
    require,
)
from runtime_py.errors import DpocketError

NATIVE = MAIN / "cpp"
SOURCES = (NATIVE / "engine.c", NATIVE / "jni.c")
HEADERS = (NATIVE / "engine.h", NATIVE / "litert_api.h")
BIONIC_HEADERS = Path(__file__).parent / "bionic"
DOUBLE = DEMO / "tests" / "executorch_double"
LIBRARY = "libdpocket.so"
PAGE = 0x4000

TARGETS: Mapping[str, str] = {"arm64-v8a": "aarch64-linux-android26", "x86_64": "x86_64-linux-android26"}
"""Android's name of an ABI to clang's; 26 is minSdk."""

BIONIC: Mapping[str, tuple[str, ...]] = {
    "libc.so": (
        "calloc", "free", "malloc", "memcmp", "memcpy", "memset", "posix_memalign", "snprintf", "strlen", "vsnprintf",
    ),
    "libdl.so": ("dlclose", "dlerror", "dlopen", "dlsym"),
}  # fmt: skip
"""What the library may ask for: all of it is in bionic since API 21 or longer, on both ABIs."""

STRICT = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden")


def android(abis: Iterable[str], folder: Path = BUILD / "native") -> dict[str, Path]:
    """The checked library of each ABI, made anew when a source changed.

    Raises Unavailable without clang, lld or a JDK; DpocketError for an unknown ABI, or a library that breaks a rule.
    """
    require("clang", "ld.lld", "javac")
    made = {}
    for abi in abis:
        if abi not in TARGETS:
            raise DpocketError(f"there is no ABI '{abi}'; there are: {', '.join(TARGETS)}")
        target = folder / abi / LIBRARY
        digest = digest_of([*SOURCES, *HEADERS, *sorted(BIONIC_HEADERS.glob("*.h")), Path(__file__)])
        if not is_current(target, digest):
            _cross_compile(abi, target)
            if broken := faults(target):
                raise DpocketError(f"{target.name} for {abi}: {'; '.join(broken)}")
            note_digest(target, digest)
        made[abi] = target
    return made


def _cross_compile(abi: str, target: Path) -> None:
    stubs = target.parent / "stubs"
    stubs.mkdir(parents=True, exist_ok=True)
    clang: list[str | Path] = ["clang", f"--target={TARGETS[abi]}", "-nostdlib", "-fuse-ld=lld"]
    for library, names in BIONIC.items():
        source = stubs / f"{library}.c"
        source.write_text("".join(f"void {name}(void) {{}}\n" for name in names))
        options = ["-w", "-fno-builtin", "-fPIC", "-shared", f"-Wl,-soname,{library}"]
        call([*clang, *options, "-o", stubs / library, source], f"building the stub of {library}")
    include = _jdk() / "include"
    options = [
        *STRICT, "-ffreestanding", "-nostdlibinc", f"-I{BIONIC_HEADERS}", f"-I{NATIVE}",
        f"-I{include}", f"-I{include / 'linux'}", "-fno-stack-protector", f"-ffile-prefix-map={NATIVE}=.",
        f"-Wl,-soname,{LIBRARY}", f"-Wl,-z,max-page-size={PAGE}", "-Wl,-z,relro,-z,now", "-Wl,--build-id=sha1",
        "-Wl,--hash-style=both", "-Wl,--no-undefined", f"-L{stubs}", "-s",
    ]  # fmt: skip
    call([*clang, *options, "-o", target, *SOURCES, "-lc", "-ldl"], f"building {LIBRARY} for {abi}")


def _jdk() -> Path:
    """The folder of the JDK whose javac is found first; its include/ holds jni.h. Raises Unavailable without."""
    compiler = shutil.which("javac")
    home = Path(os.path.realpath(compiler)).parents[1] if compiler else Path("/nonexistent")
    if not (home / "include" / "jni.h").is_file():
        raise Unavailable(
            f"there is no jni.h in {home / 'include'}; on Debian 12: apt-get install openjdk-17-jdk-headless"
        )
    return home


def faults(library: Path) -> list[str]:
    """The rules that an Android library of this app breaks, one clause each; read with binutils' readelf."""
    printed = call(
        ["readelf", "--wide", "--dynamic", "--program-headers", "--dyn-syms", library], "reading the library"
    )
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", printed))
    asked: set[str] = set()
    given: set[str] = set()
    for kind, name in re.findall(r"^\s*\d+: [0-9a-f]+\s+\d+ \w+\s+\w+\s+\w+\s+(\w+) ([^\s@]+)", printed, re.MULTILINE):
        (asked if kind == "UND" else given).add(name)
    known = {name for names in BIONIC.values() for name in names}
    alignments = [int(found, 16) for found in re.findall(r"^\s*LOAD\s.*(0x[0-9a-f]+)$", printed, re.MULTILINE)]
    broken = []
    if foreign := sorted(needed - BIONIC.keys()):
        broken.append(f"it needs {', '.join(foreign)}")
    if foreign := sorted(asked - known):
        broken.append(f"it asks for {', '.join(foreign)}, which bionic is not known to have")
    if foreign := sorted(name for name in given if not name.startswith("Java_org_dpocket_")):
        broken.append(f"it exports {', '.join(foreign)}")
    if not given:
        broken.append("it exports no JNI method")
    if not alignments or any(found % PAGE for found in alignments):
        broken.append(f"it is not aligned to pages of {PAGE} bytes")
    return broken


def host(folder: Path = BUILD / "host") -> Path:
    """A folder with the library for this machine's JVM. Raises Unavailable without gcc or a JDK."""
    require("gcc", "javac")
    include = _jdk() / "include"
    command: list[str | Path] = [
        "gcc",
        *STRICT,
        "-D_GNU_SOURCE",
        f"-I{include}",
        f"-I{include / 'linux'}",
        *SOURCES,
        "-ldl",
    ]
    _make(folder / LIBRARY, [*SOURCES, *HEADERS], command)
    return folder


def executorch_double(folder: Path = BUILD / "host") -> Path:
    """The native half of the double, over the installed ExecuTorch.

    Raises Unavailable without g++, a JDK or an ExecuTorch wheel that carries its C++ library (1.5 does).
    """
    require("gcc", "javac")
    if shutil.which("g++") is None:
        raise Unavailable("not installed: g++; on Debian 12: apt-get install -y --no-install-recommends g++")
    root = _package("executorch")
    if not (root / "lib" / "libexecutorch.so").is_file():
        raise Unavailable(f"the executorch in {root} brings no C++ library; pip install executorch==1.5.1")
    include = _jdk() / "include"
    libraries = ("executorch", "executorch_backend_xnnpack", "executorch_kernels_optimized", "executorch_threadpool")
    command: list[str | Path] = [
        "g++", "-std=c++17", "-O2", "-fPIC", "-shared", "-DC10_USING_CUSTOM_GENERATED_MACROS",
        f"-I{include}", f"-I{include / 'linux'}", "-isystem", root / "include",
        "-isystem", root / "include/executorch/runtime/core/portable_type/c10", DOUBLE / "double.cpp",
        # Backends and kernels register themselves when loaded: no symbol of theirs is asked for by name.
        f"-L{root / 'lib'}", "-Wl,--no-as-needed", *(f"-l{name}" for name in libraries), f"-Wl,-rpath,{root / 'lib'}",
    ]  # fmt: skip
    _make(folder / "libexecutorch_double.so", [DOUBLE / "double.cpp"], command)
    return folder / "libexecutorch_double.so"


def litert_library() -> Path:
    """LiteRT's library in the installed ai-edge-litert. Raises Unavailable without."""
    return _package("ai_edge_litert") / "libLiteRt.so"


def properties() -> dict[str, str]:
    """The system properties by which the engines find their libraries on this machine; of an absent one, none."""
    found = {}
    for name, make in (("dpocket.litert", litert_library), ("dpocket.executorch", executorch_double)):
        try:
            found[name] = str(make())
        except Unavailable as e:
            found[f"{name}.absent"] = str(e)
    return found


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(f"the Python package {name} is not installed; pip install 'dpocket[convert]'")
    return Path(spec.submodule_search_locations[0])


def _make(target: Path, sources: Iterable[Path], command: list[str | Path]) -> None:
    digest = digest_of([*sources, *map(str, command)])
    if not is_current(target, digest):
        target.parent.mkdir(parents=True, exist_ok=True)
        call([*command, "-o", target], f"building {target.name}")
        note_digest(target, digest)


def main() -> int:
    try:
        for abi, library in android(TARGETS).items():
            print(f"{abi}: {library}, {library.stat().st_size} bytes")
    except DpocketError as e:
        print(e, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
