"""COCO run-length masks: types and sizes are checked here, the numbers in the kernel.

Nothing is repaired and nothing reaches pycocotools, which reads uninitialised memory on counts
that are too short, wraps runs at 2**32 and miscounts masks that hold empty runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from segcore import kernels
from segcore.annotation import RunMask
from segcore.kernels.decoded_counts import (
    BAD_CHAR,
    NEGATIVE_RUN,
    OK,
    RUN_TOO_LARGE,
    SUM_MISMATCH,
    TRUNCATED,
    DecodedCounts,
)
from segcore.masks.batch import MaskBatch, MaskProblem
from segcore.masks.order import suspect_orders
from segcore.wording import printable, show

__all__ = ["decode_rles", "decode_strings", "encode_counts"]

_CODES: Final = {
    BAD_CHAR: "rle.bad_char",
    TRUNCATED: "rle.truncated",
    RUN_TOO_LARGE: "rle.run_too_large",
    NEGATIVE_RUN: "rle.negative_run",
    SUM_MISMATCH: "rle.sum_mismatch",
}


def decode_rles(rles: Sequence[object], *, height: int, width: int) -> MaskBatch:
    """Decode the run-length masks of one image.

    Parameters
    ----------
    rles : sequence
        ``{"size": [height, width], "counts": ...}`` each; the counts are COCO's compressed text
        (str or bytes) or a list of run lengths.
    height, width : int
        Size of the image in pixels; the size of every mask must be this one.

    Returns
    -------
    MaskBatch
        Canonical runs; every faulty mask is refused with its first problem.
    """
    pixels = height * width
    problems: list[MaskProblem] = []
    text: list[str] = []
    lists: list[list[int]] = []
    text_items: list[int] = []
    list_items: list[int] = []
    for item, rle in enumerate(rles):
        problem = _shape_problem(item, rle, height=height, width=width)
        if problem is None:
            counts = rle["counts"]  # type: ignore[index]
            if isinstance(counts, bytes):
                counts = counts.decode("latin-1")
            problem = _counts_problem(item, counts, pixels=pixels)
            if problem is None and isinstance(counts, str):
                text.append(counts)
                text_items.append(item)
            elif problem is None:
                lists.append(counts)
                list_items.append(item)
        if problem is not None:
            problems.append(problem)
    parts = []
    if text:
        parts.append((text_items, _batch(_decode_text(text, pixels=pixels), text, pixels=pixels)))
    if lists:
        parts.append((list_items, _batch(_decode_lists(lists, pixels=pixels), lists, pixels=pixels)))
    batch = MaskBatch.assemble(parts, count=len(rles))
    problems += batch.problems
    problems += suspect_orders(batch, height=height, width=width)
    problems.sort(key=lambda problem: problem.item)
    return replace(batch, problems=tuple(problems))


def decode_strings(counts: Sequence[str | bytes], *, pixels: int) -> DecodedCounts:
    """Decode compressed counts whose alphabet is known to be ASCII, such as pycocotools' own."""
    return _decode_text(
        [c.decode("ascii") if isinstance(c, bytes) else c for c in counts], pixels=pixels
    )


def encode_counts(mask: RunMask) -> str:
    """COCO's compressed counts of a mask: what ``pycocotools.mask.encode`` writes.

    A mask without foreground is one run of background.
    """
    edges = np.empty(2 * len(mask.starts) + 2, np.int64)
    edges[0], edges[-1] = 0, mask.height * mask.width
    edges[1:-1:2], edges[2:-1:2] = mask.starts, mask.ends
    numbers = np.diff(edges)
    if len(numbers) > 1 and numbers[-1] == 0:
        numbers = numbers[:-1]
    deltas = numbers.copy()
    deltas[3:] -= numbers[1:-2]
    # One character carries five bits, the highest of the last one is the sign.
    bounds = np.int64(1) << (5 * np.arange(1, 8) - 1)
    chars = 1 + ((deltas[:, None] >= bounds) | (deltas[:, None] < -bounds)).sum(axis=1)
    place = np.arange(chars.max())
    digits = (deltas[:, None] >> (5 * place)) & 31
    digits |= np.where(place < chars[:, None] - 1, 32, 0)
    text: bytes = (digits[place < chars[:, None]] + 48).astype(np.uint8).tobytes()
    return text.decode("ascii")


