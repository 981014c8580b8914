"""The result of an annotation: what makes a region, its label and its size, and what refuses it."""

from __future__ import annotations

import base64
import copy
import io

import numpy as np
import pytest
from PIL import Image

from segcore.masks import polygons
from segcore_labelstudio import results, shapes
from segcore_labelstudio.images import TaskImage
from segcore_labelstudio.labeling import parse_labeling
from segcore_labelstudio.results import draw_regions, group_results, labels_of

CONFIG = parse_labeling(
    """<View><Image name="image" value="$image"/>
    <RectangleLabels name="box" toName="image"><Label value="car"/></RectangleLabels>
    <Labels name="kind" toName="image"><Label value="car"/></Labels>
    <Rectangle name="shape" toName="image"/><TextArea name="note" toName="image" perRegion="true"/>
    </View>""",
    file="config.xml",
)

IMAGE = TaskImage(key="street", to_name=None)

BOX = {"x": 25.0, "y": 0.0, "width": 50.0, "height": 50.0, "rotation": 0}
"""On 4 x 2 pixels: the two in the middle of the first row."""

BOX_PX = np.array([[0, 1, 1, 0], [0, 0, 0, 0]], np.bool_)


def entry(kind="rectanglelabels", *, shape=BOX, **changes):
    labels = {kind: ["car"]} if kind.endswith("labels") else {}
    made = {
        "id": "r1",
        "type": kind,
        "from_name": {"rectanglelabels": "box", "labels": "kind", "rectangle": "shape"}.get(
            kind, "note"
        ),
        "to_name": "image",
        "original_width": 4,
        "original_height": 2,
        "value": {**shape, **labels},
    }
    made.update(changes)
    return {name: value for name, value in made.items() if value != "absent"}


def labelled(*labels, **changes):
    return entry(value={**BOX, "rectanglelabels": list(labels)}, **changes)


def drawn_from(*entries, labeling=None):
    return draw_regions(
        group_results(list(entries)),
        file="export.json",
        image=IMAGE,
        task_id=4,
        labeling=labeling,
        threshold=128,
    )


def codes(drawn):
    return [fault.code for fault in drawn.faults]


def test_a_region_has_its_id_label_size_and_pixels():
    drawn = drawn_from(entry(), labeling=CONFIG)

    [region] = drawn.regions
    assert (region.id, region.label, region.to_name, region.item) == ("r1", "car", "image", 0)
    assert (drawn.width, drawn.height) == (region.width, region.height) == (4, 2)
    assert np.array_equal(region.mask.to_array(), BOX_PX)
    assert (drawn.faults, drawn.rejected) == ([], 0)


def test_a_shape_and_its_labels_are_one_region():
    drawn = drawn_from(entry("rectangle"), entry("labels"), labeling=CONFIG)

    [region] = drawn.regions
    assert region.label == "car"
    assert np.array_equal(region.mask.to_array(), BOX_PX)
    assert drawn.faults == []


def test_answers_and_relations_add_nothing_to_a_region():
    drawn = drawn_from(
        entry(),
        entry("textarea", value={**BOX, "text": ["hello"]}),
        entry("choices", id="whole-image", value={"choices": ["good"]}),
        {"type": "relation", "from_id": "r1", "to_id": "r1", "direction": "right"},
    )

    assert [region.id for region in drawn.regions] == ["r1"]
    assert drawn.faults == []


def test_regions_without_an_id_are_regions_of_their_own():
    drawn = drawn_from(entry(id=None), entry(id="absent"))

    assert [region.id for region in drawn.regions] == ["result[0]", "result[1]"]


def test_one_region_that_is_refused_does_not_refuse_the_others():
    drawn = drawn_from(entry(id="a"), labelled("car", "road", id="b"), entry(id="c"))

    assert [region.id for region in drawn.regions] == ["a", "c"]
    assert drawn.rejected == 1
    [fault] = drawn.faults
    assert (fault.code, fault.file, fault.image, fault.image_id, fault.annotation) == (
        "ls.ambiguous_label",
        "export.json",
        "street",
        4,
        "b",
    )


