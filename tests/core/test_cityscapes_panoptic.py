"""Panoptic quality of Cityscapes: instance ids, and the files its scripts make."""

from __future__ import annotations

import json

import numpy as np
import pytest
from panoptic_scenes import scores
from PIL import Image

import segcore
from segcore.errors import InvalidInputError, UsageError


@pytest.fixture
def cityscapes(tmp_path, capsys):
    """Instance ids of two cities, and what ``cityscapesscripts`` makes of them."""
    from cityscapesscripts.preparation.createPanopticImgs import convert2panoptic

    #        road, sky, void, a group of cars, two cars, a person
    values = np.array([7, 23, 4, 26, 26000, 26001, 24005], np.uint16)
    rng = np.random.default_rng(0)
    for side, noise in (("gold", 0), ("delivery", 9)):
        folder = tmp_path / side / "val" / "bonn"
        folder.mkdir(parents=True)
        for n in range(2):
            places = np.add.outer(np.arange(35) // 5, np.zeros(20, int)) + n
            places[:noise] = rng.integers(0, 7, (noise, 20))
            if noise:
                places = np.roll(places, 1, axis=0)
            ids = values[places % 7]
            Image.fromarray(ids).save(folder / f"bonn_00000{n}_000019_gtFine_instanceIds.png")
        convert2panoptic(str(tmp_path / side), str(tmp_path / side), setNames=["val"])
    capsys.readouterr()
    return tmp_path


def test_instance_ids_are_the_panoptic_masks_cityscapesscripts_makes_of_them(cityscapes):
    folders = [f"cityscapes:{cityscapes}/{side}/val?file=instanceIds" for side in ("gold", "delivery")]
    documents = [
        f"coco-panoptic:{cityscapes}/{side}/cityscapes_panoptic_val.json"
        for side in ("gold", "delivery")
    ]

    of_folders = segcore.evaluate(*folders, task="panoptic")
    of_documents = segcore.evaluate(*documents, task="panoptic")
    mixed = segcore.evaluate(folders[0], documents[1], task="panoptic")

    by_name = {row[0]: row for row in scores(of_documents)}
    assert {row[0]: row for row in scores(of_folders) if any(row[1:])} == {
        name: row for name, row in by_name.items() if any(row[1:])
    }
    assert scores(mixed) == scores(of_folders)
    assert of_folders.images.paired == ("bonn_000000_000019", "bonn_000001_000019")
    assert of_documents.images.paired == of_folders.images.paired
    assert of_folders.counts["gold"].ignored == {"crowd region": 2}
    assert of_folders.counts == of_documents.counts
    assert {"matched", "missed", "extra"} <= set(of_folders.objects()["kind"])


def test_numbers_of_cityscapes_are_those_of_cityscapesscripts(cityscapes, capsys):
    from cityscapesscripts.evaluation.evalPanopticSemanticLabeling import (
        average_pq,
        pq_compute_single_core,
    )

    sides = [cityscapes / side / "cityscapes_panoptic_val" for side in ("gold", "delivery")]
    documents = [json.loads(side.with_suffix(".json").read_text()) for side in sides]
    categories = {c["id"]: c for c in documents[0]["categories"]}

    found = segcore.evaluate(*(f"coco-panoptic:{side}.json" for side in sides), task="panoptic")

    pairs = list(zip(*(d["annotations"] for d in documents), strict=True))
    peer = average_pq(pq_compute_single_core(0, pairs, *map(str, sides), categories), categories)
    capsys.readouterr()
    for kind, name in (("all", "All"), ("things", "Things"), ("stuff", "Stuff")):
        own = getattr(found.overall, kind)
        assert [own.pq, own.sq, own.rq] == pytest.approx([peer[name][key] for key in ("pq", "sq", "rq")])
        assert own.classes == peer[name]["n"]
    assert 0 < found.overall.all.pq < 1


def test_the_instance_task_reads_the_objects_of_instance_ids(cityscapes):
    spec = f"cityscapes:{cityscapes}/gold/val?file=instanceIds"

    found = segcore.evaluate(spec, spec, task="instance")

    assert {c.name: c.at50.matched for c in found.classes if c.at50.matched} == {"person": 2, "car": 4}
    assert found.overall.at50.f1 == 1.0


@pytest.mark.parametrize("task", ["panoptic", "instance", "semantic"])
def test_an_instance_id_of_no_class_is_a_fault_and_not_void(cityscapes, task):
    path = cityscapes / "gold/val/bonn/bonn_000000_000019_gtFine_instanceIds.png"
    ids = np.array(Image.open(path)).astype(np.uint16)
    ids[0, 0] = 34_000
    Image.fromarray(ids).save(path)
    spec = f"cityscapes:{cityscapes}/gold/val?file=instanceIds"

    with pytest.raises(InvalidInputError, match=r"mask.unknown_value.*34000"):
        segcore.evaluate(spec, spec, task=task)


def test_label_ids_do_not_tell_things_apart(cityscapes):
    ids = np.full((2, 2), 7, np.uint8)
    Image.fromarray(ids).save(cityscapes / "bonn_000000_000019_gtFine_labelIds.png")

    with pytest.raises(UsageError, match="file=instanceIds"):
        segcore.evaluate(
            f"cityscapes:{cityscapes}?file=labelIds",
            f"cityscapes:{cityscapes}?file=labelIds",
            task="panoptic",
        )
