"""The Swift example and the contract that it reads: no compiler is here, but names, keys and constants are compared."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from runtime_py.captures import exact
from runtime_py.contract import CONTRACT_KEY, VERSION, Contract, Preprocess, TensorSpec

SOURCES = Path(__file__).parents[2] / "examples" / "ios" / "Sources" / "DPocket"
STRUCTS = {"Contract": Contract, "TensorSpec": TensorSpec, "PreprocessSettings": Preprocess}


def swift(name: str) -> str:
    return (SOURCES / name).read_text()


def stored_fields(struct: str) -> dict[str, str]:
    """Name -> type of the stored properties of a struct of Contract.swift."""
    body = swift("Contract.swift").split(f"public struct {struct}: Codable {{")[1].split("\n}")[0]
    return dict(re.findall(r"^    public let (\w+): (.+)$", body, re.MULTILINE))


def camel(snake: str) -> str:
    """As Foundation's convertFromSnakeCase spells a key."""
    first, *rest = snake.split("_")
    return first + "".join(part.capitalize() for part in rest)


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_field_of_the_contract_has_its_name_in_swift(struct: str) -> None:
    fields = {camel(f.name) for f in dataclasses.fields(STRUCTS[struct])}
    assert set(stored_fields(struct)) == fields


@pytest.mark.parametrize("struct", STRUCTS)
def test_what_may_be_missing_is_optional_in_swift(struct: str) -> None:
    """The exporter leaves away what is not said (None and empty), and a decoder fails on a missing plain property."""
    silent = {camel(f.name) for f in dataclasses.fields(STRUCTS[struct]) if f.default is None or f.default == ""}
    assert {name for name, kind in stored_fields(struct).items() if kind.endswith("?")} == silent


def test_the_metadata_key_and_the_version_are_the_exporters() -> None:
    text = swift("Contract.swift")
    assert f'metadataKey = "{CONTRACT_KEY}"' in text
    assert f"readableVersion = {VERSION}\n" in text


def test_the_constants_of_the_logarithm_are_the_same_doubles() -> None:
    text = swift("Preprocess.swift")

    def constant(name: str) -> str:
        return re.search(rf"let {name}(?:: Int64)? = (\S+)", text)[1].replace("_", "")  # type: ignore[index]

    assert float.fromhex(constant("ln2High")) == exact.LN2_HIGH
    assert float.fromhex(constant("ln2Low")) == exact.LN2_LOW
    assert int(constant("sqrtHalfBits"), 16) == exact.SQRT_HALF_BITS
    assert int(constant("terms")) == exact.TERMS


@pytest.mark.parametrize("name", sorted(p.name for p in SOURCES.glob("*.swift")))
def test_brackets_and_quotes_close(name: str) -> None:
    code = re.sub(r"//.*", "", swift(name))
    # Brackets of interpolations in strings close as well.
    opened: list[str] = []
    pairs = {")": "(", "]": "[", "}": "{"}
    for sign in (c for c in code if c in "()[]{}"):
        if sign in pairs:
            assert opened, f"{sign} closes nothing"
            assert opened.pop() == pairs[sign]
        else:
            opened.append(sign)
    assert not opened
    assert all(line.count('"') % 2 == 0 for line in code.splitlines())
