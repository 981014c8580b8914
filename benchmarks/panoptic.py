"""(j) Panoptic quality from files, and the part of it that comes after decoding the PNGs."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import segcore
from benchmarks.race import Parts, Watch, Way, kernel_choices, missing, race
from benchmarks.scenes import Size, cells
from segcore import kernels
from segcore.annotation import ImageAnnotation, SegmentMap
from segcore.dilation import Dilation
from segcore.kernels import Choice
from segcore.masks.png import decode_rgb
from segcore.masks.segment_ids import number_segments
from segcore.measures.class_map import ClassMap
from segcore.measures.panoptic import PanopticMeasure
from segcore.measures.panoptic_rows import tabulated
from segcore.ontology import Crowd
from segcore.panoptic_quality import match_segments
from segcore.sources import Source

SIZE = Size(pairs=1, height=480, width=640)
THINGS, CLASSES = 80, 133
SIDES = ("gold", "delivery")
BASE = "panopticapi's loop, one core"


def run(options: argparse.Namespace) -> None:
    for images in (8,) if options.quick else (100,):
        folder = scene(options.data, images)
        ways = peers(folder)
        for choice in kernel_choices():
            ways[f"segcore ({choice})"] = functools.partial(evaluate_files, folder, choice)
            ways |= measure_decoded(folder, choice)
        what = f"{images} images of {SIZE.width} x {SIZE.height}, about 27 segments, {CLASSES} classes"
        race(f"Panoptic quality: {what}", ways, base=BASE, rounds=options.rounds)


# ------------------------------------------------------------------------------ the scenes


def scene(data: Path, images: int) -> Path:
    """Cells as segments, the delivery with borders moved, some classes changed, some segments gone."""
    folder = data / f"panoptic-{images}"
    if (folder / "delivery.json").exists():
        return folder
    for side in SIDES:
        (folder / side).mkdir(parents=True, exist_ok=True)
    annotations: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for n in range(1, images + 1):
        rng = np.random.default_rng(n)
        count = int(rng.integers(15, 40))
        ids = rng.choice((1 << 24) - 1, count, replace=False) + 1
        classes = rng.integers(1, CLASSES + 1, count)
        changed = np.where(rng.random(count) < 0.1, rng.integers(1, CLASSES + 1, count), classes)
        crowd = (rng.random(count) < 0.03) & (classes <= THINGS)
        for side, drawn in zip(SIDES, cells(SIZE, n, count), strict=True):
            kept = np.where(rng.random(count) < 0.06, 0, ids)
            named = zip(
                kept.tolist(), (classes if side == "gold" else changed).tolist(), crowd, strict=True
            )
            pixels = kept[drawn]
            segments = [
                entry(pixels, own_id, category, crowd=int(group and side == "gold"))
                for own_id, category, group in named
                if own_id and (pixels == own_id).any()
            ]
            name = f"{n:012d}.png"
            rgb = np.stack([pixels % 256, pixels // 256 % 256, pixels // 65536], axis=-1)
            Image.fromarray(rgb.astype(np.uint8)).save(folder / side / name)
            annotations[side].append({"image_id": n, "file_name": name, "segments_info": segments})
    listed = [
        {"id": n, "file_name": f"{n:012d}.jpg", "height": SIZE.height, "width": SIZE.width}
        for n in range(1, images + 1)
    ]
    names = [{"id": i, "name": f"class {i}", "isthing": int(i <= THINGS)} for i in range(1, CLASSES + 1)]
    for side in SIDES:
        content = {"images": listed, "categories": names, "annotations": annotations[side]}
        (folder / f"{side}.json").write_text(json.dumps(content))
    return folder


def entry(pixels: np.ndarray, own_id: int, category: int, *, crowd: int) -> dict[str, Any]:
    rows, columns = np.nonzero(pixels == own_id)
    box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    return {
        "id": own_id,
        "category_id": category,
        "iscrowd": crowd,
        "area": len(rows),
        "bbox": [int(value) for value in box],
    }


# ------------------------------------------------------------------------------ the ways


def peers(folder: Path) -> dict[str, Way]:
    """The loop of panopticapi, which cityscapesscripts ships word for word, and hotcoco."""
    from cityscapesscripts.evaluation.evalPanopticSemanticLabeling import pq_compute_single_core

    def loop() -> np.ndarray:
        gold, delivery = (json.loads((folder / f"{side}.json").read_text()) for side in SIDES)
        categories = {category["id"]: category for category in gold["categories"]}
        delivered = {entry["image_id"]: entry for entry in delivery["annotations"]}
        pairs = [(entry, delivered[entry["image_id"]]) for entry in gold["annotations"]]
        places = [str(folder / side) for side in SIDES]
        with contextlib.redirect_stdout(io.StringIO()):
            found = pq_compute_single_core(0, pairs, *places, categories).pq_average(categories, None)[1]
        return answer([list(found[i].values()) for i in range(1, CLASSES + 1)])

    ways: dict[str, Way] = {BASE: loop}
    try:
        from hotcoco.panoptic import pq_compute
    except ImportError as error:
        missing("hotcoco", error)
        return ways

    def of_hotcoco() -> np.ndarray:
        with contextlib.redirect_stdout(io.StringIO()):
            found = pq_compute(*(str(folder / f"{side}.json") for side in SIDES))["per_class"]
        rows = [[found[i][name] for name in ("pq", "sq", "rq")] for i in range(1, CLASSES + 1)]
        return answer(np.maximum(rows, 0))  # -1 where panopticapi has 0

    return ways | {"hotcoco": of_hotcoco}


def answer(rows: Any) -> np.ndarray:
    """Sums of floats differ in their last bits with their order."""
    return np.round(np.asarray(rows, float), 12)


def evaluate_files(folder: Path, choice: Choice, *, dilation: Dilation | None = None) -> np.ndarray:
    kernels.use(choice)
    specs = (f"coco-panoptic:{folder}/{side}.json" for side in SIDES)
    found = segcore.evaluate(*specs, task="panoptic", dilation=dilation)
    classes = found.classes if dilation is None else [c.boundary for c in found.classes]
    return answer([[c.pq or 0, c.sq or 0, c.rq or 0] for c in classes if c is not None])


def measure_decoded(folder: Path, choice: Choice) -> dict[str, Way]:
    """From the pixels of the PNGs to PQ; the documents were read before, the PNGs just before."""
    sources = [segcore.open(f"coco-panoptic:{folder}/{side}.json") for side in SIDES]
    ontology = sources[0].ontology
    assert ontology is not None
    same = ClassMap(target=ontology, source=ontology, file="memory")
    measure = PanopticMeasure(gold=same, delivery=same, crowd=Crowd.IGNORE)
    pairs = [(key, [segments(source, key) for source in sources]) for key in tuple(sources[0].keys())]

    def score(watch: Watch) -> np.ndarray:
        kernels.use(choice)
        kernels.keep_heap()
        tallies = []
        for key, pair in pairs:
            sides = []
            for data, listed, ids in pair:
                pixels = decode_rgb(data)
                with watch:
                    sides.append(numbered(pixels, listed, ids, key))
            with watch:
                tallies.append((key, measure(*sides).tally))
        with watch:
            counts = match_segments(tabulated(tallies)).counts(len(ontology))
        return answer([[c.pq or 0, c.sq or 0, c.rq or 0] for c in counts])

    return {f"segcore ({choice}), after decoding": Parts(score)}


def segments(source: Source, key: str) -> tuple[bytes, SegmentMap, np.ndarray]:
    """The PNG of an image, and what the document lists."""
    read = source.read(key)
    assert read is not None
    assert isinstance(read.content, SegmentMap)
    return Path(read.file).read_bytes(), read.content, np.array(read.content.ids, np.uint32)


def numbered(pixels: np.ndarray, listed: SegmentMap, ids: np.ndarray, key: str) -> ImageAnnotation:
    height, width = pixels.shape[:2]
    found = number_segments(pixels, ids)
    content = SegmentMap(
        height=height,
        width=width,
        starts=found.starts,
        numbers=found.numbers,
        areas_px=found.areas_px,
        classes=listed.classes,
        crowd=listed.crowd,
        ids=listed.ids,
    )
    return ImageAnnotation(key=key, height=height, width=width, content=content)
