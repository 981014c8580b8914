"""(a) Label maps that are in memory already."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from benchmarks.race import Way, kernel_choices, missing, race
from benchmarks.scenes import Labels, Size, load
from segcore import kernels

BASE = "np.bincount"


def run(options: argparse.Namespace) -> None:
    size = Size(pairs=4, height=512, width=1024) if options.quick else Size(pairs=50)
    gold, delivery = load(size, options.data)
    ways = {BASE: partial(bincount, gold, delivery, size)}
    for choice in kernel_choices():
        ways[f"segcore ({choice})"] = partial(segcore_counts, gold, delivery, size, choice)
    for peer in (hotcoco, cityscapes, sklearn, torchmetrics):
        try:
            ways |= peer(gold, delivery, size)
        except ImportError as error:
            missing(peer.__name__, error)
    race(f"Dense, in memory: {size.pairs} pairs of {size.width} x {size.height}, {size.classes} classes",
         ways, base=BASE, rounds=options.rounds)  # fmt: skip


def bincount(gold: Labels, delivery: Labels, size: Size) -> np.ndarray:
    k = size.classes
    total = np.zeros((k, k), np.int64)
    for g, d in zip(gold, delivery, strict=True):
        total += fast_hist(g, d, k)
    return total


def fast_hist(gold: np.ndarray, delivery: np.ndarray, k: int) -> np.ndarray:
    """The idiom of most evaluation scripts, as FCN and DeepLab spread it."""
    counted = (gold >= 0) & (gold < k)
    pairs = k * gold[counted].astype(int) + delivery[counted]
    return np.bincount(pairs, minlength=k * k)[: k * k].reshape(k, k)


def segcore_counts(gold: Labels, delivery: Labels, size: Size, choice: str) -> np.ndarray:
    kernels.use(choice)
    k = size.classes
    codes = np.full(1 << 8 * gold.itemsize, k, np.int32)  # code k: ignore
    codes[:k] = np.arange(k)
    total = np.zeros((k + 1, k + 1), np.int64)
    for g, d in zip(gold, delivery, strict=True):
        total += kernels.joint_dense(g, d, codes, codes, size=k + 1)
    return total[:k, :k]


def hotcoco(gold: Labels, delivery: Labels, size: Size) -> dict[str, Way]:
    import hotcoco

    def way() -> np.ndarray:
        evaluation = hotcoco.semantic.SemanticEval(size.classes)
        for g, d in zip(gold, delivery, strict=True):
            evaluation.update(g, d)
        return np.asarray(evaluation.confusion()).astype(np.int64)

    return {"hotcoco": way}


def cityscapes(gold: Labels, delivery: Labels, size: Size) -> dict[str, Way]:
    from cityscapesscripts.evaluation import addToConfusionMatrix

    k = size.classes
    labels = [*range(k), size.ignore]

    def way() -> np.ndarray:
        table = np.zeros((size.ignore + 1, size.ignore + 1), np.ulonglong)
        for g, d in zip(gold, delivery, strict=True):
            table = addToConfusionMatrix.cEvaluatePair(d, g, table, labels)
        return table[:k, :k].astype(np.int64)

    return {"cityscapesscripts (Cython)": way}


def sklearn(gold: Labels, delivery: Labels, size: Size) -> dict[str, Way]:
    from sklearn.metrics import confusion_matrix

    labels = np.arange(size.classes)

    def way() -> np.ndarray:
        total = np.zeros((size.classes, size.classes), np.int64)
        for g, d in zip(gold, delivery, strict=True):
            counted = g != size.ignore
            total += confusion_matrix(g[counted], d[counted], labels=labels)
        return total

    return {"scikit-learn": way}


def torchmetrics(gold: Labels, delivery: Labels, size: Size) -> dict[str, Way]:
    import torch
    from torchmetrics.classification import MulticlassConfusionMatrix

    torch.set_num_threads(1)

    def way() -> np.ndarray:
        metric = MulticlassConfusionMatrix(size.classes, ignore_index=size.ignore, validate_args=False)
        for g, d in zip(gold, delivery, strict=True):
            metric.update(torch.from_numpy(d), torch.from_numpy(g))
        return metric.compute().numpy().astype(np.int64)

    return {"torchmetrics": way}
