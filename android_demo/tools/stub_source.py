"""Java source of classes that have Android's signatures and no bodies: every call throws, every field is its default.

Only signatures matter to a compiler, so an app compiled against these classes has the same bytes as one compiled
against an SDK's android.jar. What the signature file leaves out and javac insists on is written in LEFT_OUT.
"""

from __future__ import annotations

import re

from android_demo.tools.api_file import ApiClass, Member

THROW = 'throw new RuntimeException("Stub!");'
# The JDK has these packages itself, and android.icu is a copy of a library that the app does not use.
FOREIGN = re.compile(r"(java|javax(?!\.microedition)|junit|org\.w3c|org\.xml|org\.apache|android\.icu)\.")
ZEROS = {
    "boolean": "false", "byte": "(byte) 0", "short": "(short) 0", "char": "(char) 0",
    "int": "0", "long": "0L", "float": "0f", "double": "0d",
}  # fmt: skip
# Initialisers that javac cannot fold: a constant would be copied into the app instead of read on the phone.
READ_AT_RUN_TIME = {
    "boolean": "Boolean.parseBoolean(null)", "byte": 'Byte.parseByte("0")', "short": 'Short.parseShort("0")',
    "char": '"0".charAt(0)', "int": 'Integer.parseInt("0")', "long": 'Long.parseLong("0")',
    "float": 'Float.parseFloat("0")', "double": 'Double.parseDouble("0")',
}  # fmt: skip
JDK_SUPERS = {
    "java.io.FileInputStream": ("java.io.FileDescriptor",),
    "java.io.FileOutputStream": ("java.io.FileDescriptor",),
    "java.io.FilterInputStream": ("java.io.InputStream",),
    "java.io.FilterOutputStream": ("java.io.OutputStream",),
}
ON_LAYOUT = Member("method", "onLayout", ("protected",), "", "void", ("boolean", "int", "int", "int", "int"))
GET_NAMESPACE = Member("method", "getAttributeNamespace", ("public", "abstract"), "", "String", ("int",))
# Overrides that current.txt does not repeat though their class would be abstract, or ambiguous, without them.
LEFT_OUT = {"android.view.ViewGroup": ON_LAYOUT, "android.content.res.XmlResourceParser": GET_NAMESPACE}


def erased(type_name: str) -> str:
    """A type without its type arguments; a type variable (one capital letter) becomes Object."""
    plain = type_name
    while "<" in plain:
        plain = re.sub(r"<[^<>]*>", "", plain)
    return re.sub(r"\b[A-Z]\b", "Object", plain).replace("...", "[]")


def _words(*words: str) -> str:
    return " ".join(w for w in words if w)


