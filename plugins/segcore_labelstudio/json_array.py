"""The items of a JSON array, one at a time: an export of a whole project need not fit into memory.

Only strings and brackets are looked at.  Nearly all bytes of an export are digits of brush masks,
which a regular expression skips at the speed of memory; whether an item is valid JSON is for the
parser that gets it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from segcore.errors import DocumentError
from segcore.limits import MAX_DOCUMENT_BYTES, MAX_DOCUMENT_DEPTH
from segcore.strict_json import looks_like

__all__ = ["ArrayItem", "array_items", "leading_id"]

_BLOCK_BYTES: Final = 1 << 18
_STRING_OR_BRACKET: Final = re.compile(rb'[^"\[\]{}]*+("[^"\\]*"|["\[\]{}])')
_NOT_SPACE: Final = re.compile(rb"[^ \t\n\r]")
_OPEN: Final = frozenset(b"[{")
_LEADING_ID: Final = re.compile(rb'\{\s*"id"\s*:\s*(\d{1,18})\s*[,}]')


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayItem:
    """One item of an array.

    Attributes
    ----------
    offset : int
        Where its first byte stands in the file.
    line : int
        The 1-based line it begins in.
    data : bytes
        From ``{`` to ``}``, as it stands in the file.
    """

    offset: int
    line: int
    data: bytes = field(repr=False)


def array_items(stream: BinaryIO, *, file: str) -> Iterator[ArrayItem]:
    """The items of an array of objects, in the order of the file.

    Parameters
    ----------
    stream : BinaryIO
        From its first byte on.  No more than one item is held in memory.
    file : str
        What errors call it.

    Yields
    ------
    ArrayItem
        Its brackets are balanced in number; nothing else about it was checked.

    Raises
    ------
    DocumentError
        ``json.*`` or ``limits.bytes``: this is no array of objects, it ends early, something
        follows it, one item is nested too deeply or too large.  The items before were yielded.
    """
    reader = _Reader(stream, file)
    reader.open_array()
    if reader.next_byte() == b"]":
        reader.skip()
    else:
        while True:
            yield reader.item()
            separator = reader.next_byte()
            if separator == b"]":
                reader.skip()
                break
            if not separator:
                raise reader.ends_early()
            if separator != b",":
                raise reader.syntax("a comma or the end of the array belongs behind an item")
            reader.skip()
    if reader.next_byte():
        raise reader.syntax("something follows the end of the array")


class _Reader:
    """A window on the stream; what was read lies in front of it and is forgotten."""

    def __init__(self, stream: BinaryIO, file: str) -> None:
        self._stream = stream
        self._file = file
        self._window = bytearray()
        self._offset = 0
        self._line = 1

    def open_array(self) -> None:
        self._more(_BLOCK_BYTES)
        head = bytes(self._window)
        if head.startswith(b"\xef\xbb\xbf"):
            problem = "the file begins with a byte order mark; save it as UTF-8 without one"
            raise DocumentError("json.bom", problem, file=self._file, line=1)
        # The end of the window is not the end of the file: only the first bytes are judged.
        if (kind := looks_like(head[:16].ljust(16, b" ") if head.strip(b"\0") else head)) is not None:
            problem = f"the file is not UTF-8 text: it looks like {kind}"
            raise DocumentError("json.encoding", problem, file=self._file)
        first = self.next_byte()
        if not first:
            raise self.syntax("the file is empty")
        if first == b"<":
            raise self.syntax("the file is not JSON: it looks like an HTML or XML page")
        if first != b"[":
            kind = "an object" if first == b"{" else "something else"
            raise self.syntax(f"expected an array of tasks (the native JSON export), got {kind}")
        self.skip()

    def next_byte(self) -> bytes:
        """The next byte that is no white space, at the front of the window; empty at the end."""
        while True:
            found = _NOT_SPACE.search(self._window)
            if found is not None:
                self._drop(found.start())
                return bytes(self._window[:1])
            self._drop(len(self._window))
            if not self._more(_BLOCK_BYTES):
                return b""

    def skip(self) -> None:
        """Go past the byte that :meth:`next_byte` gave."""
        self._drop(1)

    def item(self) -> ArrayItem:
        first = self.next_byte()
        if not first:
            raise self.ends_early()
        if first != b"{":
            raise self.syntax("an item of the array is not an object (a task)")
        end = self._end_of_item()
        item = ArrayItem(offset=self._offset, line=self._line, data=bytes(self._window[:end]))
        self._drop(end)
        return item

    def _end_of_item(self) -> int:
        """Where the object at the front of the window ends."""
        window, at, depth = self._window, 0, 0
        while True:
            found = _STRING_OR_BRACKET.match(window, at)
            if found is None:
                at = len(window)
                self._grow()
                continue
            at = found.end()
            start = found.start(1)
            token = window[start]
            if token == 0x22:
                if at - start == 1:  # it holds an escape, or ends behind the window
                    at = self._end_of_string(at)
            elif token in _OPEN:
                depth += 1
                if depth > MAX_DOCUMENT_DEPTH:
                    line = self._line + window.count(b"\n", 0, at)
                    problem = f"nested deeper than {MAX_DOCUMENT_DEPTH} levels"
                    raise DocumentError("json.too_deep", problem, file=self._file, line=line)
            else:
                depth -= 1
                if depth == 0:
                    return at

    def _end_of_string(self, at: int) -> int:
        """Where the string that was opened in front of ``at`` ends."""
        window, first = self._window, at
        while True:
            quote = window.find(b'"', at)
            if quote < 0:
                at = len(window)
                self._grow()
                continue
            escapes = quote
            while escapes > first and window[escapes - 1] == 0x5C:
                escapes -= 1
            at = quote + 1
            if (quote - escapes) % 2 == 0:
                return at

    def _grow(self) -> None:
        """Read on within an item."""
        if len(self._window) > MAX_DOCUMENT_BYTES:
            problem = f"a task has more than {MAX_DOCUMENT_BYTES} bytes, the limit"
            raise DocumentError("limits.bytes", problem, file=self._file, line=self._line)
        if not self._more(_BLOCK_BYTES):
            raise self.ends_early()

    def _more(self, size: int) -> bool:
        block = self._stream.read(size)
        self._window += block
        return bool(block)

    def _drop(self, size: int) -> None:
        self._line += self._window.count(b"\n", 0, size)
        self._offset += size
        del self._window[:size]

    def ends_early(self) -> DocumentError:
        line = self._line + self._window.count(b"\n")
        problem = "the file ends early: the array of tasks is not closed"
        return DocumentError("json.syntax", problem, file=self._file, line=line)

    def syntax(self, problem: str) -> DocumentError:
        return DocumentError("json.syntax", problem, file=self._file, line=self._line)


def leading_id(data: bytes) -> int | None:
    """The id an object begins with, as Label Studio writes tasks; None where another key is first."""
    found = _LEADING_ID.match(data)
    return None if found is None else int(found[1])
