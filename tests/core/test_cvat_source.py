"""CVAT for images: a shape becomes the pixels a peer gives it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from cvat_scenes import SQUARE, checked, document, image, mask, polygon, shape, written
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

import segcore
from segcore.annotation import Regions, RunMask
from segcore.errors import InvalidInputError, SpecError
from segcore.masks.crops import Crop, decode_crops

HEIGHT, WIDTH = 10, 20
B = npt.NDArray[np.bool_]


def regions(folder: Path, *shapes: str, options: str = "", key: str = "a") -> Regions:
    path = written(folder, document(image(*shapes)))
    found = segcore.open(f"cvat:{path}{options}").read(key)
    assert found is not None
    assert isinstance(found.content, Regions)
    return found.content


def drawn(folder: Path, *shapes: str, options: str = "") -> list[B]:
    return [region.mask.to_array() for region in regions(folder, *shapes, options=options)]


def picture(found: B) -> str:
    return "\n".join("".join(".#"[int(v)] for v in row) for row in found)


def by_coco(points: str) -> B:
    ring = [float(number) for pair in points.split(";") for number in pair.split(",")]
    return coco_mask.decode(coco_mask.frPyObjects([ring], HEIGHT, WIDTH))[..., 0].astype(bool)


# ---- shapes


def test_a_polygon_is_filled_by_the_coco_rule(tmp_path: Path) -> None:
    points = "1.5,1.25;17.75,3.0;9.1,9.6;4,5"

    found = drawn(tmp_path, polygon(points))

    assert np.array_equal(found[0], by_coco(points))


def test_a_mask_is_a_part_of_the_image_counted_along_its_rows(tmp_path: Path) -> None:
    # Background first: 1 off, 2 on | 1 on, 2 off | 3 on.
    found = drawn(tmp_path, mask("1, 3, 2, 3", left=4, top=6, width=3, height=3))

    assert picture(found[0][5:10, 3:8]) == ".....\n..##.\n.#...\n.###.\n....."


def test_a_mask_that_begins_with_foreground_has_an_empty_first_run(tmp_path: Path) -> None:
    found = drawn(tmp_path, mask("0, 2, 1, 1", left=0, top=0, width=2, height=2))

    assert picture(found[0][:2, :3]) == "##.\n.#."


@given(st.data())
def test_a_mask_is_what_numpy_paints(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 7))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - left)), data.draw(st.integers(1, height - top))
    cuts = sorted(data.draw(st.lists(st.integers(0, w * h), max_size=8)))
    counts = np.diff([0, *cuts, w * h]).tolist()
    painted = np.zeros((height, width), bool)
    values = np.arange(len(counts)) % 2 == 1
    painted[top : top + h, left : left + w] = np.repeat(values, counts).reshape(h, w)

    found = decode_crops(
        [Crop(left=left, top=top, width=w, height=h, counts=counts)], height=height, width=width
    )

    expected = RunMask.from_array(painted)
    assert found.starts.tolist() == expected.starts.tolist()
    assert found.ends.tolist() == expected.ends.tolist()
    assert [problem.code for problem in found.problems] == ([] if painted.any() else ["seg.empty"])


def test_an_ellipse_covers_the_pixels_whose_centres_lie_in_it(tmp_path: Path) -> None:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    angle = np.radians(30)
    dx, dy = x - 9.2, y - 4.9
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)

    found = drawn(tmp_path, shape("ellipse", label="car", cx=9.2, cy=4.9, rx=7, ry=3, rotation=30))

    assert np.array_equal(found[0], (along / 7) ** 2 + (across / 3) ** 2 <= 1)


def test_a_box_is_not_an_outline_unless_it_is_asked_for(tmp_path: Path) -> None:
    box = shape("box", label="car", xtl=2, ytl=2, xbr=8, ybr=8)

    assert drawn(tmp_path, box) == []
    assert np.array_equal(drawn(tmp_path, box, options="?boxes=area")[0], by_coco(SQUARE))


def test_a_box_turns_clockwise_about_its_centre(tmp_path: Path) -> None:
    box = shape("box", label="car", xtl=6, ytl=3, xbr=14, ybr=7, rotation=90)
    slanted = shape("box", label="car", xtl=6, ytl=3, xbr=14, ybr=7, rotation=30)
    # Of the corner (6, 3), four left and two above the centre (10, 5): cos 30 and sin 30 by hand.
    corners = "7.535898,1.267949;14.464102,5.267949;12.464102,8.732051;5.535898,4.732051"

    found = drawn(tmp_path, box, slanted, options="?boxes=area")

    assert np.array_equal(found[0], by_coco("8,1;12,1;12,9;8,9"))
    assert np.array_equal(found[1], by_coco(corners))


def test_what_has_no_area_is_counted_and_left_out(tmp_path: Path) -> None:
    others = [
        shape("points", label="car", points="1,1"),
        shape("polyline", label="", points="1,1;2,2"),
        shape("tag", label="dog"),
        shape("cuboid", label="dog"),
        shape("skeleton", inner=shape("points", label="nose", points="1,1"), label="dog"),
        shape("polygon", label="car", points=SQUARE, outside=1),
    ]

    report = checked(tmp_path, document(image(polygon(), *others)))

    assert report.faults == ()
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (7, 1, 0)
    assert report.counts.ignored == {
        "cuboid": 1, "outside": 1, "points": 1, "polyline": 1, "skeleton": 1, "tag": 1
    }  # fmt: skip


def test_a_box_beside_an_outline_of_its_group_is_no_lost_object(tmp_path: Path) -> None:
    box: dict[str, Any] = {"label": "car", "xtl": 2, "ytl": 2, "xbr": 8, "ybr": 8}
    together = document(image(polygon(group_id=3), shape("box", **box, group_id=3)))
    apart = document(image(polygon(group_id=3), shape("box", **box, group_id=4), shape("box", **box)))

    assert checked(tmp_path, together).faults == ()
    (fault,) = checked(tmp_path, apart).faults
    assert fault.code == "cvat.box_only"
    assert fault.got == "2 boxes without (line 4)"


# ---- objects and classes


def test_each_shape_is_an_object_though_they_share_a_group(tmp_path: Path) -> None:
    shapes = [polygon(group_id=4), polygon("12,2;18,2;18,8;12,8", group_id=4)]

    assert [r.mask.area_px for r in regions(tmp_path, *shapes)] == [36, 36]


def test_a_group_is_one_object_of_each_label_where_that_is_asked_for(tmp_path: Path) -> None:
    shapes = [
        polygon("1,1;5,1;5,5;1,5", group_id=4),
        polygon("3,3;7,3;7,7;3,7", group_id=4),
        polygon("3,3;7,3;7,7;3,7", label="dog", group_id=4),
        polygon("12,2;14,2;14,4;12,4", group_id=0),
        polygon("15,2;17,2;17,4;15,4"),
    ]

    found = regions(tmp_path, *shapes, options="?groups=merge")

    assert [(r.class_index, r.mask.area_px) for r in found] == [(0, 28), (1, 16), (0, 4), (0, 4)]
    assert [str(r.id).partition(",")[0] for r in found] == [
        "polygon[0]", "polygon[2]", "polygon[3]", "polygon[4]"
    ]  # fmt: skip


def test_what_lies_on_top_in_cvat_owns_the_pixel(tmp_path: Path) -> None:
    lower = polygon("0,0;10,0;10,10;0,10", label="dog", z_order=0)
    upper = polygon(SQUARE, z_order=1)
    below, above = tmp_path / "below", tmp_path / "above"
    for folder, order in ((below, (upper, lower)), (above, (lower, upper))):
        folder.mkdir()
        written(folder, document(image(*order)))

    evaluation = segcore.evaluate(f"cvat:{below / 'c.xml'}", f"cvat:{above / 'c.xml'}")

    assert evaluation.confusion.tolist() == [[36, 0, 0], [0, 64, 0], [0, 0, 100]]


def test_of_equal_z_order_the_later_shape_owns_the_pixel(tmp_path: Path) -> None:
    shapes = [polygon(SQUARE), polygon("0,0;10,0;10,10;0,10", label="dog")]
    path = written(tmp_path, document(image(*shapes)))

    evaluation = segcore.evaluate(f"cvat:{path}", f"cvat:{path}?groups=merge")

    assert evaluation.confusion.diagonal().tolist() == [0, 100, 100]


def test_labels_are_the_classes_in_the_order_of_the_task(tmp_path: Path) -> None:
    labels = (
        "<label><name>dog</name><color>#0000ff</color></label>"
        "<label><name>car</name><color>#00ff00</color></label>"
        "<label><name>bus</name><color>#00ff00</color></label>"
        "<label><name>nose</name><parent>dog</parent></label>"
    )
    text = document(image(polygon()), labels=[]).replace("<labels>", f"<labels>{labels}")

    ontology = segcore.open(f"cvat:{written(tmp_path, text)}").ontology

    assert ontology is not None
    assert [(c.id, c.name, c.color) for c in ontology.classes] == [
        (1, "dog", (0, 0, 255)), (2, "car", None), (3, "bus", None)
    ]  # fmt: skip


def test_an_ontology_file_gives_other_classes_by_name(tmp_path: Path) -> None:
    classes = tmp_path / "o.yaml"
    classes.write_text("classes: [{id: 3, name: vehicle, aliases: [car]}]")
    path = written(tmp_path, document(image(polygon(), polygon(label="dog"))))

    report = segcore.check(f"cvat:{path}?ontology={classes}")

    assert [(f.code, f.annotation, f.got) for f in report.faults] == [
        ("cvat.unknown_label", "polygon[1], line 4", "'dog'")
    ]
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (2, 1, 1)


def test_a_misspelt_label_is_answered_with_the_one_that_was_meant(tmp_path: Path) -> None:
    report = checked(tmp_path, document(image(polygon(label="Car"))))

    assert report.faults[0].got == "'Car', did you mean 'car'?"


def test_the_attribute_is_crowd_makes_a_crowd(tmp_path: Path) -> None:
    crowd = shape(label="car", points=SQUARE, inner='<attribute name="is_crowd">true</attribute>')
    single = shape(label="car", points=SQUARE, inner='<attribute name="is_crowd">false</attribute>')

    assert regions(tmp_path, crowd, single).crowd.tolist() == [True, False]


# ---- images


def test_a_project_is_read_subset_by_subset(tmp_path: Path) -> None:
    images = [
        image(polygon(), extra=' subset="train"'),
        image(polygon(), polygon(), extra=' subset="test"'),
    ]
    path = written(tmp_path, document(*images).replace("task>", "project>"))

    both = segcore.check(f"cvat:{path}")
    one = segcore.check(f"cvat:{path}?subset=test")

    assert [fault.code for fault in both.faults] == ["delivery.ambiguous_image"]
    assert "?subset=NAME" in both.faults[0].expected
    assert (both.counts.read, both.counts.rejected) == (3, 3)
    assert one.faults == ()
    assert one.counts.read == 2


def test_a_subset_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    path = written(tmp_path, document(image(polygon(), extra=' subset="train"')))

    with pytest.raises(SpecError, match=r"'val' \(it has train\)"):
        segcore.check(f"cvat:{path}?subset=val")


def test_deleted_frames_are_left_out(tmp_path: Path) -> None:
    kept = image(polygon(), name="b.jpg").replace('id="7"', 'id="8"')
    text = document(image(polygon(), polygon()), kept, meta="<deleted_frames>3, 7</deleted_frames>")

    report = checked(tmp_path, text)

    assert segcore.open(f"cvat:{tmp_path / 'c.xml'}").keys() == ("b",)
    assert (report.counts.used, report.counts.ignored) == (1, {"deleted frame": 2})


def test_an_image_without_shapes_is_an_image(tmp_path: Path) -> None:
    report = checked(tmp_path, document(image()))

    assert (report.info.images, report.counts.read, report.faults) == (1, 0, ())


def test_the_key_of_an_image_is_its_file_name_without_folders(tmp_path: Path) -> None:
    path = written(tmp_path, document(image(polygon(), name="day\\cam 1/a.b.jpg")))

    assert segcore.open(f"cvat:{path}").keys() == ("a.b",)


# ---- a batch


def cars(*boxes: tuple[int, int]) -> list[str]:
    return [polygon(f"{x},2;{x + 4},2;{x + 4},{y};{x},{y}") for x, y in boxes]


def test_gold_and_delivery_are_scored_in_both_tasks(tmp_path: Path) -> None:
    gold = written(tmp_path, document(image(*cars((2, 6), (12, 6)))), "g.xml")
    delivery = written(tmp_path, document(image(*cars((2, 6), (12, 4)))), "d.xml")

    pixels = segcore.evaluate(f"cvat:{gold}", f"cvat:{delivery}")
    objects = segcore.evaluate(f"cvat:{gold}", f"cvat:{delivery}", task="instance")

    # 16 + 16 pixels against 16 + 8; the second car is matched at IoU 8/16.
    assert pixels.classes[0].iou == 24 / 32
    assert objects.classes[0].at50.f1 == 1.0
    assert objects.classes[0].at75.f1 == 0.5
    assert objects.conventions["cvat_shapes"].startswith("each CVAT shape is an object")


def test_the_result_does_not_depend_on_workers_or_the_order_of_images(tmp_path: Path) -> None:
    images = [image(*cars((x, 6)), name=f"{x}.jpg") for x in range(1, 9)]
    gold = written(tmp_path, document(*images), "g.xml")
    turned = written(tmp_path, document(*reversed(images)), "d.xml")

    one = segcore.evaluate(f"cvat:{gold}", f"cvat:{turned}", task="instance")
    two = segcore.evaluate(f"cvat:{gold}", f"cvat:{turned}", task="instance", jobs=2)

    assert one.to_json() == two.to_json()
    assert one.overall.at75.f1 == 1.0


def test_faults_of_a_delivery_refuse_it(tmp_path: Path) -> None:
    gold = written(tmp_path, document(image(polygon())), "g.xml")
    delivery = written(tmp_path, document(image(polygon("2,2;8,8"))), "d.xml")

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(f"cvat:{gold}", f"cvat:{delivery}")

    assert refused.value.counts["delivery"].rejected == 1


# ---- real files


def test_a_real_file_holds_the_objects_it_was_made_from(shared_data: Callable[[str], Path]) -> None:
    """413 polygons of 367 objects and 4 masks, which Datumaro wrote from COCO annotations."""
    folder = shared_data("peer_converted_coco40")
    cvat = f"cvat:{folder / 'cvat_xml_by_datumaro' / 'val.xml'}"
    coco = folder / "source_coco_instances_40.json"
    source = json.loads(coco.read_text())["annotations"]

    report = segcore.check(cvat)
    merged = segcore.evaluate(f"coco:{coco}", f"{cvat}?groups=merge", task="instance")

    assert report.faults == ()
    assert report.counts.used == sum(1 if a["iscrowd"] else len(a["segmentation"]) for a in source)
    assert report.counts.ignored == {"box": len(source)}
    assert merged.overall.at75.matched == sum(not a["iscrowd"] for a in source) == 367
    assert merged.overall.mean_iou == 1.0


def test_the_masks_of_a_real_file_are_the_crowds_of_its_source(
    shared_data: Callable[[str], Path],
) -> None:
    folder = shared_data("peer_converted_coco40")
    path = folder / "cvat_xml_by_datumaro" / "val.xml"
    source = json.loads((folder / "source_coco_instances_40.json").read_text())
    names = {i["id"]: i["file_name"].partition(".")[0] for i in source["images"]}
    cvat = segcore.open(f"cvat:{path}")
    compared = 0

    for annotation in source["annotations"]:
        if annotation["iscrowd"]:
            rle = annotation["segmentation"]
            crowd = coco_mask.decode(coco_mask.frPyObjects(rle, *rle["size"])).astype(bool)
            found = cvat.read(names[annotation["image_id"]])
            assert found is not None
            assert isinstance(found.content, Regions)
            masks = [r.mask.to_array() for r in found.content if str(r.id).startswith("mask")]
            compared += sum(np.array_equal(crowd, m) for m in masks)

    assert compared == 4