def test_the_same_label_twice_is_one_label():
    assert drawn_from(labelled("car", "car")).faults == []


TEXT_SPAN = {"start": 0, "end": 4, "text": "word", "labels": ["car"]}
TOUCHES = {"format": "rle", "touches": [], "brushlabels": ["car"]}


@pytest.mark.parametrize(
    ("faulty", "code"),
    [
        (labelled(), "ls.missing_label"),
        (entry(value=BOX), "ls.missing_label"),
        (entry("rectangle"), "ls.missing_label"),
        (entry("textarea"), "ls.missing_label"),
        (labelled(1), "ls.missing_label"),
        (labelled(" "), "ls.missing_label"),
        (labelled("a\x1bb"), "ls.missing_label"),
        (labelled("x" * 1025), "ls.missing_label"),
        (entry(value={**BOX, "rectanglelabels": "car"}), "ls.missing_label"),
        (labelled("car", "road"), "ls.ambiguous_label"),
        (entry("keypointlabels"), "ls.unsupported_type"),
        (entry("videorectangle", value={"sequence": [], "labels": ["car"]}), "ls.unsupported_type"),
        (entry("labels", value=TEXT_SPAN), "ls.unsupported_type"),
        (entry("hypertextlabels", value=TEXT_SPAN), "ls.unsupported_type"),
        (entry("brushlabels", value=TOUCHES), "ls.missing_field"),
        (entry("brushlabels"), "ls.missing_field"),
        (entry(value={**BOX, "points": [], "rectanglelabels": ["car"]}), "ls.missing_field"),
        (entry(type=7), "ls.missing_field"),
        (entry(type=["rectanglelabels"]), "ls.missing_field"),
        (entry(type="absent"), "ls.missing_field"),
        (entry(value="absent"), "ls.missing_field"),
        (entry(value=[1]), "ls.missing_field"),
        (entry(id=7), "ls.missing_field"),
        (entry(id="a\nb"), "ls.missing_field"),
        (entry(to_name="absent"), "ls.missing_field"),
        (entry(to_name={}), "ls.missing_field"),
        (entry(item_index="0"), "ls.missing_field"),
        (entry(item_index=-1), "ls.missing_field"),
        (entry(item_index=True), "ls.missing_field"),
        (entry(original_width="absent"), "ls.missing_field"),
        (entry(original_height="absent"), "ls.missing_field"),
        (entry(original_width=4.0), "ls.missing_field"),
        (entry(original_width=0), "ls.missing_field"),
        (entry(original_width=True), "ls.missing_field"),
        (entry(original_width=10**30), "ls.missing_field"),
        (entry(original_width=1 << 20, original_height=1 << 20), "limits.pixels"),
        ("garbage", "ls.missing_field"),
        (None, "ls.missing_field"),
    ],
)
def test_a_region_that_is_not_understood_is_refused(faulty, code):
    drawn = drawn_from(entry(id="sound"), faulty)

    assert [region.id for region in drawn.regions] == ["sound"]
    assert drawn.rejected == 1
    assert code in codes(drawn)
    assert all(len(fault.expected) <= 100 and len(fault.got) <= 100 for fault in drawn.faults)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (entry("labels", shape={**BOX, "x": 26.0}), "ls.duplicate_region_id"),
        (entry("labels", original_width=5), "ls.duplicate_region_id"),
        (entry("labels", to_name="other"), "ls.duplicate_region_id"),
        (entry(shape={**BOX, "height": 10.0}), "ls.duplicate_region_id"),
    ],
)
def test_two_shapes_under_one_id_are_refused(other, code):
    drawn = drawn_from(entry(), other)

    assert drawn.regions == []
    assert drawn.rejected == 1
    assert codes(drawn) == [code]