class StubWriter:
    """Writes the classes of one API; needs all of them, because a constructor must call one of its superclass."""

    def __init__(self, classes: dict[str, ApiClass]) -> None:
        self.classes = {q: c for q, c in classes.items() if not FOREIGN.match(q)}
        self.nested: dict[str, list[ApiClass]] = {}
        for c in self.classes.values():
            self.nested.setdefault(c.qualified.rpartition(".")[0], []).append(c)

    def top_level(self) -> list[ApiClass]:
        """The classes that get a file of their own."""
        return [c for q, c in self.classes.items() if q.rpartition(".")[0] not in self.classes]

    def source(self, api: ApiClass) -> str:
        """The whole file of a top-level class."""
        return f"package {api.package};\n" + "\n".join(self._class(api, "")) + "\n"

    def _bases(self, api: ApiClass) -> list[str]:
        found: list[str] = []
        while api.extends and api.kind == "class":
            base = erased(api.extends[0])
            found.append(base)
            if base not in self.classes:
                break
            api = self.classes[base]
        return found

    def _super_call(self, api: ApiClass) -> str:
        base = erased(api.extends[0]) if api.extends else ""
        parameters: tuple[str, ...] = JDK_SUPERS.get(base, ())
        if base in self.classes and (constructors := self.classes[base].of("ctor")):
            parameters = min(constructors, key=lambda c: (c.throws, len(c.parameters))).parameters
        values = ", ".join(f"({erased(p)}) {ZEROS.get(p, 'null')}" for p in parameters)
        return f"super({values}); " if values else ""

    def _class(self, api: ApiClass, indent: str) -> list[str]:
        implied = {"interface": {"abstract"}, "@interface": {"abstract"}, "enum": {"final", "static"}}.get(
            api.kind, set()
        )
        head = _words(*[m for m in api.modifiers if m not in implied], api.kind, api.name.rpartition(".")[2])
        head += api.generics
        if api.kind == "class" and api.extends:
            head += f" extends {api.extends[0]}"
        bases = api.extends if api.kind == "interface" else api.implements
        if bases and api.kind != "@interface":
            head += f" {'extends' if api.kind == 'interface' else 'implements'} {', '.join(bases)}"
        inner = indent + "  "
        lines = [f"{indent}{head} {{"]
        if api.kind == "enum":
            lines.append(f"{inner}{', '.join(c.name for c in api.of('enum_constant'))};")
        lines += [inner + self._field(f) for f in api.of("field") if "android.icu." not in f.type]
        if api.kind == "class":
            lines += [inner + text for text in self._constructors(api)]
        lines += [inner + text for text in self._methods(api)]
        for child in self.nested.get(api.qualified, []):
            lines += self._class(child, inner)
        return [*lines, f"{indent}}}"]

    def _field(self, member: Member) -> str:
        value = member.value
        if value is None and "final" in member.modifiers:
            value = READ_AT_RUN_TIME.get(member.type, "null")
        elif value is not None and member.type in ("byte", "short", "char"):
            value = f"({member.type}) {value}"
        return _words(*member.modifiers, member.type, member.name) + (f" = {value};" if value else ";")

    def _constructors(self, api: ApiClass) -> list[str]:
        simple, above = api.name.rpartition(".")[2], self._super_call(api)
        found = [m for m in api.of("ctor") if not any("android.icu." in p for p in m.parameters)]
        if not found:
            return [f"{simple}() {{ {above}{THROW} }}"]
        lines = []
        for m in found:
            # A signature file names T where the class has no such variable: the constructor's own, which it drops.
            own = m.generics or ("" if api.generics or not self._variables(m) else f"<{', '.join(self._variables(m))}>")
            lines.append(f"{_words(*m.modifiers, own, simple)}({self._parameters(m)}) {m.throws} {{ {above}{THROW} }}")
        return lines

    @staticmethod
    def _variables(member: Member) -> list[str]:
        return sorted({v for p in member.parameters for v in re.findall(r"\b[A-Z]\b", p)})

    @staticmethod
    def _parameters(member: Member) -> str:
        return ", ".join(f"{p} p{i}" for i, p in enumerate(member.parameters))

    def _methods(self, api: ApiClass) -> list[str]:
        methods = api.of("method")
        for owner, member in LEFT_OUT.items():
            wanted = api.qualified == owner if "abstract" in member.modifiers else owner in self._bases(api)
            concrete = "abstract" in member.modifiers or "abstract" not in api.modifiers
            if wanted and concrete and not any(m.name == member.name for m in methods):
                methods.append(member)
        return [
            self._method(api, m)
            for m in methods
            if "android.icu." not in _words(m.type, *m.parameters)
            and not (api.kind == "enum" and m.name in ("values", "valueOf"))
        ]

    def _method(self, api: ApiClass, m: Member) -> str:
        modifiers = list(m.modifiers)
        if api.kind != "interface" and "default" in modifiers:
            modifiers.remove("default")
        if api.kind == "class" and m.name in ("equals", "hashCode", "toString"):
            modifiers = [w for w in modifiers if w != "abstract"]
        head = f"{_words(*modifiers, m.generics, m.type, m.name)}({self._parameters(m)}) {m.throws}".strip()
        if api.kind == "interface":
            bodiless = not {"default", "static"} & set(modifiers)
        else:
            bodiless = bool({"abstract", "native"} & set(modifiers)) or api.kind == "@interface"
        return head + (";" if bodiless else f" {{ {THROW} }}")
