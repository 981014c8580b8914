"""Folders in the Cityscapes layout, against cityscapesscripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mask_files import CITY, SKY_CAR, class_indices, codes, save, source, street
from PIL import Image

import segcore
from segcore.errors import InvalidInputError, SpecError
from segcore.masks.schemes import CITYSCAPES
from segcore.ontology import IGNORE


def city(folder: Path, *kinds: str, stem: str = "bonn_000001_000019_gtFine", shape: int = 28) -> Path:
    for kind in kinds:
        save(folder / "gtFine" / "val" / "bonn" / f"{stem}_{kind}.png", street(kind)[:shape], np.uint16)
    return folder


def test_the_schemes_are_those_of_cityscapesscripts() -> None:
    from cityscapesscripts.helpers.labels import labels

    by_id = {label.id: (None if label.ignoreInEval else label.name) for label in labels if label.id >= 0}
    by_train_id = {label.trainId: label.name for label in labels if not label.ignoreInEval}
    counted = {label.id for label in labels if label.hasInstances}

    assert CITYSCAPES["labelIds"].ids == by_id
    assert CITYSCAPES["labelTrainIds"].ids == by_train_id | {255: None}
    instances = CITYSCAPES["instanceIds"].ids
    assert {value // 1000 for value in instances if value >= 1000} == counted
    assert all(
        name == by_id[value // 1000 if value >= 1000 else value] for value, name in instances.items()
    )
    assert len(instances) == len(by_id) + 1000 * len(counted)


def test_the_classes_are_the_evaluated_ones_of_cityscapesscripts(tmp_path: Path) -> None:
    from cityscapesscripts.helpers.labels import labels

    evaluated = sorted((x for x in labels if not x.ignoreInEval), key=lambda x: x.trainId)

    found = source(f"cityscapes:{tmp_path}").ontology

    assert found is not None
    assert [(c.id, c.name, c.color, c.thing) for c in found.classes] == [
        (x.trainId, x.name, x.color, x.hasInstances) for x in evaluated
    ]


@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds", "instanceIds"])
def test_each_kind_of_file_gives_the_same_classes(tmp_path: Path, kind: str) -> None:
    city(tmp_path, "labelIds", "labelTrainIds", "instanceIds")

    found = source(f"cityscapes:{tmp_path}?file={kind}", SKY_CAR)

    assert found.keys() == ("bonn_000001_000019",)
    indices = class_indices(found.read("bonn_000001_000019"))
    assert np.unique(indices).tolist() == [IGNORE, 0, 1, 2, 8, 10, 13]
    assert indices.reshape(-1)[::40].tolist() == [0, 1, 2, 8, 10, 13, IGNORE]


def test_label_ids_are_read_unless_the_spec_says_otherwise(tmp_path: Path) -> None:
    city(tmp_path, "labelIds", "labelTrainIds")

    found = source(f"cityscapes:{tmp_path}").read("bonn_000001_000019")

    assert found.content.values.max() == 26


def test_the_only_kind_of_file_is_read_and_two_kinds_are_asked_about(tmp_path: Path) -> None:
    city(tmp_path / "one", "instanceIds")
    city(tmp_path / "two", "instanceIds", "labelTrainIds")

    one, two = source(f"cityscapes:{tmp_path}/one"), source(f"cityscapes:{tmp_path}/two")

    assert one.read("bonn_000001_000019").content.values.max() == 26_001
    with pytest.raises(
        SpecError, match=r"no labelIds files.*\?file=instanceIds or \?file=labelTrainIds"
    ):
        two.keys()


def test_a_kind_of_file_that_was_asked_for_and_is_not_there_is_an_error(tmp_path: Path) -> None:
    city(tmp_path, "labelIds")

    with pytest.raises(SpecError, match=r"no instanceIds files.*\?file=labelIds"):
        source(f"cityscapes:{tmp_path}?file=instanceIds").keys()


def test_a_folder_without_a_single_cityscapes_name_is_an_error(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[0]])

    with pytest.raises(SpecError, match=r"_gtFine_labelIds\.png.*png:DIR"):
        source(f"cityscapes:{tmp_path}").keys()


def test_fine_and_coarse_masks_of_one_image_are_ambiguous(tmp_path: Path) -> None:
    city(tmp_path, "labelIds")
    city(tmp_path, "labelIds", stem="bonn_000001_000019_gtCoarse")
    found = source(f"cityscapes:{tmp_path}")

    assert found.keys() == ()
    assert codes(found) == [("delivery.ambiguous_image", "bonn_000001_000019")]


def test_a_label_no_cityscapes_mask_has_is_unknown(tmp_path: Path) -> None:
    values = street("labelIds")
    values[0, 0] = 34
    save(tmp_path / "bonn_000001_000019_gtFine_labelIds.png", values, np.uint16)
    found = source(f"cityscapes:{tmp_path}")

    faults = segcore.check(found).faults

    assert [(fault.code, fault.got) for fault in faults] == [("mask.unknown_value", "34 (1 px)")]


def test_train_ids_under_the_name_of_label_ids_are_refused(tmp_path: Path) -> None:
    gold = city(tmp_path / "gold", "labelIds")
    wrong = tmp_path / "delivery" / "bonn_000001_000019_gtFine_labelIds.png"
    save(wrong, street("labelTrainIds"), np.uint16)

    with pytest.raises(InvalidInputError) as refused:
        segcore.evaluate(source(f"cityscapes:{gold}"), source(f"cityscapes:{tmp_path}/delivery"))

    assert {"mask.id_scheme", "mask.unknown_value"} <= {fault.code for fault in refused.value.faults}


# ---- real files


def test_a_real_cityscapes_image_maps_as_cityscapesscripts_does(
    shared_data: Callable[[str], Path],
) -> None:
    from cityscapesscripts.helpers.labels import id2label

    folder = shared_data("mmseg_test_data") / "pseudo_cityscapes_dataset"
    key = "frankfurt_000000_000294"
    with Image.open(next(folder.rglob("*_labelIds.png"))) as image:
        label_ids = np.asarray(image)
    train_ids = np.vectorize(lambda i: id2label[i].trainId)(label_ids)

    found = source(f"cityscapes:{folder}")

    assert found.keys() == (key,)
    indices = class_indices(found.read(key))
    np.testing.assert_array_equal(np.where(indices == IGNORE, 255, indices), train_ids)
    assert codes(found) == []


def test_a_real_label_ids_delivery_under_train_ids_is_recognised(
    shared_data: Callable[[str], Path],
) -> None:
    folder = shared_data("mmseg_test_data") / "pseudo_cityscapes_dataset" / "gtFine"

    found = segcore.check(source(f"png:{folder}?suffix=_gtFine_labelIds.png"), ontology=CITY)

    assert [fault.code for fault in found.faults] == ["mask.id_scheme", "mask.unknown_value"]
