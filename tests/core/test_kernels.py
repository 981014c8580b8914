"""The kernels against per-pixel Python, against pycocotools, and the two kinds against each other."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from segcore import kernels
from segcore.kernels import LabelRuns, reference

either_kind = pytest.mark.parametrize(
    "kind", ["reference", "compiled"], ids=["numpy", "numba"], indirect=True
)
relaxed = settings(deadline=None, max_examples=150)

SIDES = st.sampled_from([0, 1, 2, 3, 5, 7, 8, 9, 16, 17])
IDENTITY = np.arange(256, dtype=np.int32).clip(max=3)


@pytest.fixture(scope="session")
def kind(request: pytest.FixtureRequest) -> ModuleType:
    """The module of one kind of kernels; a test of the compiled ones is skipped without numba."""
    return importlib.import_module(f"segcore.kernels.{request.param}")


@pytest.fixture(scope="session")
def compiled() -> ModuleType:
    return importlib.import_module("segcore.kernels.compiled")


# ------------------------------------------------------------------------------ per-pixel references


def drawn(text: str) -> np.ndarray:
    """A label map drawn with digits."""
    return np.array([[int(c) for c in line] for line in text.split()], np.uint8)


def label_runs(codes: list[int]) -> LabelRuns:
    """Runs of codes listed position by position."""
    starts = [i for i, code in enumerate(codes) if i == 0 or code != codes[i - 1]]
    return LabelRuns(
        pixels=len(codes),
        starts=np.array(starts, np.int32),
        codes=np.array([codes[i] for i in starts], np.int32),
    )


def expanded(runs: LabelRuns) -> list[int]:
    """The code of every position."""
    ends = [*runs.starts.tolist()[1:], runs.pixels]
    result: list[int] = []
    for start, end, code in zip(runs.starts.tolist(), ends, runs.codes.tolist(), strict=False):
        assert start == len(result)
        result += [code] * (end - start)
    return result


def counted(gold: list[int], delivery: list[int], size: int) -> np.ndarray:
    """The joint table, pixel by pixel."""
    table = np.zeros((size, size), np.int64)
    for g, d in zip(gold, delivery, strict=True):
        table[g, d] += 1
    return table


def columns(array: np.ndarray) -> list[int]:
    """Values in column-major order."""
    return [int(array[y, x]) for x in range(array.shape[1]) for y in range(array.shape[0])]


def runs_of(masks: list[list[bool]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Canonical runs of masks listed position by position."""
    starts, ends, offsets = [], [], [0]
    for mask in masks:
        padded = [False, *mask, False]
        starts += [i for i in range(len(mask)) if mask[i] and not padded[i]]
        ends += [i + 1 for i in range(len(mask)) if mask[i] and not padded[i + 2]]
        offsets.append(len(starts))
    return np.array(starts, np.int32), np.array(ends, np.int32), np.array(offsets, np.int64)


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


