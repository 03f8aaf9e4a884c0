"""What the sweep needs: Debian's cross compilers and qemu, the runtimes' aarch64 wheels, and what is built of them."""

from __future__ import annotations

import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from android_demo.arm64.cpus import CPUS, write_prefix
from android_demo.tools.toolbox import MAIN, ROOT, Unavailable, call, digest_of, fresh_folder, is_current, note_digest

HERE = Path(__file__).parent
BUILD = ROOT / "build" / "arm64"
WHEELS = HERE / "wheels.txt"

COMMANDS: Mapping[str, str] = {
    "qemu-aarch64": "qemu-user",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
    "gcc": "gcc",
}
"""Command -> Debian 12 package that brings it."""

C_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror")
EXECUTORCH_LIBRARIES = (
    "executorch", "executorch_backend_xnnpack", "executorch_kernels_optimized", "executorch_threadpool",
)  # fmt: skip


@dataclass(frozen=True)
class Toolchain:
    """Everything built: two runners for aarch64, the counting plugin for the host's qemu, the folder of prefixes."""

    run_litert: Path
    run_executorch: Path
    litert_library: Path
    plugin: Path
    prefixes: Path

    def prefix(self, cpu: str) -> Path:
        return self.prefixes / cpu


def require_commands() -> None:
    """Raises Unavailable with the install line when a compiler or qemu is missing."""
    absent = sorted({package for command, package in COMMANDS.items() if shutil.which(command) is None})
    if absent:
        line = f"apt-get install -y --no-install-recommends {' '.join(absent)}"
        raise Unavailable(f"not installed: {', '.join(absent)}; on Debian 12: {line}")


def wheels(folder: Path = BUILD / "wheels") -> Path:
    """The unpacked wheels, downloaded by pip and checked against the hashes of wheels.txt when they are not there yet.

    Raises DpocketError when pip cannot download them or a hash differs.
    """
    unpacked = folder / "unpacked"
    digest = digest_of([WHEELS])
    if is_current(unpacked, digest):
        return unpacked
    fresh_folder(folder)
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 27, 28)]
    call(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--require-hashes", "--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--abi=cp311",
            *platforms, f"--dest={folder}", f"--requirement={WHEELS}",
        ],
        "downloading the aarch64 wheels",
    )  # fmt: skip
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
    note_digest(unpacked, digest)
    return unpacked


def build(folder: Path = BUILD) -> Toolchain:
    """Everything, made anew where its sources changed. Raises Unavailable without the tools."""
    require_commands()
    unpacked = wheels(folder / "wheels")
    made = Toolchain(
        run_litert=folder / "run_litert",
        run_executorch=folder / "run_executorch",
        litert_library=unpacked / "ai_edge_litert" / "libLiteRt.so",
        plugin=folder / "libcount.so",
        prefixes=folder / "prefixes",
    )
    for name, cpu in CPUS.items():
        write_prefix(cpu, made.prefix(name))
    native = MAIN / "cpp"
    engine = [native / "engine.c", native / "engine.h", native / "litert_api.h"]
    mark = HERE / "mark.h"
    _compile(
        made.run_litert,
        [HERE / "run_litert.c", mark, *engine],
        ["aarch64-linux-gnu-gcc", *C_FLAGS, f"-I{native}", HERE / "run_litert.c", native / "engine.c", "-ldl"],
    )
    _compile(made.plugin, [HERE / "count.c"], ["gcc", *C_FLAGS, "-shared", "-fPIC", HERE / "count.c"])
    _compile(made.run_executorch, [HERE / "run_executorch.cpp", mark, WHEELS], _executorch_command(unpacked))
    return made


def _executorch_command(unpacked: Path) -> list[str | Path]:
    root = unpacked / "executorch"
    return [
        "aarch64-linux-gnu-g++", "-std=c++17", "-O2", "-DC10_USING_CUSTOM_GENERATED_MACROS",
        "-isystem", root / "include", "-isystem", root / "include/executorch/runtime/core/portable_type/c10",
        HERE / "run_executorch.cpp",
        # XNNPACK and the kernels register themselves when loaded: no symbol of theirs is asked for by name.
        f"-L{root / 'lib'}", "-Wl,--no-as-needed", *(f"-l{name}" for name in EXECUTORCH_LIBRARIES),
        "-Wl,--allow-shlib-undefined", f"-Wl,-rpath,{root / 'lib'}",
    ]  # fmt: skip


def _compile(target: Path, sources: list[Path], command: list[str | Path]) -> None:
    digest = digest_of([*sources, *(str(word) for word in command)])
    if not is_current(target, digest):
        call([*command, "-o", target], f"building {target.name}")
        note_digest(target, digest)
