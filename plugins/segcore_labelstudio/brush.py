"""Label Studio's brush masks: a packed run-length stream, read strictly and written as the SDK does.

The format is that of ``@thi.ng/rle-pack``, which the front end uses.  A bit stream, highest bit
first::

    number of words : 32 | word size - 1 : 5 | four run sizes - 1 : 4 each

    1 | index of a run size : 2 | n - 1 : that many bits | word            n times the same word
    0 | index of a run size : 2 | n - 1 : that many bits | n words         n words as they are

and up to eight bits that round it off to bytes.  The words are the samples of an RGBA image, row by
row; the mask is its alpha.  The colour of a pixel is whatever the writer put there and is not looked
at.

Nothing is repaired.  The stream must hold exactly the image it is said to hold, and memory is bounded
by that image, whatever the stream announces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore.annotation import RunMask
from segcore.errors import RefusedMaskError
from segcore.limits import MAX_PIXELS
from segcore.masks.batch import MaskProblem
from segcore.masks.rows import runs_of_rows
from segcore.wording import show

__all__ = ["DEFAULT_THRESHOLD", "DrawnMask", "decode_brush", "encode_brush"]

DEFAULT_THRESHOLD: Final = 128
"""Brush strokes are anti-aliased: a pixel belongs to the mask from this alpha on (of 255)."""

_HEADER_BITS: Final = 32 + 5 + 4 * 4
_WORD_BITS: Final = 8
_RUN_SIZES: Final = (3, 4, 8, 16)
"""The run sizes everybody writes."""

_LONGEST_RUN: Final = 1 << 16
_PIECE_BYTES: Final = 1 << 14
"""Bytes parsed at a time: what the parser needs for them stays in the cache."""

_I = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnMask:
    """The pixels of one region.

    Attributes
    ----------
    mask : RunMask
        The foreground.
    soft_px : int
        Pixels whose alpha is neither 0 nor 255, which the threshold decided; 0 for outlines.
    warnings : tuple of MaskProblem
        What is odd about a mask that was accepted.
    """

    mask: RunMask
    soft_px: int
    warnings: tuple[MaskProblem, ...] = ()


def decode_brush(
    data: object, *, width: int, height: int, threshold: int = DEFAULT_THRESHOLD
) -> DrawnMask:
    """The mask of a brush region.

    Parameters
    ----------
    data : list of int, or bytes
        The field ``rle``: the bytes of the stream.
    width, height : int
        Size of the image in pixels, at least 1.
    threshold : int
        1 to 255: the lowest alpha that is foreground.

    Returns
    -------
    DrawnMask
        Without foreground where no alpha reaches the threshold.

    Raises
    ------
    RefusedMaskError
        ``limits.pixels``, ``ls.rle_bad_type``, ``ls.rle_truncated``, ``ls.rle_size``,
        ``ls.rle_wordsize``, ``ls.rle_overshoot`` or ``ls.rle_trailing``.
    """
    if width * height > MAX_PIXELS:
        raise RefusedMaskError("limits.pixels", f"at most {MAX_PIXELS} pixels", f"{width} x {height}")
    stream = _as_bytes(data)
    if 8 * len(stream) < _HEADER_BITS:
        raise RefusedMaskError("ls.rle_truncated", "a header of 7 bytes", f"{len(stream)} bytes")
    header = int.from_bytes(stream[:7], "big") >> 8 * 7 - _HEADER_BITS
    words, word_bits = header >> 21, (header >> 16 & 31) + 1
    if words != 4 * width * height:
        expected = f"{4 * width * height} words: 4 x {width} x {height}"
        raise RefusedMaskError("ls.rle_size", expected, f"{words}")
    if word_bits != _WORD_BITS:
        raise RefusedMaskError("ls.rle_wordsize", "words of 8 bits", f"{word_bits}")
    run_sizes = [(header >> shift & 15) + 1 for shift in (12, 8, 4, 0)]
    alpha, counts = _alpha_runs(stream, run_sizes, words=words)
    soft = (alpha > 0) & (alpha < 255)
    mask = _column_runs(alpha >= threshold, counts, width=width, height=height)
    return DrawnMask(mask=mask, soft_px=int(counts[soft].sum(dtype=np.int64)))


def encode_brush(mask: npt.NDArray[np.bool_]) -> list[int]:
    """The field ``rle`` of a mask, byte for byte what ``label_studio_sdk`` writes for alpha 0 and 255.

    Parameters
    ----------
    mask : bool (H, W)
        At least one pixel.
    """
    flat = np.ascontiguousarray(mask, np.bool_).ravel()
    first = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = 4 * np.diff(first, append=flat.size)
    value = np.where(flat[first], 255, 0)
    size_index = np.searchsorted([8, 16, 256], lengths)
    # A run that is too long is cut, and each of its pieces written with the largest size.
    pieces = -(-lengths // _LONGEST_RUN)
    last = np.cumsum(pieces) - 1
    value, size_index = np.repeat(value, pieces), np.repeat(size_index, pieces)
    rest = lengths - (pieces - 1) * _LONGEST_RUN
    lengths = np.full(len(value), _LONGEST_RUN)
    lengths[last] = rest
    size = np.array(_RUN_SIZES)[size_index]
    bits = 3 + size + _WORD_BITS
    codes = ((4 + size_index) << size | lengths - 1) << _WORD_BITS | value
    header = 4 * flat.size << 21 | _WORD_BITS - 1 << 16
    for run_size, shift in zip(_RUN_SIZES, (12, 8, 4, 0), strict=True):
        header |= run_size - 1 << shift
    start = np.unpackbits(np.frombuffer((header << 3).to_bytes(7, "big"), np.uint8))[:_HEADER_BITS]
    aligned = (codes << 32 - bits).astype(">u4").view(np.uint8).reshape(-1, 4)
    body = np.unpackbits(aligned, axis=1)[np.arange(32) < bits[:, None]]
    total = len(start) + len(body)
    padding = np.zeros(8 - total % 8, np.uint8)  # a whole byte where none is needed, as the SDK does
    packed: list[int] = np.packbits(np.concatenate([start, body, padding])).tolist()
    return packed


# ---- the stream


def _as_bytes(data: object) -> bytes:
    if isinstance(data, bytes):
        return data
    if not isinstance(data, list):
        raise RefusedMaskError("ls.rle_bad_type", "a list of integers", type(data).__name__)
    if set(map(type, data)) <= {int}:
        try:
            return bytes(data)
        except (ValueError, OverflowError):
            pass
    at, value = next((i, v) for i, v in enumerate(data) if type(v) is not int or not 0 <= v <= 255)
    raise RefusedMaskError("ls.rle_bad_type", "integers of 0 to 255", f"{show(value)} at position {at}")


def _alpha_runs(stream: bytes, run_sizes: list[int], *, words: int) -> tuple[npt.NDArray[np.uint8], _I]:
    """The alpha of all pixels, row by row: values, and how many pixels have each."""
    end = 8 * len(stream)
    # Eight bytes from every byte on, as one number: a code of up to 27 bits lies within them.
    windows: npt.NDArray[np.uint64] = np.ndarray(
        shape=len(stream) + 1, dtype=">u8", buffer=stream + bytes(8), strides=(1,)
    )
    sizes = np.array(run_sizes * 2, np.int64)
    values, counts = [], []
    at, done = _HEADER_BITS, 0
    while done < words:
        codes = _codes(stream, at, run_sizes)
        code = windows[codes >> 3].astype(np.uint64) << (codes & 7).astype(np.uint64)
        kind = (code >> np.uint64(61)).astype(np.int64)
        size = sizes[kind]
        run = (code << np.uint64(3) >> (64 - size).astype(np.uint64)).astype(np.int64) + 1
        literal = kind < 4
        word_at = codes + (3 + size)
        following = word_at + _WORD_BITS * np.where(literal, run, 1)
        whole = int(np.searchsorted(following, end, "right"))
        filled = done + np.cumsum(run[:whole])
        if not whole:
            raise RefusedMaskError("ls.rle_truncated", f"{words} words", f"the end after {done}")
        # Behind the last word there may be bits that only look like codes.
        taken = min(int(np.searchsorted(filled, words)) + 1, whole)
        at, after = int(following[taken - 1]), int(filled[taken - 1])
        if after > words:
            raise RefusedMaskError("ls.rle_overshoot", f"{words} words", f"a run up to word {after}")
        word_at, lengths = _spread(word_at[:taken], run[:taken], literal[:taken])
        # Word 4 p + 3 is the alpha of pixel p: the first n words hold n // 4 of them.
        n = np.diff((done + np.cumsum(lengths)) >> 2, prepend=done >> 2)
        seen = n > 0
        word_at = word_at[seen]
        word = windows[word_at >> 3] >> (56 - (word_at & 7)).astype(np.uint64)
        values.append(word.astype(np.uint8))
        counts.append(n[seen])
        done = after
    if end - at > 8:
        raise RefusedMaskError("ls.rle_trailing", "up to 8 bits behind the last word", f"{end - at}")
    return np.concatenate(values), np.concatenate(counts)


def _spread(word_at: _I, run: _I, literal: npt.NDArray[np.bool_]) -> tuple[_I, _I]:
    """Where each word of the codes is stored, and how often it counts."""
    if not literal.any():
        return word_at, run
    stored = np.where(literal, run, 1)
    before = np.cumsum(stored) - stored
    place = np.arange(before[-1] + stored[-1]) - np.repeat(before, stored)
    return (
        np.repeat(word_at, stored) + _WORD_BITS * place,
        np.repeat(np.where(literal, 1, run), stored),
    )


def _codes(stream: bytes, at: int, run_sizes: list[int]) -> _I:
    """Where codes begin, from bit ``at`` to the end of the piece around it."""
    first = at >> 3
    # The step of the last code is not taken here, so that it may look at zeros instead of what follows.
    piece = np.frombuffer(stream[first : first + _PIECE_BYTES] + bytes(1), np.uint8)
    bits = np.unpackbits(piece)
    kinds = bits[:-2] << 2 | bits[1:-1] << 1 | bits[2:]
    # How far to go from a code at each bit of the piece; 0 for literals, which say so themselves.
    steps = bytes(4) + bytes(3 + size + _WORD_BITS for size in run_sizes)
    step_at = kinds.tobytes().translate(steps.ljust(256, b"\0"))
    begin = 8 * first
    stop = min(8 * _PIECE_BYTES, 8 * (len(stream) - first))
    found: list[int] = []
    place = at - begin
    while place < stop:
        found.append(place)
        step = step_at[place]
        if not step:
            byte = first + (place >> 3)
            code = int.from_bytes(stream[byte : byte + 4].ljust(4, b"\0"), "big") << (place & 7)
            size = run_sizes[code >> 29 & 3]
            step = 3 + size + _WORD_BITS * ((code >> 29 - size & (1 << size) - 1) + 1)
        place += step
    return np.array(found, np.int64) + begin


# ---- rows to columns


def _column_runs(on: npt.NDArray[np.bool_], counts: _I, *, width: int, height: int) -> RunMask:
    """Runs along the rows as runs along the columns."""
    foreground = np.flatnonzero(on)
    if not len(foreground):
        empty = np.empty(0, np.int32)
        return RunMask(height=height, width=width, starts=empty, ends=empty)
    lo, hi = int(foreground[0]), int(foreground[-1]) + 1
    begin = int(counts[:lo].sum())
    end = begin + int(counts[lo:hi].sum())
    # Only the rows of the region, and one more on either side: there the columns are kept apart.
    top = max(begin // width - 1, 0)
    rows = min((end - 1) // width + 2, height) - top
    drawn = np.zeros(rows * width, np.bool_)
    drawn[begin - top * width : end - top * width] = np.repeat(on[lo:hi], counts[lo:hi])
    return runs_of_rows(drawn.reshape(rows, width), height=height, top=top)
