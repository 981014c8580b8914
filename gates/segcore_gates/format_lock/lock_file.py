"""Lock files: a fingerprint as canonical JSON, one value a line, so that a review sees what changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from segcore.cli.output import json_text
from segcore.documents import YamlDocument, key_path, parse_json, parse_yaml
from segcore.errors import DocumentError
from segcore.fingerprint import MAX_VALUES, Category, Fingerprint, FormatField, Found, Value
from segcore.limits import MAX_CLASSES, MAX_YAML_BYTES
from segcore.wording import did_you_mean, printable, show
from segcore_gates.errors import PolicyError, PolicyProblem

__all__ = ["lock_text", "read_lock"]

_SCHEMA: Final = 1
_CATEGORIES: Final = "categories"
_COLOR: Final = re.compile(r"#[0-9a-f]{6}")
_PARTS: Final[Mapping[str, tuple[str, Callable[[object], bool]]]] = {
    "id": ("a whole number", lambda v: type(v) is int),
    "name": ("text", lambda v: isinstance(v, str) and bool(v)),
    "color": ("a colour such as #ff0000", lambda v: isinstance(v, str) and bool(_COLOR.fullmatch(v))),
    "kind": ("thing or stuff", lambda v: v in ("thing", "stuff")),
}
_MAX_PROBLEMS: Final = 50

_Path = tuple[str | int, ...]


def lock_text(found: Fingerprint) -> str:
    """The lock of a form; fields with more values than are kept are left out of it."""
    document = found.to_json()
    for field in found.crowded:
        del document[field.value]
    return json_text({"schema": _SCHEMA, **document})


def read_lock(data: bytes, *, file: str) -> Fingerprint:
    """The form that a lock file states.

    Parameters
    ----------
    data : bytes
        The whole file.
    file : str
        What problems call it.

    Raises
    ------
    PolicyError
        It is no lock, or was damaged; carries every problem with its line.
    """
    try:
        value = parse_json(data, file=file)
    except DocumentError as e:
        problems = [_problem(file, p.line, (), p.problem) for p in e.problems]
        raise PolicyError(problems) from None
    reader = _Reader(data, file)
    found = reader.read(value)
    if reader.problems:
        raise PolicyError(reader.problems)
    return found


def _problem(file: str, line: int | None, path: _Path, message: str) -> PolicyProblem:
    return PolicyProblem(
        code="policy.bad_value",
        file=file,
        line=line,
        path=key_path(path),
        message=f"{message} (a lock is written by segcore gates lock)",
    )


class _Reader:
    def __init__(self, data: bytes, file: str) -> None:
        self.problems: list[PolicyProblem] = []
        self._data, self._file = data, file
        self._lines: YamlDocument | None = None

    def read(self, value: object) -> Fingerprint:
        if not isinstance(value, dict):
            self._refuse((), f"expected keys and values, got {show(value)}")
            return Fingerprint()
        if value.get("schema") != _SCHEMA or type(value.get("schema")) is not int:
            got = show(value["schema"]) if "schema" in value else "none"
            self._refuse(("schema",), f"this version of segcore reads locks of schema 1, got {got}")
            return Fingerprint()
        known = {f.value: f for f in FormatField if not f.of_categories}
        values: dict[FormatField, tuple[Found, ...]] = {}
        for key, given in value.items():
            if key in known:
                values[known[key]] = self._values(known[key], given)
            elif key not in ("schema", _CATEGORIES):
                hint = did_you_mean(key, [*known, _CATEGORIES])
                self._refuse((key,), f"unknown key '{printable(key, limit=40)}'{hint}")
        categories = self._categories(value[_CATEGORIES]) if _CATEGORIES in value else None
        return Fingerprint(values=values, categories=categories)

    def _values(self, field: FormatField, given: object) -> tuple[Found, ...]:
        path: _Path = (field.value,)
        if not isinstance(given, list) or len(given) > MAX_VALUES:
            got = f"{len(given)} of them" if isinstance(given, list) else show(given)
            self._refuse(path, f"expected a list of at most {MAX_VALUES} values, got {got}")
            return ()
        expected, parse = _KINDS.get(field, ("text", _text))
        found: dict[Value, None] = {}
        for i, item in enumerate(given):
            value = parse(item)
            if value is None:
                self._refuse((*path, i), f"expected {expected}, got {show(item)}")
            elif value in found:
                self._refuse((*path, i), f"{show(item)} stands there twice")
            else:
                found[value] = None
        return tuple(Found(value=value) for value in found)

    def _categories(self, given: object) -> tuple[Category, ...] | None:
        if not isinstance(given, list) or len(given) > MAX_CLASSES:
            got = f"{len(given)} of them" if isinstance(given, list) else show(given)
            self._refuse(
                (_CATEGORIES,), f"expected a list of at most {MAX_CLASSES} categories, got {got}"
            )
            return None
        before = len(self.problems)
        for i, row in enumerate(given):
            self._check_category(row, (_CATEGORIES, i))
        if len(self.problems) > before:
            return None
        self._refuse_repeated((row["id"] for row in given if "id" in row), "id")
        if len({"id" in row for row in given}) > 1:
            self._refuse((_CATEGORIES,), "some categories have an id and others have none")
        return tuple(Category(**row) for row in given)

    def _check_category(self, row: object, path: _Path) -> None:
        if not isinstance(row, dict):
            self._refuse(path, f"expected keys and values, got {show(row)}")
            return
        if "name" not in row:
            self._refuse(path, "the key 'name' is missing")
        for key, value in row.items():
            if key not in _PARTS:
                hint = did_you_mean(key, _PARTS)
                self._refuse((*path, key), f"unknown key '{printable(key, limit=40)}'{hint}")
            elif not _PARTS[key][1](value):
                self._refuse((*path, key), f"expected {_PARTS[key][0]}, got {show(value)}")

    def _refuse_repeated(self, values: Iterable[int], what: str) -> None:
        seen: set[int] = set()
        for i, value in enumerate(values):
            if value in seen:
                self._refuse((_CATEGORIES, i, what), f"{what} {value} stands there twice")
            seen.add(value)

    def _refuse(self, path: _Path, message: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(_problem(self._file, self._line(path), path, message))

    def _line(self, path: _Path) -> int | None:
        """The line of a value; JSON is YAML as far as that goes."""
        if self._lines is None and len(self._data) <= MAX_YAML_BYTES:
            try:
                self._lines = parse_yaml(self._data, file=self._file)
            except DocumentError:
                self._data = bytes(MAX_YAML_BYTES + 1)  # asked once
        return None if self._lines is None else self._lines.line(path)


def _text(value: object) -> Value | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> Value | None:
    return value if type(value) is int and value > 0 else None


def _size(value: object) -> Value | None:
    if not isinstance(value, list) or len(value) != 2 or None in map(_count, value):
        return None
    return value[0], value[1]


def _palette(value: object) -> Value | None:
    if not isinstance(value, list) or len(value) > 256:
        return None
    if not all(isinstance(color, str) and _COLOR.fullmatch(color) for color in value):
        return None
    return tuple(value)


_KINDS: Final[Mapping[FormatField, tuple[str, Callable[[Any], Value | None]]]] = {
    FormatField.BIT_DEPTH: ("a whole number above 0", _count),
    FormatField.CHANNELS: ("a whole number above 0", _count),
    FormatField.IMAGE_SIZES: ("[width, height] in pixels", _size),
    FormatField.PALETTE: ("a list of colours such as #ff0000", _palette),
}