def _shape_problem(item: int, rle: object, *, height: int, width: int) -> MaskProblem | None:
    """Whether ``size`` and ``counts`` are there and the size is the image's."""

    def problem(code: str, expected: str, got: str) -> MaskProblem:
        return MaskProblem(item=item, code=code, expected=expected, got=printable(got))

    if not isinstance(rle, dict):
        return problem("rle.bad_type", "an object with size and counts", type(rle).__name__)
    for name in ("size", "counts"):
        if name not in rle:
            return problem("rle.missing_field", name, "no such key")
    size = rle["size"]
    whole = isinstance(size, (list, tuple)) and len(size) == 2
    if not (whole and type(size[0]) is int and type(size[1]) is int):
        return problem("rle.bad_type", "size: [height, width]", show(size))
    if size[0] == height and size[1] == width:
        return None
    got = f"[{size[0]}, {size[1]}]"
    if size[0] == width and size[1] == height:
        got += ": transposed, [width, height]"
    return problem("rle.size_mismatch", f"size [{height}, {width}]", got)


def _counts_problem(item: int, counts: object, *, pixels: int) -> MaskProblem | None:
    """Whether the kernel can take the counts."""

    def problem(code: str, expected: str, got: str) -> MaskProblem:
        return MaskProblem(item=item, code=code, expected=expected, got=printable(got))

    if isinstance(counts, str):
        if counts.isascii():
            return None
        at = next(i for i, c in enumerate(counts) if not c.isascii())
        return problem("rle.bad_char", "characters 0 to o", f"{counts[at]!r} at position {at}")
    if not isinstance(counts, list):
        return problem("rle.bad_type", "counts: text or a list of integers", type(counts).__name__)
    if not set(map(type, counts)) <= {int}:
        at = next(i for i, run in enumerate(counts) if type(run) is not int)
        return problem("rle.bad_type", "integers", f"{show(counts[at])} at position {at}")
    if counts and min(counts) < 0:
        return problem("rle.negative_run", "runs of 0 or more", f"{min(counts)}")
    if counts and max(counts) > pixels:  # also keeps what is beyond 64 bits from the kernel
        return problem("rle.run_too_large", f"runs of at most {pixels}", f"{max(counts)}")
    return None


def _decode_text(text: list[str], *, pixels: int) -> DecodedCounts:
    data = np.frombuffer("".join(text).encode("ascii"), np.uint8)
    return kernels.decode_counts(data, _offsets(text), pixels=pixels)


def _decode_lists(lists: list[list[int]], *, pixels: int) -> DecodedCounts:
    offsets = _offsets(lists)
    counts = np.fromiter(chain.from_iterable(lists), np.int64, int(offsets[-1]))
    return kernels.runs_from_counts(counts, offsets, pixels=pixels)


def _offsets(parts: Sequence[str] | Sequence[list[int]]) -> npt.NDArray[np.int64]:
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offsets[1:])
    return offsets


def _batch(
    decoded: DecodedCounts, counts: Sequence[str] | Sequence[list[int]], *, pixels: int
) -> MaskBatch:
    refused = decoded.status != OK
    return MaskBatch(
        starts=decoded.starts,
        ends=decoded.ends,
        offsets=decoded.offsets,
        refused=refused,
        problems=tuple(
            _decoding_problem(decoded, i, counts[i], pixels=pixels)
            for i in np.flatnonzero(refused).tolist()
        ),
    )


def _decoding_problem(
    decoded: DecodedCounts, item: int, counts: str | list[int], *, pixels: int
) -> MaskProblem:
    status, detail = int(decoded.status[item]), int(decoded.detail[item])
    if status == BAD_CHAR:
        expected, got = "characters 0 to o", f"{counts[detail]!r} at position {detail}"
    elif status == TRUNCATED:
        expected, got = "whole numbers", f"{detail} characters, the last of which announces another"
    elif status == RUN_TOO_LARGE:
        expected = f"runs of at most {pixels}"
        got = f"{detail}" if detail >= 0 else f"a number of {-detail} characters"
    elif status == NEGATIVE_RUN:
        expected, got = "runs of 0 or more", f"{detail}"
    else:
        expected, got = f"a sum of {pixels}", f"{detail}"
    return MaskProblem(item=item, code=_CODES[status], expected=expected, got=got)
