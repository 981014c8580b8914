"""A PNG writer that can make every mistake."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from segcore.errors import RefusedMaskError
from segcore.masks.png import decode_indices

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLORS = bytes(range(30))


def chunk(kind: bytes, body: bytes = b"", *, crc: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def header(
    width: int, height: int, depth: int = 8, color: int = GRAY, methods: tuple[int, int, int] = (0, 0, 0)
) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, *methods))


def rows(array: npt.NDArray[np.integer], depth: int) -> bytes:
    """Filter byte 0 and packed samples of every row."""
    packed = b""
    for row in array.reshape(len(array), -1):
        if depth == 16:
            packed += b"\0" + row.astype(">u2").tobytes()
        elif depth == 8:
            packed += b"\0" + row.astype(np.uint8).tobytes()
        else:
            bits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
            packed += b"\0" + np.packbits(bits.reshape(-1)).tobytes()
    return packed


def interlaced_rows(array: npt.NDArray[np.integer], depth: int) -> bytes:
    """The seven Adam7 passes as the standard lists them."""
    starts = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    parts = [array[y::dy, x::dx] for y, x, dy, dx in starts]
    return b"".join(rows(part, depth) for part in parts if part.size)


def write(
    array: npt.NDArray[np.integer],
    *,
    depth: int = 8,
    color: int = GRAY,
    before: bytes | None = None,
    stream: bytes | None = None,
    after: bytes = b"",
    interlace: bool = False,
    piece: int = 1 << 20,
) -> bytes:
    """A PNG; ``stream`` replaces the compressed data, ``before`` and ``after`` surround it."""
    if before is None:
        before = chunk(b"PLTE", COLORS) if color == PALETTE else b""
    if stream is None:
        stream = zlib.compress((interlaced_rows if interlace else rows)(array, depth))
    data = b"".join(chunk(b"IDAT", stream[i : i + piece]) for i in range(0, len(stream), piece))
    head = header(array.shape[1], array.shape[0], depth, color, (0, 0, int(interlace)))
    return SIGNATURE + head + before + data + after + chunk(b"IEND")


def mask(height: int = 48, width: int = 30, *, high: int = 5, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, high, (height, width), dtype=np.uint8)


MASK = mask()
STREAM = zlib.compress(rows(MASK, 8))


def refusal(data: bytes, decode: Callable[[bytes], object] = decode_indices) -> RefusedMaskError:
    with pytest.raises(RefusedMaskError) as caught:
        decode(data)
    error = caught.value
    assert error.expected
    assert error.got
    assert len(error.expected) <= 80
    assert len(error.got) <= 80
    return error
