"""`Fields`: an object of somebody else's JSON, asked for one entry of one kind at a time; a refusal names the place."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from runtime_py.errors import CaptureError

LONGEST_TEXT = 300


class Fields:
    """The object at `place` ("sensor", "" for the whole) of the JSON of `path`. Every method raises CaptureError."""

    def __init__(self, raw: Any, path: Path, place: str = "") -> None:
        self._path, self._place = path, place
        if not isinstance(raw, dict):
            self._refuse("", "an object", raw)
        self._raw: dict[str, Any] = raw

    @staticmethod
    def parse(data: bytes, path: Path) -> Fields:
        """The whole of a JSON file in UTF-8."""
        try:
            return Fields(json.loads(data.decode(), parse_constant=_no_constant), path)
        except (ValueError, RecursionError) as e:
            raise CaptureError(f"{path} is not JSON: {e}") from e

    def names(self) -> list[str]:
        return list(self._raw)

    def has(self, name: str) -> bool:
        """Whether the entry is there and not null."""
        return self._raw.get(name) is not None

    def object(self, name: str) -> Fields:
        return Fields(self._raw.get(name), self._path, self._at(name))

    def objects(self, name: str) -> list[Fields]:
        raw = self._raw.get(name)
        if not isinstance(raw, list):
            self._refuse(name, "a list", raw)
        return [Fields(item, self._path, f"{self._at(name)}[{i}]") for i, item in enumerate(raw)]

    def text(self, name: str, among: Sequence[str] = ()) -> str:
        """A printable string of at most LONGEST_TEXT characters; one of `among` where that is given."""
        raw = self._raw.get(name)
        if not isinstance(raw, str) or len(raw) > LONGEST_TEXT or not raw.isprintable():
            self._refuse(name, "a short text", raw)
        if among and raw not in among:
            self._refuse(name, f"one of {', '.join(among)}", raw)
        return raw

    def sha256(self, name: str) -> str:
        raw = self._raw.get(name)
        if not isinstance(raw, str) or len(raw) != 64 or set(raw) - set("0123456789abcdef"):
            self._refuse(name, "a SHA-256 of 64 small hexadecimal digits", raw)
        return raw

    def number(self, name: str) -> float:
        raw = self._raw.get(name)
        value = math.nan
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            with contextlib.suppress(OverflowError):
                value = float(raw)
        if not math.isfinite(value):
            self._refuse(name, "a number", raw)
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`; 3.0 is one, since not every writer has integers."""
        value = self.number(name)
        if not value.is_integer() or not low <= value <= high:
            self._refuse(name, f"a whole number from {low} to {high}", self._raw[name])
        return int(value)

    def integers(self, name: str, count: int, high: int) -> tuple[int, ...]:
        """`count` whole numbers from 1 to `high`."""
        raw = self._raw.get(name)
        if not isinstance(raw, list) or len(raw) != count:
            self._refuse(name, f"a list of {count} whole numbers", raw)
        listed = Fields({str(i): item for i, item in enumerate(raw)}, self._path, self._at(name))
        return tuple(listed.integer(str(i), 1, high) for i in range(count))

    def _at(self, name: str) -> str:
        return ".".join(filter(None, (self._place, name)))

    def _refuse(self, name: str, wanted: str, found: Any) -> NoReturn:
        shown = "nothing" if found is None else repr(found)[:60]
        raise CaptureError(f"{self._path}: '{self._at(name) or 'the whole'}' is {wanted}, and {shown} was found")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")
