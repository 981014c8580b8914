"""Values of a mask that no class has: counted, and told apart by their cause."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mask_files import CITY, SKY_CAR, street
from PIL import Image

from segcore.annotation import ImageAnnotation, LabelMap, Regions
from segcore.masks.schemes import CITYSCAPES
from segcore.masks.values import _counts, _sample, looks_blended, ranges, summary, value_faults
from segcore.ontology import UNKNOWN, LabelClass, Ontology


def annotation(
    values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], ontology: Ontology
) -> ImageAnnotation:
    lookup = ontology.lookup(1 << (8 * values.itemsize))
    content = LabelMap(values=values, lookup=lookup)
    return ImageAnnotation(key="a", height=values.shape[0], width=values.shape[1], content=content)


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


def test_void_that_label_ids_do_not_have_makes_them_no_train_ids() -> None:
    values = np.array([[0, 7, 8, 11, 17, 255]], np.uint16)  # road, sidewalk, building, pole
    content = LabelMap(values=values, lookup=CITYSCAPES["labelIds"].lookup(CITY, 65_536))
    mask = ImageAnnotation(key="a", height=1, width=6, content=content)

    faults = value_faults(mask, ontology=CITY, file="x")

    assert [fault.code for fault in faults] == ["mask.unknown_value"]


def one_to(n: int) -> Ontology:
    return Ontology(tuple(LabelClass(id=i, name=f"c{i}") for i in range(1, n + 1)), ignore=(255,))


@pytest.mark.parametrize(("step", "got"), [(1, "plus 1"), (-1, "minus 1")])
def test_ids_that_are_all_one_off_are_named(step: int, got: str) -> None:
    ontology = one_to(8)
    values = np.array([[*range(1 + step, 9 + step), 255]], np.uint8)

    faults = value_faults(annotation(values, ontology), ontology=ontology, file="x")

    assert [fault.code for fault in faults] == ["mask.unknown_value", "mask.id_scheme"]
    assert faults[1].expected == "class ids 1-8"
    assert faults[1].got == f"the same numbers {got}"


@pytest.mark.parametrize("step", [1, -1])
def test_a_few_numbers_with_gaps_between_them_tell_that_they_are_one_off(step: int) -> None:
    ontology = Ontology(tuple(LabelClass(id=10 * i, name=f"c{i}") for i in range(1, 9)))
    values = np.array([[20 + step, 50 + step, 80 + step]], np.uint8)

    faults = value_faults(annotation(values, ontology), ontology=ontology, file="x")

    assert [fault.code for fault in faults] == ["mask.unknown_value", "mask.id_scheme"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([0], id="nothing else"),
        pytest.param([0, 1, 2, 3], id="the first classes"),
        pytest.param([0, 1, 2, 3, 4, 5, 6, 8], id="the last class too"),
        pytest.param([0, 1, 2, 4, 5, 6, 7], id="a number short"),
    ],
)
def test_a_background_of_0_is_no_shift_and_the_fault_says_what_to_write(values: list[int]) -> None:
    ontology = one_to(8)

    faults = value_faults(
        annotation(np.array([values], np.uint8), ontology), ontology=ontology, file="x"
    )

    assert [fault.code for fault in faults] == ["mask.unknown_value"]
    assert faults[0].expected == "1-8, 255 (is 0 background? then `unlabeled: 0`)"


@pytest.mark.parametrize("undeclared", [[2, 3, 9], [1, 2, 3, 4, 5, 6, 7, 9], [9]])
def test_one_class_nobody_declared_is_no_shift(undeclared: list[int]) -> None:
    ontology = one_to(8)

    faults = value_faults(
        annotation(np.array([undeclared], np.uint8), ontology), ontology=ontology, file="x"
    )

    assert [fault.code for fault in faults] == ["mask.unknown_value"]


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
