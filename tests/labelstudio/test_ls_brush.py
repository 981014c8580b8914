"""Brush masks of Label Studio: the front end's own files, and hand-written streams."""

from __future__ import annotations

import json

import numpy as np
import pytest
from brush_streams import DATA, each, head, pack, same, ten_bytes_with_padding
from hypothesis import given
from hypothesis import strategies as st

from segcore.masks import rows
from segcore_labelstudio import brush
from segcore_labelstudio.brush import decode_brush


def area(value: dict[str, object], *, width: int, height: int, threshold: int) -> int:
    drawn = decode_brush(value["rle"], width=width, height=height, threshold=threshold)
    return drawn.mask.area_px


# ---- what the front end writes


@pytest.mark.parametrize("threshold", [1, 100, 128, 255])
@pytest.mark.parametrize("name", ["js_aa.json", "js_rgba.json"])
def test_a_mask_packed_by_the_front_end_decodes_to_the_alpha_it_was_made_of(name, threshold) -> None:
    file = json.loads((DATA / name).read_text())
    alpha = np.array(file["alpha"]).reshape(file["h"], file["w"])

    drawn = decode_brush(file["rle"], width=file["w"], height=file["h"], threshold=threshold)

    np.testing.assert_array_equal(drawn.mask.to_array(), alpha >= threshold)
    assert drawn.soft_px == np.isin(alpha, range(1, 255)).sum()


@pytest.mark.parametrize(
    ("task", "width", "height", "areas"),
    [("8", 120, 160, (255, 187, 122)), ("9", 160, 120, (222, 163, 92))],
)
def test_a_stroke_drawn_in_a_browser_has_the_pixels_the_browser_showed(
    task, width, height, areas
) -> None:
    [region] = json.loads((DATA / "ui_drawn_results_8_9.json").read_text())[task]
    assert (region["original_width"], region["original_height"]) == (width, height)

    found = [area(region["value"], width=width, height=height, threshold=t) for t in (1, 128, 255)]

    assert tuple(found) == areas


def test_pixels_between_transparent_and_opaque_are_counted_as_soft() -> None:
    [region] = json.loads((DATA / "ui_drawn_results_8_9.json").read_text())["9"]

    drawn = decode_brush(region["value"]["rle"], width=160, height=120)

    assert drawn.soft_px == 222 - 92


# ---- the format


def test_only_the_alpha_of_a_pixel_counts() -> None:
    colour_without_alpha, alpha_without_colour = (255, 255, 255, 0), (0, 0, 0, 255)
    data = pack(head(8), each(*colour_without_alpha, *alpha_without_colour))

    drawn = decode_brush(data, width=2, height=1)

    assert drawn.mask.to_array().tolist() == [[False, True]]


def test_the_threshold_itself_is_foreground() -> None:
    data = pack(head(12), same(4, 127, index=0), same(4, 128, index=0), same(4, 129, index=0))

    drawn = decode_brush(data, width=3, height=1)

    assert drawn.mask.to_array().tolist() == [[False, True, True]]
    assert drawn.soft_px == 3


def test_runs_may_begin_and_end_inside_a_pixel() -> None:
    # words: 0 0 0 | 9 9 9 9 9 | 200 200 200 200 | 0 0 0 0: the alphas are 9, 9, 200, 0
    data = pack(head(16), same(3, 0), same(5, 9), same(4, 200), same(4, 0))

    drawn = decode_brush(data, width=4, height=1)

    assert drawn.mask.to_array().tolist() == [[False, False, True, False]]
    assert drawn.soft_px == 3


def test_every_run_size_the_header_may_declare_is_read() -> None:
    sizes = (1, 2, 5, 16)
    data = pack(
        head(4 * 10, sizes=sizes),
        same(2, 255, index=0, sizes=sizes),
        each(255, 255, index=0, sizes=sizes),
        same(4, 0, index=1, sizes=sizes),
        same(28, 255, index=2, sizes=sizes),
        each(0, 0, 0, 0, index=3, sizes=sizes),
    )

    drawn = decode_brush(data, width=10, height=1)

    assert drawn.mask.to_array().astype(int).tolist() == [[1, 0, 1, 1, 1, 1, 1, 1, 1, 0]]


def test_rows_of_the_stream_become_runs_along_the_columns() -> None:
    # . # # .      column-major positions: x * 3 + y
    # . # # #
    # . . # .
    off, on = 0, 255
    rows = [off, on, on, off, off, on, on, on, off, off, on, off]
    data = pack(head(4 * 12), *(same(4, word) for word in rows))

    mask = decode_brush(data, width=4, height=3).mask

    assert mask.starts.tolist() == [3, 6, 10]
    assert mask.ends.tolist() == [5, 9, 11]
    assert mask.starts.dtype == mask.ends.dtype == np.int32


def test_columns_that_touch_at_the_border_are_one_run_and_others_are_not() -> None:
    full = pack(head(4 * 6), same(24, 255))
    middle_row = pack(head(4 * 6), same(8, 0), same(8, 255), same(8, 0))

    whole = decode_brush(full, width=2, height=3).mask
    row = decode_brush(middle_row, width=2, height=3).mask

    assert (whole.starts.tolist(), whole.ends.tolist()) == ([0], [6])
    assert (row.starts.tolist(), row.ends.tolist()) == ([1, 4], [2, 5])


