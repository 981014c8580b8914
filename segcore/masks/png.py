"""PNG masks, read exactly or refused.

Image libraries are made to show pictures: they scale 4-bit grays, turn palette indices into
colours, drop 16-bit values, rotate by EXIF and fill the rows of a cut file with zeros.  Each of
these is a silent wrong class id.  So the chunks, their lengths and their checksums are walked
here first, and the header decides before anything is decoded.

Three decoders stand behind the walk, and they give the same pixels and the same verdict:

- libdeflate, twice as fast as the next, for 8-bit palettes, whose rows are stored without filters
  as a rule, so that inflating them is all there is to do;
- kornia_rs, two to six times as fast as Pillow, for 8-bit and 16-bit samples;
- zlib and Pillow for everything else, for whatever the first two refuse, and where they are not
  installed.  zlib shows whether all rows are there (Pillow alone would not say).

No decoder is shown more than header, palette and image data, so that a text or profile chunk
that inflates without end is never inflated.

What is not an error, because it cannot change a class id: bytes behind IEND, compressed data
behind the last row, a wrong Adler-32 at the end of the compressed data (the chunk checksums cover
the same bytes), transparency, gamma, significant bits, interlacing, and a palette shorter than the
indices in use (the index is the id; :func:`decode_colors` does need the colour).
"""

from __future__ import annotations

import zlib
from io import BytesIO

import numpy as np
import numpy.typing as npt

from segcore.errors import RefusedMaskError
from segcore.masks.png_chunks import ColorType, Png, parse_png
from segcore.wording import printable

__all__ = ["decode_alpha", "decode_binary", "decode_colors", "decode_indices", "decode_rgb"]


def decode_indices(data: bytes) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """The class ids of an index mask: 8-bit or 16-bit gray values, or palette indices.

    Returns
    -------
    uint8 or uint16 (H, W)
        C-contiguous, what the file stores; 16-bit values in the byte order of the machine.

    Raises
    ------
    RefusedMaskError
        Any code of :func:`segcore.masks.png_chunks.parse_png`, ``mask.bit_depth`` or
        ``mask.unexpected_mode``.
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
        Any code of :func:`segcore.masks.png_chunks.parse_png`, or ``mask.unexpected_mode``: gray,
        16 bits, or a pixel that is not opaque, which has no one colour.
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


def decode_rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """The colours of a mask whose colours are numbers: 8-bit RGB and nothing else.

    Returns
    -------
    uint8 (H, W, 3)
        C-contiguous: red, green, blue.

    Raises
    ------
    RefusedMaskError
        Any code of :func:`segcore.masks.png_chunks.parse_png`, or ``mask.unexpected_mode``: an
        alpha channel, a palette or gray values say that the file was converted, or is another.
    """
    png = parse_png(data)
    if png.bit_depth != 8 or png.color_type is not ColorType.RGB:
        raise RefusedMaskError("mask.unexpected_mode", "8-bit RGB", png.kind)
    return np.ascontiguousarray(_decode(png), np.uint8)


def decode_alpha(png: Png) -> npt.NDArray[np.uint8]:
    """The alpha of a checked 8-bit RGBA image, where it is the mask: uint8 (H, W).

    Raises
    ------
    RefusedMaskError
        ``mask.unexpected_mode`` for all other kinds of pixels, ``mask.truncated``,
        ``mask.corrupt`` or ``limits.pixels``.
    """
    if png.bit_depth != 8 or png.color_type is not ColorType.RGBA:
        raise RefusedMaskError("mask.unexpected_mode", "8-bit RGBA", png.kind)
    return np.ascontiguousarray(_decode(png)[..., 3], np.uint8)


def decode_binary(png: Png) -> npt.NDArray[np.bool_]:
    """The pixels of a checked image that are not 0, where any other value is foreground: bool (H, W).

    Gray of any depth, or palette indices.

    Raises
    ------
    RefusedMaskError
        ``mask.unexpected_mode`` for colours and alpha, ``mask.truncated``, ``mask.corrupt`` or
        ``limits.pixels``.
    """
    if png.color_type not in (ColorType.GRAY, ColorType.PALETTE):
        raise RefusedMaskError("mask.unexpected_mode", "gray or palette indices", png.kind)
    drawn: npt.NDArray[np.bool_] = _decode(png).reshape(png.height, png.width) != 0
    return drawn


# ---- pixels


def _decode(png: Png) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """All samples, (H, W) or (H, W, samples)."""
    try:
        if png.color_type is ColorType.PALETTE and png.bit_depth == 8:
            indices = _decode_unfiltered(png)
            if indices is not None:
                return indices
        pixels = _decode_fast(png) if png.bit_depth >= 8 else None
        return _decode_carefully(png) if pixels is None else pixels
    except MemoryError:
        got = f"{png.width} x {png.height}, {png.kind}"
        raise RefusedMaskError("limits.pixels", "an image that fits into memory", got) from None


def _decode_unfiltered(png: Png) -> npt.NDArray[np.uint8] | None:
    """What libdeflate inflates, if no row of it is filtered; else None: the others say why."""
    if png.interlaced:
        return None
    try:
        from deflate import DeflateError, zlib_decompress
    except ImportError:
        return None
    stride = 1 + png.width
    try:
        inflated = zlib_decompress(png.stream(), png.height * stride)
    except DeflateError:
        return None
    if len(inflated) != png.height * stride:
        return None
    rows = np.frombuffer(inflated, np.uint8).reshape(png.height, stride)
    return None if rows[:, 0].any() else np.ascontiguousarray(rows[:, 1:])


def _decode_fast(png: Png) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | None:
    """What kornia_rs reads; None where it is missing or refuses the file."""
    try:
        from kornia_rs import io
    except ImportError:  # there are no wheels for some platforms
        return None
    decode = io.decode_image_png_u16 if png.bit_depth == 16 else io.decode_image_png_u8
    mode = {ColorType.RGB: "rgb", ColorType.RGBA: "rgba"}.get(png.color_type, "mono")
    try:
        pixels: npt.NDArray[np.uint8] = decode(png.minimal(), (png.height, png.width), mode)
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
    stored = png.minimal(zlib.compress(rows, 0))
    del rows
    try:
        with PngImageFile(BytesIO(stored)) as image:
            pixels = np.array(image)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file may end in any of Pillow's exceptions
        raise _corrupt("image data", printable(str(error))) from None
    if png.bit_depth == 16:
        return pixels.astype(np.uint16, copy=False)
    return pixels.astype(np.uint8, copy=False)


def _inflate(png: Png) -> bytes:
    expected = sum(rows * (1 + stride) for rows, stride in _passes(png))
    body = png.stream()
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


def _truncated(expected: str, got: str) -> RefusedMaskError:
    return RefusedMaskError("mask.truncated", expected, got)


def _corrupt(expected: str, got: str) -> RefusedMaskError:
    return RefusedMaskError("mask.corrupt", expected, got)
