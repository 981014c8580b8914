"""PNG masks that are damaged, or no masks, are refused, whichever decoder stands behind."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from png_writer import (
    COLORS,
    GRAY,
    GRAY_ALPHA,
    MASK,
    PALETTE,
    RGB,
    RGBA,
    SIGNATURE,
    STREAM,
    chunk,
    header,
    mask,
    refusal,
    rows,
    write,
)

from segcore.errors import RefusedMaskError
from segcore.masks import png, png_chunks
from segcore.masks.png import decode_indices


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
