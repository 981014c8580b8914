"""Counting pixels and outlines: no order of images, annotations, ids or classes plays a part.

What the order of objects and of segments is worth is tested where these are scored.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import numpy as np
from drawn_sources import Drawn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instance_scenes import as_dataset, batches, renumbered, save

import segcore
from segcore.ontology import LabelClass, Ontology

relaxed = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
OUTLINES: dict[str, Any] = {"dilation": "2px", "surfaces": True}


def told(found: segcore.Evaluation) -> tuple[str, ...]:
    """Every number, by the names of its classes."""
    document = found.to_json(tolerance_px=1)
    confusion = document["confusion"]
    labels = confusion["labels"]
    cells = [
        (labels[i], labels[j], pixels)
        for i, row in enumerate(confusion["matrix"][: len(labels)])
        for j, pixels in enumerate(row[: len(labels)])
    ]
    classes = [sorted((k, v) for k, v in c.items() if k != "id") for c in document["classes"]]
    overall = [document[name] for name in ("mean", "pixel_accuracy", "frequency_weighted_iou", "counts")]
    faults = [(f.code, f.expected, f.got) for f in found.faults if f.code == "boundary.wide_band"]
    rows = zip(*found.table().values(), strict=True)
    return repr(overall), *(in_order(part) for part in (cells, classes, rows, faults))


def in_order(rows: Iterable[Any]) -> str:
    return repr(sorted(map(repr, rows)))


@relaxed
@given(batches(), st.randoms(use_true_random=False), st.sampled_from(["ignore", "class"]))
def test_regions_count_alike_in_every_order_of_a_file_and_under_other_ids(tmp_path, batch, rng, crowd):
    gold, results = batch
    delivery = as_dataset(gold, results)
    options = OUTLINES | {"crowd": crowd, "overlap": "smallest"}

    before = segcore.evaluate(*save(tmp_path, gold, delivery), **options)
    shuffled = save(tmp_path, renumbered(gold, rng), renumbered(delivery, rng))
    after = segcore.evaluate(*shuffled, **options)

    assert told(after) == told(before)


@relaxed
@given(st.integers(0, 2**32 - 1))
def test_label_maps_count_alike_in_every_order_of_images_and_classes_and_by_two_workers(seed):
    rng, order = np.random.default_rng(seed), random.Random(seed)
    keys = [f"{i}" for i in range(int(rng.integers(1, 5)))]
    images = [
        {key: np.kron(rng.integers(0, 4, (3, 4)), np.ones((4, 4))).astype(np.uint8) for key in keys}
        for _ in range(2)
    ]
    # The value 3 is no class: what the gold ignores and the delivery leaves blank.
    classes = [LabelClass(id=i, name=f"class {i}") for i in range(3)]
    numbers = rng.permutation(4)
    turned = [LabelClass(id=int(numbers[i]), name=c.name) for i, c in enumerate(classes)]
    order.shuffle(turned)

    def evaluated(classes: list[LabelClass], other: int, *sides: Any, **options: Any) -> Any:
        ontology = Ontology(tuple(classes), ignore=(other,))
        drawn = (Drawn(side, ontology=ontology) for side in sides)
        return segcore.evaluate(*drawn, ontology=ontology, **OUTLINES, **options)

    before = evaluated(classes, 3, *images)
    shuffled = [
        {key: numbers[side[key]].astype(np.uint8) for key in order.sample(keys, len(keys))}
        for side in images
    ]
    after = evaluated(turned, int(numbers[3]), *shuffled, jobs=2, backend="threading")

    assert told(after) == told(before)


def test_what_is_told_of_a_batch_tells_other_numbers_apart(tmp_path):
    """The comparison above cannot be empty: another pixel or another class is another answer."""
    images = [np.kron([[0, 1], [1, 0]], np.ones((6, 6))).astype(np.uint8) for _ in range(3)]
    images[1][0, 0] = 1
    images[2] = 1 - images[2]
    ontology = Ontology(tuple(LabelClass(id=i, name=f"class {i}") for i in range(2)))
    gold = Drawn({"a": images[0]}, ontology=ontology)

    answers = {
        told(segcore.evaluate(gold, Drawn({"a": image}, ontology=ontology), **OUTLINES))
        for image in images
    }

    assert len(answers) == 3


def test_of_equal_regions_the_class_whose_name_sorts_last_owns_the_pixels(tmp_path):
    images = [{"id": 1, "file_name": "a.png", "height": 2, "width": 4}]
    masks = {name: {"size": [2, 4], "counts": counts} for name, counts in
             (("left", [0, 4, 4]), ("middle", [2, 4, 2]))}  # fmt: skip

    def gold(*names: str) -> str:
        """The left half is of class b, the middle of class a; they share two pixels."""
        ids = {name: place for place, name in enumerate(names, 1)}
        entries = [
            {"id": 1, "image_id": 1, "category_id": ids["b"], "segmentation": masks["left"]},
            {"id": 2, "image_id": 1, "category_id": ids["a"], "segmentation": masks["middle"]},
        ]
        categories = [{"id": place, "name": name} for name, place in ids.items()]
        path = tmp_path / f"{''.join(names)}.json"
        document = {"images": images, "annotations": entries, "categories": categories}
        path.write_text(json.dumps(document))
        return f"coco:{path}"

    for spec in (gold("a", "b"), gold("b", "a")):
        found = segcore.evaluate(spec, spec, overlap="smallest")

        assert {c.name: c.gold_pixels for c in found.classes} == {"a": 2, "b": 4}
