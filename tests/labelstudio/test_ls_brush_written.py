"""Brush masks as they are written, and as Label Studio's SDK reads and writes them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from brush_streams import DATA, head, pack, same
from hypothesis import given
from hypothesis import strategies as st

from segcore_labelstudio.brush import decode_brush, encode_brush

# ---- writing


def test_a_mask_is_written_as_the_format_says() -> None:
    mask = np.array([[False, True, True]])

    # 53 + 15 * 2 bits are 83, so five bits of padding
    assert encode_brush(mask) == pack(head(12), same(4, 0, index=0), same(8, 255, index=0), "00000")


def test_a_whole_byte_of_padding_is_written_where_none_is_needed() -> None:
    # 53 bits, and one run of 8 words in 3 + 3 + 8, of 16 in 3 + 4 + 8, of 64 in 3 + 8 + 8: 53 + 19 = 72
    mask = np.ones((4, 4), np.bool_)

    assert encode_brush(mask) == [*pack(head(64), same(64, 255, index=2)), 0]


def test_a_run_of_more_than_65536_words_is_written_in_pieces_of_the_largest_size() -> None:
    mask = np.ones((1, 65536 // 4 + 1), np.bool_)

    written = encode_brush(mask)

    codes = pack(head(65540), same(65536, 255, index=3), same(4, 255, index=3))
    assert written[: len(codes)] == codes
    assert set(written[len(codes) :]) <= {0}


masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda size: st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
        lambda pixels: np.array(pixels, np.bool_).reshape(size)
    )
)


@given(masks)
def test_what_is_written_is_read_back(mask) -> None:
    height, width = mask.shape

    drawn = decode_brush(encode_brush(mask), width=width, height=height, threshold=255)

    np.testing.assert_array_equal(drawn.mask.to_array(), mask)
    assert drawn.soft_px == 0


def test_the_order_of_the_array_in_memory_does_not_matter() -> None:
    mask = np.random.default_rng(0).random((20, 30)) < 0.5

    assert encode_brush(np.asfortranarray(mask)) == encode_brush(mask)


# ---- the SDK's codec


def random_masks() -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    shapes = [(1, 1), (3, 7), (1, 20_000), (90, 110), (200, 170)]
    return [rng.random(shape) < share for shape in shapes for share in (0, 0.01, 0.5, 1)]


def test_masks_are_written_byte_for_byte_as_the_sdk_writes_them() -> None:
    from label_studio_sdk.converter import brush as sdk

    for mask in random_masks():
        assert encode_brush(mask) == sdk.mask2rle(mask.astype(np.uint8) * 255)


def test_soft_masks_are_read_as_the_sdk_reads_them() -> None:
    from label_studio_sdk.converter import brush as sdk

    rng = np.random.default_rng(8)
    for shape in [(1, 1), (9, 5), (70, 90)]:
        alpha = rng.choice([0, 0, 0, 40, 128, 255, 255], shape).astype(np.uint8)
        data = sdk.mask2rle(alpha)

        drawn = decode_brush(data, width=shape[1], height=shape[0])

        np.testing.assert_array_equal(drawn.mask.to_array(), alpha >= 128)
        assert drawn.soft_px == np.isin(alpha, (40, 128)).sum()


@pytest.mark.parametrize(("file", "task"), [("8_9", "8"), ("8_9", "9"), ("10", "10")])
def test_a_stroke_drawn_in_a_browser_is_read_as_the_sdk_reads_it(file, task) -> None:
    from label_studio_sdk.converter import brush as sdk

    [region] = json.loads((DATA / f"ui_drawn_results_{file}.json").read_text())[task]
    width, height = region["original_width"], region["original_height"]

    drawn = decode_brush(region["value"]["rle"], width=width, height=height)

    alpha = sdk.decode_rle(region["value"]["rle"]).reshape(height, width, 4)[..., 3]
    np.testing.assert_array_equal(drawn.mask.to_array(), alpha >= 128)
