"""The file of a baseline: canonical JSON with a checksum, read strictly, written whole or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from segcore.cli.output import json_text, write
from segcore.errors import DocumentError, NoSuchFileError, RefusedFileError, UsageError
from segcore.files import read_bytes
from segcore.strict_json import parse_json
from segcore.wording import show
from segcore_gates.regression.baseline import KIND, SCHEMA, Accepted, AcceptedRule, Baseline
from segcore_gates.regression.image_sums import Row
from segcore_gates.rules import Metric

__all__ = ["MAX_BYTES", "parse_baseline", "read_baseline", "text_of", "write_baseline"]

_T = TypeVar("_T")

MAX_BYTES: Final = 256 << 20
"""Of a file: some million images of a class."""

_FRACTION: Final = re.compile(r"-?[0-9]{1,400}(/[1-9][0-9]{0,399})?")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_CHECKSUM: Final = "sha256"


def text_of(baseline: Baseline) -> str:
    """The file: the same baseline gives the same bytes."""
    document = baseline.to_json()
    return json_text({**document, _CHECKSUM: _checksum(document)})


def _checksum(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json_text(document).encode()).hexdigest()


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write the file, and the folders above it, so that it is the old one or the whole new one.

    Raises
    ------
    UsageError
        It cannot be written, or could not be read again.
    """
    text = text_of(baseline)
    parse_baseline(
        text.encode(), file=str(path)
    )  # a name that JSON cannot carry must not be found later
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    write(str(path), text)


