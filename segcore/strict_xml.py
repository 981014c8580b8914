"""Strict XML: no document type, no entities, no text that two readers could understand differently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

# A document type is refused before it can declare anything, so that nothing is ever expanded or fetched.
from xml.parsers import expat

from segcore.errors import DocumentError
from segcore.limits import MAX_DOCUMENT_BYTES, MAX_DOCUMENT_DEPTH, MAX_DOCUMENT_MEMORY
from segcore.strict_json import looks_like, no_collection
from segcore.wording import printable

__all__ = ["XmlElement", "parse_xml"]

_MAX_TOKEN_BYTES: Final = 16 << 20
"""A tag, a comment or the text between two tags: expat reads a long one again with each megabyte."""

_ELEMENT_BYTES: Final = 500
_ATTRIBUTE_BYTES: Final = 100
"""What CPython takes for an element, and for an attribute beside its letters."""

_ENCODINGS: Final = frozenset({"utf-8", "us-ascii", "ascii"})
_UTF8_MARK: Final = b"\xef\xbb\xbf"


@dataclass(slots=True, eq=False)
class XmlElement:
    """One element of a document.

    Attributes
    ----------
    name : str
    line : int
        Where its start tag begins, from 1.
    attributes : dict of str to str
    children : sequence of XmlElement
    text : str
        What stands between its tags, without the space around it; empty where there are children.
    """

    name: str
    line: int
    attributes: dict[str, str]
    children: Sequence[XmlElement] = ()
    text: str = ""

    def all(self, name: str) -> Iterator[XmlElement]:
        """The children called ``name``, in the order of the document."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> XmlElement | None:
        """The first child called ``name``."""
        return next(self.all(name), None)


def parse_xml(data: bytes, *, file: str) -> XmlElement:
    """Read one XML document, strictly.

    Parameters
    ----------
    data : bytes
        The whole file: UTF-8, with or without a byte order mark.
    file : str
        What errors call it.

    Returns
    -------
    XmlElement
        The root.  Comments and processing instructions are left out.

    Raises
    ------
    DocumentError
        ``xml.*`` or ``limits.bytes``, with the line where it is known: not UTF-8, not well-formed, a
        document type (and with it every entity but the five of XML), text beside elements or broken
        by a comment, nesting deeper than 64, a tag of more than 16 MB, more elements than fit into
        memory.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        problem = f"the file has {len(data)} bytes, the limit is {MAX_DOCUMENT_BYTES}"
        raise DocumentError("limits.bytes", problem, file=file)
    if not data.startswith(_UTF8_MARK) and (kind := looks_like(data)) is not None:
        problem = f"the file is not UTF-8 text: it looks like {kind}"
        raise DocumentError("xml.encoding", problem, file=file)
    _check_memory(data, file=file)
    with no_collection():
        return _Builder(file).parse(data)


@dataclass(slots=True)
class _Open:
    """An element whose end tag is still to come."""

    element: XmlElement
    children: list[XmlElement] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    broken: bool = False
    """Something other than text stands between its tags."""


class _Builder:
    """Makes elements of what expat reports."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._open: list[_Open] = []
        self._root: XmlElement | None = None
        self._parser = expat.ParserCreate(encoding="utf-8")
        self._parser.buffer_text = True
        self._parser.XmlDeclHandler = self._declaration
        self._parser.StartDoctypeDeclHandler = self._document_type
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.CommentHandler = self._between
        self._parser.ProcessingInstructionHandler = self._between

    def parse(self, data: bytes) -> XmlElement:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            raise self._explained(error, data) from None
        except MemoryError:
            problem = "its elements take more memory than there is"
            raise DocumentError("limits.bytes", problem, file=self._file) from None
        if self._root is None:  # expat has refused it before
            raise self._refused("xml.syntax", "there is no element")
        return self._root

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:  # noqa: ARG002
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            problem = f"the file declares the encoding '{printable(encoding)}'; save it as UTF-8"
            raise self._refused("xml.encoding", problem)

    def _document_type(self, *_: object) -> None:
        problem = "a document type (<!DOCTYPE ...>) is not allowed: it can define entities; remove it"
        raise self._refused("xml.doctype", problem)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DOCUMENT_DEPTH:
            problem = f"nested deeper than {MAX_DOCUMENT_DEPTH} elements"
            raise self._refused("xml.too_deep", problem)
        if self._open:
            self._open[-1].broken = True
        line = self._parser.CurrentLineNumber
        self._open.append(_Open(XmlElement(name, line, attributes)))

    def _end(self, name: str) -> None:
        done = self._open.pop()
        element = done.element
        element.text = "".join(done.text).strip()
        element.children = done.children or ()
        if done.broken and element.text:
            problem = (
                f"the text '{printable(element.text, limit=40)}' in <{printable(name, limit=40)}> "
                "stands beside elements or comments, and not every reader would see all of it"
            )
            raise self._refused("xml.mixed_content", problem)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element

    def _text(self, text: str) -> None:
        if not text.isspace() or self._open[-1].text:  # the space before a text is none of it
            self._open[-1].text.append(text)

    def _between(self, *_: object) -> None:
        if self._open:
            self._open[-1].broken = True

    def _refused(self, code: str, problem: str) -> DocumentError:
        line = self._parser.CurrentLineNumber
        return DocumentError(code, problem, file=self._file, line=line)

    def _explained(self, error: expat.ExpatError, data: bytes) -> DocumentError:
        if not data.strip():
            return DocumentError("xml.syntax", "the file is empty", file=self._file)
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as e:
            line = data.count(b"\n", 0, e.start) + 1
            problem = f"byte 0x{data[e.start]:02x} is not UTF-8 text; save the file as UTF-8"
            return DocumentError("xml.encoding", problem, file=self._file, line=line)
        if data.lstrip(_UTF8_MARK).lstrip()[:1] in (b"{", b"["):
            problem = "the file is not XML: it looks like JSON"
        else:
            why = expat.ErrorString(error.code)
            problem = f"not well-formed XML (column {error.offset + 1}): {why}"
        return DocumentError("xml.syntax", problem, file=self._file, line=error.lineno)


