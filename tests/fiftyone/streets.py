"""A small dataset of streets drawn with NumPy: pictures, gold masks, and a delivery with faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("sky", "building", "road", "car", "person", "pole")
SKY, BUILDING, ROAD, CAR, PERSON, POLE = range(6)
VOID = 255
COLORS = np.array(
    [(190, 205, 215), (165, 155, 145), (105, 105, 110), (60, 75, 120), (150, 95, 85), (200, 195, 150)],
    np.uint8,
)
OVERLAYS = ((70, 160, 230), (170, 120, 90), (120, 80, 160), (40, 90, 230), (240, 60, 60), (240, 220, 60))
POLICY = """\
version: 1
gold: fiftyone:{{name}}/truth?key=id
delivery: fiftyone:{{name}}/guess?key=id
ontology:
  classes: [{classes}]
  ignore: [255]
defaults: {{{{support: {{{{images: 1}}}}}}}}
gates:
  class-iou: {{{{metric: iou, judge: estimate, min: {{{{default: 0.9, person: 0.6, pole: 0.3}}}}}}}}
""".format(classes=", ".join(f"{{{{id: {i}, name: {name}}}}}" for i, name in enumerate(NAMES)))
WIDTH, HEIGHT = 320, 180
IMAGES = 24
UNDELIVERED = 23


def gold(number: int) -> np.ndarray:
    """The class ids of one street; the lowest rows are void."""
    mask = np.full((HEIGHT, WIDTH), SKY, np.uint8)
    horizon = 70 + number % 5 * 6
    for k in range(5):
        left = (k * 71 + number * 13) % WIDTH
        mask[horizon - 20 - (k * 17 + number * 7) % 40 : horizon, left : left + 48] = BUILDING
    mask[horizon:] = ROAD
    for k in range(number % 3):
        left = (30 + k * 130 + number * 11) % (WIDTH - 70)
        mask[horizon + 10 + 9 * k : horizon + 42 + 9 * k, left : left + 66] = CAR
    for k in range((number + 1) % 4):
        left = (60 + k * 80 + number * 29) % (WIDTH - 20)
        mask[horizon - 10 : horizon + 30, left : left + 12] = PERSON
    if number % 2:
        mask[20 : horizon + 12, 40 + number * 5 : 44 + number * 5] = POLE
    mask[-8:] = VOID
    return mask


def delivered(number: int) -> np.ndarray | None:
    """The delivery: persons drift with the number, thin poles are moved, some cars are persons."""
    if number == UNDELIVERED:
        return None
    mask = gold(number)
    mask[mask == VOID] = ROAD
    ground = np.where(np.isin(mask, (PERSON, POLE)), ROAD, mask)
    ground[:60][np.isin(mask[:60], (PERSON, POLE))] = BUILDING
    people = np.roll(mask == PERSON, number % 12, axis=1)
    poles = np.roll(mask == POLE, 2, axis=1)
    ground[people] = PERSON
    ground[poles] = POLE
    if number % 6 == 5:
        ground[mask == CAR] = PERSON
    return ground


def picture(number: int) -> np.ndarray:
    """What the camera saw."""
    mask = gold(number)
    return COLORS[np.where(mask == VOID, ROAD, mask)]


def counts(numbers: range = range(IMAGES)) -> np.ndarray:
    """The confusion by plain NumPy: rows gold, columns delivery, the last of each "other"."""
    table = np.zeros((7, 7), np.int64)
    for number in numbers:
        wanted, found = gold(number), delivered(number)
        columns = np.full_like(wanted, 6) if found is None else found
        np.add.at(table, (wanted[wanted != VOID], columns[wanted != VOID]), 1)
    return table


def iou(table: np.ndarray) -> dict[str, float | None]:
    """Intersection over union by name."""
    same = np.diag(table)[:-1]
    union = table.sum(0)[:-1] + table.sum(1)[:-1] - same
    return {
        name: float(s / u) if u else None
        for name, s, u in zip(NAMES, same.tolist(), union.tolist(), strict=True)
    }


def fill(fo: Any, dataset: Any, folder: Path) -> None:
    """Put the streets into an empty dataset: fields ``truth``, ``guess`` and ``weather``, and tags."""
    samples = []
    for number in range(IMAGES):
        name = f"street-{number:02}"
        sample = fo.Sample(
            filepath=_save(folder / "images" / f"{name}.png", picture(number)),
            tags=["night" if number % 4 == 3 else "day"],
            weather=("rain", "sun", None)[number % 3],
            truth=fo.Segmentation(mask_path=_save(folder / "truth" / f"{name}.png", gold(number))),
        )
        found = delivered(number)
        if found is not None:
            sample["guess"] = fo.Segmentation(mask_path=_save(folder / "guess" / f"{name}.png", found))
        samples.append(sample)
    dataset.add_samples(samples)
    dataset.default_mask_targets = dict(enumerate(NAMES))
    dataset.save()


def _save(path: Path, pixels: np.ndarray) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return str(path)