def read_baseline(path: Path) -> Baseline | None:
    """The baseline of a policy; None where there is no such file.

    Raises
    ------
    UsageError
        It cannot be read, or it is not what ``segcore accept`` wrote.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: the baseline cannot be read: {error}") from None
    return _read(path, (status.st_mtime_ns, status.st_size, status.st_ino))


@lru_cache(maxsize=8)
def _read(path: Path, state: tuple[int, ...]) -> Baseline | None:  # noqa: ARG001 - part of the cache key
    """Every class of a policy asks for the same file."""
    try:
        return parse_baseline(
            read_bytes(str(path), limit=MAX_BYTES, follow_symlinks=True), file=str(path)
        )
    except NoSuchFileError:
        return None
    except RefusedFileError as error:
        problem = f"expected {error.expected}, got {error.got}"
        raise UsageError(f"{path}: the baseline cannot be read: {problem}") from None


def parse_baseline(data: bytes, *, file: str) -> Baseline:
    """Check everything that was read, so that what is compared is what was accepted.

    Raises
    ------
    UsageError
        It says what is wrong with the file and how to get a sound one.
    """
    try:
        document = parse_json(data, file=file)
    except DocumentError as error:
        _damaged(file, error.problem, line=error.line)
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise UsageError(f"{file}: this is no baseline; `segcore accept` writes them")
    schema = document.get("schema")
    if schema != SCHEMA or isinstance(schema, bool):
        raise UsageError(
            f"{file}: the baseline has schema {show(schema)}, this segcore reads {SCHEMA}: update "
            "segcore, or accept the batch again"
        )
    stated = document.pop(_CHECKSUM, None)
    if stated != _checksum(document):
        _damaged(file, "its content is not the one its checksum was taken of")
    try:
        return _baseline(document)
    except _WrongError as error:
        _damaged(file, str(error))


class _WrongError(Exception):
    """A field is not what a baseline has there; carries where and what."""


def _damaged(file: str, problem: str, *, line: int | None = None) -> NoReturn:
    place = file if line is None else f"{file}:{line}"
    raise UsageError(
        f"{place}: the baseline is damaged: {problem}. Only `segcore accept` writes it: restore it "
        "from version control, or remove it and accept a batch again"
    )


def _baseline(document: dict[str, Any]) -> Baseline:
    tool, policy = _mapping(document, "tool"), _mapping(document, "policy")
    ontology, inputs = _mapping(document, "ontology"), _mapping(document, "inputs")
    name = policy.get("name")
    gold_images = _images(_list(document, "gold_images"), "gold_images", _digest)
    rules = {rule: _rule(found, f"rules.{rule}") for rule, found in _mapping(document, "rules").items()}
    for rule, found in rules.items():
        for image in found.images:
            if image not in gold_images:
                raise _WrongError(f"rules.{rule} has an image that is not in gold_images: {show(image)}")
    return Baseline(
        version=_text(tool, "version"),
        metrics=_whole(document, "metrics"),
        policy_name=None if name is None else _text(policy, "name"),
        policy_sha256=_text(policy, "sha256"),
        outcome=_text(document, "outcome"),
        despite=_text(document, "despite"),
        inputs={role: _input(_mapping(inputs, role)) for role in ("gold", "delivery")},
        ontology_sha256=_text(ontology, "sha256"),
        classes=tuple(_texts(ontology, "classes")),
        gold_images=gold_images,
        rules=rules,
        history=tuple(
            _accepted(item, f"history.{at}") for at, item in enumerate(_list(document, "history"))
        ),
    )


def _input(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "role": _text(found, "role"),
        "spec": _text(found, "spec"),
        "images": _whole(found, "images"),
        "sha256": _text(found, "sha256"),
    }


def _rule(found: object, where: str) -> AcceptedRule:
    if not isinstance(found, dict):
        raise _WrongError(f"{where} is {show(found)}")
    columns = tuple(_texts(found, "columns"))
    metric = _text(found, "metric")
    if metric not in set(Metric):
        raise _WrongError(f"{where} has an unknown metric: {show(metric)}")

    def row(values: list[Any]) -> Row:
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in values)
        if len(values) != len(columns) or not whole:
            raise _WrongError(f"{where} has an image with {show(values)}")
        return tuple(values)

    return AcceptedRule(
        gate=_text(found, "gate"),
        class_name=None if found.get("class") is None else _text(found, "class"),
        metric=Metric(metric),
        settings=_mapping(found, "settings"),
        value=_number(found.get("value"), where),
        columns=columns,
        images=_images(_list(found, "images"), where, row),
    )


def _accepted(found: object, where: str) -> Accepted:
    if not isinstance(found, dict):
        raise _WrongError(f"{where} is {show(found)}")
    return Accepted(
        delivery=_text(found, "delivery"),
        delivery_sha256=_text(found, "delivery_sha256"),
        policy_sha256=_text(found, "policy_sha256"),
        outcome=_text(found, "outcome"),
        values={rule: _number(n, where) for rule, n in _mapping(found, "values").items()},
    )


def _images(rows: list[Any], where: str, value: Callable[[list[Any]], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        if not isinstance(row, list) or not row or not isinstance(row[0], str) or row[0] in found:
            raise _WrongError(f"{where} has a wrong or a repeated image: {show(row)}")
        found[row[0]] = value(row[1:])
    return found


def _digest(values: list[Any]) -> str:
    if len(values) != 1 or not isinstance(values[0], str) or not _SHA256.fullmatch(values[0]):
        raise _WrongError(f"gold_images has an image with {show(values)}")
    return values[0]


def _number(value: object, where: str) -> Fraction | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _FRACTION.fullmatch(value):
        raise _WrongError(f"{where} has a value that is no fraction: {show(value)}")
    return Fraction(value)


def _mapping(found: dict[str, Any], key: str) -> dict[str, Any]:
    return _of(dict, found, key)


def _list(found: dict[str, Any], key: str) -> list[Any]:
    return _of(list, found, key)


def _text(found: dict[str, Any], key: str) -> str:
    return _of(str, found, key)


def _whole(found: dict[str, Any], key: str) -> int:
    value = _of(int, found, key)
    if isinstance(value, bool) or value < 0:
        raise _WrongError(f"{key} is {show(value)}")
    return value


def _texts(found: dict[str, Any], key: str) -> list[str]:
    values = _list(found, key)
    if not all(isinstance(value, str) for value in values):
        raise _WrongError(f"{key} is {show(values)}")
    return values


def _of(kind: type[_T], found: dict[str, Any], key: str) -> _T:
    value = found.get(key)
    if not isinstance(value, kind):
        raise _WrongError(f"{key} is {show(value) if key in found else 'missing'}")
    return value
