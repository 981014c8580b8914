"""Brush masks of Label Studio that are refused."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from brush_streams import DATA, each, head, pack, same, ten_bytes_with_padding
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.annotation import RunMask
from segcore.errors import RefusedMaskError
from segcore_labelstudio.brush import decode_brush


def refusal(data: object, *, width: int = 2, height: int = 1) -> RefusedMaskError:
    with pytest.raises(RefusedMaskError) as caught:
        decode_brush(data, width=width, height=height)
    return caught.value


@pytest.mark.parametrize(
    ("data", "got"),
    [
        ("AAAACDkb", "str"),
        (None, "NoneType"),
        ({"0": 0}, "dict"),
        ((0, 0), "tuple"),
        ([0, 256], "256 at position 1"),
        ([-1], "-1 at position 0"),
        ([0, 1.0], "1.0 at position 1"),
        ([True], "True at position 0"),
        (["0"], "'0' at position 0"),
        ([[0]], "[0] at position 0"),
        ([0, None], "None at position 1"),
    ],
)
def test_only_a_list_of_bytes_is_taken(data, got) -> None:
    error = refusal(data)

    assert (error.code, error.got) == ("ls.rle_bad_type", got)


def test_a_number_beyond_every_integer_type_is_refused_and_shown_short() -> None:
    error = refusal([10**400])

    assert error.code == "ls.rle_bad_type"
    assert len(error.got) <= 80


@pytest.mark.parametrize("length", range(7))
def test_a_stream_that_ends_inside_its_header_is_truncated(length) -> None:
    error = refusal(pack(head(8))[:length])

    assert (error.code, error.got) == ("ls.rle_truncated", f"{length} bytes")


@pytest.mark.parametrize("words", [0, 2, 7, 9, 16, 2**32 - 1])
def test_a_stream_for_an_image_of_another_size_is_refused(words) -> None:
    error = refusal(pack(head(words), same(8, 255)))

    assert (error.code, error.expected, error.got) == ("ls.rle_size", "8 words: 4 x 2 x 1", f"{words}")


@pytest.mark.parametrize("word_bits", [1, 7, 9, 16, 32])
def test_only_words_of_8_bits_are_taken(word_bits) -> None:
    error = refusal(pack(head(8, word_bits=word_bits), same(8, 255)))

    assert (error.code, error.got) == ("ls.rle_wordsize", f"{word_bits}")


@pytest.mark.parametrize(
    "codes",
    [
        [],
        [same(4, 255)],
        [each(1, 2, 3, 4, 5, 6, 7)],
        [same(4, 255), same(4, 255)[:-9]],
        [same(4, 255), each(255, 255, 255, 255)[:-9]],
        [same(4, 255), "011" + "1" * 16],
    ],
)
def test_a_stream_that_ends_before_its_last_word_is_truncated(codes) -> None:
    # Cut at a whole byte, so that the padding is not taken for a code of its own.
    bits = "".join([head(8), *codes])
    data = pack(bits[: len(bits) // 8 * 8])

    assert refusal(data).code == "ls.rle_truncated"


def test_every_cut_of_a_real_stream_is_refused() -> None:
    [region] = json.loads((DATA / "ui_drawn_results_8_9.json").read_text())["9"]
    data = region["value"]["rle"]

    codes = {refusal(data[:n], width=160, height=120).code for n in range(len(data) - 1)}

    assert codes == {"ls.rle_truncated"}


@pytest.mark.parametrize(
    "codes", [[same(9, 255)], [same(7, 255), each(1, 2)], [each(*range(9))], [same(65536, 0)]]
)
def test_a_run_beyond_the_last_pixel_is_refused(codes) -> None:
    assert refusal(pack(head(8), *codes)).code == "ls.rle_overshoot"


def test_more_than_eight_bits_behind_the_last_word_are_refused() -> None:
    error = refusal(ten_bytes_with_padding(9))

    assert (error.code, error.got) == ("ls.rle_trailing", "9")


def test_a_second_stream_behind_the_first_is_refused() -> None:
    data = pack(head(8), same(8, 255))

    assert refusal(data + data).code == "ls.rle_trailing"


def test_an_image_beyond_the_limit_is_refused_before_anything_is_read() -> None:
    error = refusal(None, width=1 << 15, height=1 << 15)

    assert error.code == "limits.pixels"


def test_a_truncated_mask_of_a_huge_image_takes_no_memory() -> None:
    side = 1 << 14
    data = pack(head(4 * side * side), *[same(65536, 255)] * 100)

    tracemalloc.start()
    error = refusal(data, width=side, height=side)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert error.code == "ls.rle_truncated"
    assert peak < 1 << 20


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_random_bytes_are_read_or_refused(body, width, height, fitting) -> None:
    data = bytes(pack(head(4 * width * height))) + body if fitting else body

    refused = None
    mask = RunMask.from_array(np.zeros((height, width)))
    try:
        mask = decode_brush(list(data), width=width, height=height).mask
    except RefusedMaskError as error:
        refused = error.code

    assert refused is None or refused.startswith("ls.rle_")
    again = RunMask.from_array(mask.to_array())
    np.testing.assert_array_equal(again.starts, mask.starts)
    np.testing.assert_array_equal(again.ends, mask.ends)
