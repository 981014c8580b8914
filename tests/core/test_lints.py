"""Every lint of single images finds what is wrong, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from lint_scenes import BUS, CAR, CLASSES, ROAD, classes, found, mapped, only, regions, shapes
from panoptic_scenes import PERSON, SKY, save, scene

from segcore import limits as all_limits
from segcore.errors import InvalidInputError, OntologyError, UsageError
from segcore.lints import KEPT, Lint, lint

BLOB = """
    ......
    .####.
    .####.
    .####.
    ......
"""
HOLED = """
    .......
    .#####.
    .#...#.
    .#.#.#.
    .#...#.
    .#####.
    .......
"""


def square(height, width, top, left, bottom, right):
    mask = np.zeros((height, width), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


# ---- empty, tiny and whole masks


def test_a_mask_without_a_pixel_is_empty():
    delivery = regions(a=shapes((CAR, BLOB), (BUS, np.zeros((5, 6)))))

    finding = only(found("empty-mask", delivery))

    assert (finding.image, finding.annotation, finding.class_name, finding.got) == (
        "a",
        2,
        "bus",
        "0 px",
    )


def test_a_map_in_which_no_pixel_has_a_class_is_empty():
    delivery = mapped(a="...\n.?.", b="rrr\nrrr")

    assert only(found("empty-mask", delivery)).image == "a"


def test_an_image_without_an_object_is_no_empty_mask():
    delivery = regions(a=shapes((CAR, BLOB)).take(np.empty(0, np.int64)), b=shapes((CAR, BLOB)))

    assert found("empty-mask", delivery).found == 0


@pytest.mark.parametrize(("most", "expected"), [(11, 0), (12, 1)])
def test_a_mask_is_tiny_up_to_so_many_pixels(most, expected):
    delivery = regions(a=shapes((CAR, BLOB)))  # 4 x 3 pixels

    assert found("tiny-mask", delivery, tiny_px=most).found == expected


def test_all_pixels_of_a_class_are_one_mask_in_a_map_of_classes():
    delivery = mapped(a="c..\n...\n..c\n...")

    finding = only(found("tiny-mask", delivery, tiny_px=2))

    assert (finding.class_name, finding.annotation, finding.got) == ("car", None, "2 px")


@pytest.mark.parametrize(("share", "expected"), [(0.95, 1), (0.96, 0)])
def test_a_mask_is_as_large_as_its_image_from_a_share_on(share, expected):
    delivery = regions(a=shapes((CAR, "#####\n#####\n#####\n####."), (BUS, square(4, 5, 0, 0, 1, 1))))

    result = found("whole-image-mask", delivery, whole_share=share)

    assert [f.got for f in result.findings] == ["95.0 % of the image"] * expected


# ---- specks and holes


def test_a_small_part_apart_from_the_rest_is_a_speck():
    speckled = """
        ......##
        ......##
        ........
        ####....
        ####....
        ####...#
    """
    delivery = regions(a=shapes((CAR, speckled)))

    finding = only(found("speck", delivery, speck_px=4))

    assert finding.annotation == 1
    assert finding.what == "2 small parts lie apart from the rest"
    assert finding.got == "4 px at x=6 y=0, 1 px at x=7 y=5"


def test_parts_that_share_a_corner_are_one():
    assert found("speck", regions(a=shapes((CAR, "##..\n##..\n..#.\n....")))).found == 0


def test_a_part_is_a_speck_up_to_so_many_pixels():
    delivery = regions(a=shapes((CAR, "####..##\n####..##")))

    assert found("speck", delivery, speck_px=3).found == 0
    assert found("speck", delivery, speck_px=4).found == 1


def test_the_largest_part_is_no_speck_however_small():
    assert (
        found("speck", regions(a=shapes((CAR, "#.#.##")))).findings[0].what.startswith("2 small parts")
    )


def test_parts_at_the_end_of_a_column_and_the_beginning_of_the_next_are_apart():
    # Column-major, the runs of both touch.
    finding = only(found("speck", regions(a=shapes((CAR, ".#.\n...\n...\n#..\n#.."))), speck_px=1))

    assert finding.got == "1 px at x=1 y=0"


def test_specks_of_a_map_of_classes_are_those_of_each_class():
    delivery = mapped(a="rrrr\nrcrr\nrrrr\nrrrc\nrrrc")

    finding = only(found("speck", delivery, speck_px=1))

    assert (finding.class_name, finding.got) == ("car", "1 px at x=1 y=1")


def test_crowds_have_no_specks_and_no_holes():
    delivery = regions(a=shapes((CAR, HOLED), crowd=(1,)))

    assert found("speck", delivery).found == 0
    assert found("hole", delivery).found == 0


def test_a_small_hole_of_a_mask_is_a_finding():
    finding = only(found("hole", regions(a=shapes((CAR, HOLED))), hole_px=8))

    assert (finding.annotation, finding.what) == (1, "a small hole is filled by nothing")
    assert finding.got == "8 px at x=2 y=2"
    assert found("hole", regions(a=shapes((CAR, HOLED))), hole_px=7).found == 0


def test_holes_that_share_a_corner_are_two():
    mask = "#####\n#.###\n##.##\n#####"

    assert (
        only(found("hole", regions(a=shapes((CAR, mask))))).what == "2 small holes are filled by nothing"
    )


def test_a_hole_that_another_region_fills_is_none():
    inner = ".......\n.......\n..###..\n..#.#..\n..###..\n.......\n......."

    assert found("hole", regions(a=shapes((CAR, HOLED), (BUS, inner)))).found == 0


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param("##.##\n#...#\n#####", id="at the border"),
        pytest.param("#####\n#...#\n#.#.#\n#.#..\n#####", id="open to one side"),
        pytest.param("###\n#..\n#.#\n...", id="at the end of its lines"),
    ],
)
def test_what_reaches_the_border_is_no_hole(mask):
    assert found("hole", regions(a=shapes((CAR, mask)))).found == 0


def test_a_hole_that_only_corners_close_is_one():
    assert found("hole", regions(a=shapes((CAR, ".#.\n#.#\n.#.\n.#.")))).found == 1


def test_a_gap_between_two_objects_is_no_hole():
    left, right = "##..\n#...\n##..", "..##\n..##\n..##"

    assert found("hole", regions(a=shapes((CAR, left), (BUS, right)))).found == 0


def test_a_hole_of_a_map_of_classes_is_unlabeled_and_not_void():
    delivery = mapped(a="rrrrr\nr.rcr\nrrr?r\nrrrrr", b="rrr\nr?r\nrrr")

    finding = only(found("hole", delivery))

    assert (finding.image, finding.class_name, finding.got) == ("a", "road", "1 px at x=1 y=1")


# ---- overlap, uncovered pixels, the same object twice


def test_pixels_in_two_regions_overlap():
    delivery = regions(a=shapes((CAR, "##.\n##."), (BUS, ".##\n.##"), (ROAD, "#..\n...")))

    finding = only(found("overlap", delivery))

    assert finding.got == "3 px"
    assert finding.what == "regions overlap, such as car 1 and bus 2 at x=1 y=0"
    assert found("overlap", delivery, overlap_px=2).found == 1
    assert found("overlap", delivery, overlap_px=3).found == 0


def test_regions_that_touch_do_not_overlap():
    assert found("overlap", regions(a=shapes((CAR, "##.\n##."), (BUS, "..#\n..#")))).found == 0


def test_a_crowd_over_an_object_is_no_overlap():
    assert found("overlap", regions(a=shapes((CAR, "##"), (CAR, "##"), crowd=(2,)))).found == 0


def test_pixels_of_no_region_are_uncovered():
    finding = only(found("uncovered", regions(a=shapes((CAR, "##..\n##..")))))

    assert finding.got == "4 px, 50.0 % of the image"
    assert found("uncovered", regions(a=shapes((CAR, "##..\n##.."))), uncovered_px=4).found == 0


def test_void_pixels_of_a_map_are_covered_and_unlabeled_ones_are_not():
    delivery = mapped(a="r?\nrr", b="r.\nrr")

    assert only(found("uncovered", delivery)).image == "b"


def test_void_pixels_of_a_panoptic_mask_are_uncovered(tmp_path):
    covered, holed = (scene(d, p=PERSON, s=SKY) for d in ("p s\np s", "p .\np s"))
    spec = save(tmp_path, "delivery", {"a": covered, "b": holed})

    result = lint(spec, ["uncovered", "overlap", "duplicate-instance"])

    assert only(result[Lint.UNCOVERED]).image == "b"
    assert result[Lint.OVERLAP].not_applicable == "no pixel of its masks can lie in two regions"
    assert result[Lint.DUPLICATE_INSTANCE].not_applicable


def test_the_same_object_twice_is_found_from_the_iou_on():
    first, second = square(10, 10, 0, 0, 4, 5), square(10, 10, 0, 0, 4, 5)
    second[3, 4] = False  # 19 of 20 pixels are shared: an IoU of 0.95
    delivery = regions(a=shapes((CAR, first), (CAR, second)))

    finding = only(found("duplicate-instance", delivery))

    assert (finding.annotation, finding.what, finding.got) == (2, "the same object as car 1", "0.9500")
    assert found("duplicate-instance", delivery, duplicate_iou=0.96).found == 0


def test_an_object_three_times_is_two_findings_with_the_first():
    delivery = regions(a=shapes((CAR, BLOB), (CAR, BLOB), (CAR, BLOB)))

    result = found("duplicate-instance", delivery)

    assert [f.annotation for f in result.findings] == [2, 3]
    assert {f.what for f in result.findings} == {"the same object as car 1"}


def test_two_classes_of_one_mask_and_a_crowd_are_no_duplicates():
    two = regions(a=shapes((CAR, BLOB), (BUS, BLOB)), b=shapes((CAR, BLOB), (CAR, BLOB), crowd=(1,)))

    assert found("duplicate-instance", two).found == 0


def test_more_objects_of_one_size_than_can_be_compared_are_refused(monkeypatch):
    monkeypatch.setattr(all_limits, "MAX_OBJECT_PAIRS", 2)
    delivery = regions(a=shapes((CAR, BLOB), (CAR, BLOB), (CAR, BLOB)))

    with pytest.raises(InvalidInputError, match=r"limits\.entries: drawn:: image a: .*got 3"):
        found("duplicate-instance", delivery)


# ---- blocks


def enlarged(mask, times):
    return np.kron(mask, np.ones((times, times), mask.dtype))


ROUND = (np.add.outer((np.arange(12) - 5.5) ** 2, (np.arange(12) - 5.5) ** 2) < 30).astype(np.uint8)


@pytest.mark.parametrize("times", [2, 3, 8, 16])
def test_a_map_of_repeated_pixels_is_blocky(times):
    delivery = mapped(a=enlarged(ROUND + 1, times), b=ROUND + 1)

    finding = only(found("blocky-mask", delivery))

    assert (finding.image, finding.got) == ("a", f"blocks of {times} x {times} px")


@pytest.mark.parametrize("offset", [(0, 0), (1, 0), (3, 5)])
def test_an_object_of_repeated_pixels_is_blocky_wherever_its_grid_begins(offset):
    blocks = np.zeros((60, 70), np.uint8)
    blocks[offset[0] : offset[0] + 48, offset[1] : offset[1] + 48] = enlarged(ROUND, 4)
    fine = np.zeros((60, 70), np.uint8)
    fine[5:17, 5:17] = ROUND
    delivery = regions(a=shapes((CAR, blocks), (BUS, fine)))

    finding = only(found("blocky-mask", delivery))

    assert (finding.annotation, finding.got) == (1, "blocks of 4 x 4 px")


def test_a_box_is_not_blocky_however_even_its_sides():
    delivery = regions(a=shapes((CAR, square(40, 40, 8, 8, 24, 32))))

    assert found("blocky-mask", delivery).found == 0


def test_one_pixel_beside_the_grid_is_enough_not_to_be_blocky():
    values = enlarged(ROUND + 1, 4)
    values[21, 21] = 3

    assert found("blocky-mask", mapped(a=values)).found == 0


# ---- all of them


def test_findings_are_all_counted_and_some_are_kept():
    images = {f"{i:03}": shapes((CAR, np.zeros((2, 2)))) for i in range(KEPT + 7)}

    result = found("empty-mask", regions(**images))

    assert result.found == KEPT + 7
    assert [f.image for f in result.findings] == [f"{i:03}" for i in range(KEPT)]


def test_images_of_unknown_size_are_passed_over():
    delivery = regions(
        a=shapes((CAR, np.zeros((0, 0)))).take(np.empty(0, np.int64)), b=shapes((CAR, BLOB))
    )

    results = lint(delivery, [name for name in Lint if not name.needs_gold], ontology=CLASSES)

    assert results[Lint.SPECK].examined == 1
    assert results[Lint.UNCOVERED].examined == 1


def test_the_lints_of_a_result_come_in_one_order():
    delivery = regions(a=shapes((CAR, BLOB)))

    results = lint(delivery, ["speck", "empty-mask", "speck"], ontology=CLASSES)

    assert list(results) == [Lint.EMPTY_MASK, Lint.SPECK]


def test_a_lint_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="'specks' is no lint"):
        lint(regions(a=shapes((CAR, BLOB))), ["specks"])


def test_a_lint_that_compares_asks_for_gold():
    with pytest.raises(UsageError, match="mirrored compares the delivery with gold"):
        lint(regions(a=shapes((CAR, BLOB))), ["speck", "mirrored"])


def test_a_delivery_without_an_image_is_refused():
    with pytest.raises(InvalidInputError, match=r"delivery\.image_match"):
        found("speck", regions())


def test_values_without_a_meaning_ask_for_an_ontology(tmp_path):
    (tmp_path / "masks").mkdir()

    with pytest.raises(OntologyError, match="names no classes"):
        lint(f"png:{tmp_path / 'masks'}", ["speck"])


def test_a_mask_of_more_runs_than_can_be_taken_apart_is_refused(monkeypatch):
    monkeypatch.setattr(all_limits, "MAX_IMAGE_RUNS", 4)

    with pytest.raises(InvalidInputError, match=r"limits\.entries: drawn:: image a"):
        found("speck", mapped(a=classes("rcr\ncrc\nrcr")))
