"""The app's native library without the NDK: it asks Android for nothing that is not there, and lies on 16 KiB pages."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from android_demo.tools import build_native
from android_demo.tools.app_build import APP
from android_demo.tools.toolbox import Unavailable, require


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    try:
        return build_native.android(APP.abis, tmp_path_factory.mktemp("native"))
    except Unavailable as e:
        pytest.skip(str(e))


def _clang(target: Path, source: str, *options: str) -> Path:
    require("clang", "ld.lld")
    code = target.with_suffix(".c")
    code.write_text(source)
    command = ["clang", "--target=aarch64-linux-android26", "-nostdlib", "-fuse-ld=lld", "-fPIC", "-shared", "-w"]
    subprocess.run([*command, *options, "-o", target, code], check=True)
    return target


def test_every_abi_of_the_app_has_a_library_of_its_machine(libraries: dict[str, Path]) -> None:
    machines = {"arm64-v8a": 183, "x86_64": 62}  # ELF's numbers: EM_AARCH64, EM_X86_64
    assert set(libraries) == set(APP.abis)
    for abi, library in libraries.items():
        assert int.from_bytes(library.read_bytes()[18:20], "little") == machines[abi]
        assert build_native.faults(library) == []


def test_library_exports_what_the_java_class_declares(libraries: dict[str, Path]) -> None:
    declared = set(re.findall(r" native \S+ (\w+)\(", (APP.java / "org/dpocket/engine/LiteRtEngine.java").read_text()))
    assert declared
    for library in libraries.values():
        exported = re.findall(rb"Java_org_dpocket_engine_LiteRtEngine_(\w+)", library.read_bytes())
        assert {name.decode() for name in exported} == declared


def test_foreign_names_libraries_and_small_pages_are_told(libraries: dict[str, Path], tmp_path: Path) -> None:
    method = "void Java_org_dpocket_A_b(void) {{ {body} }}"
    asking = _clang(tmp_path / "asking.so", "void getrandom(void);" + method.format(body="getrandom();"))
    assert "getrandom, which bionic is not known to have" in " ".join(build_native.faults(asking))
    small = _clang(tmp_path / "small.so", method.format(body=""), "-Wl,-z,max-page-size=4096")
    assert "not aligned to pages of 16384" in " ".join(build_native.faults(small))
    loud = _clang(tmp_path / "loud.so", "void helper(void) {}", "-Wl,-z,max-page-size=16384")
    assert build_native.faults(loud) == ["it exports helper"]
    _clang(tmp_path / "libother.so", "void getrandom(void) {}", "-Wl,-soname,libother.so")
    needing = _clang(tmp_path / "needing.so", method.format(body=""), "-Wl,--no-as-needed", f"-L{tmp_path}", "-lother")
    assert "it needs libother.so" in " ".join(build_native.faults(needing))


def test_same_sources_make_the_same_bytes(libraries: dict[str, Path], tmp_path: Path) -> None:
    again = build_native.android(["arm64-v8a"], tmp_path / "elsewhere")["arm64-v8a"]
    assert again.read_bytes() == libraries["arm64-v8a"].read_bytes()


def test_cmake_builds_the_same_sources() -> None:
    recipe = (build_native.NATIVE / "CMakeLists.txt").read_text()
    named = re.search(r"add_library\(dpocket SHARED ([^)]+)\)", recipe)
    assert named is not None
    assert set(named[1].split()) == {source.name for source in build_native.SOURCES}
    assert "max-page-size=16384" in recipe
