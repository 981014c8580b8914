"""Sizes from the headers of images: as Pillow reads them, and nothing from damaged ones."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segcore.image_header import IMAGE_SUFFIXES, read_size

FORMATS = [
    pytest.param("PNG", {}, id="png"),
    pytest.param("JPEG", {}, id="jpeg"),
    pytest.param("JPEG", {"progressive": True}, id="progressive jpeg"),
    pytest.param("JPEG", {"exif": bytes(60_000)}, id="jpeg behind a large segment"),
    pytest.param("WEBP", {}, id="webp"),
    pytest.param("WEBP", {"lossless": True}, id="lossless webp"),
    pytest.param("WEBP", {"exif": b"Exif\0\0"}, id="extended webp"),
    pytest.param("BMP", {}, id="bmp"),
    pytest.param("GIF", {}, id="gif"),
    pytest.param("TIFF", {}, id="tiff"),
    pytest.param("TIFF", {"big_endian": True}, id="big-endian tiff"),
]


def saved(width: int, height: int, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (9, 99, 200)).save(stream, kind, **options)
    return stream.getvalue()


def size_of(data: bytes) -> tuple[int, int] | None:
    return read_size(io.BytesIO(data))


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (640, 480), (17, 4000)])
@pytest.mark.parametrize(("kind", "options"), FORMATS)
def test_the_size_is_that_of_the_image(
    kind: str, options: dict[str, object], size: tuple[int, int]
) -> None:
    width, height = size

    assert size_of(saved(width, height, kind, **options)) == (height, width)


def test_rows_from_top_to_bottom_do_not_turn_a_bmp_upside_down() -> None:
    data = bytearray(saved(3, 7, "BMP"))
    data[22:26] = (-7).to_bytes(4, "little", signed=True)

    assert size_of(bytes(data)) == (7, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_on_its_side_is_as_large_as_it_is_shown(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(3, 7, "JPEG", exif=exif)

    from PIL import ImageOps

    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert size_of(data) == (shown.height, shown.width)


@pytest.mark.parametrize(("kind", "options"), FORMATS)
def test_a_header_that_ends_early_has_no_size(kind: str, options: dict[str, object]) -> None:
    data = saved(640, 480, kind, **options)

    found = {size_of(data[:n]) for n in range(min(len(data), 200))}

    assert found <= {None, (480, 640)}
    assert size_of(data[:9]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\x89PNG\r\n\x1a\n" + bytes(24),
        b"\xff\xd8\xff\xe0\0\0" * 10,
        b"\xff\xd8" + b"\xff" * 100,
        b"II*\0" + b"\xff" * 4,
        b"RIFF\0\0\0\0AVI ",
    ],
)
def test_what_is_no_image_has_no_size(data: bytes) -> None:
    assert size_of(data) is None


@given(st.sampled_from([p.values for p in FORMATS]), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_damage_gives_a_size_or_none(case: tuple[str, dict[str, object]], random: object) -> None:
    kind, options = case
    data = bytearray(saved(64, 48, kind, **options))
    for _ in range(4):
        data[random.randrange(min(len(data), 80))] = random.randrange(256)  # type: ignore[attr-defined]

    size = size_of(bytes(data))

    assert size is None or min(size) >= 1


def test_every_suffix_is_lower_case_and_begins_with_a_dot() -> None:
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in IMAGE_SUFFIXES)
