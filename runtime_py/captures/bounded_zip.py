"""Small zip archives from strangers, read whole into memory within limits, and written so that equal members give equal
bytes."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from runtime_py.captures.images import read_bytes
from runtime_py.errors import CaptureError
from runtime_py.files import write_atomic

MIB = 1 << 20

FILE, MEMBER, TOTAL, COUNT = 64 * MIB, 48 * MIB, 96 * MIB, 32
"""Largest archive, largest member and largest sum of members once inflated, in bytes; most members."""

RATIO, SMALL = 200, 64 << 10
"""How many times its packed size a member of more than SMALL bytes may have; raw views of a sensor do not reach 5."""

_NAME = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*(/[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*)*")
_LONGEST_NAME = 100
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error)
_END = b"PK\x05\x06"
_END_BYTES = 22


def is_safe_name(name: str) -> bool:
    """Relative, with forward slashes, of letters, digits, "_", "-" and single inner dots: it cannot leave a folder."""
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def read_members(path: Path) -> dict[str, bytes]:
    """Every member of an archive by name, inflated and held against its CRC-32.

    Raises CaptureError for a missing, empty, cut or foreign file, an unsafe or repeated name, anything encrypted or
    packed in another way than stored or deflated, and whatever passes the limits above, before it is inflated.
    """
    data = _whole(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(path, entries, len(data))
            return {entry.filename: _inflated(path, archive, entry) for entry in entries}
    except CaptureError:
        raise
    # Besides its own error, zipfile lets through what its parts raise on nonsense.
    except (*_DAMAGED, OSError, EOFError, ValueError, OverflowError, RuntimeError) as e:
        raise CaptureError(f"{path} is a damaged zip archive ({e}); copy it again") from e


def zip_bytes(members: Mapping[str, bytes]) -> bytes:
    """An archive of `members` in their order, without times; deflated, or stored where RATIO would be passed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            packed = len(zlib.compress(content, 6))
            is_flat = len(content) > SMALL and len(content) > RATIO * (packed - 64)
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_STORED if is_flat else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, compresslevel=6)
    return buffer.getvalue()


def write_members(path: Path, members: Mapping[str, bytes]) -> None:
    """Write `zip_bytes(members)` whole or not at all. Raises CaptureError for what `read_members` would refuse."""
    unsafe = next((name for name in members if not is_safe_name(name)), None)
    if unsafe is not None:
        raise CaptureError(f"{path}: a member cannot be called '{unsafe}'")
    largest, total = max(map(len, members.values()), default=0), sum(map(len, members.values()))
    data = zip_bytes(members)
    if len(members) > COUNT or largest > MEMBER or total > TOTAL or len(data) > FILE:
        raise CaptureError(
            f"{path} would hold {len(members)} members of {total} bytes; a package holds at most {COUNT}, of "
            f"{MEMBER // MIB} MiB each and {TOTAL // MIB} MiB together"
        )
    write_atomic(path, data)


def _whole(path: Path) -> bytes:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # read_bytes says what is wrong
    if size > FILE:
        raise CaptureError(f"{path} has {size} bytes; a capture package has at most {FILE // MIB} MiB")
    data = read_bytes(path)
    if not data.startswith(b"PK\x03\x04"):
        raise CaptureError(f"{path} is not a zip archive, whatever its name says: it begins with {data[:4].hex(' ')}")
    if data[-_END_BYTES:][:4] != _END:
        raise CaptureError(f"{path} is cut short or has something behind it: no zip archive ends like this")
    return data


def _check_entries(path: Path, entries: list[zipfile.ZipInfo], packed: int) -> None:
    if len(entries) > COUNT:
        raise CaptureError(f"{path} has {len(entries)} members; a capture package has at most {COUNT}")
    names: set[str] = set()
    for entry in entries:
        if not is_safe_name(entry.filename):
            raise CaptureError(f"{path} has a member called {entry.filename[:_LONGEST_NAME]!r}, which is no safe name")
        if entry.filename in names:
            raise CaptureError(f"{path} has two members called '{entry.filename}'")
        names.add(entry.filename)
        if entry.flag_bits & 1:
            raise CaptureError(f"{path}: '{entry.filename}' is encrypted; a capture package is not")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise CaptureError(
                f"{path}: '{entry.filename}' is packed by method {entry.compress_type}; known is deflate"
            )
        if entry.file_size > MEMBER:
            raise CaptureError(
                f"{path}: '{entry.filename}' would have {entry.file_size} bytes; a member has at most "
                f"{MEMBER // MIB} MiB"
            )
        if entry.file_size > SMALL and entry.file_size > RATIO * entry.compress_size:
            raise CaptureError(
                f"{path}: '{entry.filename}' would grow from {entry.compress_size} to {entry.file_size} bytes, more "
                f"than {RATIO} times; views of a sensor do not, so it is not inflated"
            )
    if sum(entry.compress_size for entry in entries) > packed:
        raise CaptureError(f"{path} has members that lie on each other; it was not made by this project")
    total = sum(entry.file_size for entry in entries)
    if total > TOTAL:
        raise CaptureError(f"{path} would inflate to {total} bytes; a capture package has at most {TOTAL // MIB} MiB")


def _inflated(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The member's bytes; no more of them than its entry announces are ever made."""
    with archive.open(entry) as member:
        content = member.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise CaptureError(f"{path}: '{entry.filename}' has {len(content)} bytes, {entry.file_size} were announced")
    return content
