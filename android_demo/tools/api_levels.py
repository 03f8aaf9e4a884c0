"""Since which API level a member of Android exists: npm's @nativescript/types-android says `@since N` where N > 21.

The file declares Android's classes in TypeScript: nested `module`s are packages (and the outer classes of nested ones),
types are TypeScript's. So a member is found by its name and number of parameters, and by their types where need be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

FIRST = 21
"""The oldest level that the file tells apart; what has no `@since` is at least as old."""

NUMBERS = {"byte", "short", "int", "long", "float", "double"}
_SINCE = re.compile(r"@since (\d+)")
_MODULE = re.compile(r"(?:declare|export) module ([\w.]+) \{")
_CLASS = re.compile(r"export (?:abstract )?(?:class|interface) (\w+).*\{")
_MEMBER = re.compile(r"(?:public|protected) (?:static )?(?:abstract )?(?:readonly )?(\w+)(?:<.*?>)?([(:].*)")


@dataclass
class ClassLevels:
    """When a class came, and each member: (name, TypeScript types of the parameters, or None for a field) -> level."""

    since: int = FIRST
    members: dict[tuple[str, tuple[str, ...] | None], int] = field(default_factory=dict)


def parameter_types(text: str) -> tuple[str, ...]:
    """The types of `(a: number, b: java.util.List<string>): void`, type arguments left out."""
    depth, start, pieces = 0, 1, list[str]()
    for i, sign in enumerate(text):
        if sign == ">" and text[i - 1] == "=":  # the arrow of a function type opens nothing
            continue
        depth += (sign in "(<{[") - (sign in ")>}]")
        if (sign == "," and depth == 1) or not depth:
            pieces.append(text[start:i])
            start = i + 1
        if not depth:
            break
    return tuple(p.split(":", 1)[1].removesuffix(" | null").strip().partition("<")[0] for p in pieces if ":" in p)


def parse(lines: Iterable[str]) -> dict[str, ClassLevels]:
    """All classes of the file by dotted name."""
    classes: dict[str, ClassLevels] = {}
    stack: list[tuple[str, ClassLevels | None]] = []
    since = FIRST
    for line in lines:
        text = line.strip()
        if text.startswith(("/*", "*")):
            since = int(found.group(1)) if (found := _SINCE.search(text)) else since
            continue
        if found := _MODULE.match(text):
            stack.append((found.group(1), None))
        elif found := _CLASS.match(text):
            name = ".".join([*(part for part, _ in stack), found.group(1)])
            outer = [levels.since for _, levels in stack if levels]
            classes[name] = ClassLevels(max([since, *outer]))
            if not text.endswith("}"):
                stack.append((found.group(1), classes[name]))
        elif text.startswith("}"):
            if stack:
                stack.pop()
        elif stack and (current := stack[-1][1]) and (found := _MEMBER.match(text)):
            _add(current, found.group(1), found.group(2), since)
            if text.endswith("{"):  # the literal type of an interface's constructor, closed by `});`
                stack.append(("", None))
        since = FIRST
    return classes


def _add(levels: ClassLevels, name: str, rest: str, since: int) -> None:
    types = parameter_types(rest) if rest.startswith("(") else None
    key = ("<init>" if name == "constructor" else name, types)
    levels.members[key] = min(since, levels.members.get(key, since))


def typescript(java: str) -> str:
    """The file's type for an erased Java type (`int`, `java.lang.String`, `byte[]`)."""
    if java.endswith("[]"):
        return "androidNative.Array"
    texts = ("char", "java.lang.String", "java.lang.CharSequence")
    return "string" if java in texts else "number" if java in NUMBERS else java


def level_of(levels: ClassLevels, name: str, parameters: tuple[str, ...] | None, newest: int) -> int | None:
    """Since when a member of a class exists, or None when the class has none of that name and number of parameters.

    parameters: erased Java types, None for a field. Where several overloads fit, the newest not above `newest` counts:
    the caller knows that the member exists there, and a guess must not make a member older than it is.
    """
    found = {
        types: since
        for (known, types), since in levels.members.items()
        if known == name and (types is None) == (parameters is None) and len(types or ()) == len(parameters or ())
    }
    if parameters is not None and len(set(found.values())) > 1:
        wanted = tuple(map(typescript, parameters))
        found = {types: since for types, since in found.items() if types == wanted} or found
    fitting = [since for since in found.values() if since <= newest] or list(found.values())
    return max(levels.since, max(fitting)) if fitting else None
