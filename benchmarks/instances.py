"""(i) Mask AP: matching and scoring objects in memory, then the same from COCO files."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import segcore
from benchmarks.race import Way, kernel_choices, missing, race
from segcore import kernels
from segcore.dilation import Dilation
from segcore.instance_evaluation import CocoScores
from segcore.kernels import Choice

HEIGHT, WIDTH, CLASSES = 480, 640, 80
BASE = "pycocotools"

Entries = list[dict[str, Any]]


def run(options: argparse.Namespace) -> None:
    for images in (20,) if options.quick else (500, 5000):
        rounds = options.rounds if images <= 500 else min(options.rounds, 3)
        folder = scene(options.data, images)
        files = folder / "gold.json", folder / "results.json"
        what = f"{images} images of {WIDTH} x {HEIGHT}, {CLASSES} classes"
        in_memory = peers(*files, load_first=True)
        from_files = peers(*files, load_first=False)
        for choice in kernel_choices():
            in_memory[f"segcore ({choice})"] = evaluate_in_memory(*files, choice)
            from_files[f"segcore ({choice})"] = functools.partial(evaluate_files, *files, choice)
        race(f"Mask AP, masks as run lengths in memory: {what}", in_memory, base=BASE, rounds=rounds)
        race(f"Mask AP from files: {what}", from_files, base=BASE, rounds=rounds)


# ------------------------------------------------------------------------------ the scenes


def scene(data: Path, images: int) -> Path:
    """About 7 gold objects an image and 15 delivered: moved, missed, repeated and invented ones."""
    folder = data / f"objects-{images}"
    if (folder / "results.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(images)
    gold: Entries = []
    results: Entries = []
    for image in range(1, images + 1):
        drawn = []
        for _ in range(rng.poisson(7)):
            blob, category = Blob.random(rng), common_class(rng)
            drawn.append((blob, category))
            crowd = int(rng.random() < 0.02)
            own_id = {"id": len(gold) + 1, "iscrowd": crowd}
            gold.append(entry(blob, image, category) | own_id)
        for _ in range(rng.integers(10, 21)):
            if drawn and rng.random() < 0.75:
                blob, category = drawn[rng.integers(len(drawn))]
                slip = rng.exponential(0.08)
                blob, score = blob.moved(rng, slip), rng.beta(4, 2) - slip
                if rng.random() < 0.08:
                    category = int(rng.integers(1, CLASSES + 1))
            else:
                blob, category, score = Blob.random(rng), common_class(rng), rng.beta(1, 4)
            results.append(entry(blob, image, category) | {"score": float(score)})
    names = [{"id": i, "name": f"class {i}"} for i in range(1, CLASSES + 1)]
    listed = [
        {"id": i, "file_name": f"{i:012d}.jpg", "height": HEIGHT, "width": WIDTH}
        for i in range(1, images + 1)
    ]
    document = {"images": listed, "categories": names, "annotations": gold}
    (folder / "gold.json").write_text(json.dumps(document))
    (folder / "results.json").write_text(json.dumps(results))
    return folder


def common_class(rng: np.random.Generator) -> int:
    """A few classes are most of the objects."""
    if rng.random() < 0.5:
        return min(CLASSES, int(rng.zipf(1.6)))
    return int(rng.integers(1, CLASSES + 1))


class Blob:
    """A round thing with a wavy outline."""

    def __init__(self, x: float, y: float, radius: float, waves: np.ndarray) -> None:
        self.x, self.y, self.radius, self.waves = x, y, radius, waves

    @classmethod
    def random(cls, rng: np.random.Generator) -> Blob:
        radius = float(np.clip(np.exp(rng.normal(3.4, 0.8)), 5, 200))
        return cls(rng.uniform(8, WIDTH - 8), rng.uniform(8, HEIGHT - 8), radius, rng.normal(0, 0.08, 8))

    def moved(self, rng: np.random.Generator, slip: float) -> Blob:
        x, y = np.array([self.x, self.y]) + self.radius * slip * rng.standard_normal(2)
        radius = max(4.0, self.radius * (1 + slip * rng.standard_normal()))
        waves = self.waves + slip * 0.5 * rng.standard_normal(8)
        return Blob(float(np.clip(x, 2, WIDTH - 2)), float(np.clip(y, 2, HEIGHT - 2)), radius, waves)

    def mask(self) -> np.ndarray:
        y, x = np.ogrid[:HEIGHT, :WIDTH]
        dx, dy = (x - self.x) / 1.2, y - self.y
        reach = 1.6 * self.radius
        near = (slice(max(0, int(self.y - reach)), int(self.y + reach) + 1),
                slice(max(0, int(self.x - 1.2 * reach)), int(self.x + 1.2 * reach) + 1))  # fmt: skip
        painted = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
        dx, dy = dx[:, near[1]], dy[near[0]]
        angle, distance = np.arctan2(dy, dx), np.hypot(dx, dy)
        turns = np.arange(1, 5)
        outline = 1 + sum(
            a * np.cos(k * angle) + b * np.sin(k * angle)
            for k, a, b in zip(turns, self.waves[:4], self.waves[4:], strict=True)
        )
        painted[near] = distance <= self.radius * np.maximum(outline, 0.2)
        return painted


def entry(blob: Blob, image: int, category: int) -> dict[str, Any]:
    from pycocotools import mask

    encoded = mask.encode(blob.mask())
    return {
        "image_id": image,
        "category_id": category,
        "area": int(mask.area(encoded)),
        "bbox": mask.toBbox(encoded).tolist(),
        "segmentation": {"size": encoded["size"], "counts": encoded["counts"].decode()},
    }


# ------------------------------------------------------------------------------ the ways


def peers(gold: Path, results: Path, *, load_first: bool) -> dict[str, Way]:
    """The evaluations of pycocotools and hotcoco, of files or of what was read before."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    ways = {BASE: coco_way(COCO, COCOeval, gold, results, load_first=load_first)}
    try:
        import hotcoco
    except ImportError as error:
        missing("hotcoco", error)
    else:
        ways["hotcoco"] = coco_way(hotcoco.COCO, hotcoco.COCOeval, gold, results, load_first=load_first)
    return ways


