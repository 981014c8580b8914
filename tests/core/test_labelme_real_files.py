"""LabelMe's own examples, beside its own conversions of them."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from labelme_files import apart, pillow
from PIL import Image

import segcore
from segcore.annotation import Regions
from segcore.ontology import LabelClass, Ontology


def real(shared_data: Callable[[str], Path], kind: str) -> Path:
    return shared_data("labelme_examples") / f"{kind}_segmentation"


def test_real_objects_are_those_of_upstreams_own_coco_file(shared_data: Callable[[str], Path]) -> None:
    folder = real(shared_data, "instance")

    ours = segcore.open(f"labelme:{folder / 'data_annotated'}")
    coco = segcore.open(f"coco:{folder / 'data_dataset_coco' / 'annotations.json'}")

    assert ours.keys() == coco.keys()
    total = 0
    for key in coco.keys():  # noqa: SIM118  (a source is no dict)
        found = []
        for source in (ours, coco):
            annotation, ontology = source.read(key), source.ontology
            assert annotation is not None
            assert ontology is not None
            assert isinstance(annotation.content, Regions)
            found.append(
                [
                    (ontology.names[r.class_index], r.mask.starts.tolist(), r.mask.ends.tolist())
                    for r in annotation.content
                    if r.class_index >= 0
                ]
            )
        assert found[0] == found[1]
        total += len(found[0])
    assert total == 12


@pytest.mark.parametrize("kind", ["semantic", "instance"])
def test_real_label_maps_differ_from_upstreams_only_along_borders(
    kind: str, shared_data: Callable[[str], Path]
) -> None:
    """LabelMe draws with Pillow, which counts every pixel an outline passes through."""
    folder = real(shared_data, kind)
    names = (folder / "labels.txt").read_text().splitlines()[1:]  # without __ignore__
    ontology = Ontology(
        tuple(LabelClass(id=i, name=name) for i, name in enumerate(names) if i),
        ignore=(255,),
        unlabeled=(0,),
    )
    evaluation = segcore.evaluate(
        f"png:{folder / 'data_dataset_voc' / 'SegmentationClass'}",
        f"labelme:{folder / 'data_annotated'}",
        ontology=ontology,
        overlap="last",
    )

    assert evaluation.images.paired == ("2011_000003", "2011_000006", "2011_000025")
    assert evaluation.pixel_accuracy is not None
    assert evaluation.pixel_accuracy > 0.99
    ious = {c.name: c.iou for c in evaluation.classes if c.iou is not None}
    assert sorted(ious) == ["bottle", "bus", "car", "chair", "person", "sofa"]
    assert min(ious.values()) > 0.93


def test_real_shapes_are_within_a_pixel_of_what_labelme_draws(
    shared_data: Callable[[str], Path],
) -> None:
    files = sorted(real(shared_data, "semantic").glob("data_annotated/*.json"))
    count = 0
    for file in files:
        document = json.loads(file.read_text())
        height, width = document["imageHeight"], document["imageWidth"]
        source = segcore.open(f"labelme:{file.parent}")
        annotation = source.read(file.stem)
        assert annotation is not None
        assert isinstance(annotation.content, Regions)
        for entry, region in zip(document["shapes"], annotation.content, strict=True):
            upstream = pillow("polygon", entry["points"], height=height, width=width)
            assert apart(region.mask.to_array(), upstream) == 1
            count += 1
    assert count == 18


def test_a_real_octagon_mask_of_fractional_corners(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("labelme_examples") / "primitives"
    (stored,) = (s for s in json.loads((folder / "primitives.json").read_text())["shapes"] if s["mask"])
    source = segcore.open(f"labelme:{folder}?lines=draw")

    annotation = source.read("primitives")

    assert annotation is not None
    assert isinstance(annotation.content, Regions)
    (region,) = (r for r in annotation.content if r.id == "shapes[7]")
    upstream = np.zeros((450, 560), np.bool_)
    crop = np.array(Image.open(io.BytesIO(b64decode(stored["mask"])))) > 0
    upstream[305:405, 417:517] = crop
    assert np.array_equal(region.mask.to_array(), upstream)
    assert not len(source.faults)


def test_real_outlines_fill_the_boxes_their_coco_twin_states(
    shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shared_data("sahi_coco_labelme") / "coco_utils"
    count = 0
    for name in ("terrain1", "terrain2", "terrain3"):
        (tmp_path / f"{name}.json").write_bytes((folder / f"{name}.json").read_bytes())
        coco = json.loads((folder / f"{name}_coco.json").read_text())
        labels = {c["id"]: c["name"] for c in coco["categories"]}
        source = segcore.open(f"labelme:{tmp_path}")
        annotation, ontology = source.read(name), source.ontology
        assert annotation is not None
        assert ontology is not None
        assert isinstance(annotation.content, Regions)
        for region, stated in zip(annotation.content, coco["annotations"], strict=True):
            rows, columns = np.nonzero(region.mask.to_array())
            found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            x, y, width, height = stated["bbox"]
            assert np.abs(np.subtract(found, [x, y, x + width, y + height])).max() <= 1
            assert ontology.names[region.class_index] == labels[stated["category_id"]]
            count += 1
    assert count == 22
