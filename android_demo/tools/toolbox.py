"""Where the app's sources and what is built of them lie, and the Debian tools that the chain needs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "android_demo"
MAIN = DEMO / "app" / "src" / "main"
BUILD = ROOT / "build" / "android"

# Command -> Debian 12 package that brings it.
COMMANDS = {
    "java": "openjdk-17-jdk-headless",
    "javac": "openjdk-17-jdk-headless",
    "keytool": "openjdk-17-jdk-headless",
    "npm": "npm",
    "aapt2": "aapt",
    "apksigner": "apksigner",
    "zipalign": "zipalign",
    "dexdump": "dexdump",
    "enjarify": "enjarify",
    "clang": "clang",
    "ld.lld": "lld",
    "gcc": "gcc",
    "g++": "g++",
    "readelf": "binutils",
}
# File -> Debian 12 package that brings it.
FILES = {
    "/usr/share/android-framework-res/framework-res.apk": "android-framework-res",
    "/usr/share/java/groovy-all.jar": "groovy",
    "/usr/share/java/junit4.jar": "junit4",
    "/usr/share/java/hamcrest.jar": "libhamcrest-java",
    "/usr/share/java/mockito-core.jar": "libmockito-java",
    "/usr/share/java/byte-buddy.jar": "libbyte-buddy-java",
    "/usr/share/java/byte-buddy-agent.jar": "libbyte-buddy-java",
    "/usr/share/java/objenesis.jar": "libobjenesis-java",
    "/usr/share/java/asm.jar": "libasm-java",
}
PACKAGES = sorted({*COMMANDS.values(), *FILES.values()})
APT_INSTALL = "apt-get install -y --no-install-recommends"
INSTALL_LINE = f"{APT_INSTALL} {' '.join(PACKAGES)}"
FRAMEWORK_RES = Path("/usr/share/android-framework-res/framework-res.apk")


class Unavailable(DpocketError):
    """A step cannot run on this machine; the message is the reason and what to install. The ladder skips it."""


def missing_packages(commands: Iterable[str] = COMMANDS, files: Iterable[str] = FILES) -> list[str]:
    """Debian packages that would bring what is not here, sorted."""
    absent = {COMMANDS[c] for c in commands if shutil.which(c) is None}
    return sorted(absent | {FILES[f] for f in files if not Path(f).is_file()})


def require(*names: str) -> None:
    """Raise Unavailable, with the install line, unless all commands and files (keys of COMMANDS or FILES) are here."""
    absent = missing_packages([n for n in names if n in COMMANDS], [n for n in names if n in FILES])
    if absent:
        raise Unavailable(f"not installed: {', '.join(absent)}; on Debian 12: {APT_INSTALL} {' '.join(absent)}")


def jars(*names: str) -> list[str]:
    """Paths of jars of /usr/share/java by file name. Raises Unavailable for one that is not installed."""
    paths = [f"/usr/share/java/{name}" for name in names]
    require(*paths)
    return paths


def class_path(parts: Iterable[str | Path]) -> str:
    return os.pathsep.join(str(p) for p in parts)


def call(
    command: Sequence[str | Path],
    what: str,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a command; what it printed to both streams. Raises DpocketError with the ends of that when it fails."""
    words = [str(w) for w in command]
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, **environment} if environment else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise DpocketError(f"{what} failed: {words[0]} left with {done.returncode}:\n{ends_of(done.stdout)}")
    return done.stdout


def ends_of(text: str, lines: int = 12) -> str:
    """The first and the last lines of what a tool printed: some tools name the cause first, some at the end."""
    found = text.strip().splitlines()
    if len(found) <= 2 * lines:
        return "\n".join(found)
    return "\n".join([*found[:lines], f"[{len(found) - 2 * lines} lines]", *found[-lines:]])


def fresh_folder(path: Path) -> Path:
    """An empty folder of that name."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def digest_of(inputs: Iterable[Path | str]) -> str:
    """SHA-256 over the contents of files and over strings, in order."""
    total = hashlib.sha256()
    for item in inputs:
        total.update(item.read_bytes() if isinstance(item, Path) else item.encode())
        total.update(b"\0")
    return total.hexdigest()


def is_current(target: Path, digest: str) -> bool:
    """Whether `target` exists and was made of inputs of that digest (`note_digest`)."""
    note = target.with_name(target.name + ".inputs")
    return target.exists() and note.is_file() and note.read_text().strip() == digest


def note_digest(target: Path, digest: str) -> None:
    write_atomic(target.with_name(target.name + ".inputs"), f"{digest}\n".encode())


def printed(report: Callable[[], str]) -> int:
    """Print what a check says: exit status 0, or 1 with its sentence on the error stream."""
    try:
        print(report())
    except DpocketError as e:
        print(e, file=sys.stderr)
        return 1
    return 0
