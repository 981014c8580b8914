"""PNG masks, read exactly or refused.

Image libraries are made to show pictures: they scale 4-bit grays, turn palette indices into
colours, drop 16-bit values, rotate by EXIF and fill the rows of a cut file with zeros.  Each of
these is a silent wrong class id.  So the chunks, their lengths and their checksums are walked
here first, and the header decides before anything is decoded.

Two decoders stand behind the walk, and they give the same pixels and the same verdict:

- kornia_rs, two to six times as fast as Pillow, for 8-bit and 16-bit samples;
- zlib and Pillow for everything else, for whatever kornia_rs refuses, and where it is not
  installed.  zlib shows whether all rows are there (Pillow alone would not say).

Neither decoder is shown more than header, palette and image data, so that a text or profile chunk
that inflates without end is never inflated.

What is not an error, because it cannot change a class id: bytes behind IEND, compressed data
behind the last row, a wrong Adler-32 at the end of the compressed data (the chunk checksums cover
the same bytes), transparency, gamma, significant bits, interlacing, and a palette shorter than the
indices in use (the index is the id; :func:`decode_colors` does need the colour).
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.errors import RefusedMaskError
from segcore.faults import printable
from segcore.limits import MAX_PIXELS

__all__ = ["ColorType", "Png", "decode_colors", "decode_indices", "parse_png"]

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
    _image_chunks: list[memoryview] = field(repr=False)

    @property
    def kind(self) -> str:
        """Such as ``8-bit gray``."""
        return f"{self.bit_depth}-bit {self.color_type.label}"


def parse_png(data: bytes) -> Png:
    """Check the structure of a PNG: signature, header, order of chunks, lengths and checksums.

    Raises
    ------
    RefusedMaskError
        ``mask.not_png``, ``mask.truncated``, ``mask.corrupt``, ``mask.animated``,
        ``mask.exif_orientation`` or ``limits.pixels``.
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
            palette = body
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
    colors = palette if palette is not None and color_type == ColorType.PALETTE else b""
    return Png(
        width=width,
        height=height,
        bit_depth=bit_depth,
        color_type=ColorType(color_type),
        interlaced=interlace == 1,
        palette=np.frombuffer(colors, np.uint8).reshape(-1, 3),
        _header=header,
        _image_chunks=image_chunks,
    )


def decode_indices(data: bytes) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """The class ids of an index mask: 8-bit or 16-bit gray values, or palette indices.

    Returns
    -------
    uint8 or uint16 (H, W)
        C-contiguous, what the file stores; 16-bit values in the byte order of the machine.

    Raises
    ------
    RefusedMaskError
        Any code of :func:`parse_png`, ``mask.bit_depth`` or ``mask.unexpected_mode``.
    """
    png = parse_png(data)
    if png.color_type is ColorType.GRAY:
        if png.bit_depth < 8:
            raise RefusedMaskError("mask.bit_depth", "8 or 16 bits", png.kind)
    elif png.color_type is not ColorType.PALETTE:
        hint = " (colours are read with rgb:)" if png.color_type is ColorType.RGB else ""
        raise RefusedMaskError("mask.unexpected_mode", "gray or palette indices", png.kind + hint)
    return _decode(png).reshape(png.height, png.width)


def decode_colors(data: bytes) -> npt.NDArray[np.uint8]:
    """The colours of a colour-coded mask: 8-bit RGB, opaque RGBA, or a palette.

    Returns
    -------
    uint8 (H, W, 3)
        Red, green, blue.

    Raises
    ------
    RefusedMaskError
        Any code of :func:`parse_png`, or ``mask.unexpected_mode``: gray, 16 bits, or a pixel that is not
        opaque, which has no one colour.
    """
    png = parse_png(data)
    if png.color_type is ColorType.PALETTE:
        indices = _decode(png).reshape(png.height, png.width)
        highest = int(indices.max())
        if highest >= len(png.palette):
            got = f"index {highest} of a palette of {len(png.palette)}"
            raise _corrupt("indices inside the palette", got)
        colors: npt.NDArray[np.uint8] = png.palette[indices]
        return colors
    if png.bit_depth != 8 or png.color_type not in (ColorType.RGB, ColorType.RGBA):
        hint = " (class ids are read with png:)" if png.color_type is ColorType.GRAY else ""
        raise RefusedMaskError("mask.unexpected_mode", "8-bit RGB or palette colours", png.kind + hint)
    pixels = _decode(png).astype(np.uint8, copy=False)
    if png.color_type is ColorType.RGBA:
        if (pixels[..., 3] != 255).any():
            raise RefusedMaskError("mask.unexpected_mode", "opaque colours", "transparent pixels")
        pixels = np.ascontiguousarray(pixels[..., :3])
    return pixels


