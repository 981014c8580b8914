"""COCO counts in the kernels, against pycocotools and unbounded integers."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pixel_references import SIDES, assert_same, columns, either_kind, relaxed
from pycocotools import mask as coco_mask

from segcore import kernels
from segcore.kernels import reference


def encoded(numbers: list[int]) -> bytes:
    """``rleToString`` of cocoapi's maskApi.c."""
    text = []
    for i, count in enumerate(numbers):
        x = count - numbers[i - 2] if i > 2 else count
        more = True
        while more:
            char = x & 31
            x >>= 5
            more = x != -1 if char & 16 else x != 0
            text.append((char | 32 if more else char) + 48)
    return bytes(text)


def judged(numbers: list[int], pixels: int) -> tuple[int, int, list[bool]]:
    """Status, detail and, for small images, mask of uncompressed counts."""
    for number in numbers:
        if number > pixels:
            return kernels.RUN_TOO_LARGE, number, []
    for number in numbers:
        if number < 0:
            return kernels.NEGATIVE_RUN, number, []
    if sum(numbers) != pixels:
        return kernels.SUM_MISMATCH, sum(numbers), []
    mask: list[bool] = []
    for i, number in enumerate(numbers if pixels < 1000 else []):
        mask += [i % 2 == 1] * number
    return kernels.OK, 0, mask


