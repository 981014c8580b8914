"""Segmentation fields whose masks cannot be read exactly are refused."""

from __future__ import annotations

import os
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import scenes
from mask_labels import FOUND, GOLD, faults_of
from PIL import Image

import segcore
from segcore.errors import InvalidInputError
from segcore_fiftyone.source import FiftyOneSource


def test_a_mask_of_another_size_is_a_fault_and_never_resized(streets, on_disk):
    made = streets({"a": {"gold": on_disk(GOLD), "found": on_disk(FOUND[:2])}})

    with pytest.raises(InvalidInputError) as error:
        segcore.evaluate(
            FiftyOneSource.of(made, "gold", key="stem"), FiftyOneSource.of(made, "found", key="stem")
        )

    assert faults_of(error) == [("delivery.size_mismatch", "a", "4 x 2")]


def jpeg(path: Path) -> None:
    Image.fromarray(GOLD.astype(np.uint8)).save(path, "JPEG")


def cut_png(path: Path) -> None:
    whole = Path(scenes.png(path, GOLD.astype(np.uint8))).read_bytes()
    path.write_bytes(whole[:-30])


REFUSED_FILES = {
    "another format": (jpeg, "mask.not_png"),
    "an array file": (lambda p: np.save(p.open("wb"), GOLD), "mask.not_png"),
    "a cut file": (cut_png, "mask.truncated"),
    "no file": (lambda p: None, "path.not_regular"),
    "a folder": (lambda p: p.mkdir(), "path.not_regular"),
    "a pipe": (os.mkfifo, "path.not_regular"),
    "a link to a device": (lambda p: p.symlink_to("/dev/zero"), "path.not_regular"),
    "a one-bit mask": (
        lambda p: Image.fromarray(GOLD > 0).save(p, "PNG"), "mask.bit_depth"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED_FILES)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_mask_file_that_cannot_be_read_exactly_is_a_fault(fo, streets, tmp_path, kind):
    write, code = REFUSED_FILES[kind]
    path = tmp_path / "mask.png"
    write(path)
    made = streets({"a": {"gold": fo.Segmentation(mask_path=str(path))}})

    report = segcore.check(FiftyOneSource.of(made, "gold", key="stem"))

    (fault,) = report.faults
    sample = made.first()
    assert (fault.code, fault.image, fault.image_id) == (code, "a", sample.id)
    assert (fault.file, fault.annotation) == (f"{made.name}/gold", sample["gold"].id)
    assert report.counts.rejected == 1


def test_a_link_to_a_mask_is_followed_for_the_path_is_the_users_own(fo, streets, tmp_path):
    link = tmp_path / "link.png"
    link.symlink_to(scenes.png(tmp_path / "mask.png", GOLD.astype(np.uint8)))
    made = streets({"a": {"gold": fo.Segmentation(mask_path=str(link))}})

    annotation = FiftyOneSource.of(made, "gold").read(made.first().id)

    assert annotation.content.values.tolist() == GOLD.tolist()


def test_a_label_without_any_mask_is_a_fault(fo, streets):
    made = streets({"a": {"gold": fo.Segmentation()}})

    report = segcore.check(FiftyOneSource.of(made, "gold"))

    assert [f.code for f in report.faults] == ["seg.missing"]


def packed(array: np.ndarray, *, cut: int = 0) -> bytes:
    stream = BytesIO()
    np.save(stream, array)
    data = stream.getvalue()
    return zlib.compress(data[: len(data) - cut])


def bomb() -> bytes:
    """A header that announces little, and a gigabyte of zeros in a megabyte."""
    stream = BytesIO()
    np.save(stream, np.zeros((2, 2), np.uint8))
    pack = zlib.compressobj(9)
    parts = [pack.compress(stream.getvalue())]
    parts += [pack.compress(bytes(1 << 20)) for _ in range(1024)]
    return b"".join([*parts, pack.flush()])


BAD_ARRAYS = {
    "fractions": (lambda: packed(GOLD.astype(np.float32)), "fo.bad_array"),
    "objects": (lambda: zlib.compress(b"\x93NUMPY\x01\x00F\x00{'descr': '|O', 'fortran_order': "
                                      b"False, 'shape': (2, 2), }          \n" + bytes(32)),
                "fo.bad_array"),
    "four channels": (lambda: packed(np.zeros((3, 4, 4), np.uint8)), "fo.bad_array"),
    "one dimension": (lambda: packed(np.zeros(12, np.uint8)), "fo.bad_array"),
    "no pixel": (lambda: packed(np.zeros((0, 4), np.uint8)), "fo.bad_array"),
    "half of it": (lambda: packed(GOLD, cut=40), "fo.bad_array"),
    "a cut stream": (lambda: packed(np.arange(9999).reshape(99, 101))[:-500], "fo.bad_array"),
    "another stream": (lambda: b"no stream", "fo.bad_array"),
    "a text": (lambda: "text", "fo.bad_array"),
    "more than announced": (bomb, "fo.bad_array"),
    "too many pixels": (lambda: zlib.compress(huge_header()), "limits.pixels"),
}  # fmt: skip


def huge_header() -> bytes:
    stream = BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 20, 1 << 20)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_an_array_in_the_database_that_is_no_mask_is_a_fault(fo, streets, kind):
    write, code = BAD_ARRAYS[kind]
    made = streets({"a": {"gold": fo.Segmentation(mask=GOLD.astype(np.uint8))}})
    made._sample_collection.update_one({}, {"$set": {"gold.mask": write()}})

    report = segcore.check(FiftyOneSource.of(made, "gold"))

    assert [f.code for f in report.faults] == [code]
