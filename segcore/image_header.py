"""The size of an image, from its header alone: nothing is decoded, and little is read.

For formats whose coordinates are shares of an image they do not give the size of.  PNG, JPEG, WebP,
BMP, GIF and TIFF.  Where a JPEG asks to be shown on its side (EXIF orientation 5 to 8) height and
width change places, as they do for the people who draw on it; in other formats few viewers look.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO, Final

__all__ = ["IMAGE_SUFFIXES", "read_size"]

IMAGE_SUFFIXES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Names of the files whose size can be read; upper and lower case are the same."""

_MAX_SEGMENTS: Final = 1000
"""Segments of a JPEG, or entries of a TIFF directory: real ones have a few dozen."""

_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})

Size = tuple[int, int]
"""Height and width in pixels."""


class _NoSizeError(Exception):
    """The header ends early or makes no sense."""


def read_size(stream: BinaryIO) -> Size | None:
    """Height and width of an image in pixels, as it is shown.

    Parameters
    ----------
    stream : BinaryIO
        At its beginning, seekable.

    Returns
    -------
    (int, int) or None
        Both at least 1; None where the header is damaged or of no known format.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    head = stream.read(32)
    for magic, reader in _READERS:
        if head.startswith(magic):
            try:
                height, width = reader(head, stream)
            except (_NoSizeError, struct.error):
                return None
            return (height, width) if height > 0 and width > 0 else None
    return None


def _png(head: bytes, _: BinaryIO) -> Size:
    if head[12:16] != b"IHDR":
        raise _NoSizeError
    width, height = struct.unpack_from(">II", head, 16)
    return height, width


def _gif(head: bytes, _: BinaryIO) -> Size:
    width, height = struct.unpack_from("<HH", head, 6)
    return height, width


def _bmp(head: bytes, _: BinaryIO) -> Size:
    if struct.unpack_from("<I", head, 14)[0] == 12:  # the header of OS/2
        width, height = struct.unpack_from("<HH", head, 18)
        return height, width
    width, height = struct.unpack_from("<ii", head, 18)
    return abs(height), width  # below 0 where the rows go from top to bottom


def _webp(head: bytes, _: BinaryIO) -> Size:
    kind = head[8:16]
    if kind == b"WEBPVP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return height & 0x3FFF, width & 0x3FFF
    if kind == b"WEBPVP8L" and head[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"WEBPVP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return height, width
    raise _NoSizeError


def _jpeg(_: bytes, stream: BinaryIO) -> Size:
    at, orientation = 2, 1
    for _segment in range(_MAX_SEGMENTS):
        stream.seek(at)
        marker = stream.read(4)
        if len(marker) < 4 or marker[0] != 0xFF:
            raise _NoSizeError
        kind = marker[1]
        if kind == 0xFF or kind in _WITHOUT_LENGTH:  # filling, and markers that stand alone
            at += 1 if kind == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", marker, 2)
        if kind in _START_OF_FRAME:
            height, width = struct.unpack(">HH", stream.read(5)[1:])
            return (width, height) if orientation >= 5 else (height, width)
        if kind == 0xE1 and length > 8:
            orientation = _orientation(stream.read(length - 2)) or orientation
        at += 2 + max(length, 2)
    raise _NoSizeError


def _orientation(segment: bytes) -> int:
    """The orientation of an APP1 segment, 1 to 8; 0 where it states none."""
    if not segment.startswith(b"Exif\0\0"):
        return 0
    exif = segment[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    try:
        if order is None:
            return 0
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for at in range(start + 2, start + 2 + 12 * min(count, _MAX_SEGMENTS), 12):
            tag, kind = struct.unpack_from(f"{order}HH", exif, at)
            if tag == 0x0112:
                (value,) = struct.unpack_from(f"{order}{'I' if kind == 4 else 'H'}", exif, at + 8)
                return int(value) if 1 <= value <= 8 else 0
    except struct.error:
        return 0
    return 0


def _tiff(head: bytes, stream: BinaryIO) -> Size:
    order = "<" if head.startswith(b"II") else ">"
    (start,) = struct.unpack_from(f"{order}I", head, 4)
    stream.seek(start)
    (count,) = struct.unpack(f"{order}H", stream.read(2))
    entries = stream.read(12 * min(count, _MAX_SEGMENTS))
    found = {}
    for at in range(0, len(entries) - 11, 12):
        tag, kind = struct.unpack_from(f"{order}HH", entries, at)
        if kind in (3, 4):  # 16 and 32 bits
            (found[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", entries, at + 8)
    return found.get(0x0101, 0), found.get(0x0100, 0)


_READERS: Final[tuple[tuple[bytes, Callable[[bytes, BinaryIO], Size]], ...]] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"BM", _bmp),
    (b"RIFF", _webp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
)
