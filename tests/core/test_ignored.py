"""What is read and not used: stuff where objects are compared, void regions and crowds, by reason."""

from __future__ import annotations

import json
from dataclasses import replace

import cvat_scenes
import numpy as np
import one_scene
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instance_scenes import BOXES, dataset, finished, save
from labelme_files import shape, write
from PIL import Image
from voc_scenes import voc

import segcore
from segcore.cli import main
from segcore.errors import OntologyError
from segcore.ontology import LabelClass, Ontology

RIGHT = [[12, 2], [18, 2], [18, 8], [12, 8]]
LOW = [[0, 8], [20, 8], [20, 10], [0, 10]]
CAR_SKY = Ontology((LabelClass(id=1, name="car", thing=True), LabelClass(id=2, name="sky", thing=False)))


def counts(found, side="gold"):
    return found.counts[side].to_json()


def became(read, used, **ignored):
    """The record of one side; ``stuff_class=2`` are two of the reason ``stuff class``."""
    reasons = {reason.replace("_", " "): n for reason, n in ignored.items()}
    return {"annotations_read": read, "used": used, "rejected": 0, "ignored": reasons}


def objects(found):
    return {
        c.name: (c.at50.matched, c.at50.missed, c.at50.extra, c.mean_iou, c.support_instances)
        for c in found.classes
    }


# ------------------------------------------------------------------------------ one scene, many formats


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """The specs of gold and delivery by format."""
    found = {}
    for name, written in one_scene.FORMATS.items():
        folder = tmp_path_factory.mktemp(name)
        for side, pieces in (("gold", one_scene.GOLD), ("delivery", one_scene.DELIVERY)):
            (folder / side).mkdir()
            found[name, side] = written(folder / side, pieces)
    return found


@pytest.mark.parametrize("delivery", one_scene.FORMATS)
@pytest.mark.parametrize("gold", one_scene.FORMATS)
def test_one_scene_has_one_result_in_whatever_format_it_comes(scenes, gold, delivery):
    specs = scenes[gold, "gold"], scenes[delivery, "delivery"]

    found = segcore.evaluate(*specs, task="instance", ontology=one_scene.ONTOLOGY)

    nothing = (0, 0, 0, None, 0)
    assert objects(found) == {
        "car": (1, 1, 1, 30 / 42, 2),
        "person": (1, 0, 0, 1.0, 1),
        "road": nothing,
        "sky": nothing,
    }
    assert counts(found, "gold") == became(5, 3, stuff_class=2)
    assert counts(found, "delivery") == became(5, 3, stuff_class=2)
    assert len(found.tallies.gold) == len(found.tallies.delivery) == 3
    assert found.faults == ()


# ------------------------------------------------------------------------------ who says what stuff is


def silent(*names, things=()):
    return Ontology(
        tuple(
            LabelClass(id=i, name=name, thing=True if name in things else None)
            for i, name in enumerate(names, 1)
        )
    )


def test_classes_that_nobody_calls_stuff_are_objects(scenes):
    ontology = silent(*one_scene.NAMES, things=("car", "person"))

    found = segcore.evaluate(
        scenes["coco", "gold"], scenes["labelme", "delivery"], task="instance", ontology=ontology
    )

    # The delivered sky is one of the two rows: half of the gold one, which is still a match.
    assert objects(found)["sky"] == (1, 0, 0, 0.5, 1)
    assert objects(found)["road"] == (1, 0, 0, 1.0, 1)
    assert counts(found) == became(5, 5)
    assert "stuff" not in found.conventions


def test_what_the_ontology_does_not_say_the_gold_does(scenes):
    found = segcore.evaluate(
        scenes["coco-panoptic", "gold"],
        scenes["labelme", "delivery"],
        task="instance",
        ontology=silent(*one_scene.NAMES),
    )

    assert [c.thing for c in found.ontology.classes] == [True, True, False, False]
    assert counts(found, "delivery") == became(5, 3, stuff_class=2)
    assert objects(found)["sky"] == (0, 0, 0, None, 0)
    assert found.conventions["stuff"].startswith("classes of stuff are left out on both sides")