# ---- what would take too long or too much memory


def _check_memory(data: bytes, *, file: str) -> None:
    """Refuse a document before it is parsed whose elements or tags are too large."""
    elements = data.count(b"<") - data.count(b"</")
    memory = _ELEMENT_BYTES * elements + _ATTRIBUTE_BYTES * data.count(b"=") + len(data)
    if memory > MAX_DOCUMENT_MEMORY:
        problem = (
            f"its elements take about {memory >> 20} MB, the limit is {MAX_DOCUMENT_MEMORY >> 20} MB"
        )
        raise DocumentError("limits.bytes", problem, file=file)
    for start, length in _long_tokens(data):
        line = data.count(b"\n", 0, start) + 1
        problem = f"a tag or text of {length} bytes, the limit is {_MAX_TOKEN_BYTES}"
        raise DocumentError("limits.bytes", problem, file=file, line=line)


def _long_tokens(data: bytes) -> Iterator[tuple[int, int]]:
    """Where a token begins that is longer than the limit, and its length."""
    # A token that long holds a whole window without the beginning of another.
    window = _MAX_TOKEN_BYTES // 2
    for at in range(0, len(data), window):
        if data.find(b"<", at, at + window) < 0:
            start = max(data.rfind(b"<", 0, at), 0)
            end = data.find(b"<", at)
            length = (len(data) if end < 0 else end) - start
            if length > _MAX_TOKEN_BYTES:
                yield start, length
    # Only these may hold a "<" of their own.
    for opening, closing in ((b"<!--", b"-->"), (b"<?", b"?>")):
        start = data.find(opening)
        while start >= 0:
            end = data.find(closing, start)
            end = len(data) if end < 0 else end
            if end - start > _MAX_TOKEN_BYTES:
                yield start, end - start
            start = data.find(opening, end)
