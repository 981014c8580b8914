"""PNG masks are read exactly, whichever decoder stands behind."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from png_writer import COLORS, GRAY, MASK, PALETTE, STREAM, chunk, refusal, rows, write

from segcore.masks import png
from segcore.masks.png import decode_indices
from segcore.masks.png_chunks import parse_png


def kinds() -> list[object]:
    return list(_kinds())


def _kinds() -> Iterable[object]:
    for interlace in (False, True):
        note = "-interlaced" if interlace else ""
        yield pytest.param(8, GRAY, np.uint8, interlace, id=f"gray8{note}")
        yield pytest.param(16, GRAY, np.uint16, interlace, id=f"gray16{note}")
        for depth in (1, 2, 4, 8):
            yield pytest.param(depth, PALETTE, np.uint8, interlace, id=f"palette{depth}{note}")


@pytest.mark.parametrize(("depth", "color", "dtype", "interlace"), kinds())
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (3, 5), (48, 30), (17, 33)])
def test_the_values_of_every_accepted_kind_come_back_unchanged(
    decoder: str, depth: int, color: int, dtype: type, interlace: bool, shape: tuple[int, int]
) -> None:
    array = np.random.default_rng(1).integers(0, 1 << depth, shape).astype(dtype)

    values = decode_indices(write(array, depth=depth, color=color, interlace=interlace))

    assert values.dtype == dtype
    assert values.flags.c_contiguous
    np.testing.assert_array_equal(values, array)


def test_16_bit_values_are_numbers_of_this_machine_and_not_swapped(decoder: str) -> None:
    array = np.array([[0, 1, 255, 256, 26_001, 65_535]], np.uint16)

    values = decode_indices(write(array, depth=16))

    assert values.tolist() == [[0, 1, 255, 256, 26_001, 65_535]]


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"tRNS", b"\0\1"),
        chunk(b"gAMA", struct.pack(">I", 45_455)),
        chunk(b"sBIT", b"\3"),
        chunk(b"sBIT", b"\3") + chunk(b"gAMA", b"x"),
        chunk(b"tIME", b"\7\xe9\1\1\0\0\0"),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(8 << 20))),
        chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(8 << 20))),
        chunk(b"iTXt", b"broken"),
        chunk(b"abCd", b"unknown but ancillary"),
    ],
    ids=["tRNS", "gAMA", "sBIT", "bad gAMA", "tIME", "zTXt bomb", "iCCP bomb", "bad iTXt", "unknown"],
)
@pytest.mark.parametrize(("depth", "color"), [(8, GRAY), (16, GRAY), (8, PALETTE), (4, PALETTE)])
def test_ancillary_chunks_never_change_an_id(decoder: str, extra: bytes, depth: int, color: int) -> None:
    before = chunk(b"PLTE", COLORS) + extra if color == PALETTE else extra

    values = decode_indices(write(MASK, depth=depth, color=color, before=before, after=extra))

    np.testing.assert_array_equal(values, MASK)


def test_transparent_palette_entries_do_not_change_an_index(decoder: str) -> None:
    before = chunk(b"PLTE", COLORS) + chunk(b"tRNS", b"\0\x80\xff")

    np.testing.assert_array_equal(decode_indices(write(MASK, color=PALETTE, before=before)), MASK)


def test_an_index_outside_the_palette_is_still_an_id(decoder: str) -> None:
    before = chunk(b"PLTE", b"\0\0\0")

    np.testing.assert_array_equal(decode_indices(write(MASK, color=PALETTE, before=before)), MASK)


def test_image_data_may_come_in_pieces_of_one_byte(decoder: str) -> None:
    np.testing.assert_array_equal(decode_indices(write(MASK, piece=1)), MASK)


@pytest.mark.parametrize("color", [GRAY, PALETTE])
@pytest.mark.parametrize(
    ("stream", "behind"),
    [
        pytest.param(STREAM, b"appended by some tool", id="bytes behind IEND"),
        pytest.param(STREAM + b"more", b"", id="bytes behind the stream"),
        pytest.param(STREAM[:-4], b"", id="no Adler-32"),
        pytest.param(STREAM[:-4] + b"\1\2\3\4", b"", id="wrong Adler-32"),
        pytest.param(zlib.compress(rows(MASK, 8) + bytes(100)), b"", id="surplus rows"),
        pytest.param(zlib.compress(rows(MASK, 8), 0), b"", id="stored"),
    ],
)
def test_what_cannot_change_a_pixel_is_read_by_every_decoder(
    decoder: str, stream: bytes, behind: bytes, color: int
) -> None:
    data = write(MASK, color=color, stream=stream) + behind

    np.testing.assert_array_equal(decode_indices(data), MASK)


@pytest.mark.parametrize("color", [GRAY, PALETTE])
def test_a_stream_that_breaks_right_behind_the_last_row_is_corrupt_to_every_decoder(
    decoder: str, color: int
) -> None:
    packer = zlib.compressobj()
    stream = packer.compress(rows(MASK, 8)) + packer.flush(zlib.Z_SYNC_FLUSH) + b"\x07\xff\xff"

    assert refusal(write(MASK, color=color, stream=stream)).code == "mask.corrupt"


@pytest.mark.parametrize("kind", range(5))
def test_a_palette_image_with_filtered_rows_is_unfiltered(decoder: str, kind: int) -> None:
    # None, Sub, Up, Average, Paeth of the standard, in one row of an image whose others have none.
    residual = {
        0: MASK[5],
        1: np.diff(MASK[5], prepend=np.uint8(0)),
        2: MASK[5] - MASK[4],
        3: MASK[5] - ((np.append(0, MASK[5, :-1]).astype(int) + MASK[4]) // 2).astype(np.uint8),
        4: MASK[5] - paeth(MASK[5], MASK[4]),
    }[kind]
    stored = [b"\0" + row.tobytes() for row in MASK]
    stored[5] = bytes([kind]) + residual.tobytes()

    data = write(MASK, color=PALETTE, stream=zlib.compress(b"".join(stored)))

    np.testing.assert_array_equal(decode_indices(data), MASK)


def paeth(row: npt.NDArray[np.uint8], above: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What the standard predicts for every sample of a row of one-byte pixels."""
    predicted = []
    for x in range(len(row)):
        left, upper = (int(row[x - 1]), int(above[x - 1])) if x else (0, 0)
        over = int(above[x])
        guess = left + over - upper
        predicted.append(min((left, over, upper), key=lambda sample: abs(guess - sample)))
    return np.array(predicted, np.uint8)