def test_the_ontology_has_the_last_word(scenes):
    sky = replace(one_scene.ONTOLOGY.classes[3], thing=True)
    ontology = Ontology((*one_scene.ONTOLOGY.classes[:3], sky))

    found = segcore.evaluate(
        scenes["coco-panoptic", "gold"],
        scenes["coco-panoptic", "delivery"],
        task="instance",
        ontology=ontology,
    )

    assert objects(found)["sky"] == (1, 0, 0, 0.5, 1)
    assert counts(found) == became(5, 4, stuff_class=1)


def test_a_delivery_does_not_make_stuff_of_what_the_gold_counts(scenes):
    # The gold says of no class what it is; the delivery calls road and sky stuff.
    found = segcore.evaluate(
        scenes["coco", "gold"], scenes["coco-panoptic", "delivery"], task="instance"
    )

    assert objects(found)["road"] == (1, 0, 0, 1.0, 1)
    assert objects(found)["sky"] == (1, 0, 0, 0.5, 1)
    assert counts(found, "delivery") == became(5, 5)


def test_an_ontology_of_stuff_alone_has_no_objects_to_compare(scenes):
    ontology = Ontology(tuple(replace(c, thing=False) for c in one_scene.ONTOLOGY.classes))

    with pytest.raises(OntologyError, match=r"every class stuff .*task semantic or panoptic"):
        segcore.evaluate(
            scenes["coco", "gold"], scenes["coco", "delivery"], task="instance", ontology=ontology
        )


@pytest.mark.parametrize("kind", one_scene.FORMATS)
def test_a_delivery_of_stuff_alone_is_a_warning(scenes, tmp_path, kind):
    stuff = one_scene.FORMATS[kind](tmp_path, [one_scene.ROAD, one_scene.SKY])

    found = segcore.evaluate(scenes["coco", "gold"], stuff, task="instance", ontology=one_scene.ONTOLOGY)

    (warning,) = found.faults
    assert (warning.code, warning.file) == ("instance.no_object", stuff)
    assert warning.got == "2 annotations: 2 ignored (stuff class)"
    assert objects(found)["car"] == (0, 2, 0, None, 2)


# ------------------------------------------------------------------------------ void and background


@pytest.fixture
def void(tmp_path):
    """A car, two shapes that are one ignored region, one more, and one of background."""
    group = {"group_id": 4}
    shapes = [
        shape("__ignore__", RIGHT, **group),
        shape(),
        shape("__ignore__", LOW, **group),
        shape("__ignore__", [[9, 0], [11, 0], [11, 2]]),
        shape("_background_", [[0, 0], [3, 0], [3, 1], [0, 1]]),
    ]
    return write(tmp_path / "void", *shapes), write(tmp_path / "plain", shape(), shape("car", RIGHT))


@pytest.mark.parametrize("void_side", ["gold", "delivery"])
@pytest.mark.parametrize("task", ["instance", "panoptic"])
def test_void_and_background_regions_are_ignored_by_shape_on_either_side(void, task, void_side):
    specs = void if void_side == "gold" else void[::-1]

    found = segcore.evaluate(*specs, task=task, ontology=CAR_SKY)

    other = "delivery" if void_side == "gold" else "gold"
    assert counts(found, void_side) == became(5, 1, void_region=3, background_region=1)
    assert counts(found, other) == became(2, 2)


@pytest.mark.parametrize("void_side", ["gold", "delivery"])
def test_to_the_semantic_task_background_is_an_answer_and_void_is_none(void, void_side):
    specs = void if void_side == "gold" else void[::-1]

    found = segcore.evaluate(*specs, ontology=CAR_SKY)

    assert counts(found, void_side) == became(5, 2, void_region=3)


def test_check_counts_void_regions(void, capsys):
    assert main(["check", void[0]]) == 0

    assert "5 annotations read, 0 rejected, 3 ignored (void region)\n" in capsys.readouterr().out


def test_the_void_border_of_a_mask_is_no_annotation(tmp_path):
    root = voc(tmp_path, {"a": "cc#dd"}, {"a": "11#22"})

    found = segcore.evaluate(f"voc:{root}?view=object", f"voc:{root}?view=object", task="instance")

    assert counts(found) == became(2, 2)


