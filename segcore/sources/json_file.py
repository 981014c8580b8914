"""A JSON document the user names: read once, digested, refused with a fault."""

from __future__ import annotations

import hashlib
from typing import Any

from segcore.documents import parse_json
from segcore.errors import DocumentError, RefusedFileError
from segcore.faults import Fault, FaultLog
from segcore.files import read_bytes
from segcore.limits import MAX_DOCUMENT_BYTES
from segcore.wording import show

__all__ = ["parse_kinds", "read_document", "read_json"]


def read_json(file: str, *, kinds: tuple[type, ...], expected: str, faults: FaultLog) -> tuple[Any, str]:
    """The parsed document, and the SHA-256 (hex) of its bytes.

    Parameters
    ----------
    file : str
        A local path, or a URL any fsspec file system understands.
    kinds, expected
        What the document may be, and how a message says it.
    faults : FaultLog
        Where the reason goes if the document is refused; it is None then, and the digest that of
        what could be read.

    Raises
    ------
    SpecError
        There is no such file, or it cannot be opened.
    """
    data, digest = read_document(file, faults=faults)
    if data is None:
        return None, digest
    return parse_kinds(data, file=file, kinds=kinds, expected=expected, faults=faults), digest


def read_document(file: str, *, faults: FaultLog) -> tuple[bytes | None, str]:
    """The bytes :func:`read_json` parses, None where they were refused, and their SHA-256 (hex)."""
    try:
        # The user names this file, so it may be a link; it must still be a regular file.
        data = read_bytes(file, limit=MAX_DOCUMENT_BYTES, follow_symlinks=True)
    except RefusedFileError as error:
        faults.add(error.to_fault())
        return None, hashlib.sha256().hexdigest()
    return data, hashlib.sha256(data).hexdigest()


def parse_kinds(
    data: bytes, *, file: str, kinds: tuple[type, ...], expected: str, faults: FaultLog
) -> Any:
    """What :func:`read_json` makes of the bytes of a file."""
    try:
        document = parse_json(data, file=file)
    except DocumentError as error:
        got = error.problem if error.line is None else f"line {error.line}: {error.problem}"
        faults.add(Fault(code=error.code, file=file, got=got))
        return None
    if not isinstance(document, kinds):
        faults.add(Fault(code="coco.bad_structure", file=file, expected=expected, got=show(document)))
        return None
    return document
