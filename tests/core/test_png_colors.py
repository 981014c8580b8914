"""Colours of PNG images, and what has none."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from png_writer import MASK, PALETTE, RGB, RGBA, chunk, refusal, write

from segcore.masks.png import decode_colors


@pytest.mark.parametrize("interlace", [False, True])
def test_rgb_colours_come_back_unchanged(decoder: str, interlace: bool) -> None:
    colors = np.random.default_rng(2).integers(0, 256, (9, 13, 3), dtype=np.uint8)

    found = decode_colors(write(colors, color=RGB, interlace=interlace))

    np.testing.assert_array_equal(found, colors)


def test_a_transparent_colour_key_is_not_applied_to_colours(decoder: str) -> None:
    colors = np.zeros((2, 2, 3), np.uint8)

    found = decode_colors(write(colors, color=RGB, before=chunk(b"tRNS", bytes(6))))

    np.testing.assert_array_equal(found, colors)


def test_opaque_rgba_is_rgb_and_anything_else_is_refused(decoder: str) -> None:
    colors = np.random.default_rng(3).integers(0, 256, (4, 5, 4), dtype=np.uint8)
    colors[..., 3] = 255
    glassy = colors.copy()
    glassy[2, 1, 3] = 254

    found = decode_colors(write(colors, color=RGBA))

    np.testing.assert_array_equal(found, colors[..., :3])
    assert found.flags.c_contiguous
    error = refusal(write(glassy, color=RGBA), decode_colors)
    assert (error.code, error.got) == ("mask.unexpected_mode", "transparent pixels")


@pytest.mark.parametrize("depth", [4, 8])
def test_a_palette_image_is_resolved_through_its_palette(decoder: str, depth: int) -> None:
    found = decode_colors(write(np.array([[0, 3], [9, 0]]), depth=depth, color=PALETTE))

    assert found.tolist() == [[[0, 1, 2], [9, 10, 11]], [[27, 28, 29], [0, 1, 2]]]


@pytest.mark.parametrize(
    ("data", "code", "got"),
    [
        pytest.param(
            write(np.array([[0, 10]]), color=PALETTE),
            "mask.corrupt",
            "index 10 of a palette of 10",
            id="index outside the palette",
        ),
        pytest.param(write(MASK), "mask.unexpected_mode", "8-bit gray (class ids", id="gray"),
        pytest.param(
            write(np.zeros((2, 2, 3), np.uint16), depth=16, color=RGB),
            "mask.unexpected_mode",
            "16-bit RGB",
            id="16 bits",
        ),
        pytest.param(
            write(np.zeros((2, 2, 3)), color=RGB, stream=zlib.compress(bytes(7))),
            "mask.truncated",
            "1 rows",
            id="one of two rows",
        ),
    ],
)
def test_what_has_no_colours_is_refused(decoder: str, data: bytes, code: str, got: str) -> None:
    error = refusal(data, decode_colors)

    assert error.code == code
    assert got in error.got


@pytest.mark.parametrize(
    ("data_set", "pattern", "count"),
    [("davis_two_methods", "**/*.png", 86), ("mmseg_test_data", "seg.png", 1)],
)
def test_real_palette_masks_have_the_colours_pillow_shows(
    shared_data: Callable[[str], Path], data_set: str, pattern: str, count: int
) -> None:
    files = sorted(shared_data(data_set).glob(pattern))

    for path in files:
        with Image.open(path) as image:
            colors = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(decode_colors(path.read_bytes()), colors)

    assert len(files) == count