def test_shapes_that_are_merged_are_counted_one_by_one(tmp_path):
    polygons = [
        cvat_scenes.polygon(label=label, group_id=group)
        for label, group in (("car", 0), ("sky", 1), ("sky", 1), ("sky", 2))
    ]
    text = cvat_scenes.document(cvat_scenes.image(*polygons), labels=("car", "sky"))
    spec = f"cvat:{cvat_scenes.written(tmp_path, text)}?groups=merge"

    found = segcore.evaluate(spec, spec, task="instance", ontology=CAR_SKY)

    assert counts(found) == became(4, 1, stuff_class=3)


# ------------------------------------------------------------------------------ crowds


def crowded(tmp_path, *labels):
    """COCO gold of crowds and others: pairs of a category and ``iscrowd``."""
    entries = [
        finished({"image_id": 1, "category_id": category, "box": (10 * i, 0, 8, 8), "iscrowd": crowd})
        | {"id": i}
        for i, (category, crowd) in enumerate(labels, 1)
    ]
    document = dataset(entries, 1, classes=2)
    for category, c in zip(document["categories"], CAR_SKY.classes, strict=True):
        category["name"] = c.name
    (tmp_path / "crowds.json").write_text(json.dumps(document))
    return f"coco:{tmp_path}/crowds.json"


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("instance", became(4, 1, crowd_region=1, stuff_class=2)),
        ("panoptic", became(4, 2, crowd_region=2)),
        ("semantic", became(4, 2, crowd_region=2)),
    ],
)
def test_every_annotation_is_ignored_for_one_reason(tmp_path, task, expected):
    spec = crowded(tmp_path, (1, 0), (1, 1), (2, 0), (2, 1))

    found = segcore.evaluate(spec, spec, task=task, ontology=CAR_SKY)

    assert counts(found, "gold") == expected
    # In a delivery there are no crowds.
    stuff = {"stuff_class": 2} if task == "instance" else {}
    assert counts(found, "delivery") == became(4, 4 - len(stuff) * 2, **stuff)


def test_crowds_of_one_stuff_class_are_one_segment_and_two_annotations(tmp_path):
    spec = crowded(tmp_path, (1, 0), (2, 1), (2, 1))

    found = segcore.evaluate(spec, spec, task="panoptic", ontology=CAR_SKY)

    assert counts(found) == became(3, 1, crowd_region=2)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("instance", became(5, 1, crowd_region=2, stuff_class=2)),
        ("panoptic", became(5, 3, crowd_region=2)),
        ("semantic", became(1, 1)),
    ],
)
def test_a_mask_of_objects_counts_as_what_it_holds(tmp_path, task, expected):
    folder = tmp_path / "bonn"
    folder.mkdir()
    #       road, sky, groups of cars and of people, a car, void
    values = np.array([[7, 23, 26, 24, 26_001, 0]], np.uint16)
    Image.fromarray(values).save(folder / f"{one_scene.KEY}_gtFine_instanceIds.png")
    spec = f"cityscapes:{tmp_path}?file=instanceIds"

    found = segcore.evaluate(spec, spec, task=task)

    assert counts(found) == expected


def test_a_mask_that_is_refused_is_one_annotation(tmp_path):
    folder = tmp_path / "bonn"
    folder.mkdir()
    values = np.array([[26_001, 26_002, 24_000, 24_001]], np.uint16)
    Image.fromarray(values).save(folder / f"{one_scene.KEY}_gtFine_instanceIds.png")
    spec = f"cityscapes:{tmp_path}?file=instanceIds"

    with pytest.raises(segcore.InvalidInputError) as caught:
        segcore.evaluate(spec, spec, task="instance", ontology=CAR_SKY)

    # The ontology has no person.
    for side in ("gold", "delivery"):
        assert caught.value.counts[side].to_json() == {
            "annotations_read": 1, "used": 0, "rejected": 1, "ignored": {},
        }  # fmt: skip


# ------------------------------------------------------------------------------ many images at once


@st.composite
def batches(draw):
    """COCO documents of three classes, the last of which is stuff, over enough images for a block."""
    images = draw(st.integers(1, 12))
    entry = st.fixed_dictionaries({
        "image_id": st.integers(1, images),
        "category_id": st.integers(1, 3),
        "box": BOXES,
    })  # fmt: skip
    gold = draw(st.lists(entry, max_size=20))
    results = draw(st.lists(entry, min_size=1, max_size=20))
    for i, one in enumerate(gold, 1):
        one |= {"id": i, "iscrowd": draw(st.sampled_from([0, 0, 1]))}
    for i, one in enumerate(results, 1):
        one["score"] = i / 64
    return images, gold, results


