"""`ApiClass`: what AOSP's `api/current.txt` (signature format 2.0) says about the classes of Android.

The file lists every public class with its constructors, methods and fields, one member a line, without bodies:
`method @NonNull public <T> T find(int, Class<T>) throws java.io.IOException;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

KINDS = ("class", "interface", "enum", "@interface")
_ANNOTATION = re.compile(r"@(?!interface\b)[\w.]+")
MEMBERS = ("ctor", "method", "field", "enum_constant")


@dataclass(frozen=True)
class Member:
    """One line of a class: `kind` of MEMBERS, its modifiers, and for methods the parameter types as written."""

    kind: str
    name: str
    modifiers: tuple[str, ...] = ()
    generics: str = ""
    type: str = ""
    parameters: tuple[str, ...] = ()
    throws: str = ""
    value: str | None = None


@dataclass
class ApiClass:
    """One class; `name` is dotted below the package (`AlertDialog.Builder`), `kind` is one of KINDS."""

    package: str
    name: str
    kind: str
    modifiers: tuple[str, ...] = ()
    generics: str = ""
    extends: tuple[str, ...] = ()
    implements: tuple[str, ...] = ()
    members: list[Member] = field(default_factory=list)

    @property
    def qualified(self) -> str:
        return f"{self.package}.{self.name}"

    def of(self, kind: str) -> list[Member]:
        return [m for m in self.members if m.kind == kind]


def split_outside(text: str, separator: str) -> list[str]:
    """Cut `text` at `separator` wherever no angle or round bracket is open; empty pieces are left out."""
    pieces, depth, start = [], 0, 0
    for i, sign in enumerate(text):
        depth += (sign in "<(") - (sign in ">)")
        if sign == separator and not depth:
            pieces.append(text[start:i])
            start = i + 1
    return [p.strip() for p in [*pieces, text[start:]] if p.strip()]


def closing(text: str, start: int) -> int:
    """The index of the bracket that closes the one at `start`, counting its kind. Raises ValueError when none does."""
    opening, ending, depth = text[start], {"<": ">", "(": ")"}[text[start]], 0
    for i in range(start, len(text)):
        depth += (text[i] == opening) - (text[i] == ending)
        if not depth:
            return i
    raise ValueError(f"a bracket is never closed in: {text}")


def without_annotations(text: str) -> str:
    """`text` without `@Name` and `@Name(...)`; the keyword `@interface` stays."""
    out, i = "", 0
    while found := _ANNOTATION.search(text, i):
        out += text[i : found.start()]
        i = found.end()
        if text[i : i + 1] == "(":
            i = closing(text, i) + 1
        i += len(text[i:]) - len(text[i:].lstrip(" "))
    return out + text[i:]


def _take_generics(text: str) -> tuple[str, str]:
    if not text.startswith("<"):
        return "", text
    end = closing(text, 0) + 1
    return text[:end], text[end:].strip()


def parse_class(package: str, line: str) -> ApiClass:
    """The class that a line ending in `{` opens."""
    words = split_outside(without_annotations(line.rstrip(" {")), " ")
    at = next(i for i, word in enumerate(words) if word in KINDS)
    name, _, bounds = words[at + 1].partition("<")
    lists: dict[str, list[str]] = {"extends": [], "implements": []}
    into: list[str] = []
    for word in words[at + 2 :]:
        if word in lists:
            into = lists[word]
        else:
            into.append(word.rstrip(","))
    generics = f"<{bounds}" if bounds else ""
    return ApiClass(
        package, name, words[at], tuple(words[:at]), generics, tuple(lists["extends"]), tuple(lists["implements"])
    )


def _parse_call(kind: str, text: str) -> Member:
    open_at = next(i for i, sign in enumerate(text) if sign == "(")
    end = closing(text, open_at)
    words = split_outside(text[:open_at], " ")
    generics = next((w for w in words if w.startswith("<")), "")
    words = [w for w in words if w != generics]
    rest = text[end + 1 :].strip()
    return Member(
        kind,
        words[-1],
        tuple(words[:-1] if kind == "ctor" else words[:-2]),
        generics,
        "" if kind == "ctor" else words[-2],
        tuple(split_outside(text[open_at + 1 : end], ",")),
        rest.split(" default ")[0],
    )


def parse_member(line: str) -> Member | None:
    """The member that a line of a class states, or None for a line that states none (a property, a brace)."""
    kind, _, text = re.sub(r"; //.*$", ";", line.strip()).partition(" ")
    text = text.rstrip(";")
    if kind not in MEMBERS:
        return None
    if kind in ("ctor", "method"):
        return _parse_call(kind, without_annotations(text))
    declared, has_value, value = text.partition(" = ")
    words = split_outside(without_annotations(declared), " ")
    return Member(kind, words[-1], tuple(words[:-2]), "", words[-2], value=value if has_value else None)


def parse(lines: Iterable[str]) -> dict[str, ApiClass]:
    """All classes of a signature file by qualified name, in the order of the file."""
    classes: dict[str, ApiClass] = {}
    package, current = "", None
    for line in lines:
        line = line.rstrip("\n")
        if line.startswith("package "):
            package = without_annotations(line[8:]).rstrip(" {")
        elif line.startswith("  ") and not line.startswith("   ") and line.endswith("{"):
            current = parse_class(package, line.strip())
            classes[current.qualified] = current
        elif current is not None and (member := parse_member(line)):
            current.members.append(member)
    return classes