def coco_way(coco: Any, evaluation: Any, gold: Path, results: Path, *, load_first: bool) -> Way:
    def load() -> tuple[Any, Any]:
        truth = coco(str(gold))
        return truth, truth.loadRes(masks_only(results))

    def score(loaded: Callable[[], tuple[Any, Any]]) -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):
            found = evaluation(*loaded(), "segm")
            found.evaluate()
            found.accumulate()
            found.summarize()
        return rounded(found.stats)

    if not load_first:
        return functools.partial(score, load)
    with contextlib.redirect_stdout(io.StringIO()):
        kept = load()
    return functools.partial(score, lambda: kept)


def masks_only(results: Path) -> str:
    """A list of results without boxes: with them pycocotools takes the areas of the boxes."""
    path = results.with_name("results-masks.json")
    if not path.exists():
        kept = [
            {key: value for key, value in entry.items() if key not in ("bbox", "area")}
            for entry in json.loads(results.read_text())
        ]
        path.write_text(json.dumps(kept))
    return str(path)


def rounded(stats: Any) -> np.ndarray:
    """Sums of floats differ in their last bits with their order."""
    return np.round(np.asarray(stats, float), 12)


def twelve(scores: CocoScores) -> np.ndarray:
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    names += ("ar1", "ar10", "ar", "ar_small", "ar_medium", "ar_large")
    return rounded([getattr(scores, name) for name in names])


def evaluate_in_memory(
    gold: Path, results: Path, choice: Choice, *, dilation: Dilation | None = None
) -> Way:
    """The whole of ``evaluate`` but for reading the files: masks are decoded and checked every time.

    The peers have read and indexed their files as well; hotcoco decodes without checking.
    """
    left = segcore.open(f"coco:{gold}")
    right = segcore.open(f"coco:{masks_only(results)}").resolve(ontology=None, gold=left)
    left.keys(), right.keys()  # both documents are read here

    def score() -> np.ndarray:
        kernels.use(choice)
        return scores_of(segcore.evaluate(left, right, task="instance", dilation=dilation))

    return score


def evaluate_files(
    gold: Path, results: Path, choice: Choice, *, dilation: Dilation | None = None
) -> np.ndarray:
    kernels.use(choice)
    specs = f"coco:{gold}", f"coco:{masks_only(results)}"
    return scores_of(segcore.evaluate(*specs, task="instance", dilation=dilation))


def scores_of(found: segcore.InstanceEvaluation) -> np.ndarray:
    by_mask = found.dilation is None
    scores = found.average_precision if by_mask else found.boundary_average_precision
    return twelve(CocoScores.of(scores, slice(None)))