def test_regions_that_disagree_about_the_size_of_their_image_are_refused():
    drawn = drawn_from(entry(id="a"), entry(id="b", original_width=8), entry(id="c"))

    assert [region.id for region in drawn.regions] == ["a", "c"]
    [fault] = drawn.faults
    assert (fault.code, fault.annotation, fault.got) == ("ls.size_mismatch", "b", "8 x 2 px")


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"from_name": "bax"}, "'bax', did you mean 'box'?"),
        ({"from_name": "absent"}, "None"),
        ({"from_name": ["box"]}, "['box']"),
    ],
)
def test_a_tag_the_configuration_does_not_have_is_a_fault_where_it_is_known(changes, got):
    region = entry(**changes)

    assert drawn_from(region).faults == []
    [fault] = drawn_from(region, labeling=CONFIG).faults
    assert (fault.code, fault.got) == ("ls.unknown_control", got)


def test_a_shape_that_leaves_nothing_is_refused_with_the_reason_of_the_shape():
    outside = {"x": 300.0, "y": 300.0, "width": 10.0, "height": 10.0, "rotation": 0}

    drawn = drawn_from(entry(shape=outside))

    assert drawn.rejected == 1
    assert codes(drawn)[0].startswith("poly.")


def test_the_labels_of_a_group_are_those_of_every_entry_in_order():
    [group] = group_results([labelled("road"), entry("labels"), entry("textarea")])

    assert labels_of(group) == ["road", "car"]


def test_reading_leaves_the_entries_as_they_are():
    entries = [entry("rectangle"), entry("labels"), labelled("a", "b", id="x")]
    before = copy.deepcopy(entries)

    drawn_from(*entries, labeling=CONFIG)

    assert entries == before


def brush(*alphas):
    """Four times the alpha of every pixel, each pixel a run of its own, packed by hand."""
    sizes = "0010001101111111"  # 3, 4, 8 and 16 bits, less one
    runs = (f"1{0:02b}{4 - 1:03b}{alpha:08b}" for alpha in alphas)
    bits = f"{4 * len(alphas):032b}{8 - 1:05b}{sizes}" + "".join(runs)
    bits += "0" * (-len(bits) % 8)
    return {"format": "rle", "rle": [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]}


@pytest.mark.parametrize(
    ("alphas", "pixels", "said"),
    [
        pytest.param([0, 130, 255, 255, 0, 90, 0, 0], 3, [], id="an edge of soft pixels"),
        pytest.param([0, 130, 130, 130, 90, 0, 0, 0], 3, ["ls.soft_alpha"], id="little but soft pixels"),
    ],
)
def test_a_brush_mask_that_is_mostly_soft_is_reported_and_counted(alphas, pixels, said):
    value = {**brush(*alphas), "brushlabels": ["car"]}

    drawn = drawn_from(entry("brushlabels", from_name="brush", value=value))

    assert codes(drawn) == said
    assert drawn.regions[0].mask.area_px == pixels
    assert drawn.rejected == 0


def test_regions_beyond_the_runs_of_an_image_are_refused_each(monkeypatch):
    monkeypatch.setattr(results, "MAX_IMAGE_RUNS", 5)  # a box takes two, one for each column
    boxes = [entry(id=name) for name in ("r1", "r2", "r3", "r4")]

    drawn = drawn_from(*boxes)

    assert [region.id for region in drawn.regions] == ["r1", "r2"]
    assert codes(drawn) == ["limits.entries"] * 2
    assert [fault.annotation for fault in drawn.faults] == ["r3", "r4"]
    assert drawn.rejected == 2


def outlined(name, kind, shape):
    """A region of 100 x 50 pixels in an image of 200 x 100."""
    value = {**shape, kind: ["car"]}
    size = {"original_width": 200, "original_height": 100}
    return entry(kind, id=name, value=value, **size)


OUTLINES = {
    "rectanglelabels": {"x": 10, "y": 10, "width": 50, "height": 50},
    "polygonlabels": {"points": [[10, 10], [60, 10], [60, 60], [10, 60]]},
    "vectorlabels": {
        "vertices": [
            {"id": f"v{i}", "x": x, "y": y, "prevPointId": f"v{i - 1}" if i else None}
            for i, (x, y) in enumerate([(10, 10), (60, 10), (60, 60), (10, 60)])
        ],
        "closed": True,
    },
    "ellipselabels": {"x": 35, "y": 35, "radiusX": 25, "radiusY": 25},
}
STEPS = {"rectanglelabels": 300.8, "polygonlabels": 300.8, "vectorlabels": 300.8, "ellipselabels": 100}
"""Twice 100 and 50 px and a fifth for each point; of an ellipse its columns."""


