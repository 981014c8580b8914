"""Brush and bitmask regions of Label Studio: whole images, and what is refused."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from drawn_shapes import drawn, refusal
from PIL import Image

from segcore_labelstudio.brush import encode_brush

DATA = Path(__file__).resolve().parent.parent / "data" / "label_studio"


def test_a_brush_region_is_decoded() -> None:
    mask = np.zeros((10, 10), np.bool_)
    mask[2:5, 3:9] = True

    for value in ({"format": "rle", "rle": encode_brush(mask)}, {"rle": encode_brush(mask)}):
        np.testing.assert_array_equal(drawn(value).mask.to_array(), mask)


def test_a_brush_region_of_another_format_is_refused() -> None:
    value = {"format": "coco", "rle": encode_brush(np.ones((10, 10), np.bool_))}

    assert refusal(value).code == "ls.unsupported_type"


def test_a_brush_region_that_cannot_be_decoded_is_refused_with_the_reason() -> None:
    whole = encode_brush(np.ones((10, 10), np.bool_))

    assert refusal({"format": "rle", "rle": whole[:-2]}).code == "ls.rle_truncated"
    assert refusal({"format": "rle", "rle": None}).code == "ls.rle_bad_type"


def test_a_mask_that_never_reaches_the_threshold_is_refused() -> None:
    empty = refusal({"format": "rle", "rle": encode_brush(np.zeros((10, 10), np.bool_))})
    faint = refusal({"imageDataURL": png_url(np.full((10, 10), 127, np.uint8))})

    assert (empty.code, empty.got) == ("seg.empty", "none")
    assert (faint.code, faint.expected) == ("seg.empty", "a pixel of alpha 128 or more")
    assert faint.got == "none, and 100 below it"


def png_url(alpha: np.ndarray, **options: object) -> str:
    pixels = np.zeros((*alpha.shape, 4), np.uint8)
    pixels[..., 0] = 77
    pixels[..., 3] = alpha
    return image_url(Image.fromarray(pixels), **options)


def image_url(image: Image.Image, **options: object) -> str:
    file = BytesIO()
    image.save(file, "PNG", **options)
    return url_of(file.getvalue())


def url_of(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_a_bitmask_is_the_alpha_of_its_image() -> None:
    alpha = np.random.default_rng(1).choice([0, 1, 127, 128, 254, 255], (10, 10)).astype(np.uint8)

    result = drawn({"imageDataURL": png_url(alpha)})

    np.testing.assert_array_equal(result.mask.to_array(), alpha >= 128)
    assert result.soft_px == np.isin(alpha, (1, 127, 128, 254)).sum()


def test_a_bitmask_drawn_in_a_browser_has_the_pixels_the_browser_showed() -> None:
    [region] = json.loads((DATA / "ui_drawn_results_10_11.json").read_text())["11"]

    areas = [drawn(region["value"], width=160, height=120, threshold=t).mask.area_px for t in (1, 128)]

    assert areas == [2636, 2547]


def bomb() -> bytes:
    """A PNG of 10 x 10 pixels whose image data inflates to 64 MB."""
    body = zlib.compress(bytes(64 << 20), 9)
    header = struct.pack(">IIBBBBB", 10, 10, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def broken(damage: Callable[[bytes], bytes]) -> str:
    file = BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 255)).save(file, "PNG")
    return url_of(damage(file.getvalue()))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (None, "ls.missing_field"),
        (["data:"], "ls.missing_field"),
        ("", "mask.not_png"),
        ("https://example.com/mask.png", "mask.not_png"),
        ("data:image/jpeg;base64,/9j/", "mask.not_png"),
        ("data:image/png;base64,/9j/", "mask.not_png"),
        ("data:image/png;base64,", "mask.truncated"),
        ("data:image/png;base64,*", "mask.corrupt"),
        ("data:image/png;base64,\u00e9", "mask.corrupt"),
        ("data:image/png;base64,AAA", "mask.corrupt"),
        (broken(lambda data: data[:-20]), "mask.truncated"),
        (broken(lambda data: data[:45] + b"\0" + data[46:]), "mask.corrupt"),
        (png_url(np.full((10, 9), 255, np.uint8)), "ls.size_mismatch"),
        (image_url(Image.new("RGB", (10, 10))), "mask.unexpected_mode"),
        (image_url(Image.new("L", (10, 10))), "mask.unexpected_mode"),
        (image_url(Image.new("LA", (10, 10))), "mask.unexpected_mode"),
        (image_url(Image.new("P", (10, 10)), transparency=0), "mask.unexpected_mode"),
    ],
)
def test_a_bitmask_that_is_no_mask_of_this_image_is_refused(url, code) -> None:
    assert refusal({"imageDataURL": url}).code == code


def test_image_data_that_inflate_without_end_are_not_inflated() -> None:
    import tracemalloc

    url = url_of(bomb())

    tracemalloc.start()
    error = refusal({"imageDataURL": url})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert error.code == "seg.empty"
    assert peak < 2 << 20