def kinds(*things):
    return Ontology(
        tuple(LabelClass(id=i, name=f"class {i}", thing=thing) for i, thing in enumerate(things, 1))
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(batch=batches())
def test_stuff_in_the_files_changes_no_score(tmp_path_factory, batch):
    images, gold, results = batch
    with_stuff, without = tmp_path_factory.mktemp("with"), tmp_path_factory.mktemp("without")
    kept = [[one for one in side if one["category_id"] != 3] for side in (gold, results)]

    found = segcore.evaluate(
        *save(with_stuff, dataset([*map(finished, gold)], images), [*map(finished, results)]),
        task="instance",
        ontology=kinds(True, None, False),
    )

    bare = segcore.evaluate(
        *save(without, dataset([*map(finished, kept[0])], images), [*map(finished, kept[1])]),
        task="instance",
        ontology=kinds(True, None, None),
    )
    first, second = found.to_json(), bare.to_json()
    assert [first[key] for key in ("classes", "overall")] == [
        second[key] for key in ("classes", "overall")
    ]
    # A list of results has no ids but the places in it, which stuff takes up.
    assert found.objects() | {"delivery_id": None} == bare.objects() | {"delivery_id": None}
    crowds = sum(one["iscrowd"] for one in kept[0])
    expected = [
        (len(gold), len(kept[0]) - crowds, crowds),
        (len(results), len(kept[1]), 0),
    ]
    for side, (read, used, of_crowds) in zip(("gold", "delivery"), expected, strict=True):
        ignored = {"stuff class": read - used - of_crowds, "crowd region": of_crowds}
        of_side = found.counts[side]
        assert (of_side.read, of_side.used, of_side.rejected) == (read, used, 0)
        assert of_side.ignored == {reason: n for reason, n in ignored.items() if n}


def many(tmp_path, images=70):
    """Every image: a car found, a sky on both sides, and in every third of the gold a crowd of cars."""
    gold, results = [], []
    for image in range(1, images + 1):
        entries = [(1, (0, 0, 20, 20), 0), (3, (40, 40, 20, 20), 0)]
        entries += [(1, (60, 0, 20, 20), 1)] if image % 3 == 0 else []
        for category, box, crowd in entries:
            one = {"image_id": image, "category_id": category, "box": box}
            gold.append(finished(one | {"iscrowd": crowd}) | {"id": len(gold) + 1})
            if not crowd:
                results.append(finished(one | {"score": 0.5}))
    return save(tmp_path, dataset(gold, images), results)


@pytest.mark.parametrize("jobs", [1, 2])
def test_reasons_are_summed_over_all_images_whatever_the_workers(tmp_path, jobs):
    specs = many(tmp_path)

    found = segcore.evaluate(*specs, task="instance", ontology=kinds(True, True, False), jobs=jobs)

    assert counts(found, "gold") == became(163, 70, crowd_region=23, stuff_class=70)
    assert counts(found, "delivery") == became(140, 70, stuff_class=70)
    assert objects(found)["class 1"] == (70, 0, 0, 1.0, 70)


def test_reports_say_what_was_left_out(tmp_path, capsys):
    specs = many(tmp_path, images=3)
    ontology = tmp_path / "o.yaml"
    ontology.write_text(
        "classes: [{id: 1, name: class 1, thing: true}, {id: 2, name: class 2, thing: true}, "
        "{id: 3, name: class 3, thing: false}]"
    )
    document = tmp_path / "s.json"
    options = ["--task", "instance", "--ontology", str(ontology), "--json", str(document)]

    assert main(["score", *specs, *options]) == 0

    printed = capsys.readouterr().out
    assert (
        "gold: 7 annotations read, 3 used, 3 ignored (stuff class), 1 ignored (crowd region)" in printed
    )
    assert "delivery: 6 annotations read, 3 used, 3 ignored (stuff class)" in printed
    assert "stuff: classes of stuff are left out on both sides and counted as ignored" in printed
    assert json.loads(document.read_text())["counts"]["gold"] == became(
        7, 3, crowd_region=1, stuff_class=3
    )
