"""(b) Label maps from PNG files, read and counted."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

import segcore
from benchmarks.dense import fast_hist
from benchmarks.race import Way, kernel_choices, missing, race
from benchmarks.scenes import Labels, Size, load
from segcore import kernels
from segcore.kernels import Choice

BASE = "Pillow + np.bincount"


def run(options: argparse.Namespace) -> None:
    size = Size(pairs=4, height=512, width=1024) if options.quick else Size(pairs=50)
    gold, delivery = load(size, options.data)
    for style, write in {"Pillow gray": gray, "palette": palette, "OpenCV": opencv}.items():
        folder = options.data / f"png-{style.split()[-1].lower()}-{size.name}"
        try:
            save(folder / "gold", gold, write)
            save(folder / "delivery", delivery, write)
        except ImportError as error:
            missing(f"PNG written by {style}", error)
            continue
        race(f"PNG files ({style}): {size.pairs} pairs of {size.width} x {size.height}",
             ways(folder, size), base=BASE, rounds=options.rounds)  # fmt: skip


def ways(folder: Path, size: Size) -> dict[str, Way]:
    found: dict[str, Way] = {BASE: functools.partial(pillow_bincount, folder, size)}
    for choice in kernel_choices():
        found[f"segcore ({choice})"] = functools.partial(segcore_evaluate, folder, size, choice)
    for peer in (hotcoco, cityscapes):
        try:
            found |= peer(folder, size)
        except ImportError as error:
            missing(peer.__name__, error)
    return found


def save(folder: Path, maps: Labels, write: Callable[[Path, np.ndarray], None]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, labels in enumerate(maps):
        path = folder / f"{i:05d}.png"
        if not path.exists():
            write(path, labels)


def gray(path: Path, labels: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(labels).save(path)


def palette(path: Path, labels: np.ndarray) -> None:
    from PIL import Image

    image = Image.fromarray(labels)
    colors = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
    image.putpalette(colors.ravel().tolist())
    image.save(path)


def opencv(path: Path, labels: np.ndarray) -> None:
    import cv2

    cv2.imwrite(str(path), labels)


def pillow_bincount(folder: Path, size: Size) -> np.ndarray:
    from PIL import Image

    k = size.classes
    total = np.zeros((k, k), np.int64)
    for path in sorted((folder / "gold").iterdir()):
        g = np.asarray(Image.open(path))
        d = np.asarray(Image.open(folder / "delivery" / path.name))
        total += fast_hist(g, d, k)
    return total


def ontology(size: Size) -> segcore.Ontology:
    classes = tuple(segcore.LabelClass(id=i, name=f"class {i}") for i in range(size.classes))
    return segcore.Ontology(classes, ignore=(size.ignore,))


def segcore_evaluate(folder: Path, size: Size, choice: Choice) -> np.ndarray:
    kernels.use(choice)
    gold, delivery = f"png:{folder / 'gold'}", f"png:{folder / 'delivery'}"
    evaluation = segcore.evaluate(gold, delivery, ontology=ontology(size))
    return evaluation.confusion[: size.classes, : size.classes]


def hotcoco(folder: Path, size: Size) -> dict[str, Way]:
    import hotcoco

    def way() -> np.ndarray:
        evaluation = hotcoco.semantic.SemanticEval(size.classes)
        evaluation.update_folders(str(folder / "gold"), str(folder / "delivery"))
        return np.asarray(evaluation.confusion()).astype(np.int64)

    return {"hotcoco (folders)": way}


def cityscapes(folder: Path, size: Size) -> dict[str, Way]:
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official  # noqa: N813

    k = size.classes
    options = argparse.Namespace(evalInstLevelScore=False, evalPixelAccuracy=False)
    options.evalLabels = [*range(k), size.ignore]
    name = "cityscapesscripts (Cython)" if official.CSUPPORT else "cityscapesscripts (Python)"

    def way() -> np.ndarray:
        table = np.zeros((size.ignore + 1, size.ignore + 1), np.ulonglong)
        for path in sorted((folder / "gold").iterdir()):
            delivered = folder / "delivery" / path.name
            official.evaluatePair(str(delivered), str(path), table, {}, {}, options)
        return table[:k, :k].astype(np.int64)

    return {name: way}
