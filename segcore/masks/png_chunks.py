"""The structure of a PNG: signature, header, order and lengths of the chunks, checksums.

Nothing is decoded or inflated here (PNG specification, third edition, W3C 2025).
"""

from __future__ import annotations

import enum
import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.errors import RefusedMaskError
from segcore.limits import MAX_PIXELS
from segcore.wording import printable

__all__ = ["ColorType", "Png", "parse_png"]

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = struct.Struct(">IIBBBBB")
_CHUNK: Final = struct.Struct(">I4s")
_CRC: Final = struct.Struct(">I")
_END: Final = b"\0\0\0\0IEND\xaeB`\x82"
_MAX_CHUNKS: Final = 1 << 18
"""A gigabyte in the usual 8 kB pieces has half as many; a file of empty chunks must not take minutes."""

_FOREIGN: Final = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"RIFF", "a WebP image"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"%PDF", "a PDF file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the files with `git lfs pull`"),
    (b"\x00\x05\x16\x07", "a macOS resource fork"),
    (b"<", "an HTML, XML or SVG file"),
)


class ColorType(enum.IntEnum):
    """The kinds of pixels of a PNG, by the number its header stores."""

    GRAY = 0
    RGB = 2
    PALETTE = 3
    GRAY_ALPHA = 4
    RGBA = 6

    @property
    def samples(self) -> int:
        """Numbers stored for each pixel."""
        return {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[self.value]

    @property
    def label(self) -> str:
        """Its name in a message."""
        return {0: "gray", 2: "RGB", 3: "palette", 4: "gray with alpha", 6: "RGBA"}[self.value]


_BIT_DEPTHS: Final[dict[int, tuple[int, ...]]] = {
    ColorType.GRAY: (1, 2, 4, 8, 16),
    ColorType.RGB: (8, 16),
    ColorType.PALETTE: (1, 2, 4, 8),
    ColorType.GRAY_ALPHA: (8, 16),
    ColorType.RGBA: (8, 16),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Png:
    """A PNG whose structure and checksums hold; nothing is decoded yet.

    Attributes
    ----------
    width, height : int
        Size in pixels; their product is within the limit.
    bit_depth : int
        Bits of one sample: 1, 2, 4, 8 or 16.
    color_type : ColorType
        What a pixel is.
    interlaced : bool
        Adam7 order.
    palette : uint8 (n, 3)
        The colours of a palette image; empty for all others.
    """

    width: int
    height: int
    bit_depth: int
    color_type: ColorType
    interlaced: bool
    palette: npt.NDArray[np.uint8]
    _header: memoryview = field(repr=False)
    _palette: memoryview | bytes = field(repr=False)
    _image_chunks: list[memoryview] = field(repr=False)

    @property
    def kind(self) -> str:
        """Such as ``8-bit gray``."""
        return f"{self.bit_depth}-bit {self.color_type.label}"

    def stream(self) -> bytes:
        """The compressed image data of all chunks."""
        return b"".join([chunk[8:-4] for chunk in self._image_chunks])

    def minimal(self, stream: bytes | None = None) -> bytes:
        """The file again, of nothing but header, palette and image data.

        Parameters
        ----------
        stream : bytes or None
            Compressed image data to put in place of its own.
        """
        image = self._image_chunks if stream is None else [_chunk(b"IDAT", stream)]
        return b"".join([_SIGNATURE, self._header, self._palette, *image, _END])


def parse_png(data: bytes) -> Png:
    """Check the structure of a PNG: signature, header, order of chunks, lengths and checksums.

    Raises
    ------
    RefusedMaskError
        ``mask.not_png``, ``mask.truncated``, ``mask.corrupt``, ``mask.animated``,
        ``mask.exif_orientation``, ``limits.pixels`` or ``limits.entries``.
    """
    if not data.startswith(_SIGNATURE):
        raise _not_png(data)
    view = memoryview(data)
    size = len(data)
    header: memoryview | None = None
    fields = (0, 0, 0, 0, 0, 0, 0)
    palette: memoryview | None = None
    image_chunks: list[memoryview] = []
    previous = b""
    at = len(_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + 12 > size:
            raise _truncated("an IEND chunk at the end", f"the file ends after {size} bytes")
        length, kind = _CHUNK.unpack_from(data, at)
        end = at + 12 + length
        if length > 0x7FFFFFFF or not kind.isalpha():
            raise _corrupt("a PNG chunk", f"bytes that are none at offset {at}")
        if end > size:
            name = kind.decode("ascii")
            raise _truncated(f"{length} bytes of {name}", f"{max(size - at - 8, 0)} bytes")
        if zlib.crc32(view[at + 4 : end - 4]) != _CRC.unpack_from(data, end - 4)[0]:
            raise _corrupt(
                "a matching checksum", f"a damaged {kind.decode('ascii')} chunk at offset {at}"
            )
        body = view[at + 8 : end - 4]
        if header is None:
            if kind != b"IHDR" or length != _HEADER.size:
                raise _corrupt(
                    "an IHDR chunk of 13 bytes first", f"{kind.decode('ascii')}, {length} bytes"
                )
            header = view[at:end]
            fields = _HEADER.unpack(body)
            _check_header(*fields)
        elif kind == b"IDAT":
            if image_chunks and previous != b"IDAT":
                raise _corrupt("IDAT chunks in one piece", f"another chunk between them at offset {at}")
            image_chunks.append(view[at:end])
        elif kind == b"IEND":
            if length:
                raise _corrupt("an empty IEND chunk", f"{length} bytes")
            break
        elif kind == b"PLTE":
            if palette is not None or image_chunks or length % 3 or not 3 <= length <= 768:
                raise _corrupt(
                    "one palette of 1 to 256 colours before the image data", f"{length} bytes"
                )
            palette = view[at:end]
        elif kind == b"acTL":
            raise RefusedMaskError("mask.animated", "a still image", "an acTL chunk")
        elif kind == b"eXIf":
            _check_orientation(bytes(body))
        elif kind[0] < 0x60:  # an upper-case first letter: no reader may skip it
            raise _corrupt("chunks of the PNG standard", f"a {kind.decode('ascii')} chunk")
        previous = kind
        at = end
    else:
        raise RefusedMaskError("limits.entries", f"at most {_MAX_CHUNKS} chunks", "more")
    if header is None or not image_chunks:
        raise _truncated("image data", "a PNG without an IDAT chunk")
    width, height, bit_depth, color_type, _, _, interlace = fields
    if color_type == ColorType.PALETTE and palette is None:
        raise _corrupt("a PLTE chunk", "a palette image without one")
    chunk = palette if palette is not None and color_type == ColorType.PALETTE else b""
    return Png(
        width=width,
        height=height,
        bit_depth=bit_depth,
        color_type=ColorType(color_type),
        interlaced=interlace == 1,
        palette=np.frombuffer(chunk[8:-4], np.uint8).reshape(-1, 3),
        _header=header,
        _palette=chunk,
        _image_chunks=image_chunks,
    )


def _check_header(
    width: int, height: int, depth: int, color: int, compression: int, filter_: int, interlace: int
) -> None:
    if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise _corrupt("a size of at least 1 x 1", f"{width} x {height} pixels")
    if depth not in _BIT_DEPTHS.get(color, ()):
        raise _corrupt("a colour type of the PNG standard", f"type {color} with {depth} bits")
    if compression or filter_ or interlace > 1:
        got = f"compression {compression}, filter {filter_}, interlace {interlace}"
        raise _corrupt("methods of the PNG standard", got)
    if width * height > MAX_PIXELS:
        raise RefusedMaskError("limits.pixels", f"at most {MAX_PIXELS} pixels", f"{width} x {height}")


def _check_orientation(exif: bytes) -> None:
    orientation = _orientation(exif)
    if 2 <= orientation <= 8:
        raise RefusedMaskError("mask.exif_orientation", "orientation 1", f"orientation {orientation}")


def _orientation(exif: bytes) -> int:
    """Tag 0x0112 of the first directory; 1 (upright) where no viewer would find another."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return 1
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    if start + 2 > len(exif):
        return 1
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", exif, at)
        if tag == 0x0112:
            # Declared as a 16-bit number; some writers store 32 bits, and viewers accept both.
            return int(struct.unpack_from(f"{order}{'I' if kind == 4 else 'H'}", exif, at + 8)[0])
    return 1


def _not_png(data: bytes) -> RefusedMaskError:
    if _SIGNATURE.startswith(data):
        return _truncated("a PNG image", "an empty file" if not data else f"a file of {len(data)} bytes")
    known = next((name for magic, name in _FOREIGN if data.startswith(magic)), None)
    got = known or f"a file that begins with {printable(repr(data[:8])[1:], limit=60)}"
    return RefusedMaskError("mask.not_png", "a PNG image", got)


def _truncated(expected: str, got: str) -> RefusedMaskError:
    return RefusedMaskError("mask.truncated", expected, got)


def _corrupt(expected: str, got: str) -> RefusedMaskError:
    return RefusedMaskError("mask.corrupt", expected, got)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return b"".join([_CHUNK.pack(len(body), kind), body, _CRC.pack(checksum)])
