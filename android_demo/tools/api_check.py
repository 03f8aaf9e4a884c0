"""Does everything of Android that classes.dex refers to exist on the oldest phone that the app allows?

    python -m android_demo.tools.api_check CLASSES.DEX [--min-sdk 26]

A reference is looked for, by its exact descriptor, in the classes of `api/current.txt` (API 29) and what they inherit
from; the level of the declaration that was found is that of `api_levels`. A class that the APK defines is searched
first, as the runtime does: `this.setContentView()` is a reference to the app's own activity.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from android_demo.tools import api_file, api_levels, dex
from android_demo.tools.api_file import ApiClass, Member
from android_demo.tools.api_levels import ClassLevels
from android_demo.tools.setup import API, LEVELS, require_set_up
from android_demo.tools.stub_source import erased
from android_demo.tools.toolbox import printed
from runtime_py.errors import DpocketError

FILE_LEVEL = 29
"""The API level that `api/current.txt` of Debian's source package describes."""

FROM_AARS = ("org/pytorch/executorch/",)
"""Classes that come from Maven when Gradle builds: not Android's and not the app's."""

PRIMITIVES = {
    "void": "V", "boolean": "Z", "byte": "B", "short": "S", "char": "C",
    "int": "I", "long": "J", "float": "F", "double": "D",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Finding:
    """One reference that is not confirmed: what it is and what is wrong with it."""

    reference: str
    problem: str


class Api:
    """Android's classes as the runtime links them: descriptors instead of the types of the source."""

    def __init__(self, classes: dict[str, ApiClass], levels: dict[str, ClassLevels]) -> None:
        self.classes, self.levels = classes, levels
        self.by_slashes = {c.package.replace(".", "/") + "/" + c.name.replace(".", "$"): c for c in classes.values()}

    def bases(self, api: ApiClass) -> Iterator[str]:
        """The qualified names of what a class inherits from, java.lang.Object included."""
        for name in (*api.extends, *api.implements):
            yield self.qualified(erased(name))
        if not api.extends:
            yield "java.lang.Object"
        if api.kind == "enum":
            yield "java.lang.Enum"

    def qualified(self, name: str) -> str:
        """`String` as the signature file abbreviates it -> `java.lang.String`."""
        return f"java.lang.{name}" if f"java.lang.{name}" in self.classes else name

    def erasure(self, text: str, variables: dict[str, str]) -> str:
        """The qualified type that is left of a written one at run time, `[]` kept."""
        plain = re.sub(r"\s", "", text).replace("...", "[]")
        while "<" in plain:
            plain = re.sub(r"<[^<>]*>", "", plain)
        name, brackets = plain.rstrip("[]"), "[]" * plain.count("[]")
        seen: set[str] = set()
        while name in variables and name not in seen:
            seen.add(name)
            name = variables[name]
        return self.qualified(name) + brackets

    def descriptor(self, text: str, variables: dict[str, str]) -> str:
        """The JVM descriptor of a written type."""
        name = self.erasure(text, variables)
        depth = name.count("[]")
        name = name.rstrip("[]")
        if name in PRIMITIVES:
            return "[" * depth + PRIMITIVES[name]
        known = self.classes.get(name)
        slashes = (
            f"{known.package.replace('.', '/')}/{known.name.replace('.', '$')}" if known else name.replace(".", "/")
        )
        return "[" * depth + f"L{slashes};"

    def matches(self, api: ApiClass, member: Member, reference: dex.Reference) -> bool:
        """Whether a member is what a reference names, by its exact descriptor."""
        kinds = {"ctor": "<init>"}
        if kinds.get(member.kind, member.name) != reference.name:
            return False
        variables = bounds(api.generics) | bounds(member.generics)
        if member.kind in ("field", "enum_constant"):
            own = self.descriptor(api.qualified if member.kind == "enum_constant" else member.type, variables)
            return not reference.is_method and own == reference.descriptor
        found = "".join(self.descriptor(p, variables) for p in member.parameters)
        return f"({found}){self.descriptor(member.type or 'void', variables)}" == reference.descriptor

    def declared_levels(self, name: str, reference: dex.Reference, seen: set[str]) -> Iterator[int]:
        """The level of every declaration of the referred member in a class and what it inherits from."""
        api = self.classes.get(name)
        if api is None or name in seen:
            return
        seen.add(name)
        for member in api.members:
            if self.matches(api, member, reference):
                yield self.level(api, member)
        if api.kind == "enum" and reference.name in ("values", "valueOf", "ordinal", "name"):
            yield self.class_level(name)
        if reference.name != "<init>":
            for base in self.bases(api):
                yield from self.declared_levels(base, reference, seen)

    def level(self, api: ApiClass, member: Member) -> int:
        """The level of a member; the file's own where nothing else tells: doubt is never in the app's favour."""
        known = self.levels.get(api.qualified)
        variables = bounds(api.generics) | bounds(member.generics)
        parameters = tuple(self.erasure(p, variables) for p in member.parameters)
        name = "<init>" if member.kind == "ctor" else member.name
        wanted = parameters if member.kind in ("ctor", "method") else None
        found = api_levels.level_of(known, name, wanted, FILE_LEVEL) if known else None
        return FILE_LEVEL if found is None else found

    def class_level(self, name: str) -> int:
        return self.levels[name].since if name in self.levels else FILE_LEVEL


def bounds(generics: str) -> dict[str, str]:
    """`<T extends android.view.View, V>` -> {T: android.view.View, V: java.lang.Object}, as erasure uses them."""
    found = {}
    for variable in api_file.split_outside(generics[1:-1], ","):
        name, _, bound = variable.partition(" extends ")
        found[name.strip()] = erased(bound.split(" & ")[0].strip()) if bound else "java.lang.Object"
    return found


def check(code: dex.Dex, api: Api, min_sdk: int) -> tuple[int, list[Finding]]:
    """How many references to Android and Java the code makes, and those that a phone of `min_sdk` may not have."""
    findings, count = set(), 0
    for reference in code.references:
        owner = reference.owner
        while owner in code.classes and (reference.name, reference.descriptor) not in code.classes[owner].members:
            owner = _next_owner(code, api, owner, reference)
        if owner in code.classes or owner.startswith(FROM_AARS):
            continue
        count += 1
        if problem := _problem(api, owner, reference, min_sdk):
            findings.add(Finding(str(reference), problem))
    for name in code.types:
        if name in code.classes or name.startswith(FROM_AARS):
            continue
        known = api.by_slashes.get(name)
        if known is None:
            findings.add(Finding(name.replace("/", "."), f"no such class in API {FILE_LEVEL}"))
        elif (level := api.class_level(known.qualified)) > min_sdk:
            findings.add(Finding(known.qualified, f"since API {level}"))
    return count, sorted(findings)


def _next_owner(code: dex.Dex, api: Api, owner: str, reference: dex.Reference) -> str:
    """The superclass of one of the APK's classes, or an interface of it that has the member."""
    for interface in code.classes[owner].interfaces:
        known = api.by_slashes.get(interface)
        if known and any(api.declared_levels(known.qualified, reference, set())):
            return interface
        if interface in code.classes and (reference.name, reference.descriptor) in code.classes[interface].members:
            return interface
    return code.classes[owner].superclass


def _problem(api: Api, owner: str, reference: dex.Reference, min_sdk: int) -> str:
    known = api.by_slashes.get(owner)
    if owner.startswith("[") or known is None:
        return f"no such class in API {FILE_LEVEL}"
    levels = list(api.declared_levels(known.qualified, reference, set()))
    if not levels:
        return f"no such member in API {FILE_LEVEL}"
    return f"since API {min(levels)}" if min(levels) > min_sdk else ""


def load_api(signatures: Path = API, levels: Path = LEVELS) -> Api:
    """The API that setup downloaded."""
    require_set_up()
    with open(signatures, encoding="utf-8") as a, open(levels, encoding="utf-8") as b:
        return Api(api_file.parse(a), api_levels.parse(b))


def report(path: Path, min_sdk: int, api: Api | None = None) -> str:
    """One line when every reference is confirmed. Raises DpocketError with the list of those that are not."""
    count, findings = check(dex.read(path), api or load_api(), min_sdk)
    if findings:
        listed = "\n".join(f"  {f.reference}: {f.problem}" for f in findings)
        raise DpocketError(f"{len(findings)} references of {path.name} are not confirmed for API {min_sdk}:\n{listed}")
    return f"{count} references to Android and Java, all in API {min_sdk}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m android_demo.tools.api_check", description=__doc__.splitlines()[0])
    parser.add_argument("dex", type=Path)
    parser.add_argument("--min-sdk", type=int, default=26)
    chosen = parser.parse_args(arguments)
    return printed(lambda: report(chosen.dex, chosen.min_sdk))


if __name__ == "__main__":
    sys.exit(main())
