"""What is in a classes.dex, as `dexdump -d` tells it: the classes it defines and everything that its code refers to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from android_demo.tools.toolbox import call, require

_REFERENCE = re.compile(r"L([\w/$-]+);\.(<?[\w$-]+>?):(\([^)]*\)\S+|\[*(?:L[^;]+;|[ZBSCIJFD]))")
_TYPE = re.compile(r"L([a-zA-Z_][\w$-]*(?:/[\w$-]+)+);")


@dataclass(frozen=True, order=True)
class Reference:
    """A field or method that code names: the class (with slashes), the name, and the JVM descriptor."""

    owner: str
    name: str
    descriptor: str

    @property
    def is_method(self) -> bool:
        return self.descriptor.startswith("(")

    def __str__(self) -> str:
        owner = self.owner.replace("/", ".").replace("$", ".")
        return f"{owner}.{self.name}{'' if self.is_method else ':'}{self.descriptor}"


@dataclass
class DexClass:
    """A class that the file defines, with the members that it declares as (name, descriptor)."""

    name: str
    superclass: str = ""
    interfaces: list[str] = field(default_factory=list)
    members: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class Dex:
    """A parsed classes.dex."""

    classes: dict[str, DexClass]
    references: set[Reference]
    types: set[str]
    invoke_custom: int


def _class_name(line: str) -> str:
    found = re.search(r"'L([^;]+);'", line)
    return found.group(1) if found else ""


def parse_dump(text: str) -> Dex:
    """The content of a `dexdump -d`."""
    dex = Dex({}, set(), set(), 0)
    current, member_name = DexClass(""), ""
    for line in text.splitlines():
        word = line.strip()
        if word.startswith("Class descriptor"):
            current = DexClass(_class_name(line))
            dex.classes[current.name] = current
        elif word.startswith("Superclass"):
            current.superclass = _class_name(line)
        elif re.match(r"#\d+\s+: 'L", word):
            current.interfaces.append(_class_name(line))
        elif word.startswith("name ") and "'" in word:
            member_name = word.split("'")[1]
        elif word.startswith("type ") and "'" in word:
            current.members.add((member_name, word.split("'")[1]))
        elif "|" in line:
            dex.invoke_custom += "invoke-custom" in line
            instruction = line.split("|", 1)[1]
            if "const-string" not in instruction:
                dex.references.update(Reference(*m) for m in _REFERENCE.findall(instruction))
        if "const-string" not in line:
            dex.types.update(_TYPE.findall(line))
    return dex


def read(path: Path) -> Dex:
    """The content of a classes.dex. Raises Unavailable without dexdump, DpocketError for a file it cannot read."""
    require("dexdump")
    return parse_dump(call(["dexdump", "-d", path], f"reading {path.name}"))
