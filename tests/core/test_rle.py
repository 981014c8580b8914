"""COCO run-length masks: what is read, what is refused, and how it is written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mask_batches import mask_of
from pycocotools import mask as coco_mask

from segcore.annotation import RunMask
from segcore.masks.rle import decode_rles, encode_counts


def drawn(*rows: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in rows])


def coco_rle(mask: np.ndarray) -> dict[str, object]:
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": encoded["counts"].decode("ascii")}


masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))


@settings(deadline=None)
@given(masks)
def test_compressed_counts_written_by_pycocotools_are_read_pixel_for_pixel(mask: np.ndarray) -> None:
    height, width = mask.shape

    batch = decode_rles([coco_rle(mask)], height=height, width=width)

    assert not batch.refused[0]
    assert (mask_of(batch, 0, height, width) == mask).all()


@settings(deadline=None)
@given(masks)
def test_encoding_writes_the_bytes_pycocotools_writes(mask: np.ndarray) -> None:
    expected = coco_rle(mask)["counts"]

    assert encode_counts(RunMask.from_array(mask)) == expected


@settings(deadline=None)
@given(st.lists(masks, min_size=1, max_size=1), st.data())
def test_uncompressed_counts_with_empty_runs_are_canonical(
    some: list[np.ndarray], data: st.DataObject
) -> None:
    mask = some[0]
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    if flat[0]:
        counts = [0, *counts]
    for _ in range(data.draw(st.integers(0, 4))):  # a run in two, with an empty run between them
        at = data.draw(st.integers(0, len(counts) - 1))
        left = data.draw(st.integers(0, counts[at]))
        counts[at : at + 1] = [left, 0, counts[at] - left]
    height, width = mask.shape

    batch = decode_rles([{"size": [height, width], "counts": counts}], height=height, width=width)

    assert not batch.refused[0]
    assert (mask_of(batch, 0, height, width) == mask).all()


def test_runs_go_down_the_columns() -> None:
    expected = drawn(
        ".#..",
        ".#..",
        "##..",
    )

    batch = decode_rles([{"size": [3, 4], "counts": [2, 4, 6]}], height=3, width=4)

    assert (mask_of(batch, 0, 3, 4) == expected).all()


def test_masks_keep_their_order_whatever_form_they_have_and_whichever_is_refused() -> None:
    one, two = drawn("#.", ".."), drawn("..", "##")
    rles = [
        coco_rle(one),
        {"size": [2, 2], "counts": [9]},
        {"size": [2, 2], "counts": [1, 1, 1, 1]},
        {"size": [2, 2], "counts": "!"},
        {**coco_rle(one), "counts": coco_rle(one)["counts"].encode()},
    ]

    batch = decode_rles(rles, height=2, width=2)

    assert batch.refused.tolist() == [False, True, False, True, False]
    assert [problem.item for problem in batch.problems] == [1, 3]
    assert (mask_of(batch, 0, 2, 2) == one).all()
    assert (mask_of(batch, 2, 2, 2) == two).all()
    assert (mask_of(batch, 4, 2, 2) == one).all()


def test_no_masks_give_an_empty_batch() -> None:
    batch = decode_rles([], height=3, width=3)

    assert len(batch) == 0
    assert batch.offsets.tolist() == [0]


def test_masks_without_foreground_are_masks() -> None:
    batch = decode_rles([{"size": [2, 3], "counts": [6]}], height=2, width=3)

    assert not batch.refused.any()
    assert batch.areas_px().tolist() == [0]


REFUSED = [
    ("not_an_object", "text", "rle.bad_type", "str"),
    ("no_counts", {"size": [4, 6]}, "rle.missing_field", "no such key"),
    ("no_size", {"counts": "0"}, "rle.missing_field", "no such key"),
    ("size_of_bools", {"size": [True, True], "counts": "1"}, "rle.bad_type", "[True, True]"),
    ("size_of_floats", {"size": [4.0, 6.0], "counts": [24]}, "rle.bad_type", "[4.0, 6.0]"),
    ("size_of_three", {"size": [4, 6, 1], "counts": [24]}, "rle.bad_type", "[4, 6, 1]"),
    ("size_null", {"size": None, "counts": [24]}, "rle.bad_type", "None"),
    ("size_zero", {"size": [0, 6], "counts": "0"}, "rle.size_mismatch", "[0, 6]"),
    ("size_of_another_image", {"size": [2, 3], "counts": [6]}, "rle.size_mismatch", "[2, 3]"),
    ("size_huge", {"size": [10**30, 6], "counts": [6]}, "rle.size_mismatch", f"[{10**30}, 6]"),
    ("counts_null", {"size": [4, 6], "counts": None}, "rle.bad_type", "NoneType"),
    ("counts_number", {"size": [4, 6], "counts": 24}, "rle.bad_type", "int"),
    ("counts_empty_text", {"size": [4, 6], "counts": ""}, "rle.sum_mismatch", "0"),
    ("counts_empty_list", {"size": [4, 6], "counts": []}, "rle.sum_mismatch", "0"),
    ("runs_of_floats", {"size": [4, 6], "counts": [12.0, 12]}, "rle.bad_type", "12.0 at position 0"),
    ("runs_of_bools", {"size": [4, 6], "counts": [23, True]}, "rle.bad_type", "True at position 1"),
    ("runs_of_text", {"size": [4, 6], "counts": ["24"]}, "rle.bad_type", "'24' at position 0"),
    ("runs_nested", {"size": [4, 6], "counts": [[24]]}, "rle.bad_type", "[24] at position 0"),
    ("run_negative", {"size": [4, 6], "counts": [30, -6]}, "rle.negative_run", "-6"),
    ("run_too_large", {"size": [4, 6], "counts": [0, 25]}, "rle.run_too_large", "25"),
    ("run_of_100_bits", {"size": [4, 6], "counts": [2**100]}, "rle.run_too_large", f"{2**100}"),
    ("sum_short", {"size": [4, 6], "counts": [12, 11]}, "rle.sum_mismatch", "23"),
    ("sum_long", {"size": [4, 6], "counts": [12, 13]}, "rle.sum_mismatch", "25"),
    ("text_negative", {"size": [4, 6], "counts": "O"}, "rle.negative_run", "-1"),
    ("text_unfinished", {"size": [4, 6], "counts": "8P"}, "rle.truncated", "2 characters"),
    ("text_bad_char", {"size": [4, 6], "counts": "8 8"}, "rle.bad_char", "' ' at position 1"),
    ("text_above", {"size": [4, 6], "counts": "8p"}, "rle.bad_char", "'p' at position 1"),
    ("text_not_ascii", {"size": [4, 6], "counts": "8\u00d8"}, "rle.bad_char", "'\u00d8' at position 1"),
    ("bytes_not_ascii", {"size": [4, 6], "counts": b"8\xff"}, "rle.bad_char", "'\u00ff' at position 1"),
    ("text_number_without_end", {"size": [4, 6], "counts": "P" * 9 + "0"}, "rle.run_too_large", "10"),
]


@pytest.mark.parametrize(
    ("rle", "code", "got"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_mask_is_refused_with_its_code_and_what_was_found(rle: object, code: str, got: str) -> None:
    batch = decode_rles([rle], height=4, width=6)

    assert [problem.code for problem in batch.problems] == [code]
    assert got in batch.problems[0].got
    assert batch.refused.tolist() == [True]
    assert len(batch.starts) == 0


def test_a_transposed_size_is_named_as_such() -> None:
    batch = decode_rles([{"size": [6, 4], "counts": [24]}], height=4, width=6)

    assert batch.problems[0].code == "rle.size_mismatch"
    assert "transposed" in batch.problems[0].got


def disc(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (min(height, width) / 3) ** 2


def row_major(mask: np.ndarray) -> dict[str, object]:
    """What a tool writes that counts along the rows."""
    edges = np.flatnonzero(np.diff(mask.ravel(order="C"), prepend=False, append=False))
    counts = np.diff([0, *edges, mask.size]).tolist()
    return {"size": list(mask.shape), "counts": counts}


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_runs_counted_along_the_rows_raise_a_warning(shape: tuple[int, int]) -> None:
    small = np.zeros(shape, bool)
    small[3:15, 4:20] = True

    batch = decode_rles([row_major(small), row_major(disc(*shape))], height=shape[0], width=shape[1])

    # One warning an image: whoever writes one mask along the rows writes them all so.
    assert [(problem.item, problem.code) for problem in batch.problems] == [(1, "rle.suspect_order")]
    assert not batch.refused.any()


@pytest.mark.parametrize(
    "mask",
    [
        np.ones((60, 90), bool),
        np.eye(60, 90, dtype=bool),
        np.arange(90)[None, :].repeat(60, 0) % 2 == 1,
        np.arange(60)[:, None].repeat(90, 1) % 2 == 1,
        np.random.default_rng(0).random((60, 90)) < 0.5,
    ],
    ids=["full", "diagonal", "columns", "rows", "noise"],
)
def test_masks_of_other_shapes_do_not_look_row_major(mask: np.ndarray) -> None:
    batch = decode_rles([coco_rle(mask)], height=60, width=90)

    assert batch.problems == ()


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=0x17F), max_size=30))
def test_any_text_is_a_mask_of_the_right_sum_or_refused(counts: str) -> None:
    batch = decode_rles([{"size": [5, 7], "counts": counts}], height=5, width=7)

    assert batch.refused[0] == (len(batch.problems) == 1)
    if not batch.refused[0]:
        expected = coco_mask.decode({"size": [5, 7], "counts": counts}).astype(bool)
        assert (mask_of(batch, 0, 5, 7) == expected).all()
