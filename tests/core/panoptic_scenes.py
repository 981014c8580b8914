"""Small panoptic documents, and the same counted pixel by pixel by the published rules."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from segcore.ontology import LabelClass, Ontology

Map = npt.NDArray[np.int64]

CATEGORIES = [
    {"id": 3, "name": "person", "isthing": 1},
    {"id": 7, "name": "car", "isthing": 1},
    {"id": 21, "name": "sky", "isthing": 0},
    {"id": 8, "name": "road", "isthing": 0},
]
ONTOLOGY = Ontology(
    tuple(
        LabelClass(id=c["id"], name=c["name"], thing=c["isthing"] == 1)
        for c in sorted(CATEGORIES, key=lambda c: c["id"])
    )
)


@dataclass
class Scene:
    """One side of one image: an id for every pixel, 0 is void, and what each id means."""

    ids: Map
    classes: dict[int, int] = field(default_factory=dict)
    crowd: set[int] = field(default_factory=set)

    def entries(self) -> list[dict[str, Any]]:
        return [
            {
                "id": own_id,
                "category_id": category,
                "iscrowd": int(own_id in self.crowd),
                "area": int((self.ids == own_id).sum()),
                "bbox": [0, 0, 1, 1],
            }
            for own_id, category in self.classes.items()
        ]


Batch = dict[str, Scene]
"""By image key."""


def scene(drawing: str, crowd: str = "", **classes: int) -> Scene:
    """A scene drawn as text, a letter a segment, ``.`` for void."""
    rows = [line.split() for line in drawing.strip().splitlines()]
    letters = {"."} | {letter for row in rows for letter in row}
    ids = {letter: 0 if letter == "." else ord(letter) for letter in letters}
    return Scene(
        np.array([[ids[letter] for letter in row] for row in rows]),
        {ord(letter): category for letter, category in classes.items()},
        {ord(letter) for letter in crowd},
    )


def rgb(ids: Map) -> npt.NDArray[np.uint8]:
    return np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)


def document(batch: Batch, **other: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": i, "file_name": f"{key}.jpg", "height": s.ids.shape[0], "width": s.ids.shape[1]}
            for i, (key, s) in enumerate(batch.items(), 1)
        ],
        "annotations": [
            {"image_id": i, "file_name": f"{key}.png", "segments_info": s.entries()}
            for i, (key, s) in enumerate(batch.items(), 1)
        ],
        "categories": CATEGORIES,
    } | other


def save(folder: Path, name: str, batch: Batch, **other: Any) -> str:
    """The spec of a document and its PNGs."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    for key, one in batch.items():
        Image.fromarray(rgb(one.ids)).save(folder / name / f"{key}.png")
    (folder / f"{name}.json").write_text(json.dumps(document(batch, **other)))
    return f"coco-panoptic:{folder}/{name}.json"


Counts = dict[int, list[Any]]
"""By category: matched, extra and missed segments, and the IoU of each match."""


def counted(gold: Batch, delivery: Batch) -> Counts:
    """What ``panopticapi`` counts, one boolean mask after the other.

    With two differences on purpose: all crowds of a class are void to it, not only the last one in
    the file, and a missing image is one with nothing delivered.
    """
    found: Counts = {category["id"]: [0, 0, 0, []] for category in CATEGORIES}
    for key, own in gold.items():
        other = delivery.get(key, Scene(np.zeros_like(own.ids)))
        void = own.ids == 0
        matched: set[int] = set()
        for g, category in own.classes.items():
            if g in own.crowd:
                continue
            hits = 0
            for d, delivered in other.classes.items():
                left, right = own.ids == g, other.ids == d
                union = (left | (right & ~void)).sum()
                if category == delivered and union and (left & right).sum() / union > 0.5:
                    found[category][0] += 1
                    found[category][3].append((left & right).sum() / union)
                    matched.add(d)
                    hits += 1
            assert hits <= 1, "the rules leave only one match"
            found[category][2] += not hits
        for d, delivered in other.classes.items():
            if d in matched:
                continue
            right = other.ids == d
            free = void.copy()
            for g in own.crowd:
                if own.classes[g] == delivered:
                    free |= own.ids == g
            found[delivered][1] += not (right & free).sum() / right.sum() > 0.5
    return found


@st.composite
def batches(draw: st.DrawFn) -> tuple[Batch, Batch]:
    """Up to three images of few segments, the delivery a copy with pixels and classes changed."""
    gold, delivery = {}, {}
    for n in range(draw(st.integers(1, 3))):
        shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 7)))
        values = draw(st.sampled_from([1, 2, 4]))
        own = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, values)))
        noise = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 12)))
        other = np.where(noise <= values, noise, own)
        gold[f"image {n}"] = draw(_named(own, crowds=True))
        if not n or draw(st.integers(0, 4)):
            agreeing = gold[f"image {n}"]
            delivery[f"image {n}"] = draw(_named(other, crowds=False, like=agreeing))
    return gold, delivery


@st.composite
def _named(draw: st.DrawFn, ids: Map, *, crowds: bool, like: Scene | None = None) -> Scene:
    present = [int(v) for v in np.unique(ids) if v]
    # Ids of one, two and three bytes.
    numbers = dict(zip(present, draw(st.permutations([5, 300, 70_000, 16_777_215])), strict=False))
    renamed = np.zeros_like(ids)
    for value, number in numbers.items():
        renamed[ids == value] = number
    category = st.sampled_from([c["id"] for c in CATEGORIES])
    classes = {number: draw(category) for number in numbers.values()}
    if like is not None and draw(st.booleans()):
        # The same class as the gold segment it covers most.
        for number in numbers.values():
            below = like.ids[renamed == number]
            below = below[below > 0]
            if len(below):
                classes[number] = like.classes[int(np.bincount(below).argmax())]
    crowd = {number for number in numbers.values() if crowds and draw(st.integers(0, 4)) == 0}
    return Scene(renamed, classes, crowd)
