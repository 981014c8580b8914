"""Folders of masks: index PNGs, colour PNGs and the Cityscapes layout."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import segcore
from segcore.annotation import ImageAnnotation, LabelMap, Regions
from segcore.errors import InvalidInputError, OntologyError, SpecError
from segcore.masks.colors import ColorTable
from segcore.masks.schemes import CITYSCAPES
from segcore.masks.values import _counts, _sample, looks_blended, ranges, summary, value_faults
from segcore.ontology import IGNORE, UNKNOWN, UNLABELED, LabelClass, Ontology
from segcore.ontology_file import preset
from segcore.sources import Source, cityscapes, png, rgb
from segcore.sources.spec import Spec

SKY_CAR = Ontology(
    (LabelClass(id=0, name="sky", color=(0, 0, 255)), LabelClass(id=1, name="car", color=(255, 0, 0))),
    ignore=(255,),
    unlabeled=(254,),
)
OPEN = {"png": png.open_source, "rgb": rgb.open_source, "cityscapes": cityscapes.open_source}


def source(spec: str, ontology: Ontology | None = None) -> Source:
    parsed = Spec.parse(spec)
    return OPEN[parsed.format](parsed).resolve(ontology=ontology)


def save(path: Path, array: npt.ArrayLike, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def codes(found: Source) -> list[tuple[str, str | None]]:
    return [(fault.code, fault.image) for fault in found.faults]


def class_indices(annotation: ImageAnnotation | None) -> npt.NDArray[np.int32]:
    assert annotation is not None
    assert isinstance(annotation.content, LabelMap)
    return annotation.content.lookup[annotation.content.values]


def annotation(
    values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], ontology: Ontology
) -> ImageAnnotation:
    lookup = ontology.lookup(1 << (8 * values.itemsize))
    content = LabelMap(values=values, lookup=lookup)
    return ImageAnnotation(key="a", height=values.shape[0], width=values.shape[1], content=content)


# ---- png:


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


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    yield fs
    if fs.exists("/segcore-masks"):
        fs.rm("/segcore-masks", recursive=True)


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


# ---- unknown values


def unknown_values(held: ImageAnnotation) -> dict[int, int]:
    """The undefined values of a label map and their pixels, as the faults count them."""
    assert isinstance(held.content, LabelMap)
    lookup = held.content.lookup
    counts = _counts(held.content.values, len(lookup))
    return {int(v): int(counts[v]) for v in np.flatnonzero((counts > 0) & (lookup == UNKNOWN))}


def test_unknown_values_are_counted_by_value() -> None:
    values = np.array([[0, 77, 77], [255, 3, 1]], np.uint8)

    assert unknown_values(annotation(values, SKY_CAR)) == {3: 1, 77: 2}
    assert unknown_values(annotation(values[:, :1], SKY_CAR)) == {}


def test_regions_and_known_values_have_no_value_faults() -> None:
    empty = Regions.from_regions([], height=2, width=2)
    regions = ImageAnnotation(key="a", height=2, width=2, content=empty)
    known = annotation(np.array([[0, 1, 254, 255]], np.uint8), SKY_CAR)

    assert value_faults(regions, ontology=SKY_CAR, file="x") == []
    assert value_faults(known, ontology=SKY_CAR, file="x") == []


def test_unknown_values_are_one_fault_an_image_with_the_most_frequent_first() -> None:
    values = np.repeat(np.array([3, 77, 9, 12, 0], np.uint8), [1, 5, 2, 1, 7])[np.newaxis]

    (fault,) = value_faults(annotation(values, SKY_CAR), ontology=SKY_CAR, file="png:x")

    assert (fault.code, fault.file, fault.image) == ("mask.unknown_value", "png:x", "a")
    assert fault.expected == "0-1, 254-255"
    assert fault.got == "77 (5 px), 9 (2 px), 3 (1 px) and 1 more"


def test_counting_in_blocks_counts_every_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segcore.masks.values._BLOCK_PX", 7)
    values = np.arange(100, dtype=np.uint8).reshape(10, 10) % 4

    assert unknown_values(annotation(values, SKY_CAR)) == {2: 25, 3: 25}


@settings(max_examples=60, deadline=None)
@given(
    values=hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 4)
    ),
    repeats=st.sampled_from([1, 40]),
    block=st.integers(1, 2000),
)
def test_long_runs_and_noise_are_counted_alike(
    values: npt.NDArray[np.uint8], repeats: int, block: int
) -> None:
    values = np.repeat(values, repeats, axis=1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segcore.masks.values._BLOCK_PX", block)
        found = unknown_values(annotation(values, SKY_CAR))

    assert found == {v: int((values == v).sum()) for v in (2, 3, 4) if (values == v).any()}


def test_ranges_are_short_and_readable() -> None:
    assert ranges(np.array([], np.int64)) == "no value"
    assert ranges(np.array([5])) == "5"
    assert ranges(np.array([0, 1, 2, 7, 254, 255])) == "0-2, 7, 254-255"
    assert len(ranges(np.arange(0, 60_000, 2))) <= 80


def test_a_summary_breaks_ties_by_value() -> None:
    assert summary({"10": 1, "9": 1, "2": 1}) == "2 (1 px), 9 (1 px), 10 (1 px)"


CITY = preset("cityscapes")


def street(scheme: str) -> npt.NDArray[np.uint16]:
    """Road, sidewalk, building, vegetation, sky, car and void, numbered by one scheme."""
    numbers = {
        "labelIds": [7, 8, 11, 21, 23, 26, 0],
        "labelTrainIds": [0, 1, 2, 8, 10, 13, 255],
        "instanceIds": [7, 8, 11, 21, 23, 26_001, 0],
    }[scheme]
    return np.repeat(np.array(numbers, np.uint16), 40).reshape(28, 10)


def by_scheme(values: npt.NDArray[np.uint16], scheme: str) -> ImageAnnotation:
    content = LabelMap(values=values, lookup=CITYSCAPES[scheme].lookup(CITY, 65_536))
    return ImageAnnotation(key="a", height=28, width=10, content=content)


@pytest.mark.parametrize(
    ("declared", "delivered"),
    [
        ("labelTrainIds", "labelIds"),
        ("labelTrainIds", "instanceIds"),
        ("labelIds", "labelTrainIds"),
        ("labelIds", "instanceIds"),
        ("instanceIds", "labelTrainIds"),
    ],
)
def test_another_id_scheme_of_the_data_set_is_named(declared: str, delivered: str) -> None:
    faults = value_faults(by_scheme(street(delivered), declared), ontology=CITY, file="x")

    assert [fault.code for fault in faults] == ["mask.unknown_value", "mask.id_scheme"]
    assert faults[1].expected == f"Cityscapes {declared}"
    assert faults[1].got == f"values that all fit Cityscapes {delivered}"


@pytest.mark.parametrize("stray", [77, 20, 34, 1000])
@pytest.mark.parametrize("scheme", ["labelIds", "labelTrainIds", "instanceIds"])
def test_one_stray_value_is_no_other_id_scheme(scheme: str, stray: int) -> None:
    values = street(scheme)
    values[3, 3] = stray

    faults = value_faults(by_scheme(values, scheme), ontology=CITY, file="x")

    assert "mask.id_scheme" not in [fault.code for fault in faults]


def test_an_ontology_that_is_not_cityscapes_is_not_taken_for_it() -> None:
    animals = Ontology(tuple(LabelClass(id=i, name=f"animal {i}") for i in range(19)), ignore=(255,))

    faults = value_faults(annotation(street("labelIds"), animals), ontology=animals, file="x")

    assert [fault.code for fault in faults] == ["mask.unknown_value"]


@pytest.mark.parametrize(("step", "got"), [(1, "plus 1"), (-1, "minus 1")])
def test_ids_that_are_all_one_off_are_named(step: int, got: str) -> None:
    ontology = Ontology(tuple(LabelClass(id=i, name=f"c{i}") for i in range(1, 6)), ignore=(255,))
    values = np.array([[1, 2, 3, 5, 255]], np.int64)
    values[values < 255] += step

    faults = value_faults(annotation(values.astype(np.uint8), ontology), ontology=ontology, file="x")

    assert [fault.code for fault in faults] == ["mask.unknown_value", "mask.id_scheme"]
    assert faults[1].expected == "class ids 1-5"
    assert faults[1].got == f"the same numbers {got}"


@pytest.mark.parametrize("values", [[1, 2, 6], [0, 6, 3], [6, 255, 255], [2, 9, 4]])
def test_values_that_are_not_all_one_off_are_only_unknown(values: list[int]) -> None:
    ontology = Ontology(tuple(LabelClass(id=i, name=f"c{i}") for i in range(1, 6)), ignore=(255,))

    faults = value_faults(
        annotation(np.array([values], np.uint8), ontology), ontology=ontology, file="x"
    )

    assert [fault.code for fault in faults] == ["mask.unknown_value"]


# ---- blending

FOUR = Ontology(tuple(LabelClass(id=i, name=f"c{i}") for i in (10, 60, 140, 220)))


def blocks() -> npt.NDArray[np.uint8]:
    return np.repeat(np.repeat(np.array([[10, 140], [220, 60]], np.uint8), 20, axis=0), 25, axis=1)


SMOOTH = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


@pytest.mark.parametrize(
    ("method", "size"),
    [
        *((method, size) for method in SMOOTH for size in [(19, 13), (73, 61)]),
        (Image.Resampling.BICUBIC, (97, 84)),
        (Image.Resampling.BILINEAR, (200, 160)),
        (Image.Resampling.BOX, (19, 13)),
    ],
)
def test_a_resampled_mask_is_named(method: Image.Resampling, size: tuple[int, int]) -> None:
    after = np.asarray(Image.fromarray(blocks()).resize(size, method))

    faults = value_faults(annotation(after, FOUR), ontology=FOUR, file="x")

    assert [fault.code for fault in faults] == ["mask.unknown_value", "mask.suspect_blend"]


def test_a_mask_resampled_by_the_nearest_pixel_has_no_fault() -> None:
    after = np.asarray(Image.fromarray(blocks()).resize((70, 30), Image.Resampling.NEAREST))

    assert value_faults(annotation(after, FOUR), ontology=FOUR, file="x") == []


def test_classes_nobody_declared_are_not_blending() -> None:
    values = blocks()
    values[2:12, 3:13] = 77
    values[25:38, 30:45] = 100
    values[3:15, 30:40] = 180

    faults = value_faults(annotation(values, FOUR), ontology=FOUR, file="x")

    assert [fault.code for fault in faults] == ["mask.unknown_value"]


def test_one_unknown_value_along_borders_is_an_outline_and_not_blending() -> None:
    values = blocks()
    values[:, 24:26] = 100

    faults = value_faults(annotation(values, FOUR), ontology=FOUR, file="x")

    assert [fault.code for fault in faults] == ["mask.unknown_value"]


def test_blending_is_found_in_a_large_image_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segcore.masks.values._BLEND_SAMPLE", 20)
    monkeypatch.setattr("segcore.masks.values._BLOCK_PX", 333)
    after = np.asarray(Image.fromarray(blocks()).resize((73, 61), Image.Resampling.BILINEAR))
    unknown = ~np.isin(after, [10, 60, 140, 220])

    picked = _sample(unknown)

    marked = np.flatnonzero(unknown)
    assert picked.tolist() == marked[:: -(-len(marked) // 20)].tolist()
    assert looks_blended(after, unknown)


def test_a_mask_of_nothing_but_unknown_values_is_not_blending() -> None:
    values = np.arange(64, dtype=np.uint8).reshape(8, 8)

    assert not looks_blended(values, np.ones((8, 8), np.bool_))


# ---- rgb:


def paint(drawing: str) -> npt.NDArray[np.uint8]:
    colors = {"s": (0, 0, 255), "c": (255, 0, 0), ".": (0, 0, 0), "?": (255, 255, 255), "!": (1, 2, 3)}
    return np.array([[colors[x] for x in row] for row in drawing.split()], np.uint8)


def test_colours_become_classes(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("sc cc ss"))

    found = source(f"rgb:{tmp_path}", SKY_CAR).read("a")

    assert class_indices(found).tolist() == [[0, 1], [1, 1], [0, 0]]
    assert found.content.values.dtype == np.uint8
    assert (found.height, found.width) == (3, 2)


@pytest.mark.parametrize("name", ["unlabeled", "ignore"])
def test_black_is_a_fault_unless_the_spec_says_what_it_means(tmp_path: Path, name: str) -> None:
    save(tmp_path / "a.png", paint("s. cc"))
    silent = source(f"rgb:{tmp_path}", SKY_CAR)
    told = source(f"rgb:{tmp_path}?{name}=%23000000", SKY_CAR)
    plain = source(f"rgb:{tmp_path}?{name}=000000", SKY_CAR)

    assert silent.read("a") is None
    (fault,) = silent.faults
    assert (fault.code, fault.image, fault.got) == ("mask.unknown_value", "a", "#000000 (1 px)")
    meaning = {"unlabeled": UNLABELED, "ignore": IGNORE}[name]
    assert class_indices(told.read("a")).tolist() == [[0, meaning], [1, 1]]
    assert class_indices(plain.read("a")).tolist() == [[0, meaning], [1, 1]]


def test_several_colours_may_mean_ignore(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("s.?"))

    found = source(f"rgb:{tmp_path}?ignore=%23000000,%23ffffff", SKY_CAR)

    assert class_indices(found.read("a")).tolist() == [[0, IGNORE, IGNORE]]


def test_a_colour_cannot_be_a_class_and_ignored(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("s"))

    with pytest.raises(OntologyError, match="#ff0000 is the color of class 'car'"):
        source(f"rgb:{tmp_path}?ignore=%23ff0000", SKY_CAR).read("a")


def test_classes_without_colours_are_an_error_of_the_ontology(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("s"))

    with pytest.raises(OntologyError, match="no class of the ontology has a color"):
        source(f"rgb:{tmp_path}", Ontology((LabelClass(id=0, name="sky"),))).read("a")


def test_an_anti_aliased_colour_mask_is_named(tmp_path: Path) -> None:
    drawn = Image.fromarray(np.repeat(np.repeat(paint("sc cs"), 20, axis=0), 20, axis=1))
    drawn.resize((133, 121), Image.Resampling.BILINEAR).save(tmp_path / "a.png")
    found = source(f"rgb:{tmp_path}", SKY_CAR)

    assert found.read("a") is None
    assert codes(found) == [("mask.unknown_value", "a"), ("mask.suspect_blend", "a")]


def test_a_colour_source_works_again_in_a_worker_and_with_other_classes(tmp_path: Path) -> None:
    save(tmp_path / "a.png", paint("sc"))
    found = source(f"rgb:{tmp_path}", SKY_CAR)
    found.read("a")

    again = pickle.loads(pickle.dumps(found))
    swapped = found.resolve(ontology=Ontology(SKY_CAR.classes[::-1]))

    assert class_indices(again.read("a")).tolist() == [[0, 1]]
    assert class_indices(swapped.read("a")).tolist() == [[1, 0]]


def test_more_than_256_colours_need_16_bits() -> None:
    table = ColorTable(codes={color: color for color in range(300)})
    pixels = np.zeros((1, 300, 3), np.uint8)
    pixels[0, :, 1], pixels[0, :, 2] = np.divmod(np.arange(300), 256)

    values, unknown = table.encode(pixels)

    assert values.tolist() == [list(range(300))]
    assert values.dtype == np.uint16
    assert unknown == {}


@settings(max_examples=80, deadline=None)
@given(
    pixels=hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
        elements=st.sampled_from([0, 1, 128, 255]),
    ),
    block=st.integers(1, 100),
)
def test_every_pixel_gets_the_code_of_its_colour(pixels: npt.NDArray[np.uint8], block: int) -> None:
    codes_by_color = {0x000000: 0, 0x010080: 1, 0xFF0000: 2, 0xFFFFFF: 3, 0x800101: 4}
    expected = [[codes_by_color.get(int(bytes(p).hex(), 16), -1) for p in row] for row in pixels]
    strangers = [
        bytes(p).hex() for row in pixels for p in row if int(bytes(p).hex(), 16) not in codes_by_color
    ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segcore.masks.colors._BLOCK_PX", block)
        values, unknown = ColorTable(codes=codes_by_color).encode(pixels)

    known = np.array(expected) >= 0
    assert values[known].tolist() == np.array(expected)[known].tolist()
    assert unknown == {int(color, 16): strangers.count(color) for color in sorted(strangers)}
    assert int(ColorTable(codes=codes_by_color).is_unknown(pixels).sum()) == len(strangers)
    assert list(unknown) == sorted(unknown)


# ---- cityscapes:


def city(folder: Path, *kinds: str, stem: str = "bonn_000001_000019_gtFine", shape: int = 28) -> Path:
    for kind in kinds:
        save(folder / "gtFine" / "val" / "bonn" / f"{stem}_{kind}.png", street(kind)[:shape], np.uint16)
    return folder


def test_the_schemes_are_those_of_cityscapesscripts() -> None:
    from cityscapesscripts.helpers.labels import labels

    by_id = {label.id: (None if label.ignoreInEval else label.name) for label in labels if label.id >= 0}
    by_train_id = {label.trainId: label.name for label in labels if not label.ignoreInEval}
    counted = {label.id for label in labels if label.hasInstances}

    assert CITYSCAPES["labelIds"].ids == by_id
    assert CITYSCAPES["labelTrainIds"].ids == by_train_id | {255: None}
    instances = CITYSCAPES["instanceIds"].ids
    assert {value // 1000 for value in instances if value >= 1000} == counted
    assert all(
        name == by_id[value // 1000 if value >= 1000 else value] for value, name in instances.items()
    )
    assert len(instances) == len(by_id) + 1000 * len(counted)


def test_the_classes_are_the_evaluated_ones_of_cityscapesscripts(tmp_path: Path) -> None:
    from cityscapesscripts.helpers.labels import labels

    evaluated = sorted((x for x in labels if not x.ignoreInEval), key=lambda x: x.trainId)

    found = source(f"cityscapes:{tmp_path}").ontology

    assert found is not None
    assert [(c.id, c.name, c.color, c.thing) for c in found.classes] == [
        (x.trainId, x.name, x.color, x.hasInstances) for x in evaluated
    ]


@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds", "instanceIds"])
def test_each_kind_of_file_gives_the_same_classes(tmp_path: Path, kind: str) -> None:
    city(tmp_path, "labelIds", "labelTrainIds", "instanceIds")

    found = source(f"cityscapes:{tmp_path}?file={kind}", SKY_CAR)

    assert found.keys() == ("bonn_000001_000019",)
    indices = class_indices(found.read("bonn_000001_000019"))
    assert np.unique(indices).tolist() == [IGNORE, 0, 1, 2, 8, 10, 13]
    assert indices.reshape(-1)[::40].tolist() == [0, 1, 2, 8, 10, 13, IGNORE]


def test_label_ids_are_read_unless_the_spec_says_otherwise(tmp_path: Path) -> None:
    city(tmp_path, "labelIds", "labelTrainIds")

    found = source(f"cityscapes:{tmp_path}").read("bonn_000001_000019")

    assert found.content.values.max() == 26


def test_the_only_kind_of_file_is_read_and_two_kinds_are_asked_about(tmp_path: Path) -> None:
    city(tmp_path / "one", "instanceIds")
    city(tmp_path / "two", "instanceIds", "labelTrainIds")

    one, two = source(f"cityscapes:{tmp_path}/one"), source(f"cityscapes:{tmp_path}/two")

    assert one.read("bonn_000001_000019").content.values.max() == 26_001
    with pytest.raises(
        SpecError, match=r"no labelIds files.*\?file=instanceIds or \?file=labelTrainIds"
    ):
        two.keys()


def test_a_kind_of_file_that_was_asked_for_and_is_not_there_is_an_error(tmp_path: Path) -> None:
    city(tmp_path, "labelIds")

    with pytest.raises(SpecError, match=r"no instanceIds files.*\?file=labelIds"):
        source(f"cityscapes:{tmp_path}?file=instanceIds").keys()


def test_a_folder_without_a_single_cityscapes_name_is_an_error(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[0]])

    with pytest.raises(SpecError, match=r"_gtFine_labelIds\.png.*png:DIR"):
        source(f"cityscapes:{tmp_path}").keys()


def test_fine_and_coarse_masks_of_one_image_are_ambiguous(tmp_path: Path) -> None:
    city(tmp_path, "labelIds")
    city(tmp_path, "labelIds", stem="bonn_000001_000019_gtCoarse")
    found = source(f"cityscapes:{tmp_path}")

    assert found.keys() == ()
    assert codes(found) == [("delivery.ambiguous_image", "bonn_000001_000019")]


def test_a_label_no_cityscapes_mask_has_is_unknown(tmp_path: Path) -> None:
    values = street("labelIds")
    values[0, 0] = 34
    save(tmp_path / "bonn_000001_000019_gtFine_labelIds.png", values, np.uint16)
    found = source(f"cityscapes:{tmp_path}")

    faults = segcore.check(found).faults

    assert [(fault.code, fault.got) for fault in faults] == [("mask.unknown_value", "34 (1 px)")]


def test_train_ids_under_the_name_of_label_ids_are_refused(tmp_path: Path) -> None:
    gold = city(tmp_path / "gold", "labelIds")
    wrong = tmp_path / "delivery" / "bonn_000001_000019_gtFine_labelIds.png"
    save(wrong, street("labelTrainIds"), np.uint16)

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(source(f"cityscapes:{gold}"), source(f"cityscapes:{tmp_path}/delivery"))

    assert {"mask.id_scheme", "mask.unknown_value"} <= {fault.code for fault in refused.value.faults}


# ---- real files


def test_a_real_cityscapes_image_maps_as_cityscapesscripts_does(
    shared_data: Callable[[str], Path],
) -> None:
    from cityscapesscripts.helpers.labels import id2label

    folder = shared_data("mmseg_test_data") / "pseudo_cityscapes_dataset"
    key = "frankfurt_000000_000294"
    with Image.open(next(folder.rglob("*_labelIds.png"))) as image:
        label_ids = np.asarray(image)
    train_ids = np.vectorize(lambda i: id2label[i].trainId)(label_ids)

    found = source(f"cityscapes:{folder}")

    assert found.keys() == (key,)
    indices = class_indices(found.read(key))
    np.testing.assert_array_equal(np.where(indices == IGNORE, 255, indices), train_ids)
    assert codes(found) == []


def test_a_real_label_ids_delivery_under_train_ids_is_recognised(
    shared_data: Callable[[str], Path],
) -> None:
    folder = shared_data("mmseg_test_data") / "pseudo_cityscapes_dataset" / "gtFine"

    found = segcore.check(source(f"png:{folder}?suffix=_gtFine_labelIds.png"), ontology=CITY)

    assert [fault.code for fault in found.faults] == ["mask.id_scheme", "mask.unknown_value"]