def test_an_unfiltered_palette_image_takes_no_second_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_decode_fast", "_decode_carefully"):
        monkeypatch.delattr(png, name)

    np.testing.assert_array_equal(decode_indices(write(MASK, color=PALETTE)), MASK)


@pytest.mark.parametrize("color", [GRAY, PALETTE])
def test_a_stream_bomb_is_not_inflated_beyond_the_last_row(decoder: str, color: int) -> None:
    import tracemalloc

    data = write(MASK, color=color, stream=zlib.compress(rows(MASK, 8) + bytes(64 << 20)))
    decode_indices(write(MASK))
    tracemalloc.start()

    try:
        values = decode_indices(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    np.testing.assert_array_equal(values, MASK)
    assert peak < 4 << 20


def test_a_large_mask_is_not_a_decompression_bomb_of_pillow(decoder: str) -> None:
    # Pillow warns above 89 million pixels and refuses above twice that; the limit here is its own.
    array = np.zeros((9500, 9500), np.uint8)
    array[-1, -1] = 7

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = decode_indices(write(array, stream=zlib.compress(rows_of_zeros_and_one(array), 1)))

    assert values[-1, -1] == 7
    assert int(values.sum()) == 7


def rows_of_zeros_and_one(array: npt.NDArray[np.uint8]) -> bytes:
    return np.pad(array, ((0, 0), (1, 0))).tobytes()


@settings(max_examples=60, deadline=None)
@given(
    array=hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]), hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)
    ),
    palette=st.booleans(),
)
def test_whatever_pillow_writes_comes_back(array: npt.NDArray[np.uint8], palette: bool) -> None:
    image = Image.fromarray(array)
    if palette and array.dtype == np.uint8:
        image.putpalette(bytes(range(256)) * 3)
    stream = io.BytesIO()
    image.save(stream, "PNG")

    values = decode_indices(stream.getvalue())

    assert values.dtype == array.dtype
    np.testing.assert_array_equal(values, array)


@settings(max_examples=60, deadline=None)
@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_whatever_opencv_writes_comes_back(array: npt.NDArray[np.uint8]) -> None:
    import cv2

    np.testing.assert_array_equal(decode_indices(cv2.imencode(".png", array)[1].tobytes()), array)


def test_the_header_is_known_without_decoding() -> None:
    found = parse_png(write(MASK, depth=4, color=PALETTE, stream=b"not even a stream"))

    assert (found.width, found.height, found.kind) == (30, 48, "4-bit palette")
    assert found.palette[:2].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("data_set", "pattern", "count"),
    [
        ("ade20k_sceneparsing", "sampleData/**/*.png", 6),
        ("camvid_segnet", "*annot/*.png", 30),
        ("coco_stuff_spade", "*_label/*.png", 21),
        ("coco_stuff_spade", "*_inst/*.png", 21),
        ("davis_two_methods", "**/*.png", 86),
        ("isbi_em_membrane", "train/label/*.png", 10),
        ("mmseg_test_data", "pseudo_cityscapes_dataset/gtFine/**/*.png", 3),
        ("mmseg_test_data", "pseudo_nyu_dataset/annotations/*.png", 1),
        ("mmseg_test_data", "seg.png", 1),
    ],
)
def test_real_masks_have_the_pixels_pillow_reads(
    decoder: str, shared_data: Callable[[str], Path], data_set: str, pattern: str, count: int
) -> None:
    files = sorted(shared_data(data_set).glob(pattern))

    for path in files:
        with Image.open(path) as image:
            pixels = np.asarray(image)
        values = decode_indices(path.read_bytes())
        assert values.dtype == pixels.dtype
        np.testing.assert_array_equal(values, pixels)

    assert len(files) == count
