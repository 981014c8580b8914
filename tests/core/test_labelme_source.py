"""LabelMe folders: groups to objects, labels to classes, files to images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from labelme_files import box, shape, write
from spec_readings import codes, regions

import segcore
from segcore.errors import InvalidInputError
from segcore.ontology import IGNORE, UNLABELED

# ---- objects


def test_shapes_of_one_label_and_group_are_one_object(tmp_path: Path) -> None:
    other = [[12, 2], [15, 2], [15, 8], [12, 8]]
    middle = [[7, 4], [13, 4], [13, 6], [7, 6]]
    spec = write(
        tmp_path,
        shape("car", group_id=3),
        shape("dog", other, group_id=3),
        shape("car", middle, group_id=3),
        shape("car", other, group_id=None),
    )

    found = regions(spec)

    assert found.ids == ("shapes[0]", "shapes[1]", "shapes[3]")
    assert np.array_equal(found[0].mask.to_array(), box(2, 2, 8, 8) | box(7, 4, 13, 6))
    assert np.array_equal(found[1].mask.to_array(), box(12, 2, 15, 8))
    assert np.array_equal(found[2].mask.to_array(), box(12, 2, 15, 8))
    counts = segcore.check(spec).counts
    assert (counts.read, counts.used, counts.rejected) == (4, 4, 0)


def test_an_object_is_refused_as_a_whole(tmp_path: Path) -> None:
    spec = write(tmp_path, shape(group_id=1), shape(), shape(points=[[1, 1]], group_id=1))

    report = segcore.check(spec)

    assert regions(spec).ids == ("shapes[1]",)
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (3, 1, 2)
    assert [(fault.code, fault.annotation) for fault in report.faults] == [
        ("poly.too_few_points", "shapes[2]")
    ]


# ---- classes


def test_the_labels_are_the_classes_sorted_by_name(tmp_path: Path) -> None:
    write(tmp_path, shape("tree"), shape("_background_"), shape("car"), name="b")
    spec = write(tmp_path, shape("bus"), shape("__ignore__"), shape("car"), name="a")

    source = segcore.open(spec)

    assert source.ontology is not None
    assert [(c.id, c.name) for c in source.ontology.classes] == [(0, "bus"), (1, "car"), (2, "tree")]
    assert regions(spec, "a").classes.tolist() == [0, IGNORE, 1]
    assert regions(spec, "b").classes.tolist() == [2, UNLABELED, 1]


def test_an_ontology_file_takes_the_place_of_the_labels(tmp_path: Path) -> None:
    (tmp_path / "o.yaml").write_text(
        "classes:\n- {id: 5, name: vehicle, aliases: [car]}\n- {id: 0, name: _background_}\n"
    )
    spec = write(tmp_path / "d", shape("car"), shape("_background_"), shape("cars"))

    report = segcore.check(f"{spec}?ontology={tmp_path / 'o.yaml'}")

    assert report.ontology is not None
    assert report.ontology.names == ("vehicle", "_background_")
    (fault,) = report.faults
    assert (fault.code, fault.annotation) == ("coco.unknown_class_name", "shapes[2]")
    assert fault.got == "'cars', did you mean 'car'?"
    assert regions(f"{spec}?ontology={tmp_path / 'o.yaml'}").classes.tolist() == [0, 1]


def test_gold_labels_name_the_classes_of_a_batch(tmp_path: Path) -> None:
    gold = write(tmp_path / "g", shape("car"))
    delivery = write(tmp_path / "d", shape("Car"))

    with pytest.raises(InvalidInputError) as caught:
        segcore.evaluate(gold, delivery)

    (fault,) = caught.value.faults
    assert (fault.code, fault.got) == ("coco.unknown_class_name", "'Car', did you mean 'car'?")
    assert fault.file == str(tmp_path / "d" / "a.json")


def test_draw_order_decides_where_the_ontology_says_so(tmp_path: Path) -> None:
    inner = [[4, 4], [6, 4], [6, 6], [4, 6]]
    gold = write(tmp_path / "g", shape("car"), shape("dog", inner))
    covered = write(tmp_path / "d", shape("dog", inner), shape("car"))

    smallest = segcore.evaluate(gold, covered)
    last = segcore.evaluate(gold, covered, overlap="last")

    assert [c.iou for c in smallest.classes] == [1.0, 1.0]
    assert [c.iou for c in last.classes] == [32 / 36, 0.0]


def test_ignored_shapes_of_the_gold_are_not_counted(tmp_path: Path) -> None:
    right = [[8, 2], [14, 2], [14, 8], [8, 8]]
    gold = write(tmp_path / "g", shape("car"), shape("__ignore__", right))
    delivery = write(tmp_path / "d", shape("car"), shape("car", right))

    semantic = segcore.evaluate(gold, delivery)
    instance = segcore.evaluate(gold, delivery, task="instance")

    assert semantic.classes[0].iou == 1.0
    # As labelme2coco leaves it out, an object drawn there is one too many.
    (scores,) = instance.classes
    assert (scores.at50.matched, scores.at50.missed, scores.at50.extra) == (1, 0, 1)


def test_background_drawn_over_an_object_takes_it_away_where_the_last_shape_counts(
    tmp_path: Path,
) -> None:
    hole = [[4, 4], [6, 4], [6, 6], [4, 6]]
    gold = write(tmp_path / "g", shape("car"), shape("_background_", hole))
    delivery = write(tmp_path / "d", shape("car"))

    (scores,) = segcore.evaluate(gold, delivery, overlap="last").classes
    (objects,) = segcore.evaluate(gold, delivery, task="instance").classes

    assert scores.iou == 32 / 36
    assert (objects.at50.matched, objects.at50.missed, objects.at50.extra) == (1, 0, 0)


# ---- images


def test_flags_are_kept_with_the_image(tmp_path: Path) -> None:
    spec = write(tmp_path, flags={"blurry": True, "night": False, "rain": None})

    source = segcore.open(spec)
    annotation = source.read("a")

    assert annotation is not None
    assert annotation.attributes == {"blurry": True, "night": False}
    assert [(fault.code, fault.got) for fault in source.faults] == [
        ("labelme.bad_flags", "{'rain': None}")
    ]


@pytest.mark.parametrize("path", ["a.jpg", "../images/a.png", "..\\images\\a.jpeg", "C:\\x\\a.b.jpg"])
def test_the_folders_of_the_image_path_do_not_matter(path: str, tmp_path: Path) -> None:
    key = "a.b" if "a.b" in path else "a"

    assert codes(write(tmp_path, shape(), name=key, imagePath=path)) == []


def test_two_files_of_one_name_are_a_fault(tmp_path: Path) -> None:
    write(tmp_path / "x", shape())
    write(tmp_path / "y", shape())

    (fault,) = segcore.check(f"labelme:{tmp_path}").faults

    assert (fault.code, fault.image, fault.got) == ("delivery.ambiguous_image", "a", "also y/a.json")


def test_an_image_without_shapes_is_delivered(tmp_path: Path) -> None:
    gold = write(tmp_path / "g", shape())
    delivery = write(tmp_path / "d")

    evaluation = segcore.evaluate(gold, delivery)

    assert evaluation.images.paired == ("a",)
    assert evaluation.classes[0].iou == 0.0


def test_the_result_does_not_depend_on_workers(tmp_path: Path) -> None:
    for i in range(40):
        write(tmp_path / "g", shape(), shape("dog", [[1, 1], [9, 1], [9, 9]]), name=f"{i}")
        write(tmp_path / "d", shape("dog"), shape(), name=f"{i}", flags={"x": 1} if i == 7 else {})
    specs = f"labelme:{tmp_path / 'g'}", f"labelme:{tmp_path / 'd'}"

    alone, together = (segcore.evaluate(*specs, jobs=jobs) for jobs in (1, 2))

    assert alone.to_json() == together.to_json()


def test_the_size_of_an_image_is_known_without_its_shapes(tmp_path: Path) -> None:
    source = segcore.open(write(tmp_path, shape(label=5)))

    assert source.image_size("a") == (10, 20)
    assert not len(source.faults)