def test_a_mask_without_foreground_has_no_runs() -> None:
    drawn = decode_brush(pack(head(8), same(8, 0)), width=2, height=1)

    assert (drawn.mask.area_px, drawn.soft_px) == (0, 0)


def test_bytes_are_as_good_as_a_list() -> None:
    data = bytes(pack(head(8), same(8, 255)))

    assert decode_brush(data, width=2, height=1).mask.area_px == 2


@pytest.mark.parametrize("bits", range(9))
def test_up_to_eight_bits_behind_the_last_word_are_padding(bits) -> None:
    data = ten_bytes_with_padding(bits)
    assert len(data) == 10

    assert decode_brush(data, width=2, height=1).mask.area_px == 2


def expected_runs(words: list[int], *, width: int, height: int) -> tuple[list[int], list[int]]:
    """Starts and ends of a mask of any words, pixel by pixel."""
    on = [words[4 * (y * width + x) + 3] >= 128 for x in range(width) for y in range(height)]
    steps = list(zip([False, *on], [*on, False], strict=True))
    starts = [i for i, (before, here) in enumerate(steps) if here and not before]
    return starts, [i for i, (before, here) in enumerate(steps) if before and not here]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[int], list[int], int, int]:
    """A stream, its words, width and height."""
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    sizes = tuple(draw(st.lists(st.integers(1, 16), min_size=4, max_size=4)))
    word = st.sampled_from([0, 1, 127, 128, 254, 255])
    words: list[int] = []
    codes = [head(4 * width * height, sizes=sizes)]
    while left := 4 * width * height - len(words):
        index = draw(st.integers(0, 3))
        n = draw(st.integers(1, min(left, 2 ** sizes[index])))
        if draw(st.booleans()):
            run = [draw(word)] * n
            codes.append(same(n, run[0], index=index, sizes=sizes))
        else:
            run = draw(st.lists(word, min_size=n, max_size=n))
            codes.append(each(*run, index=index, sizes=sizes))
        words += run
    return pack(*codes), words, width, height


@given(streams())
def test_a_stream_decodes_to_the_words_it_was_written_from(stream) -> None:
    data, words, width, height = stream

    drawn = decode_brush(data, width=width, height=height)

    runs = drawn.mask.starts.tolist(), drawn.mask.ends.tolist()
    assert runs == expected_runs(words, width=width, height=height)
    assert drawn.soft_px == sum(0 < alpha < 255 for alpha in words[3::4])


@given(streams(), st.integers(1, 4), st.integers(1, 12))
def test_how_much_is_parsed_and_turned_at_a_time_does_not_show(stream, piece_bytes, block_px) -> None:
    data, words, width, height = stream

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brush, "_PIECE_BYTES", piece_bytes)
        patch.setattr(rows, "_BLOCK_PX", block_px)
        mask = decode_brush(data, width=width, height=height).mask

    runs = mask.starts.tolist(), mask.ends.tolist()
    assert runs == expected_runs(words, width=width, height=height)


def test_a_column_that_ends_at_the_lower_border_ends_there_when_the_next_is_turned_later(
    monkeypatch,
) -> None:
    monkeypatch.setattr(rows, "_BLOCK_PX", 1)
    data = pack(head(4 * 3 * 5), same(4 * 3 * 4, 0), same(4 * 3, 255))

    mask = decode_brush(data, width=3, height=5).mask

    assert (mask.starts.tolist(), mask.ends.tolist()) == ([4, 9, 14], [5, 10, 15])


def test_long_streams_of_long_literals_decode_to_their_words() -> None:
    rng = np.random.default_rng(3)
    words = rng.integers(0, 256, 4 * 200 * 300).tolist()
    codes, at = [head(len(words))], 0
    while at < len(words):
        n, index = ((65536, 3), (256, 2), (1, 0))[int(rng.integers(3))]
        codes.append(each(*words[at : at + n], index=index))
        at += len(words[at : at + n])

    drawn = decode_brush(pack(*codes), width=300, height=200)

    alpha = np.array(words).reshape(200, 300, 4)[..., 3]
    np.testing.assert_array_equal(drawn.mask.to_array(), alpha >= 128)


def test_long_streams_of_short_runs_decode_to_their_words() -> None:
    rng = np.random.default_rng(4)
    words = 4 * 300 * 200
    lengths = rng.choice([4, 5, 8], words)  # so that most pixels begin inside a run
    ends = np.minimum(np.cumsum(lengths), words)
    lengths = np.diff(ends[: np.searchsorted(ends, words) + 1], prepend=0)
    values = rng.integers(0, 256, len(lengths))
    codes = [same(n, word, index=0) for n, word in zip(lengths.tolist(), values.tolist(), strict=True)]

    drawn = decode_brush(pack(head(words), *codes), width=200, height=300)

    alpha = np.repeat(values, lengths).reshape(300, 200, 4)[..., 3]
    np.testing.assert_array_equal(drawn.mask.to_array(), alpha >= 128)


def test_stripes_over_many_columns_become_runs_like_those_of_a_small_image() -> None:
    height, width = 1030, 1025  # more pixels than are turned at a time
    codes = [same(4 * width, 255 * (y % 2)) for y in range(height)]

    mask = decode_brush(pack(head(4 * width * height), *codes), width=width, height=height).mask

    odd_rows = np.arange(width)[:, None] * height + np.arange(1, height, 2)
    np.testing.assert_array_equal(mask.starts, odd_rows.ravel())
    np.testing.assert_array_equal(mask.ends, odd_rows.ravel() + 1)