def assert_same(a: Any, b: Any) -> None:
    """Equal values and equal dtypes, field by field."""
    assert type(a) is type(b)
    for name in a.__slots__:
        left, right = getattr(a, name), getattr(b, name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, name
            np.testing.assert_array_equal(left, right, err_msg=name)
        else:
            assert left == right, name


# ------------------------------------------------------------------------------ strategies


def maps(shape: tuple[int, int], dtype: type) -> st.SearchStrategy[np.ndarray]:
    """Label maps with short runs, with long ones, and with any value."""
    short = hnp.arrays(dtype, shape, elements=st.integers(0, 2))
    long = hnp.arrays(dtype, shape, elements=st.integers(0, 3), fill=st.integers(0, 3))
    any_value = hnp.arrays(dtype, shape, elements=st.integers(0, np.iinfo(dtype).max))
    return short | long | any_value


@st.composite
def map_pairs(draw: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two maps of one shape and the codes (0 to 4) of their values."""
    shape = draw(st.tuples(SIDES, SIDES))
    values, codes = [], []
    for _ in range(2):
        dtype = draw(st.sampled_from([np.uint8, np.uint16]))
        values.append(draw(maps(shape, dtype)))
        rng = np.random.default_rng(draw(st.integers(0, 5)))
        codes.append(rng.integers(0, 5, np.iinfo(dtype).max + 1).astype(np.int32))
    return values[0], values[1], codes[0], codes[1]


@st.composite
def painted_regions(draw: Callable[..., Any]) -> tuple[int, list[list[bool]], list[int], list[int]]:
    """Pixels, masks that may overlap, distinct priorities and codes."""
    pixels = draw(st.integers(0, 40))
    count = draw(st.integers(0, 6))
    masks = []
    for _ in range(count):
        borders = draw(st.lists(st.integers(0, pixels), max_size=8))
        masks.append([sum(border <= i for border in borders) % 2 == 1 for i in range(pixels)])
    priorities = draw(st.permutations([7 * i - 3 for i in range(count)]))
    codes = draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count))
    return pixels, masks, list(priorities), codes


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


# ------------------------------------------------------------------------------ dense maps


@either_kind
def test_a_small_pair_of_maps_is_counted_cell_by_cell(kind: ModuleType) -> None:
    gold = drawn("0011 0011 2222")
    delivery = drawn("0001 0011 2212")

    table = kind.joint_dense(gold, delivery, IDENTITY, IDENTITY, size=4)

    assert table.tolist() == [[4, 0, 0, 0], [1, 3, 0, 0], [0, 1, 3, 0], [0, 0, 0, 0]]
    assert table.dtype == np.int64


@either_kind
@relaxed
@given(pair=map_pairs())
def test_joint_dense_counts_every_pixel_once(kind: ModuleType, pair: Any) -> None:
    gold, delivery, gold_codes, delivery_codes = pair
    gold_of_pixel = [int(gold_codes[v]) for v in gold.ravel()]
    delivery_of_pixel = [int(delivery_codes[v]) for v in delivery.ravel()]

    table = kind.joint_dense(gold, delivery, gold_codes, delivery_codes, size=5)

    np.testing.assert_array_equal(table, counted(gold_of_pixel, delivery_of_pixel, 5))


@either_kind
@pytest.mark.parametrize("dtypes", [("u1", "u1"), ("u2", "u2"), ("u1", "u2"), ("u2", "u1")])
@pytest.mark.parametrize("run_px", [1, 2, 9, 40, 5000])
@pytest.mark.parametrize("pixels", [(1 << 17) + 5, (1 << 18) - 1])
def test_large_maps_of_any_run_density_agree_with_bincount(
    kind: ModuleType, dtypes: tuple[str, str], run_px: int, pixels: int
) -> None:
    rng = np.random.default_rng(run_px)
    labels = np.repeat(rng.integers(0, 6, (2, pixels // run_px + 2)), run_px, axis=1)
    gold = labels[0, :pixels].astype(dtypes[0])
    delivery = labels[1, 1 : pixels + 1].astype(dtypes[1])
    gold_codes, delivery_codes = (np.arange(1 << 8 * int(d[1]), dtype=np.int32) % 7 for d in dtypes)
    expected = np.bincount(gold.astype(np.int64) * 7 + delivery, minlength=49).reshape(7, 7)

    table = kind.joint_dense(gold, delivery, gold_codes, delivery_codes, size=7)

    np.testing.assert_array_equal(table, expected)


@either_kind
def test_many_classes_are_counted_in_larger_blocks(kind: ModuleType) -> None:
    rng = np.random.default_rng(3)
    gold, delivery = rng.integers(0, 65536, (2, 700, 801)).astype(np.uint16)
    gold[:, 100:] //= 64
    codes = np.arange(65536, dtype=np.int32) % 300
    expected = np.bincount(
        (gold.astype(np.int64) % 300 * 300 + delivery % 300).ravel(), minlength=90_000
    ).reshape(300, 300)

    table = kind.joint_dense(gold, delivery, codes, codes, size=300)

    np.testing.assert_array_equal(table, expected)


@either_kind
def test_maps_that_start_at_an_odd_address_are_counted(kind: ModuleType) -> None:
    memory = np.random.default_rng(0).integers(0, 3, 2003).astype(np.uint8)
    gold, delivery = memory[1:1002], memory[1002:2003]

    table = kind.joint_dense(gold, delivery, IDENTITY, IDENTITY, size=4)

    np.testing.assert_array_equal(table, counted(gold.tolist(), delivery.tolist(), 4))


@either_kind
@relaxed
@given(pair=map_pairs())
def test_runs_of_a_dense_map_are_column_major_and_canonical(kind: ModuleType, pair: Any) -> None:
    values, _, codes, _ = pair

    runs = kind.dense_runs(values, codes)

    assert expanded(runs) == [int(codes[v]) for v in columns(values)]
    assert (runs.codes[1:] != runs.codes[:-1]).all()


@pytest.mark.parametrize("patch_px", [1, 30])
def test_runs_of_a_large_dense_map_are_the_same_in_both_kinds(
    compiled: ModuleType, patch_px: int
) -> None:
    patches = np.random.default_rng(1).integers(0, 3, (300 // patch_px, 480 // patch_px))
    values = np.kron(patches, np.ones((patch_px, patch_px))).astype(np.uint8)

    runs = reference.dense_runs(values, IDENTITY)

    assert expanded(runs) == columns(values)
    assert_same(runs, compiled.dense_runs(values, IDENTITY))


# ------------------------------------------------------------------------------ label runs


@either_kind
def test_two_small_label_runs_are_counted_cell_by_cell(kind: ModuleType) -> None:
    gold = label_runs([0, 0, 0, 1, 1, 2])
    delivery = label_runs([0, 0, 1, 1, 1, 1])

    table = kind.joint_runs(gold, delivery, size=3)

    assert table.tolist() == [[2, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert table.dtype == np.int64


@either_kind
@relaxed
@given(codes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60))
def test_joint_runs_counts_every_pixel_once(kind: ModuleType, codes: list[tuple[int, int]]) -> None:
    gold, delivery = [g for g, _ in codes], [d for _, d in codes]

    table = kind.joint_runs(label_runs(gold), label_runs(delivery), size=4)

    np.testing.assert_array_equal(table, counted(gold, delivery, 4))


@either_kind
@pytest.mark.parametrize("pixels", [1 << 28, (1 << 31) - 1])
def test_joint_runs_is_exact_for_the_largest_images(kind: ModuleType, pixels: int) -> None:
    codes = np.array([0, 1], np.int32)
    gold = LabelRuns(pixels=pixels, starts=np.array([0, 5], np.int32), codes=codes)
    delivery = LabelRuns(
        pixels=pixels, starts=np.array([0, pixels - 3], np.int32), codes=codes[::-1].copy()
    )

    table = kind.joint_runs(gold, delivery, size=2)

    assert table.tolist() == [[0, 5], [3, pixels - 8]]


@either_kind
@relaxed
@given(pair=map_pairs(), runs_are_gold=st.booleans())
def test_runs_and_a_dense_map_are_compared_as_if_both_were_dense(
    kind: ModuleType, pair: Any, runs_are_gold: bool
) -> None:
    values, other, codes, other_codes = pair
    run_codes = [int(other_codes[v]) for v in columns(other)]
    dense_codes = [int(codes[v]) for v in columns(values)]
    sides = (run_codes, dense_codes) if runs_are_gold else (dense_codes, run_codes)

    table = kind.joint_runs_dense(
        label_runs(run_codes), values, codes, size=5, runs_are_gold=runs_are_gold
    )

    np.testing.assert_array_equal(table, counted(*sides, 5))


# ------------------------------------------------------------------------------ painting


@either_kind
def test_the_highest_priority_owns_a_pixel_and_equal_neighbours_join(kind: ModuleType) -> None:
    masks = [[c == "#" for c in line] for line in ("####....", "..##....", "....##..")]
    priority, codes = np.array([1, 2, 0], np.int32), np.array([5, 6, 6], np.int32)

    runs = kind.paint(*runs_of(masks), priority, codes, pixels=8, background=9)

    assert runs.starts.tolist() == [0, 2, 6]
    assert runs.codes.tolist() == [5, 6, 9]


@either_kind
@relaxed
@given(case=painted_regions())
def test_painting_equals_painting_pixel_by_pixel(kind: ModuleType, case: Any) -> None:
    pixels, masks, priorities, codes = case
    expected = [2] * pixels
    for i in sorted(range(len(masks)), key=lambda i: priorities[i]):
        expected = [codes[i] if on else old for on, old in zip(masks[i], expected, strict=True)]

    runs = kind.paint(
        *runs_of(masks),
        np.array(priorities, np.int32),
        np.array(codes, np.int32),
        pixels=pixels,
        background=2,
    )

    assert expanded(runs) == expected
    assert (runs.codes[1:] != runs.codes[:-1]).all()
    assert runs.starts.dtype == runs.codes.dtype == np.int32


@pytest.mark.parametrize("inner_wins", [True, False])
def test_thousands_of_nested_regions_are_painted_the_same_by_both_kinds(
    compiled: ModuleType, inner_wins: bool
) -> None:
    count = 10_000
    starts = np.arange(count, dtype=np.int32)
    ends = (3 * count - starts).astype(np.int32)
    offsets = np.arange(count + 1, dtype=np.int64)
    priority = starts if inner_wins else -starts
    regions = (starts, ends, offsets, priority, (starts % 7).astype(np.int32))

    runs = reference.paint(*regions, pixels=3 * count, background=8)

    # An inner region leaves one pixel of the next on either side; the outermost hides them all.
    assert len(runs.starts) == (2 * count - 1 if inner_wins else 1)
    assert runs.codes[[0, -1]].tolist() == [0, 0]
    assert_same(runs, compiled.paint(*regions, pixels=3 * count, background=8))


def test_many_regions_that_share_their_starts_are_painted_the_same_by_both_kinds(
    compiled: ModuleType,
) -> None:
    count, runs_each = 300, 400
    starts = np.tile(np.arange(runs_each, dtype=np.int32) * 10, count)
    ends = starts + np.repeat(np.arange(count) % 9 + 1, runs_each).astype(np.int32)
    offsets = np.arange(count + 1, dtype=np.int64) * runs_each
    priority = np.random.default_rng(2).permutation(count).astype(np.int32)
    regions = (starts, ends, offsets, priority, (np.arange(count) % 5).astype(np.int32))
    column = [9] * 10
    for i in np.argsort(priority).tolist():
        column[: i % 9 + 1] = [i % 5] * (i % 9 + 1)

    runs = reference.paint(*regions, pixels=runs_each * 10, background=9)

    assert expanded(runs) == column * runs_each
    assert_same(runs, compiled.paint(*regions, pixels=runs_each * 10, background=9))


# ------------------------------------------------------------------------------ COCO counts


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
