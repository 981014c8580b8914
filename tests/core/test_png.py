"""PNG masks are read exactly or refused, whichever decoder stands behind."""

from __future__ import annotations

import contextlib
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

from segcore.errors import RefusedMaskError
from segcore.masks import png, png_chunks
from segcore.masks.png import decode_colors, decode_indices
from segcore.masks.png_chunks import parse_png

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLORS = bytes(range(30))


# ---- a PNG writer that can make every mistake


def chunk(kind: bytes, body: bytes = b"", *, crc: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def header(
    width: int, height: int, depth: int = 8, color: int = GRAY, methods: tuple[int, int, int] = (0, 0, 0)
) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, *methods))


def rows(array: npt.NDArray[np.integer], depth: int) -> bytes:
    """Filter byte 0 and packed samples of every row."""
    packed = b""
    for row in array.reshape(len(array), -1):
        if depth == 16:
            packed += b"\0" + row.astype(">u2").tobytes()
        elif depth == 8:
            packed += b"\0" + row.astype(np.uint8).tobytes()
        else:
            bits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
            packed += b"\0" + np.packbits(bits.reshape(-1)).tobytes()
    return packed


def interlaced_rows(array: npt.NDArray[np.integer], depth: int) -> bytes:
    """The seven Adam7 passes as the standard lists them."""
    starts = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    parts = [array[y::dy, x::dx] for y, x, dy, dx in starts]
    return b"".join(rows(part, depth) for part in parts if part.size)


def write(
    array: npt.NDArray[np.integer],
    *,
    depth: int = 8,
    color: int = GRAY,
    before: bytes | None = None,
    stream: bytes | None = None,
    after: bytes = b"",
    interlace: bool = False,
    piece: int = 1 << 20,
) -> bytes:
    """A PNG; ``stream`` replaces the compressed data, ``before`` and ``after`` surround it."""
    if before is None:
        before = chunk(b"PLTE", COLORS) if color == PALETTE else b""
    if stream is None:
        stream = zlib.compress((interlaced_rows if interlace else rows)(array, depth))
    data = b"".join(chunk(b"IDAT", stream[i : i + piece]) for i in range(0, len(stream), piece))
    head = header(array.shape[1], array.shape[0], depth, color, (0, 0, int(interlace)))
    return SIGNATURE + head + before + data + after + chunk(b"IEND")


def mask(height: int = 48, width: int = 30, *, high: int = 5, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, high, (height, width), dtype=np.uint8)


MASK = mask()
STREAM = zlib.compress(rows(MASK, 8))