# ---- what the chunks say


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


# ---- pixels


def _decode(png: Png) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """All samples, (H, W) or (H, W, samples)."""
    pixels = _decode_fast(png) if png.bit_depth >= 8 else None
    return _decode_carefully(png) if pixels is None else pixels


def _decode_fast(png: Png) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | None:
    """What kornia_rs reads; None where it is missing or refuses the file."""
    try:
        from kornia_rs import io
    except ImportError:  # there are no wheels for some platforms
        return None
    decode = io.decode_image_png_u16 if png.bit_depth == 16 else io.decode_image_png_u8
    mode = {ColorType.RGB: "rgb", ColorType.RGBA: "rgba"}.get(png.color_type, "mono")
    try:
        pixels: npt.NDArray[np.uint8] = decode(
            _minimal(png, png._image_chunks), (png.height, png.width), mode
        )
    except Exception:  # whatever it says, the careful way decides what the fault is
        return None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how a failed assertion in Rust arrives here
            raise
        return None
    return pixels


def _decode_carefully(png: Png) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Inflate here, no further than the last row, and let Pillow undo filters, packing and interlace."""
    # The class itself: Image.open would import the other formats and has a smaller limit of pixels.
    from PIL.PngImagePlugin import PngImageFile

    rows = _inflate(png)
    stored = _minimal(png, [_chunk(b"IDAT", zlib.compress(rows, 0))])
    del rows
    try:
        with PngImageFile(BytesIO(stored)) as image:
            pixels = np.array(image)
    except Exception as error:  # a damaged file may end in any of Pillow's exceptions
        raise _corrupt("image data", printable(str(error))) from None
    if png.bit_depth == 16:
        return pixels.astype(np.uint16, copy=False)
    return pixels.astype(np.uint8, copy=False)


def _inflate(png: Png) -> bytes:
    expected = sum(rows * (1 + stride) for rows, stride in _passes(png))
    body = b"".join([chunk[8:-4] for chunk in png._image_chunks])
    # A raw stream behind a checked zlib header, because zlib would insist on the Adler-32.
    method, flags = body[:2] if len(body) >= 2 else (8, 29)
    if method & 15 != 8 or method >> 4 > 7 or flags & 32 or (method << 8 | flags) % 31:
        raise _corrupt("a zlib stream", f"bytes {method:#04x} {flags:#04x}")
    try:
        rows = zlib.decompressobj(wbits=-15).decompress(memoryview(body)[2:], expected)
    except zlib.error as error:
        raise _corrupt("image data", printable(str(error))) from None
    if len(rows) < expected:
        there = len(rows) * png.height // expected
        raise _truncated(f"image data for {png.height} rows", f"for {there} rows")
    return rows


def _passes(png: Png) -> list[tuple[int, int]]:
    """Rows and bytes a row of each interlace pass that is not empty."""
    bits = png.bit_depth * png.color_type.samples
    if not png.interlaced:
        return [(png.height, (png.width * bits + 7) // 8)]
    adam7 = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    passes = []
    for x, y, dx, dy in adam7:
        columns, rows = -((x - png.width) // dx), -((y - png.height) // dy)
        if columns > 0 and rows > 0:
            passes.append((rows, (columns * bits + 7) // 8))
    return passes


def _minimal(png: Png, image_chunks: Iterable[bytes | memoryview]) -> bytes:
    """The PNG again, of nothing but header, palette and image data."""
    palette = [_chunk(b"PLTE", png.palette.tobytes())] if len(png.palette) else []
    return b"".join([_SIGNATURE, png._header, *palette, *image_chunks, _END])


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return b"".join([_CHUNK.pack(len(body), kind), body, _CRC.pack(checksum)])
