"""Small panoptic documents, and the same counted pixel by pixel by the published rules."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from boundary_peers import band
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import segcore
from segcore.annotation import ImageAnnotation, LabelMap, Region, Regions, RunMask
from segcore.faults import FaultLog
from segcore.ontology import LabelClass, Ontology
from segcore.sources import Source

Map = npt.NDArray[np.int64]

PERSON, CAR, SKY, ROAD = 3, 7, 21, 8
CATEGORIES = [
    {"id": PERSON, "name": "person", "isthing": 1},
    {"id": CAR, "name": "car", "isthing": 1},
    {"id": SKY, "name": "sky", "isthing": 0},
    {"id": ROAD, "name": "road", "isthing": 0},
]
ONTOLOGY = Ontology(
    tuple(
        LabelClass(id=c["id"], name=c["name"], thing=c["isthing"] == 1)
        for c in sorted(CATEGORIES, key=lambda c: c["id"])
    )
)
STUFF = Ontology((LabelClass(id=0, name="sky", thing=False), LabelClass(id=1, name="road", thing=False)))

GOLD = """
    s s s s s s
    a a b b b .
    a a b b b .
    r r r r r r
"""
DELIVERY = """
    s s s s s s
    a a b b s s
    a a b x x x
    . . . . r r
"""


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


def two_images(folder: Path) -> tuple[str, str]:
    """The specs of gold and delivery of two images, of which the second was not delivered.

    The sky matches with 6 of 7 pixels (one is void in the gold), person a fully; person b has 3 of
    6, which is not more than half; the road was given up; a car was seen where part of b is.
    """
    gold = {"one": scene(GOLD, a=PERSON, b=PERSON, s=SKY, r=ROAD), "two": scene("a a", a=CAR)}
    delivery = {"one": scene(DELIVERY, a=PERSON, b=PERSON, s=SKY, r=ROAD, x=CAR)}
    return save(folder, "gold", gold), save(folder, "delivery", delivery)


def with_crowd() -> Batch:
    """Two images, the first with two persons, b of them a crowd, and a sky."""
    return {"one": scene("a a s\nb . s", "b", a=PERSON, b=PERSON, s=SKY), "two": scene("s", s=SKY)}


def check(folder: Path, content: Any, options: str = "") -> list[tuple[Any, ...]]:
    """The faults of a document whose PNGs are those of ``save``."""
    (folder / "gold.json").write_text(json.dumps(content))
    report = segcore.check(f"coco-panoptic:{folder}/gold.json{options}")
    counts = report.counts
    assert counts.read == counts.used + counts.rejected + sum(counts.ignored.values())
    return [
        (f.code, f.file.removeprefix(f"{folder}/"), f.image, f.annotation, f.got) for f in report.faults
    ]


def scores(found: Any) -> list[Any]:
    """What was counted of each class."""
    return [(c.name, c.tp, c.fp, c.fn, c.ignored, c.iou_sum) for c in found.classes]


class Held(Source):
    """Images held in memory, with the classes of the scenes."""

    def __init__(self, **contents: Regions | LabelMap) -> None:
        self.name = "held"
        self.faults = FaultLog()
        self._contents = contents

    @property
    def ontology(self) -> Ontology:
        return ONTOLOGY

    def keys(self) -> tuple[str, ...]:
        return tuple(sorted(self._contents))

    def annotation_count(self, key: str) -> int:
        return 1

    def digest(self) -> None:
        return None

    def read(self, key: str) -> ImageAnnotation:
        content = self._contents[key]
        if isinstance(content, Regions):
            height, width, read = content.height, content.width, len(content)
        else:
            (height, width), read = content.values.shape, 1
        return ImageAnnotation(key=key, height=height, width=width, content=content, read=read)


def regions(one: Scene, *, pieces: bool = False) -> Regions:
    """The same as regions; in ``pieces``, every pixel of stuff is one of its own."""
    found = []
    for own_id, category in one.classes.items():
        mask = one.ids == own_id
        index = next(i for i, c in enumerate(ONTOLOGY.classes) if c.id == category)
        masks = [mask]
        if pieces and not ONTOLOGY.classes[index].thing:
            masks = [np.zeros_like(mask) for _ in range(mask.sum())]
            for piece, pixel in zip(masks, np.argwhere(mask), strict=True):
                piece[tuple(pixel)] = True
        found += [
            Region(
                class_index=index,
                mask=RunMask.from_array(part),
                crowd=own_id in one.crowd,
                id=own_id,
            )
            for part in masks
        ]
    height, width = one.ids.shape
    return Regions.from_regions(found, height=height, width=width)


Counts = dict[int, list[Any]]
"""By category: matched, extra and missed segments, and the IoU of each match."""


def counted(gold: Batch, delivery: Batch, *, width_px: int | None = None) -> Counts:
    """What ``panopticapi`` counts, one boolean mask after the other.

    With ``width_px`` what boundary-iou-api (Cheng et al., CVPR 2021) makes of it: in place of the IoU
    stands the smaller of IoU and boundary IoU, and of the boundary of the delivered segment what the
    gold leaves void is taken away.  Which segments are not counted is told by the masks.

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
                if category != delivered or not (left & right).any():
                    continue
                iou = (left & right).sum() / (left | (right & ~void)).sum()
                if width_px is not None:
                    left, right = band(left, width_px), band(right, width_px)
                    iou = min(iou, (left & right).sum() / (left | (right & ~void)).sum())
                if iou > 0.5:
                    found[category][0] += 1
                    found[category][3].append(iou)
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


@st.composite
def coarse_batches(draw: st.DrawFn) -> tuple[Batch, Batch]:
    """Batches with segments that have an inside, of which the delivered ones are moved a little."""
    gold, delivery = draw(batches())
    size, step, axis = draw(st.integers(3, 6)), draw(st.integers(-2, 2)), draw(st.integers(0, 1))

    def enlarged(one: Scene, by: int) -> Scene:
        ids = np.kron(one.ids, np.ones((size, size), np.int64))
        moved = np.roll(ids, by, axis)
        # The image ends where it is rolled over.
        place = (slice(None), slice(None))
        if by:
            edge = slice(0, by) if by > 0 else slice(by, None)
            place = (edge, slice(None)) if axis == 0 else (slice(None), edge)
            moved[place] = ids[place]
        present = set(np.unique(moved).tolist())
        classes = {own_id: c for own_id, c in one.classes.items() if own_id in present}
        return Scene(moved, classes, one.crowd & present)

    return (
        {key: enlarged(one, 0) for key, one in gold.items()},
        {key: enlarged(one, step) for key, one in delivery.items()},
    )
