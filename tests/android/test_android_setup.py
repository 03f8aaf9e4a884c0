"""What set-up downloads is compared with its hash before anything is kept; a registry is played by a script here."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from android_demo.tools import setup
from android_demo.tools.setup import NPM_FILES, NpmFile
from runtime_py.errors import DpocketError


def _tarball(member: str, content: bytes) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        entry = tarfile.TarInfo(member)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NpmFile:
    """An `npm` that leaves one tarball, and the file that is wanted of it."""
    monkeypatch.setattr(setup, "BUILD", tmp_path / "build")
    served = tmp_path / "served"
    served.write_bytes(_tarball("package/lib/one.txt", b"the content"))
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\ncp {served} one-1.0.tgz\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    digest = base64.b64encode(hashlib.sha512(served.read_bytes()).digest()).decode()
    return NpmFile("one", "1.0", digest, "package/lib/one.txt", tmp_path / "build" / "one.txt")


def test_the_wanted_file_of_a_package_is_kept_and_nothing_else(registry: NpmFile) -> None:
    assert "one@1.0" in setup.fetch_npm(registry)
    assert registry.target.read_bytes() == b"the content"
    assert [p.name for p in registry.target.parent.iterdir()] == ["one.txt"]
    assert setup.fetch_npm(registry) == "present"


def test_another_tarball_than_the_tested_one_is_refused(registry: NpmFile) -> None:
    other = dataclasses.replace(registry, sha512=NPM_FILES[0].sha512)
    with pytest.raises(DpocketError, match="not the file that was tested; nothing was kept"):
        setup.fetch_npm(other)
    assert list(registry.target.parent.iterdir()) == []


def test_a_tarball_of_another_layout_is_told(registry: NpmFile) -> None:
    with pytest.raises(DpocketError, match=r"holds no package/two\.txt"):
        setup.fetch_npm(dataclasses.replace(registry, member="package/two.txt"))


def test_a_registry_that_fails_is_told_in_its_own_words(registry: NpmFile, tmp_path: Path) -> None:
    (tmp_path / "bin" / "npm").write_text("#!/bin/sh\necho 'ENOTFOUND registry'\nexit 7\n")
    with pytest.raises(DpocketError, match=r"registry\.npmjs\.org reachable\?\) failed: npm left with 7:\nENOTFOUND"):
        setup.fetch_npm(registry)


def test_a_file_inside_a_tar_is_found_with_and_without_a_leading_dot(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    for name in ("api/current.txt", "./api/current.txt"):
        archive.write_bytes(_tarball(name, b"x"))
        assert setup.member_of(archive, "api/current.txt") == b"x"


def test_pinned_hashes_are_whole() -> None:
    assert all(len(base64.b64decode(f.sha512, validate=True)) == 64 for f in NPM_FILES)
    assert len(bytes.fromhex(setup.API_SHA256)) == 32