DECODERS = ["deflate", "kornia_rs", "Pillow"]
"""The first takes what it can and leaves the rest to the next."""


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All ways to decode; each must give the same pixels and the same faults."""
    for missing in DECODERS[: DECODERS.index(request.param)]:
        monkeypatch.setitem(__import__("sys").modules, missing, None)
    return str(request.param)


def refusal(data: bytes, decode: Callable[[bytes], object] = decode_indices) -> RefusedMaskError:
    with pytest.raises(RefusedMaskError) as caught:
        decode(data)
    error = caught.value
    assert error.expected
    assert error.got
    assert len(error.expected) <= 80
    assert len(error.got) <= 80
    return error


# ---- what is read, and how exactly


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


# ---- damage


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_damage_gives_a_fault_or_the_same_pixels_never_others(data: st.DataObject) -> None:
    color, depth = data.draw(st.sampled_from([(GRAY, 8), (GRAY, 16), (PALETTE, 8), (PALETTE, 4)]))
    array = mask(12, 9)
    whole = write(array, depth=depth, color=color, before=None, piece=40)
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] ^= data.draw(st.integers(1, 255))
    damaged = damaged[: data.draw(st.sampled_from([len(whole), len(whole) - 1, len(whole) // 2]))]

    try:
        values = decode_indices(bytes(damaged))
    except RefusedMaskError:
        return
    np.testing.assert_array_equal(values, array)


@pytest.mark.parametrize("color", [GRAY, PALETTE])
def test_a_file_cut_anywhere_is_truncated(decoder: str, color: int) -> None:
    data = write(mask(6, 5), color=color)

    codes = {refusal(data[:end]).code for end in range(len(data))}

    assert codes == {"mask.truncated"}


@settings(max_examples=300, deadline=None)
@given(data=st.data(), color=st.sampled_from([GRAY, PALETTE]))
def test_a_damaged_stream_under_right_checksums_means_the_same_to_every_decoder(
    data: st.DataObject, color: int
) -> None:
    stream = bytearray(STREAM)
    at = data.draw(st.integers(0, len(stream) - 5))
    stream[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(zlib.error):
        inflated = zlib.decompressobj(wbits=-15).decompress(stream[2:])
        stream[-4:] = struct.pack(">I", zlib.adler32(inflated))
    damaged = write(MASK, color=color, stream=bytes(stream))
    found = []

    for others in (["_decode_unfiltered", "_decode_fast"], ["_decode_unfiltered"], []):
        with pytest.MonkeyPatch.context() as patch:
            for name in others:
                patch.setattr(png, name, lambda _: None)
            try:
                found.append(decode_indices(damaged).tolist())
            except RefusedMaskError as error:
                found.append((error.code, error.expected, error.got))

    assert found[0] == found[1] == found[2]


def corrupt(*parts: bytes) -> bytes:
    return SIGNATURE + b"".join(parts)


HEAD, DATA, END = header(30, 48), chunk(b"IDAT", STREAM), chunk(b"IEND")

REFUSED = {
    # an image that is no PNG, or not all of one
    "empty": (b"", "mask.truncated", "an empty file"),
    "signature only": (SIGNATURE, "mask.truncated", "ends after 8"),
    "half a signature": (SIGNATURE[:4], "mask.truncated", "4 bytes"),
    "JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF", "mask.not_png", "a JPEG image"),
    "TIFF": (b"II*\0\x08\0\0\0", "mask.not_png", "a TIFF image"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0", "mask.not_png", "a PostScript file"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1", "mask.not_png", "git lfs pull"),
    "text": (b"\x1b[2J evil", "mask.not_png", "begins with"),
    "PNG after FTP in text mode": (write(MASK).replace(b"\r\n", b"\n"), "mask.not_png", "begins with"),
    "no IEND": (write(MASK)[:-12], "mask.truncated", "ends after"),
    "no image data": (corrupt(HEAD, END), "mask.truncated", "without an IDAT"),
    "a length beyond the end": (corrupt(HEAD, DATA[:-20]), "mask.truncated", "bytes"),
    # damaged chunks
    "wrong checksum of the data": (
        corrupt(HEAD, chunk(b"IDAT", STREAM, crc=1), END),
        "mask.corrupt",
        "IDAT",
    ),
    "wrong checksum of the header": (
        corrupt(chunk(b"IHDR", HEAD[8:-4], crc=1), DATA, END),
        "mask.corrupt",
        "IHDR",
    ),
    "wrong checksum of the end": (corrupt(HEAD, DATA, chunk(b"IEND", crc=1)), "mask.corrupt", "IEND"),
    "wrong checksum of a text": (
        corrupt(HEAD, chunk(b"tEXt", b"a\0b", crc=1), DATA, END),
        "mask.corrupt",
        "tEXt",
    ),
    "header not first": (corrupt(chunk(b"tEXt", b"a\0b"), HEAD, DATA, END), "mask.corrupt", "tEXt"),
    "header too short": (corrupt(chunk(b"IHDR", HEAD[8:-5]), DATA, END), "mask.corrupt", "IHDR, 12"),
    "second header": (corrupt(HEAD, HEAD, DATA, END), "mask.corrupt", "IHDR"),
    "no width": (corrupt(header(0, 48), DATA, END), "mask.corrupt", "0 x 48"),
    "no height": (corrupt(header(30, 0), DATA, END), "mask.corrupt", "30 x 0"),
    "negative width": (corrupt(header(0xFFFFFFFF, 1), DATA, END), "mask.corrupt", "4294967295 x 1"),
    "unknown colour type": (corrupt(header(30, 48, 8, 5), DATA, END), "mask.corrupt", "type 5"),
    "impossible depth": (
        corrupt(header(30, 48, 16, PALETTE), DATA, END),
        "mask.corrupt",
        "with 16 bits",
    ),
    "unknown compression": (
        corrupt(header(30, 48, methods=(1, 0, 0)), DATA, END),
        "mask.corrupt",
        "compression 1",
    ),
    "unknown filter method": (
        corrupt(header(30, 48, methods=(0, 1, 0)), DATA, END),
        "mask.corrupt",
        "filter 1",
    ),
    "unknown interlace": (
        corrupt(header(30, 48, methods=(0, 0, 2)), DATA, END),
        "mask.corrupt",
        "interlace 2",
    ),
    "unknown critical chunk": (corrupt(HEAD, chunk(b"ABCD"), DATA, END), "mask.corrupt", "ABCD"),
    "bytes that are no chunk": (
        corrupt(HEAD, chunk(b"\0\1\2\3"), DATA, END),
        "mask.corrupt",
        "offset 33",
    ),
    "data in two places": (
        corrupt(HEAD, chunk(b"IDAT", STREAM[:9]), chunk(b"tEXt"), chunk(b"IDAT", STREAM[9:]), END),
        "mask.corrupt",
        "another chunk",
    ),
    "an end with content": (corrupt(HEAD, DATA, chunk(b"IEND", b"x")), "mask.corrupt", "1 bytes"),
    "palette missing": (write(MASK, color=PALETTE, before=b""), "mask.corrupt", "without one"),
    "palette of part colours": (
        write(MASK, color=PALETTE, before=chunk(b"PLTE", bytes(10))),
        "mask.corrupt",
        "10 bytes",
    ),
    "palette too long": (
        write(MASK, color=PALETTE, before=chunk(b"PLTE", bytes(771))),
        "mask.corrupt",
        "771 bytes",
    ),
    "palette empty": (write(MASK, color=PALETTE, before=chunk(b"PLTE")), "mask.corrupt", "0 bytes"),
    "two palettes": (
        write(MASK, color=PALETTE, before=chunk(b"PLTE", COLORS) * 2),
        "mask.corrupt",
        "30 bytes",
    ),
    "palette after the data": (
        write(MASK, color=PALETTE, before=b"", after=chunk(b"PLTE", COLORS)),
        "mask.corrupt",
        "30 bytes",
    ),
    # image data with right checksums
    "30 of 48 rows": (
        write(MASK, stream=zlib.compress(rows(MASK[:30], 8))),
        "mask.truncated",
        "30 rows",
    ),
    "one byte too few": (
        write(MASK, stream=zlib.compress(rows(MASK, 8)[:-1])),
        "mask.truncated",
        "47 rows",
    ),
    "one byte too few of a palette": (
        write(MASK, color=PALETTE, stream=zlib.compress(rows(MASK, 8)[:-1])),
        "mask.truncated",
        "47 rows",
    ),
    "stream cut short": (write(MASK, stream=STREAM[:-40]), "mask.truncated", "rows"),
    "empty stream": (corrupt(HEAD, chunk(b"IDAT"), END), "mask.truncated", "0 rows"),
    "unknown row filter": (
        write(MASK, stream=zlib.compress(b"\7" + rows(MASK, 8)[1:])),
        "mask.corrupt",
        "",
    ),
    "no zlib header": (write(MASK, stream=b"\0\0" + STREAM[2:]), "mask.corrupt", "0x00"),
    "preset dictionary": (write(MASK, stream=b"\x78\xbb" + STREAM[2:]), "mask.corrupt", "0xbb"),
    "damaged stream": (write(MASK, stream=STREAM[:2] + b"\x07" + STREAM[3:]), "mask.corrupt", ""),
    # sound, but not a mask
    "gray with 1 bit": (write(MASK & 1, depth=1), "mask.bit_depth", "1-bit gray"),
    "gray with 2 bits": (write(MASK & 3, depth=2), "mask.bit_depth", "2-bit gray"),
    "gray with 4 bits": (write(MASK, depth=4), "mask.bit_depth", "4-bit gray"),
    "RGB": (write(np.dstack([MASK] * 3), color=RGB), "mask.unexpected_mode", "8-bit RGB (colours"),
    "RGBA": (write(np.dstack([MASK] * 4), color=RGBA), "mask.unexpected_mode", "8-bit RGBA"),
    "gray with alpha": (
        write(np.dstack([MASK] * 2), color=GRAY_ALPHA),
        "mask.unexpected_mode",
        "8-bit gray with alpha",
    ),
    "animated": (
        write(MASK, before=chunk(b"acTL", struct.pack(">II", 2, 0))),
        "mask.animated",
        "acTL",
    ),
    "20000 x 20000 in a few bytes": (
        corrupt(header(20_000, 20_000), DATA, END),
        "limits.pixels",
        "20000 x 20000",
    ),
}


@pytest.mark.parametrize(("data", "code", "got"), REFUSED.values(), ids=REFUSED.keys())
def test_each_kind_of_damage_has_its_fault(decoder: str, data: bytes, code: str, got: str) -> None:
    error = refusal(data)

    assert error.code == code
    assert got in error.got
    assert error.got.isprintable()


def exif(orientation: int, *, order: str = "<", kind: int = 3, tag: int = 0x0112) -> bytes:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    other = struct.pack(f"{order}HHII", 0x0100, 3, 1, 30)
    value = struct.pack(f"{order}H", orientation) + b"\0\0"
    entry = struct.pack(f"{order}HHI", tag, kind, 1) + value
    return chunk(b"eXIf", magic + struct.pack(f"{order}IH", 8, 2) + other + entry + bytes(4))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_mask_that_asks_to_be_rotated_is_refused(orientation: int, order: str, place: str) -> None:
    exif_chunk = exif(orientation, order=order)
    data = write(MASK, before=exif_chunk) if place == "before" else write(MASK, after=exif_chunk)

    assert Image.open(io.BytesIO(data)).getexif().get(0x0112) == orientation or place == "after"
    error = refusal(data)

    assert (error.code, error.got) == ("mask.exif_orientation", f"orientation {orientation}")


@pytest.mark.parametrize(
    "chunk_",
    [
        exif(1),
        exif(0),
        exif(9),
        exif(6, tag=0x0113),
        chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
        chunk(b"eXIf", b"junk"),
        chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff"),
        chunk(b"eXIf"),
    ],
)
def test_an_exif_chunk_that_rotates_nothing_is_no_fault(chunk_: bytes) -> None:
    np.testing.assert_array_equal(decode_indices(write(MASK, before=chunk_)), MASK)


def test_a_file_of_endless_empty_chunks_is_refused_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_chunks, "_MAX_CHUNKS", 50)

    error = refusal(corrupt(HEAD, chunk(b"tEXt") * 60, DATA, END))

    assert error.code == "limits.entries"


@pytest.mark.parametrize("module", ["kornia_rs", "PIL.PngImagePlugin"])
def test_a_decoder_that_breaks_in_its_own_way_is_never_a_crash(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):  # what PyO3 raises, outside of Exception
        pass

    def panic(*_: object, **__: object) -> None:
        raise PanicException("assertion failed") if module == "kornia_rs" else ValueError("odd")

    if module == "kornia_rs":
        monkeypatch.setattr("kornia_rs.io.decode_image_png_u8", panic)

        np.testing.assert_array_equal(decode_indices(write(MASK)), MASK)
    else:
        monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.__init__", panic)

        assert refusal(
            write(MASK, depth=8, color=PALETTE)[:0] + write(MASK & 3, depth=2, color=PALETTE)
        ).code == ("mask.corrupt")


def test_ctrl_c_during_decoding_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kornia_rs.io.decode_image_png_u8", interrupted)

    with pytest.raises(KeyboardInterrupt):
        decode_indices(write(MASK))


def test_the_header_is_known_without_decoding() -> None:
    found = parse_png(write(MASK, depth=4, color=PALETTE, stream=b"not even a stream"))

    assert (found.width, found.height, found.kind) == (30, 48, "4-bit palette")
    assert found.palette[:2].tolist() == [[0, 1, 2], [3, 4, 5]]


# ---- colours


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


# ---- real files


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
