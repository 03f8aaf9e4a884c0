"""What the build needs from registries, into build/android/: once, by name, version and hash; nothing else downloads.

    python -m android_demo.tools.setup             # download and prepare
    python -m android_demo.tools.setup --install   # first: apt-get install of the Debian packages (needs root)

* Debian's source package android-platform-frameworks-base: AOSP's `api/current.txt` (API 29), of which `stubs.py`
  makes an android.jar to compile against;
* npm's @nativescript/android: dx 1.11, which turns class files into classes.dex;
* npm's @nativescript/types-android: since which API level a member of Android exists.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from android_demo.tools import stubs
from android_demo.tools.toolbox import APT_INSTALL, BUILD, COMMANDS, FILES, Unavailable, call, missing_packages, require
from runtime_py.errors import DpocketError
from runtime_py.files import sha256_of, write_atomic

API = BUILD / "current.txt"
ANDROID_JAR = BUILD / "android.jar"
DX_JAR = BUILD / "dx.jar"
LEVELS = BUILD / "android-platform.d.ts"

SOURCE_PACKAGE = "android-platform-frameworks-base"
API_SHA256 = "542d4115065177ec3872f4de3757d1d5607411c918ce433e0024713fd8009aee"
DEBIAN_SOURCES = """Types: deb-src
URIs: http://deb.debian.org/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


@dataclass(frozen=True)
class NpmFile:
    """One file of one version of an npm package; `sha512` is the registry's integrity (base64) of the tarball."""

    package: str
    version: str
    sha512: str
    member: str
    target: Path


NPM_FILES = (
    NpmFile(
        "@nativescript/android",
        "9.1.1",
        "oDWfVnQtgQ0ctbfFWSugqGEZnYVjls82FqlO5UbA9HNwTNqdP4gqWwqHR80WKQngrbxlRHYDIuYv5S9kQfKhcw==",
        "package/framework/build-tools/android-metadata-generator.jar",
        DX_JAR,
    ),
    NpmFile(
        "@nativescript/types-android",
        "9.1.1",
        "PGaTum9tyqyyza3QT21Z7WrRR1+nM7ITsq9EJiaShLArThJI0PD1ZuDO5IoUUvSQ+gTKU2nLiVMnFbU4s3FeeQ==",
        "package/lib/android/android-platform-21-37-merged.d.ts",
        LEVELS,
    ),
)


def member_of(archive: Path, member: str) -> bytes:
    """One file of a compressed tar, read as a stream up to it. Raises DpocketError when it is not in there."""
    with tarfile.open(archive, "r|*") as tar:
        for entry in tar:
            if entry.name.removeprefix("./") == member and (file := tar.extractfile(entry)):
                return file.read()
    raise DpocketError(f"{archive.name} holds no {member}; its layout changed, so setup.py must be brought up to date")


def fetch_api() -> str:
    """AOSP's signature file from Debian's source package: apt checks the archive's signature, this the file's hash."""
    if API.is_file() and sha256_of(API) == API_SHA256:
        return "present"
    if not shutil.which("apt-get") or not Path("/usr/share/keyrings/debian-archive-keyring.gpg").is_file():
        raise Unavailable(
            f"no Debian apt here, and {SOURCE_PACKAGE} comes from nowhere else; use Debian 12 or its container"
        )
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="apt.", dir=BUILD) as name:
        work = Path(name)
        (work / "lists" / "partial").mkdir(parents=True)
        (work / "cache" / "archives" / "partial").mkdir(parents=True)
        (work / "debian.sources").write_text(DEBIAN_SOURCES)
        # Lists of its own: the machine's sources stay as they are, and nobody needs to be root.
        apt: list[str | Path] = ["apt-get", "--quiet"]
        for option in (
            f"Dir::Etc::sourcelist={work / 'debian.sources'}",
            "Dir::Etc::sourceparts=/dev/null",
            f"Dir::State::lists={work / 'lists'}",
            f"Dir::Cache={work / 'cache'}",
            "APT::Sandbox::User=root",
        ):
            apt += ["-o", option]
        call([*apt, "update"], "reading Debian's list of source packages (is deb.debian.org reachable?)", folder=work)
        call(
            [*apt, "--download-only", "source", SOURCE_PACKAGE],
            f"downloading the source of {SOURCE_PACKAGE}",
            folder=work,
        )
        archives = sorted(work.glob("*.orig.tar.*"))
        if not archives:
            raise DpocketError(f"apt-get source {SOURCE_PACKAGE} left no .orig.tar file in {work}")
        data = member_of(archives[0], "api/current.txt")
    found = hashlib.sha256(data).hexdigest()
    if found != API_SHA256:
        raise DpocketError(
            f"api/current.txt has SHA-256 {found}, not {API_SHA256}: another version than the one tested"
        )
    write_atomic(API, data)
    return f"{len(data) / 1e6:.1f} MB"


