"""Strict JSON: what two readers could understand differently is refused with its place."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from segcore.errors import DocumentError
from segcore.limits import MAX_DOCUMENT_BYTES, MAX_DOCUMENT_MEMORY
from segcore.wording import printable

__all__ = ["fits", "no_collection", "parse_json"]

_STRING_OR_WORD: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|([-+.0-9A-Za-z]+)', re.DOTALL)
_CONSTANTS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_MAX_DIGITS: Final = 4300
_CONTAINER_BYTES: Final = 64
_VALUE_BYTES: Final = 32
"""What CPython takes for an empty list, and for a number and its place in a list."""
_COLON, _QUOTE, _SPACE, _BACKSLASH = b':" \\'
_BYTES_AT_ONCE: Final = 1 << 18
_MAX_STEPS: Final = 64
"""Spaces before a colon, and backslashes before a quotation mark, that are looked through."""

_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")

_SIGNATURES: Final = (
    (b"\x1f\x8b", "gzip data; unpack it first"),
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
)


class _RefusedError(Exception):
    """Carries a problem out of the decoder's hooks, which do not know the file."""

    def __init__(self, code: str, problem: str) -> None:
        self.code = code
        self.problem = problem


def parse_json(data: bytes, *, file: str) -> object:
    """Decode one JSON document, strictly.

    Parameters
    ----------
    data : bytes
        The whole file: UTF-8 without a byte order mark.
    file : str
        What errors call it.

    Returns
    -------
    object
        dict, list, str, int, float, bool or None.  Numbers such as ``1e999`` become
        infinite: whoever reads a field checks that it is finite.

    Raises
    ------
    DocumentError
        ``json.*`` or ``limits.bytes``: not UTF-8, a byte order mark, a syntax error (with its
        line), a key twice in one object, ``NaN`` or ``Infinity``, an integer of more than
        4300 digits, nesting deeper than the interpreter's recursion limit, more values than fit
        into memory.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DocumentError(
            "limits.bytes",
            f"the file has {len(data)} bytes, the limit is {MAX_DOCUMENT_BYTES}",
            file=file,
        )
    text = _decode(data, file=file)
    if (memory := _memory(data, limit=MAX_DOCUMENT_MEMORY)) > MAX_DOCUMENT_MEMORY:
        raise _too_large(f"about {memory >> 20} MB", file)
    try:
        with no_collection():
            value = _loads(text, data)
    except _RefusedError as e:
        line = _line_of_number(text) if e.code == "json.number" else None
        raise DocumentError(e.code, e.problem, file=file, line=line) from None
    except RecursionError:
        raise _too_deep(file) from None
    except MemoryError:
        raise _too_large("more memory than there is", file) from None
    except json.JSONDecodeError as e:
        raise DocumentError("json.syntax", _explain(e), file=file, line=e.lineno) from None
    except ValueError:
        problem = f"an integer has more than {_MAX_DIGITS} digits"
        raise DocumentError("json.number", problem, file=file, line=_line_of_number(text)) from None
    if _SURROGATE_ESCAPE.search(data) and (lone := _lone_surrogate(value)) is not None:
        problem = f"'{printable(lone)}' holds half a surrogate pair, which is no character"
        raise DocumentError("json.encoding", problem, file=file)
    return value


def _loads(text: str, data: bytes) -> object:
    """Decode; keys are only looked at one by one where it is not certain that none is given twice."""
    counting = _counting_keys()
    next(counting)
    try:
        value: object = json.loads(text, object_hook=counting.send, parse_constant=_no_constant)
    except (ValueError, _RefusedError):
        pass  # what comes first in the text is what is reported, maybe a key that is given twice
    else:
        kept = counting.send(None)
        if kept == _key_count(data):
            return value
        del value
    again: object = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    return again


def _counting_keys() -> Generator[Any, Any, None]:
    """Takes objects and gives them back; None asks for the number of their keys."""
    keys, found = 0, (yield)
    while found is not None:
        keys += len(found)
        found = yield found
    yield keys


def _key_count(data: bytes) -> int:
    """How many keys stand in a document that is known to be JSON; -1 where that takes too long to say.

    Every second quotation mark that is not escaped ends a text, and the text is a key if a colon
    follows.
    """
    import numpy as np

    values = np.frombuffer(data, np.uint8)
    keys = quotes_before = 0
    for begin in range(0, len(values), _BYTES_AT_ONCE):
        quotes = begin + np.flatnonzero(values[begin : begin + _BYTES_AT_ONCE] == _QUOTE)
        escaped = np.zeros(len(quotes), np.bool_)
        which, at = np.arange(len(quotes)), quotes - 1
        for _ in range(_MAX_STEPS):
            backslash = values[at] == _BACKSLASH
            which, at = which[backslash], at[backslash] - 1
            if not len(which):
                break
            escaped[which] ^= True
        else:
            return -1
        quotes = quotes[~escaped]
        at = quotes[1 - quotes_before % 2 :: 2] + 1
        quotes_before += len(quotes)
        for _ in range(_MAX_STEPS):
            at = at[at < len(values)]
            keys += int(np.count_nonzero(values[at] == _COLON))
            at = at[values[at] <= _SPACE] + 1
            if not len(at):
                break
        else:
            return -1
    return keys


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the cyclic collector: a document has no cycles, and re-walking it costs a third."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


def _decode(data: bytes, *, file: str) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        problem = "the file begins with a byte order mark; save it as UTF-8 without one"
        raise DocumentError("json.bom", problem, file=file, line=1)
    if (kind := looks_like(data)) is not None:
        raise DocumentError(
            "json.encoding", f"the file is not UTF-8 text: it looks like {kind}", file=file
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        problem = f"byte 0x{data[e.start]:02x} is not UTF-8 text; save the file as UTF-8"
        raise DocumentError("json.encoding", problem, file=file, line=line) from None


def looks_like(data: bytes) -> str | None:
    """What binary or foreign data ``data`` is; None for what may be UTF-8 text."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data and not data.strip(b"\0"):
        return "an interrupted write: it holds nothing but NUL bytes"
    if data.startswith(b"\0") or data[1:2] == b"\0":
        return "UTF-16 or UTF-32 text; save it as UTF-8"
    if data.endswith(b"\0"):
        return "an interrupted write: it is padded with NUL bytes"
    return None


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                first, value = pairs[0]
                shown = (
                    printable(repr(value), limit=40) if isinstance(value, (str, int, float)) else "..."
                )
                where = f"the object that begins with '{printable(first)}': {shown}"
                raise _RefusedError(
                    "json.duplicate_key", f"key '{printable(key)}' is given twice in {where}"
                )
            seen.add(key)
    return found


