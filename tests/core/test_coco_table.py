"""The annotations of a COCO document out of its text: the same table as out of a parsed list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore import kernels
from segcore.sources.coco_table import ListedEntries, ScannedEntries

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 1, -1, 2, 0.5, 1.0, 2**53 + 1, 2**63, 1e299, 1e305, "1", "", [], [1], {}, [1, "2"]]
)
SIDES = st.sampled_from([4, 6])
MASKS = st.fixed_dictionaries(
    {
        "size": st.lists(SIDES, min_size=2, max_size=2) | ODD,
        "counts": st.text(st.sampled_from('04o\\/"\n\u00e9'), max_size=6) | ODD,
    },
    optional={"more": ODD},
)
ENTRIES = st.fixed_dictionaries(
    {"image_id": st.integers(1, 3), "category_id": st.integers(1, 3)},
    optional={
        "iscrowd": st.integers(0, 1) | ODD,
        "score": st.floats(0, 1) | ODD,
        "area": st.floats(0, 99) | ODD,
        "bbox": st.lists(st.floats(0, 9) | ODD, min_size=3, max_size=5) | ODD,
        "segmentation": MASKS | ODD,
        "segments_info": ODD,
        "annotator": ODD,
        "attributes": st.fixed_dictionaries({}, optional={"annotator": ODD}) | ODD,
    },
)


@pytest.fixture(scope="module", autouse=True)
def numba() -> Iterator[None]:
    """Only the compiled kernels look for rows."""
    kernels.use("numba")
    _, scanned = both([{"image_id": 1}])  # compiled before anything is timed
    assert scanned.masks(np.array([0]), sizes=np.array([[4, 6]])).others == {0: None}
    yield
    kernels.use("auto")


def numbered(entries: list[dict[str, Any]], *, first: int = 1) -> list[dict[str, Any]]:
    return [entry | {"id": place} for place, entry in enumerate(entries, first)]


def both(entries: list[dict[str, Any]]) -> tuple[ListedEntries, ScannedEntries]:
    found = ScannedEntries.find(json.dumps(entries).encode(), file="x.json")
    assert found is not None
    assert found[0] == {}
    return ListedEntries(entries), found[1]


@given(st.lists(ENTRIES, min_size=1, max_size=6), st.booleans(), st.booleans())
def test_sound_entries_have_the_same_columns(
    entries: list[dict[str, Any]], results: bool, scored: bool
) -> None:
    listed, scanned = both(numbered(entries))

    one, other = (table.sound_columns(results=results, scored=scored) for table in (listed, scanned))

    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert list(one.ids) == list(other.ids)
        for name in ("image_ids", "category_ids", "crowd", "scores"):
            left, right = getattr(one, name), getattr(other, name)
            assert left.dtype == right.dtype
            assert left.tolist() == right.tolist()


@given(st.lists(ENTRIES, min_size=1, max_size=6), st.randoms())
def test_masks_areas_and_boxes_are_the_same_in_any_order(
    entries: list[dict[str, Any]], random: Any
) -> None:
    listed, scanned = both(entries)
    places = list(range(len(entries)))
    random.shuffle(places)
    order = np.array(places)
    sizes = np.tile([4, 6], (len(entries), 1))

    one, other = (table.masks(order, sizes=sizes) for table in (listed, scanned))

    assert one.text.tobytes() == other.text.tobytes()
    assert one.characters.tolist() == other.characters.tolist()
    assert one.others == other.others
    assert np.array_equal(listed.areas(order), scanned.areas(order), equal_nan=True)
    corners = (table.corners(order, sizes=sizes) for table in (listed, scanned))
    assert np.array_equal(*corners, equal_nan=True)


@given(st.lists(ENTRIES, min_size=1, max_size=6))
def test_whoever_drew_is_the_same(entries: list[dict[str, Any]]) -> None:
    listed, scanned = both(entries)

    assert json.dumps(listed.annotators()) == json.dumps(scanned.annotators())


@given(st.lists(ENTRIES, min_size=1, max_size=4))
def test_keys_all_entries_have_are_the_same(entries: list[dict[str, Any]]) -> None:
    listed, scanned = both(entries)

    for name in ("score", "segments_info"):
        assert listed.all_have(name) == scanned.all_have(name)


@pytest.mark.parametrize("ids", [[1, 1], [2**63, 1], [-(2**63), 1], [1.0, 2], ["1", 2], [True, 2]])
def test_ids_that_are_none_make_the_entries_be_looked_at(ids: list[Any]) -> None:
    entries = [{"image_id": 1, "category_id": 1, "id": own_id} for own_id in ids]

    for table in both(entries):
        assert table.sound_columns(results=False, scored=False) is None


def test_ids_beyond_a_double_are_read_by_json() -> None:
    entries = [{"image_id": 1, "category_id": 1, "id": own_id} for own_id in (2**53 + 1, 2**62)]

    listed, scanned = both(entries)

    found = listed.sound_columns(results=False, scored=False)
    assert found is not None
    assert list(found.ids) == [2**53 + 1, 2**62]
    assert scanned.sound_columns(results=False, scored=False) is None  # then parsed() is used
    assert scanned.parsed() == entries


def test_the_document_around_the_annotations_is_parsed() -> None:
    document = {
        "images": [{"id": 1}],
        "annotations": [{"id": 5}],
        "categories": [],
        "info": {"annotations": 1},
    }

    found = ScannedEntries.find(json.dumps(document).encode(), file="x.json")

    assert found is not None
    assert found[0] == document | {"annotations": []}
    assert found[1].parsed() == [{"id": 5}]
