"""Folders of masks: index PNGs, and what the mask sources share."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import fsspec
import numpy as np
import pytest
from mask_files import SKY_CAR, class_indices, codes, save, source

import segcore
from segcore.errors import OntologyError, SpecError
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED, LabelClass, Ontology


def test_the_key_is_the_file_name_without_folders_and_extension(tmp_path: Path) -> None:
    for name in ["b.png", "city/a.png", "c.v2.PNG", "note.txt"]:
        save(tmp_path / "x.png", [[0]]).rename(
            (tmp_path / name).parent.mkdir(exist_ok=True) or tmp_path / name
        )

    found = source(f"png:{tmp_path}", SKY_CAR)

    assert found.keys() == ("a", "b", "c.v2")
    assert [found.annotation_count(key) for key in found.keys()] == [1, 1, 1]  # noqa: SIM118
    assert codes(found) == []


def test_values_come_with_their_class_index(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", [[0, 1, 254], [255, 77, 0]])

    found = source(f"png:{tmp_path}", SKY_CAR).read("a")

    assert class_indices(found).tolist() == [[0, 1, UNLABELED], [IGNORE, UNKNOWN, 0]]
    assert (found.height, found.width, found.read, found.rejected) == (2, 3, 1, 0)
    assert found.digest == hashlib.sha256(path.read_bytes()).digest()


def test_16_bit_masks_keep_their_ids(tmp_path: Path) -> None:
    ontology = Ontology((LabelClass(id=26_001, name="car"), LabelClass(id=255, name="sky")))
    save(tmp_path / "a.png", [[255, 26_001, 1]], np.uint16)

    found = source(f"png:{tmp_path}", ontology).read("a")

    assert class_indices(found).tolist() == [[1, 0, UNKNOWN]]


def test_a_source_that_was_read_can_be_read_with_other_classes(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[0, 1]])
    before = source(f"png:{tmp_path}", SKY_CAR)
    before.read("a")

    after = before.resolve(ontology=Ontology(SKY_CAR.classes[::-1]))

    assert class_indices(after.read("a")).tolist() == [[1, 0]]
    assert class_indices(before.read("a")).tolist() == [[0, 1]]
    assert before.resolve(ontology=None) is before


def test_all_images_of_a_folder_share_one_table(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[0]])
    save(tmp_path / "b.png", [[1]])
    found = source(f"png:{tmp_path}", SKY_CAR)

    first, second = found.read("a"), found.read("b")

    assert first.content.lookup is second.content.lookup


def test_a_suffix_selects_files_and_is_not_part_of_the_key(tmp_path: Path) -> None:
    save(tmp_path / "a_gt.png", [[0]])
    save(tmp_path / "a_pred.png", [[1]])
    save(tmp_path / "a.png", [[1]])

    found = source(f"png:{tmp_path}?suffix=_gt.png", SKY_CAR)

    assert found.keys() == ("a",)
    assert class_indices(found.read("a")).tolist() == [[0]]


def test_two_files_with_one_key_are_a_fault_that_names_both(tmp_path: Path) -> None:
    save(tmp_path / "day1" / "a.png", [[0]])
    save(tmp_path / "day2" / "a.png", [[0]])
    save(tmp_path / "b.png", [[0]])
    found = source(f"png:{tmp_path}", SKY_CAR)

    assert found.keys() == ("b",)
    assert found.unplaced == 2
    (fault,) = found.faults
    assert (fault.code, fault.image) == ("delivery.ambiguous_image", "a")
    assert fault.file.endswith("day1/a.png")
    assert fault.got == "also day2/a.png"


def test_a_name_that_is_nothing_but_the_suffix_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "_gt.png", [[0]])

    found = source(f"png:{tmp_path}?suffix=_gt.png", SKY_CAR)

    assert found.keys() == ()
    assert found.unplaced == 1
    assert codes(found) == [("path.unsafe", None)]


def test_links_and_pipes_are_left_out_with_a_fault_and_do_not_hang(tmp_path: Path) -> None:
    save(tmp_path / "gold.png", [[0]])
    masks = tmp_path / "masks"
    save(masks / "a.png", [[0]])
    (masks / "b.png").symlink_to(tmp_path / "gold.png")
    os.mkfifo(masks / "c.png")

    found = source(f"png:{masks}", SKY_CAR)

    assert found.keys() == ("a",)
    assert found.unplaced == 2
    assert [fault.code for fault in found.faults] == ["path.symlink", "path.not_regular"]


def test_a_broken_mask_is_a_fault_with_its_file_and_image_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    save(tmp_path / "a.png", [[0]])
    cut = save(tmp_path / "b.png", [[0]])
    cut.write_bytes(cut.read_bytes()[:-9])
    (tmp_path / "c.png").write_bytes(b"\xff\xd8\xff\xe0")
    found = source(f"png:{tmp_path}", SKY_CAR)

    read = [found.read(key) for key in found.keys()]  # noqa: SIM118

    assert [annotation is None for annotation in read] == [False, True, True]
    assert codes(found) == [("mask.truncated", "b"), ("mask.not_png", "c")]
    assert [fault.file for fault in found.faults] == [f"{tmp_path}/b.png", f"{tmp_path}/c.png"]


def test_a_file_that_vanishes_or_turns_into_a_link_after_listing_is_a_fault(tmp_path: Path) -> None:
    for name in "ab":
        save(tmp_path / f"{name}.png", [[0]])
    found = source(f"png:{tmp_path}", SKY_CAR)
    found.keys()
    (tmp_path / "a.png").unlink()
    (tmp_path / "b.png").unlink()
    (tmp_path / "b.png").symlink_to("/etc/hostname")

    assert (found.read("a"), found.read("b")) == (None, None)
    assert codes(found) == [("path.not_regular", "a"), ("path.symlink", "b")]


def test_a_mask_file_above_the_limit_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "a.png", [[0]])
    monkeypatch.setattr("segcore.sources.folder.MAX_MASK_BYTES", 10)
    found = source(f"png:{tmp_path}", SKY_CAR)

    assert found.read("a") is None
    assert codes(found) == [("limits.bytes", "a")]


def test_without_classes_reading_asks_for_an_ontology(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[0]])
    found = source(f"png:{tmp_path}")

    assert found.ontology is None
    with pytest.raises(OntologyError, match=r"\?ontology=FILE"):
        found.read("a")


def test_the_ontology_of_the_spec_comes_before_the_one_given(tmp_path: Path) -> None:
    save(tmp_path / "masks" / "a.png", [[7]])
    (tmp_path / "own.yaml").write_text("classes:\n  - {id: 7, name: tree}\n")

    found = source(f"png:{tmp_path}/masks?ontology={tmp_path}/own.yaml", SKY_CAR)

    assert found.ontology is not None
    assert found.ontology.names == ("tree",)
    assert class_indices(found.read("a")).tolist() == [[0]]


@pytest.mark.parametrize("spec", ["png:{}", "rgb:{}", "cityscapes:{}"])
def test_opening_reads_nothing_and_a_missing_folder_is_an_error_of_the_call(
    tmp_path: Path, spec: str
) -> None:
    found = source(spec.format(tmp_path / "nowhere"), SKY_CAR)

    with pytest.raises(SpecError, match="no such folder"):
        found.keys()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("png:x?sufix=.png", "did you mean 'suffix'"),
        ("png:x?suffix=_gt", r"did you mean '_gt\.png'"),
        ("png:x?suffix=a/b.png", "no slash"),
        ("rgb:x?ignore=white", "colours such as"),
        ("rgb:x?ignore=%23000000&unlabeled=%23000000", "#000000 is given twice"),
        ("cityscapes:x?file=color", "labelIds, labelTrainIds, instanceIds"),
        ("cityscapes:x?ontology=y", "unknown option"),
    ],
)
def test_an_option_that_is_wrong_says_what_is_right(spec: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        source(spec)


def test_a_source_opens_itself_again_in_a_worker_and_stays_small(tmp_path: Path) -> None:
    for i in range(300):
        save(tmp_path / f"image_with_a_long_name_{i:04d}.png", [[1]])
    found = source(f"png:{tmp_path}", SKY_CAR)
    key = found.keys()[0]
    found.read(key)

    sent = pickle.dumps(found)
    again = pickle.loads(sent)

    assert len(sent) < 4000
    assert again.keys() == found.keys()
    assert class_indices(again.read(key)).tolist() == [[1]]


def test_a_remote_folder_is_read_through_fsspec(
    tmp_path: Path, memory: fsspec.AbstractFileSystem
) -> None:
    memory.pipe("/segcore-masks/city/a.png", save(tmp_path / "a.png", [[0, 1]]).read_bytes())

    found = source("png:memory://segcore-masks", SKY_CAR)

    assert found.keys() == ("a",)
    assert class_indices(found.read("a")).tolist() == [[0, 1]]


def test_two_folders_are_scored_from_end_to_end(tmp_path: Path) -> None:
    save(tmp_path / "gold" / "a.png", [[0, 0, 1, 1]])
    save(tmp_path / "delivery" / "a.png", [[0, 1, 1, 254]])

    found = segcore.evaluate(
        source(f"png:{tmp_path}/gold"), source(f"png:{tmp_path}/delivery"), ontology=SKY_CAR
    )

    #           delivered: sky car other
    assert found.confusion.tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]
