"""What kind of PNG a file is, from its first chunks: nothing is inflated, and little is read."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

from segcore.masks.png_chunks import ColorType, Png

__all__ = ["PngHeader", "read_header"]

_HEAD: Final = struct.Struct(">8sI4sIIBBBBBI")
_CHUNK: Final = struct.Struct(">I4s")
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS: Final = 1000
"""Before the palette: real files have a handful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PngHeader:
    """The kind of a PNG.

    Attributes
    ----------
    width, height : int
        In pixels.
    bit_depth : int
        Bits of one sample.
    color_type : ColorType
    palette : bytes
        Red, green and blue of every colour of a palette image; empty for all others.
    """

    width: int
    height: int
    bit_depth: int
    color_type: ColorType
    palette: bytes

    @classmethod
    def of(cls, png: Png) -> PngHeader:
        """That of a PNG that was read as a whole."""
        return cls(
            width=png.width,
            height=png.height,
            bit_depth=png.bit_depth,
            color_type=png.color_type,
            palette=png.palette.tobytes(),
        )

    @property
    def colors(self) -> tuple[str, ...]:
        """The palette as ``#rrggbb``."""
        text = self.palette.hex()
        return tuple(f"#{text[i : i + 6]}" for i in range(0, len(text), 6))


def read_header(stream: BinaryIO) -> PngHeader | None:
    """The kind of a PNG at the beginning of a stream.

    Returns
    -------
    PngHeader or None
        None where the file is anything but a PNG as usual: :func:`segcore.masks.png_chunks.parse_png`
        says what is wrong with it.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    signature, length, kind, width, height, bit_depth, color, *_ = _HEAD.unpack(head)
    if (signature, length, kind) != (_SIGNATURE, 13, b"IHDR") or not (width and height):
        return None
    if bit_depth not in (1, 2, 4, 8, 16) or color not in set(ColorType):
        return None
    palette = b""
    if color == ColorType.PALETTE:
        found = _palette(stream)
        if found is None:
            return None
        palette = found
    return PngHeader(
        width=width,
        height=height,
        bit_depth=bit_depth,
        color_type=ColorType(color),
        palette=palette,
    )


def _palette(stream: BinaryIO) -> bytes | None:
    """The body of the PLTE chunk; None where the image data comes first."""
    for _ in range(_MAX_CHUNKS):
        chunk = stream.read(_CHUNK.size)
        if len(chunk) < _CHUNK.size:
            return None
        length, kind = _CHUNK.unpack(chunk)
        if kind == b"PLTE":
            body = stream.read(length) if length <= 768 else b""
            return body if body and len(body) == length and length % 3 == 0 else None
        if kind == b"IDAT" or length > 0x7FFFFFFF:
            return None
        stream.seek(length + 4, 1)
    return None