def _no_constant(name: str) -> NoReturn:
    raise _RefusedError("json.number", f"{name} is not a JSON number")


def _line_of_number(text: str) -> int | None:
    """The 1-based line of the first number the decoder refuses."""
    for token in _STRING_OR_WORD.finditer(text):
        word = token[1]
        if word and (word in _CONSTANTS or (len(word) > _MAX_DIGITS and word.lstrip("-").isdigit())):
            return text.count("\n", 0, token.start()) + 1
    return None


def _explain(e: json.JSONDecodeError) -> str:
    rest = e.doc.lstrip()
    if not rest:
        return "the file is empty"
    if rest.startswith("<"):
        return "the file is not JSON: it looks like an HTML or XML page"
    if e.pos >= len(e.doc.rstrip()) and not e.msg.startswith("Extra data"):
        return f"the file ends early (column {e.colno}): {e.msg}"
    return f"not valid JSON (column {e.colno}): {e.msg}"


def fits(data: bytes) -> bool:
    """Whether the values of a document stay within the limit of memory."""
    return _memory(data, limit=MAX_DOCUMENT_MEMORY) <= MAX_DOCUMENT_MEMORY


def _memory(data: bytes, *, limit: int) -> int:
    """Bytes the values of a document take at most, roughly: what is in strings is counted as well."""
    if len(data) * _CONTAINER_BYTES <= limit:
        return 0
    return _CONTAINER_BYTES * (data.count(b"[") + data.count(b"{")) + _VALUE_BYTES * data.count(b",")


def _too_large(needs: str, file: str) -> DocumentError:
    problem = f"its values take {needs}, the limit is {MAX_DOCUMENT_MEMORY >> 20} MB"
    return DocumentError("limits.bytes", problem, file=file)


def _too_deep(file: str) -> DocumentError:
    return DocumentError("json.too_deep", "nested deeper than the interpreter can follow", file=file)


def _lone_surrogate(value: object) -> str | None:
    """A string of ``value`` that cannot be written as UTF-8; None if there is none."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [*item, *item.values()]
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str) and not is_text(item):
            return item[:20]
    return None


def is_text(value: str) -> bool:
    """Whether ``value`` can be written as UTF-8: half a surrogate pair cannot."""
    if value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
