"""The presets hold what the data sets' own tables say."""

from __future__ import annotations

import json

import pytest

from segcore.ontology_file import preset, presets


def test_cityscapes_is_the_label_table_of_its_own_scripts():
    labels = pytest.importorskip("cityscapesscripts.helpers.labels", reason="missing: cityscapesscripts")
    table = {
        label.trainId: (label.name, label.color, label.hasInstances)
        for label in labels.labels
        if 0 <= label.trainId < 255
    }

    ontology = preset("cityscapes")

    assert {c.id: (c.name, c.color, c.thing) for c in ontology.classes} == table
    assert len(ontology) == 19
    assert ontology.ignore == (255,)


def test_coco_is_the_category_list_of_its_annotations(shared_data):
    path = shared_data("coco_val2014_100") / "instances_val2014_100.json"
    categories = {c["id"]: c["name"] for c in json.loads(path.read_text())["categories"]}

    ontology = preset("coco")

    assert {c.id: c.name for c in ontology.classes} == categories
    assert len(ontology) == 80
    assert all(c.thing for c in ontology.classes)


def test_voc_has_the_palette_its_masks_are_stored_with(shared_data):
    from PIL import Image

    folder = shared_data("labelme_examples")
    path = min(folder.rglob("SegmentationClass/2011_000003.png"))
    with Image.open(path) as image:
        stored = image.getpalette()

    ontology = preset("voc")

    assert [c.color for c in ontology.classes] == [tuple(stored[3 * i : 3 * i + 3]) for i in range(21)]


def test_voc_counts_twenty_objects_and_the_background():
    ontology = preset("voc")

    assert [c.id for c in ontology.classes] == list(range(21))
    assert ontology.names[0] == "background"
    assert ontology.names[1:] == (
        "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
        "tvmonitor",
    )  # fmt: skip
    assert [c.thing for c in ontology.classes] == [False] + [True] * 20
    assert ontology.ignore == (255,)


def test_ade20k_is_the_list_of_the_scene_parsing_benchmark(shared_data):
    path = shared_data("ade20k_sceneparsing") / "objectInfo150.txt"
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:] if line]
    synonyms = {int(row[0]): [name.strip() for name in row[-1].split(",")] for row in rows}
    everywhere = [name for names in synonyms.values() for name in names]

    ontology = preset("ade20k")

    assert {c.id: c.name for c in ontology.classes} == {i: names[0] for i, names in synonyms.items()}
    assert {c.id: list(c.aliases) for c in ontology.classes} == {
        i: [name for name in names[1:] if everywhere.count(name) == 1] for i, names in synonyms.items()
    }
    assert ontology.ignore == (0,)


def test_ade20k_tells_things_from_stuff_as_its_table_does(shared_data):
    path = shared_data("ade20k_sceneparsing") / "objectInfo150.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()[1:] if line]

    ontology = preset("ade20k")

    assert {c.id: c.thing for c in ontology.classes} == {int(row[0]): row[4] == "0" for row in rows}


@pytest.mark.parametrize("name", presets())
def test_every_preset_file_is_offered_and_every_offer_is_a_file(name):
    from importlib.resources import files

    shipped = {
        entry.name.removesuffix(".yaml")
        for entry in files("segcore").joinpath("presets").iterdir()
        if entry.name.endswith(".yaml")
    }

    assert shipped == set(presets())
    assert preset(name) is preset(name)
