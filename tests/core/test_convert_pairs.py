"""Every format into every format: what comes back, and what is lost, worked out by hand."""

from __future__ import annotations

import pytest
from convert_scenes import CAR, DESTINATIONS, GROUP, PERSON, SOURCES, coco_file

import segcore
from segcore.conversion import convert
from segcore.loss import Kind
from segcore.writers import formats

# The scene: two cars, a person, sky and road, and 40 px nobody claimed.
#   =  lossless
#   m  the two cars become one area of cars
#   v  the 40 px become void: Cityscapes has no word for a pixel nobody claimed
#   -  the 40 px, which are void in Cityscapes, become pixels nobody claimed
ORDER = ("coco", "coco-panoptic", "png", "rgb", "cityscapes", "cvat", "voc", "labelme", "yolo", "label-studio-export")  # noqa: E501  # fmt: skip
TABLE = """
    coco                 =  =  m  m  v  =  =  =  =  =
    coco-panoptic        =  =  m  m  v  =  =  =  =  =
    png                  =  =  =  =  v  =  =  =  =  =
    rgb                  =  =  =  =  v  =  =  =  =  =
    cityscapes           -  -  m  m  =  -  =  =  -  -
    cvat                 =  =  m  m  v  =  =  =  =  =
    voc                  =  =  m  m  v  =  =  =  =  =
    labelme              =  =  m  m  v  =  =  =  =  =
    yolo                 =  =  m  m  v  =  =  =  =  =
    label-studio-export  =  =  m  m  v  =  =  =  =  =
"""
PAIRS = [
    pytest.param(source, destination, expected, id=f"{source} to {destination}")
    for source, *row in map(str.split, TABLE.strip().splitlines())
    for destination, expected in zip(ORDER, row, strict=True)
]


def test_the_table_holds_every_format_that_is_written():
    assert formats() == tuple(sorted(ORDER)) == tuple(sorted(SOURCES)) == tuple(sorted(DESTINATIONS))


@pytest.mark.parametrize(("source", "destination", "expected"), PAIRS)
def test_a_small_scene_is_converted_with_the_loss_the_pair_has(tmp_path, source, destination, expected):
    spec = SOURCES[source](tmp_path)

    found = convert(spec, DESTINATIONS[destination].format(tmp_path), lossy=True)

    counts = {name: n for name, n in found.loss.counts.items() if n}
    total = found.loss.total()
    merged = 2 if expected == "m" else 0
    objects = 4 if source in ("png", "rgb") else 5
    assert counts == {"v": {"void_added_px": 40}, "-": {"void_lost_px": 40}}.get(expected, {})
    assert (total.objects, total.exact, total.merged) == (objects, objects - merged, merged)
    assert (total.lost, total.split, total.holes_filled) == (0, 0, 0)
    assert found.loss.kind is (Kind.LOSSLESS if expected == "=" else Kind.LOSSY)


@pytest.mark.parametrize(("source", "destination", "expected"), PAIRS)
def test_what_is_converted_scores_like_the_source(tmp_path, source, destination, expected):
    spec = SOURCES[source](tmp_path)

    found = convert(spec, DESTINATIONS[destination].format(tmp_path), lossy=True)

    scores = segcore.evaluate(spec, str(found.reading))
    ious = {c.name: c.iou for c in scores.classes if c.union}
    assert ious == dict.fromkeys(("car", "person", "road", "sky"), 1.0)


@pytest.mark.parametrize("destination", [d for d in ORDER if d != "coco"])
def test_a_lossy_conversion_writes_nothing_unless_it_is_wanted(tmp_path, destination):
    spec = SOURCES["cityscapes" if destination not in ("voc", "labelme", "cityscapes") else "coco"](
        tmp_path
    )
    if destination in ("voc", "labelme"):
        spec = coco_file(tmp_path, [("car", GROUP, True)])
    before = sorted(tmp_path.iterdir())

    found = convert(spec, DESTINATIONS[destination].format(tmp_path))

    assert (found.written, found.loss.kind) == (False, Kind.LOSSY)
    assert sorted(tmp_path.iterdir()) == before


LOSSES = {
    # overlap flattened, crowds lost, px that become void; of 144 px 53 are claimed
    "coco": {},
    "cvat": {},
    "coco-panoptic": {"flattened_px": 4},
    "voc": {"flattened_px": 4, "crowds_lost": 1},
    "cityscapes": {"flattened_px": 4, "void_added_px": 91},
    "labelme": {"crowds_lost": 1},
    "yolo": {"crowds_lost": 1},
    "label-studio-export": {"crowds_lost": 1},
    "png": {"flattened_px": 4, "crowds_lost": 1},
    "rgb": {"flattened_px": 4, "crowds_lost": 1},
}


@pytest.mark.parametrize("destination", ORDER)
def test_overlap_and_crowds_are_lost_where_the_format_has_no_place_for_them(tmp_path, destination):
    spec = coco_file(tmp_path, [("car", CAR, False), ("person", PERSON, False), ("car", GROUP, True)])

    found = convert(spec, DESTINATIONS[destination].format(tmp_path), lossy=True).loss

    assert {name: n for name, n in found.counts.items() if n} == LOSSES[destination]
    cars, persons = found.by_class()[0], found.by_class()[1]
    assert persons.ious == [1.0]  # the smaller one keeps the shared pixels
    if destination in ("png", "rgb"):
        assert cars.ious == [28 / 41, 9 / 37]  # of 37 px of cars
        assert cars.merged == 2
    else:
        flattened = "flattened_px" in LOSSES[destination]
        assert cars.ious == [28 / 32 if flattened else 1.0, 1.0]
        assert cars.merged == 0


@pytest.mark.parametrize("destination", ORDER)
def test_scores_are_lost_everywhere_but_in_coco(tmp_path, destination):
    spec = coco_file(tmp_path, [("car", CAR, False), ("person", PERSON, False)], score=True)

    found = convert(spec, DESTINATIONS[destination].format(tmp_path), lossy=True)

    assert found.loss.counts["scores_lost"] == (0 if destination == "coco" else 2)
    assert ("scores" in found.missing) == (destination != "coco")


POLYGONS = (
    "coco:{}/out.json?encoding=polygon",
    "labelme:{}/out?encoding=polygon",
    "cvat:{}/out.xml?encoding=polygon",
    "yolo:{}/out",
    "label-studio-export:{}/out.json?encoding=polygon",
)


@pytest.mark.parametrize("destination", POLYGONS)
def test_polygons_keep_holes_and_parts_to_the_pixel(tmp_path, destination):
    parts = CAR | GROUP  # two parts, one of them with a hole
    spec = coco_file(tmp_path, [("car", parts, False), ("person", PERSON, False)])

    found = convert(spec, destination.format(tmp_path))

    assert (found.loss.kind, found.loss.total().exact) == (Kind.LOSSLESS, 2)