def fetch_npm(file: NpmFile) -> str:
    """One file of a pinned npm package, after the tarball's SHA-512 was compared."""
    if file.target.is_file():
        return "present"
    require("npm")
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="npm.", dir=BUILD) as name:
        wanted = f"{file.package}@{file.version}"
        call(
            ["npm", "pack", "--loglevel=error", "--pack-destination", name, wanted],
            f"downloading {wanted} (is registry.npmjs.org reachable?)",
            folder=Path(name),
        )
        archives = sorted(Path(name).glob("*.tgz"))
        if not archives:
            raise DpocketError(f"npm pack {wanted} left no tarball")
        found = base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
        if found != file.sha512:
            raise DpocketError(
                f"{wanted} has SHA-512 {found}, not {file.sha512}: not the file that was tested; nothing was kept"
            )
        write_atomic(file.target, member_of(archives[0], file.member))
    return f"{wanted}, {file.target.stat().st_size / 1e6:.1f} MB"


def make_jar() -> str:
    stubs.make_stub_jar(API, ANDROID_JAR)
    return f"{ANDROID_JAR.stat().st_size / 1e6:.1f} MB"


STEPS: dict[str, Callable[[], str]] = {
    "api/current.txt": fetch_api,
    "dx": lambda: fetch_npm(NPM_FILES[0]),
    "API levels": lambda: fetch_npm(NPM_FILES[1]),
    "android.jar": make_jar,
}


def require_set_up() -> None:
    """Raise Unavailable unless everything that `setup` makes is in build/android/."""
    absent = [p.name for p in (API, DX_JAR, LEVELS, ANDROID_JAR) if not p.is_file()]
    if absent:
        raise Unavailable(f"build/android has no {', '.join(absent)}: run `python -m android_demo.tools.setup` first")


def install() -> None:
    """`apt-get install` of what is missing. Raises DpocketError when not root."""
    absent = missing_packages()
    if not absent:
        return
    if not shutil.which("apt-get") or os.geteuid():
        raise DpocketError(f"installing needs root on Debian 12: {APT_INSTALL} {' '.join(absent)}")
    print("apt-get install", *absent, flush=True)
    for words in (["update"], [*APT_INSTALL.split()[1:], *absent]):
        if subprocess.run(["apt-get", "-qq", *words], check=False).returncode:
            raise DpocketError(f"apt-get {words[0]} failed; the packages are: {' '.join(absent)}")


def main(arguments: list[str] | None = None) -> int:
    """Run every step; 0 when all is there or this machine cannot have it (said in words), 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m android_demo.tools.setup", description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="apt-get install the Debian packages first (root)")
    try:
        if parser.parse_args(arguments).install:
            install()
        require(*COMMANDS, *FILES)
        for name, step in STEPS.items():
            print(f"set-up  {name}: {step()}", flush=True)
    except Unavailable as e:
        print(f"set-up  skipped: {e}")
    except DpocketError as e:
        print(f"set-up  failed: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