def judged_text(text: bytes, pixels: int) -> tuple[int, int, list[bool]]:
    """The same of compressed counts, in Python's unbounded integers."""
    for i, byte in enumerate(text):
        if not 48 <= byte <= 111:
            return kernels.BAD_CHAR, i, []
    if text and text[-1] - 48 >= 32:
        return kernels.TRUNCATED, len(text), []
    numbers: list[int] = []
    value = shift = 0
    for byte in text:
        digit = byte - 48
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        if shift > 40:
            return kernels.RUN_TOO_LARGE, -(shift // 5), []
        if digit & 16:
            value -= 1 << shift
        numbers.append(value + numbers[-2] if len(numbers) > 2 else value)
        value = shift = 0
    return judged(numbers, pixels)


def decode(kind: ModuleType, texts: list[bytes], pixels: int) -> kernels.DecodedCounts:
    data = np.frombuffer(b"".join(texts), np.uint8)
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    return kind.decode_counts(data, offsets, pixels=pixels)


def masks_of(decoded: kernels.DecodedCounts, pixels: int) -> list[list[bool]]:
    masks = []
    for i in range(len(decoded.status)):
        mask = [False] * pixels
        for run in range(decoded.offsets[i], decoded.offsets[i + 1]):
            for position in range(decoded.starts[run], decoded.ends[run]):
                mask[position] = True
        masks.append(mask)
    return masks


@st.composite
def counts_texts(draw: Callable[..., Any]) -> tuple[int, list[bytes]]:
    """Pixels, and counts that are sound, slightly wrong or noise."""
    pixels = draw(st.integers(0, 80) | st.sampled_from([1 << 20, 1 << 28]))
    result = []
    for _ in range(draw(st.integers(0, 4))):
        cuts = sorted(draw(st.lists(st.integers(0, pixels), max_size=8)))
        numbers = [b - a for a, b in zip([0, *cuts], [*cuts, pixels], strict=True)]
        if draw(st.booleans()):
            at = draw(st.integers(0, len(numbers) - 1))
            numbers[at] += draw(st.sampled_from([1, -1, -100, 1 << 28, 1 << 31, 1 << 32, -(1 << 33)]))
        text = bytearray(encoded(numbers))
        at = draw(st.integers(0, len(text) - 1))
        match draw(st.sampled_from(["sound", "sound", "byte", "cut", "long", "noise"])):
            case "byte":
                text[at] = draw(st.sampled_from([0, 47, 48, 63, 64, 79, 80, 111, 112, 255]))
            case "cut":
                text = text[:at]
            case "long":
                text[at:at] = bytes([draw(st.integers(80, 111))]) * draw(st.integers(1, 15))
            case "noise":
                text = bytearray(44 + byte % 72 for byte in draw(st.binary(max_size=12)))
        result.append(bytes(text))
    return pixels, result


mask_lists = st.tuples(SIDES.filter(bool), SIDES.filter(bool)).flatmap(
    lambda shape: st.lists(
        hnp.arrays(np.uint8, shape, elements=st.integers(0, 1)), min_size=1, max_size=5
    )
)

uncompressed_counts = st.integers(0, 20).flatmap(
    lambda pixels: st.tuples(
        st.just(pixels),
        st.lists(
            st.lists(st.integers(-2, pixels) | st.integers(-(2**62), 2**62), max_size=6)
            | st.integers(0, pixels).map(lambda cut: [cut, pixels - cut]),
            max_size=4,
        ),
    )
)


@either_kind
@relaxed
@given(masks=mask_lists)
def test_what_pycocotools_encodes_is_decoded_to_the_same_masks(
    kind: ModuleType, masks: list[np.ndarray]
) -> None:
    texts = [coco_mask.encode(np.asfortranarray(mask))["counts"] for mask in masks]

    decoded = decode(kind, texts, masks[0].size)

    assert decoded.status.tolist() == [kernels.OK] * len(masks)
    assert masks_of(decoded, masks[0].size) == [[bool(v) for v in columns(mask)] for mask in masks]


@either_kind
def test_long_runs_that_pycocotools_encodes_are_decoded(kind: ModuleType) -> None:
    mask = np.zeros((1200, 1900), np.uint8, order="F")
    mask[7:1100, 3:1800] = 1
    mask[300:302, 900] = 0
    mask[:, 1850:] = 1
    steps = np.diff(mask.ravel(order="F").astype(np.int8), prepend=0, append=0)

    decoded = decode(kind, [coco_mask.encode(mask)["counts"]], mask.size)

    np.testing.assert_array_equal(decoded.starts, np.flatnonzero(steps == 1))
    np.testing.assert_array_equal(decoded.ends, np.flatnonzero(steps == -1))


@relaxed
@given(case=counts_texts())
def test_hostile_counts_get_the_verdict_of_unbounded_integers(
    compiled: ModuleType, case: tuple[int, list[bytes]]
) -> None:
    pixels, texts = case
    expected = [judged_text(text, pixels) for text in texts]

    decoded = decode(reference, texts, pixels)

    assert decoded.status.tolist() == [status for status, _, _ in expected]
    assert decoded.detail.tolist() == [detail for _, detail, _ in expected]
    assert not np.diff(decoded.offsets)[decoded.status != kernels.OK].any()
    if pixels <= 80:
        assert masks_of(decoded, pixels) == [mask or [False] * pixels for _, _, mask in expected]
    assert_same(decoded, decode(compiled, texts, pixels))


@either_kind
@pytest.mark.parametrize(
    ("text", "status", "detail"),
    [
        (b"424", kernels.OK, 0),
        (b"", kernels.SUM_MISMATCH, 0),
        (b"4", kernels.SUM_MISMATCH, 4),
        (b"4222", kernels.SUM_MISMATCH, 12),
        (b"4/22", kernels.BAD_CHAR, 1),
        (b"42\xff2", kernels.BAD_CHAR, 2),
        (b"O;p", kernels.BAD_CHAR, 2),
        (b"422P", kernels.TRUNCATED, 4),
        (b";P", kernels.TRUNCATED, 2),
        (b"/P", kernels.BAD_CHAR, 0),
        (b";", kernels.RUN_TOO_LARGE, 11),
        (b"O;", kernels.RUN_TOO_LARGE, 11),
        (b"oooooooo?", kernels.RUN_TOO_LARGE, -9),
        (b"PPPPPPP1", kernels.RUN_TOO_LARGE, 1 << 35),
        (b"oooooooO", kernels.NEGATIVE_RUN, -1),
        (b"6O5", kernels.NEGATIVE_RUN, -1),
    ],
)
def test_each_fault_of_the_counts_is_told_apart_and_leaves_its_neighbours_alone(
    kind: ModuleType, text: bytes, status: int, detail: int
) -> None:
    sound = encoded([3, 4, 3])

    decoded = decode(kind, [sound, text, sound], 10)

    assert decoded.status.tolist() == [kernels.OK, status, kernels.OK]
    assert decoded.detail.tolist() == [0, detail, 0]
    expected = [False] * 3 + [True] * 4 + [False] * 3
    assert masks_of(decoded, 10)[::2] == [expected, expected]


@either_kind
def test_a_sum_that_would_wrap_around_to_the_right_one_is_refused(kind: ModuleType) -> None:
    pixels = 1 << 28
    sixteen_times_too_many = [0] + [pixels] * 17
    thousands = [pixels] * 65_536 + [0, pixels]

    decoded = decode(kind, [encoded(sixteen_times_too_many), encoded(thousands)], pixels)

    assert decoded.status.tolist() == [kernels.SUM_MISMATCH] * 2
    assert decoded.detail.tolist() == [17 * pixels, 65_537 * pixels]


@either_kind
def test_empty_runs_vanish_and_runs_with_no_background_between_join(kind: ModuleType) -> None:
    texts = [encoded([1, 2, 0, 3, 2, 0, 2]), encoded([0, 10]), encoded([5, 0, 5])]

    decoded = decode(kind, texts, 10)

    assert decoded.starts.tolist() == [1, 0]
    assert decoded.ends.tolist() == [6, 10]
    assert decoded.offsets.tolist() == [0, 1, 2, 2]


@either_kind
def test_a_run_that_ends_where_one_of_the_next_mask_begins_stays_apart(kind: ModuleType) -> None:
    decoded = decode(kind, [encoded([3, 2, 5]), encoded([5, 2, 3])], 10)

    assert decoded.starts.tolist() == [3, 5]
    assert decoded.ends.tolist() == [5, 7]
    assert decoded.offsets.tolist() == [0, 1, 2]


@either_kind
def test_no_masks_and_no_pixels_are_decoded_to_nothing(kind: ModuleType) -> None:
    nothing = decode(kind, [], 10)
    no_pixels = decode(kind, [b"", b"0"], 0)

    assert (len(nothing.status), nothing.offsets.tolist()) == (0, [0])
    assert no_pixels.status.tolist() == [kernels.OK, kernels.OK]


@either_kind
def test_masks_of_images_of_several_sizes_are_held_each_to_its_own(kind: ModuleType) -> None:
    texts = [encoded([3, 4, 3]), encoded([3, 4, 3]), encoded([1, 1]), encoded([0, 20])]
    flat, offsets = np.array([3, 4, 3, 3, 4, 3, 1, 1, 0, 20]), np.array([0, 3, 6, 8, 10])
    pixels = np.array([10, 11, 2, 19])
    data = np.frombuffer(b"".join(texts), np.uint8)
    verdicts = [kernels.OK, kernels.SUM_MISMATCH, kernels.OK, kernels.RUN_TOO_LARGE]

    decoded = kind.decode_counts(data, np.append(0, np.cumsum([*map(len, texts)])), pixels=pixels)
    plain = kind.runs_from_counts(flat, offsets, pixels=pixels)

    for found in (decoded, plain):
        assert found.status.tolist() == verdicts
        assert found.detail.tolist() == [0, 10, 0, 20]
        assert (found.starts.tolist(), found.ends.tolist()) == ([3, 1], [7, 2])
        assert found.offsets.tolist() == [0, 1, 1, 2, 2]


@either_kind
@relaxed
@given(case=uncompressed_counts)
def test_uncompressed_counts_get_the_same_verdicts(kind: ModuleType, case: Any) -> None:
    pixels, counts = case
    expected = [judged(numbers, pixels) for numbers in counts]
    flat = np.array([number for numbers in counts for number in numbers], np.int64)
    offsets = np.cumsum([0, *map(len, counts)]).astype(np.int64)

    decoded = kind.runs_from_counts(flat, offsets, pixels=pixels)

    assert decoded.status.tolist() == [status for status, _, _ in expected]
    assert decoded.detail.tolist() == [detail for _, detail, _ in expected]
    assert masks_of(decoded, pixels) == [mask or [False] * pixels for _, _, mask in expected]
    assert_same(decoded, reference.runs_from_counts(flat, offsets, pixels=pixels))