@pytest.mark.parametrize("kind", OUTLINES)
def test_outlines_beyond_the_steps_of_an_image_are_refused_each(kind, monkeypatch):
    for module in (shapes, polygons):
        monkeypatch.setattr(module, "MAX_IMAGE_STEPS", 3.5 * STEPS[kind])
    names = ["r1", "r2", "r3", "r4", "r5"]

    drawn = drawn_from(*(outlined(name, kind, OUTLINES[kind]) for name in names))

    assert [region.id for region in drawn.regions] == names[:3]
    assert codes(drawn) == ["poly.too_many_points"] * 2
    assert [fault.annotation for fault in drawn.faults] == names[3:]
    assert drawn.faults[0].got == f"{4 * STEPS[kind]:.6g}"
    assert drawn.rejected == 2


def test_outlines_of_several_kinds_share_the_steps_of_an_image(monkeypatch):
    for module in (shapes, polygons):
        monkeypatch.setattr(module, "MAX_IMAGE_STEPS", 950)
    kinds = ["polygonlabels", "ellipselabels", "rectanglelabels", "vectorlabels"]  # 300.8 + 100 + ...

    drawn = drawn_from(*(outlined(kind, kind, OUTLINES[kind]) for kind in kinds))

    assert [region.id for region in drawn.regions] == kinds[:3]
    assert [(fault.code, fault.annotation) for fault in drawn.faults] == [
        ("poly.too_many_points", "vectorlabels")
    ]


def test_after_the_limit_nothing_more_of_a_hostile_image_is_drawn(monkeypatch):
    filled = []
    fill = polygons._fill
    monkeypatch.setattr(polygons, "_fill", lambda *a, **k: filled.append(1) or fill(*a, **k))
    comb = [[0, 0]]
    for y in range(0, 90, 2):
        comb += [[99, y], [99, y + 1], [1, y + 1], [1, y + 2]]
    value = {"points": [*comb, [0, 100]], "polygonlabels": ["car"]}
    size = {"original_width": 16000, "original_height": 16000}
    regions = [entry("polygonlabels", id=f"r{i}", value=value, **size) for i in range(2000)]

    drawn = drawn_from(*regions)

    # 15840 + 89 x 15680 px across, 2 x 16000 px down and back, 182 / 5 for the points: 1443396.4 steps,
    # of which 16 million hold eleven.
    assert len(filled) == len(drawn.regions) == 11
    assert codes(drawn) == ["poly.too_many_points"] * 1989
    assert drawn.faults[-1].got == "1.73208e+07"  # twelve; the others are not even looked at


def test_an_ellipse_wider_than_any_outline_is_refused_before_it_is_drawn():
    size = {"original_width": 1 << 28, "original_height": 1}
    value = {"x": 50, "y": 50, "radiusX": 50, "radiusY": 50, "ellipselabels": ["car"]}

    drawn = drawn_from(entry("ellipselabels", value=value, **size))

    assert codes(drawn) == ["poly.too_many_points"]
    assert drawn.faults[0].got == str(1 << 28)


def test_bitmasks_beyond_the_pixels_of_an_image_are_refused_each(monkeypatch):
    monkeypatch.setattr(shapes, "MAX_IMAGE_BITMASK_PIXELS", 20)
    file = io.BytesIO()
    Image.new("RGBA", (4, 2), (0, 0, 0, 255)).save(file, "png")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    value = {"imageDataURL": url, "bitmasklabels": ["car"]}

    drawn = drawn_from(*(entry("bitmasklabels", id=name, value=value) for name in ("r1", "r2", "r3")))

    assert [region.id for region in drawn.regions] == ["r1", "r2"]
    assert [(fault.code, fault.got) for fault in drawn.faults] == [("limits.pixels", "24")]
