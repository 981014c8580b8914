"""(h) A FiftyOne dataset: evaluated beside FiftyOne's own evaluation, and scores written into it."""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.growth import peak_mib
from benchmarks.png import gray, save
from benchmarks.race import Way, kernel_choices, race
from benchmarks.scenes import Size, load

BASE = "FiftyOne"
CLASSES = 20
WORST = 20
REPEATS = 8
"""How often each image is in the larger of two datasets whose memory is compared."""


def run(options: argparse.Namespace) -> None:
    print("\n### FiftyOne\n")
    try:
        mongod = _mongod()
    except ImportError as error:
        print(f"(not measured: {error})")
        return
    if mongod.binary() is None:
        print("(not measured: no mongod; `make test` installs it)")
        return
    size = Size(pairs=2, height=512, width=1024) if options.quick else Size(pairs=20)
    samples = 500 if options.quick else 10_000
    for side, maps in zip(("gold", "delivery"), load(size, options.data), strict=True):
        save(_folder(options.data, size) / side, maps, gray)
    with tempfile.TemporaryDirectory() as folder:
        server = mongod.start(Path(folder))
        try:
            chosen = mongod.settings(Path(folder), server.uri)
            environment = os.environ | {f"FIFTYONE_{name.upper()}": chosen[name] for name in chosen}
            environment |= {"HOME": folder, "FIFTYONE_LOGGING_LEVEL": "ERROR"}
            work = {
                "data": str(options.data), "pairs": size.pairs, "height": size.height,
                "width": size.width, "rounds": options.rounds, "samples": samples,
            }  # fmt: skip
            _in_new_process("compare", work, environment)
            peaks = [
                float(_in_new_process("peak", work | {"repeats": repeats}, environment, quiet=True))
                for repeats in (1, REPEATS)
            ]
            few, many = (
                f"{n * size.pairs} pairs {p:.0f}" for n, p in zip((1, REPEATS), peaks, strict=True)
            )
            print(f"\nPeak memory in MiB, masks on disk: {few}, {many}.", flush=True)
            _in_new_process("inject", work | {"mongod": server.process.pid}, environment)
        finally:
            server.stop()


def _mongod() -> ModuleType:
    """What starts the MongoDB of the tests, and keeps FiftyOne to it."""
    importlib.import_module("psutil")
    if importlib.util.find_spec("fiftyone") is None:
        raise ImportError("No module named 'fiftyone'")
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fiftyone"))
    try:
        return importlib.import_module("mongod")
    finally:
        del sys.path[0]


def _in_new_process(
    what: str, work: dict[str, object], environment: dict[str, str], *, quiet: bool = False
) -> str:
    # Its settings are read when FiftyOne is imported.
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.datasets", what, json.dumps(work)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{what}: {result.stdout}{result.stderr}")
    if not quiet:
        print(result.stdout, end="", flush=True)
    return result.stdout


def _folder(data: Path, size: Size) -> Path:
    return data / f"png-gray-{size.name}"


# ---- in the process that has imported FiftyOne


def compare(work: dict[str, Any]) -> None:
    """The same pairs, by FiftyOne's evaluation and by ours as its method."""
    size = Size(pairs=work["pairs"], height=work["height"], width=work["width"])
    for where in ("on disk", "in the database"):
        dataset = _dataset(work, size, stored=where != "on disk")
        ways: dict[str, Way] = {BASE: functools.partial(_by_fiftyone, dataset)}
        for choice in kernel_choices():
            ways[f"segcore ({choice})"] = functools.partial(_by_segcore, dataset, size, choice)
        race(f"{size.pairs} pairs of {size.width} x {size.height}, masks {where}", ways,
             base=BASE, rounds=work["rounds"])  # fmt: skip
        dataset.delete()


def _dataset(work: dict[str, Any], size: Size, *, stored: bool = False, repeats: int = 1) -> Any:
    import fiftyone as fo
    from PIL import Image

    folder = _folder(Path(work["data"]), size)

    def label(side: str, number: int) -> Any:
        path = folder / side / f"{number:05d}.png"
        if stored:
            return fo.Segmentation(mask=np.array(Image.open(path)))
        return fo.Segmentation(mask_path=str(path))

    dataset = fo.Dataset()
    dataset.add_samples(
        [
            fo.Sample(
                filepath=f"/images/{repeat}/{number}.png",
                gold=label("gold", number),
                found=label("delivery", number),
            )
            for repeat in range(repeats)
            for number in range(size.pairs)
        ]
    )
    dataset.default_mask_targets = {i: f"class {i}" for i in range(size.classes)}
    dataset.save()
    return dataset


def _by_fiftyone(dataset: Any) -> np.ndarray:
    results = dataset.evaluate_segmentations(
        "found", gt_field="gold", mask_targets=dataset.default_mask_targets
    )
    # It leaves out whatever is in no class on either side; the rest must be equal.
    return np.asarray(results.pixel_confusion_matrix)


def _by_segcore(dataset: Any, size: Size, choice: Any = None) -> np.ndarray:
    from segcore import kernels
    from segcore_fiftyone.backend import SegcoreEvaluationConfig

    if choice is not None:
        kernels.use(choice)
    results = dataset.evaluate_segmentations(
        "found", gt_field="gold", method=SegcoreEvaluationConfig, ignore=size.ignore
    )
    return np.asarray(results.pixel_confusion_matrix)[: size.classes, : size.classes]


def peak(work: dict[str, Any]) -> None:
    """The most memory an evaluation takes."""
    size = Size(pairs=work["pairs"], height=work["height"], width=work["width"])
    _by_segcore(_dataset(work, size, repeats=work["repeats"]), size)
    print(peak_mib())


def inject(work: dict[str, Any]) -> None:
    """Scores of many samples, written by a push; then the worst of a class."""
    import fiftyone as fo
    import psutil

    from segcore_fiftyone.injection import apply, plan, plan_removal
    from segcore_fiftyone.limits import Limits
    from segcore_fiftyone.samples import Places, sample_ids
    from segcore_fiftyone.scores import Scores

    evaluation = _evaluation(work["samples"])
    dataset = fo.Dataset()
    dataset.add_samples([fo.Sample(filepath=f"/images/{key}.png") for key in evaluation.tallies.keys])
    limits = Limits(image={"class 0": 0.6})  # one class fails the batch
    laps: dict[str, list[tuple[float, float]]] = {}
    database = psutil.Process(work["mongod"])

    def now() -> tuple[float, float]:
        used = database.cpu_times()
        return time.perf_counter(), time.process_time() + used.user + used.system

    def lap(name: str, started: tuple[float, float]) -> None:
        wall, cpu = now()
        laps.setdefault(name, []).append((wall - started[0], cpu - started[1]))

    for _ in range(work["rounds"]):
        started = now()
        places = Places.of(evaluation, sample_ids(dataset, key="stem"))
        apply(plan(dataset, Scores.of(evaluation, places, key="eval", limits=limits)))
        lap(f"push {CLASSES} classes, indexes, views, tags", started)
        started = now()
        scores = Scores.of(evaluation, places, key="eval", limits=limits)
        if plan(dataset, scores):
            sys.exit("a second push has something to do")
        lap("push again: nothing to do", started)
        for c in scores.worst_first():
            path = scores.names.path(c)
            started = now()
            found = dataset.exists(path).sort_by(path).limit(WORST).values(path)
            lap(f"{WORST} worst of a class", started)
            if found != sorted(found) or len(found) != WORST:
                sys.exit("these are not the worst")
        started = now()
        apply(plan_removal(dataset, "eval"))
        lap("remove", started)
    print(f"\n### {work['samples']} samples\n")
    print(f"Medians of {work['rounds']} rounds; {os.getloadavg()[0]:.1f} processes wanted a CPU.\n")
    print("| what | wall ms | CPU ms, of MongoDB too | least wall ms |\n|---|---:|---:|---:|")
    for name, found in laps.items():
        wall, cpu = (statistics.median(lap[i] for lap in found) * 1e3 for i in (0, 1))
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {min(found)[0] * 1e3:.1f} |")


def _evaluation(samples: int) -> Any:
    """One of random counts; two of three classes are in an image."""
    from segcore.evaluation import Evaluation, Images
    from segcore.ontology import LabelClass, Ontology
    from segcore.tally import Tally, TallyTable

    rng = np.random.default_rng(0)
    keys = tuple(f"{i:06d}" for i in range(samples))

    def tally() -> Tally:
        table = np.zeros((CLASSES + 1, CLASSES + 1), np.int64)
        gold = rng.integers(1000, 9000, CLASSES) * (rng.random(CLASSES) < 2 / 3)
        missed = (gold * rng.random(CLASSES) / 2).astype(np.int64)
        table[range(CLASSES), range(CLASSES)] = gold - missed
        table[:CLASSES, CLASSES] = missed
        return Tally.from_table(table)

    return Evaluation(
        ontology=Ontology(tuple(LabelClass(id=i, name=f"class {i}") for i in range(CLASSES))),
        images=Images(gold=samples, paired=keys, missing_in_delivery=(), extra_in_delivery=()),
        tallies=TallyTable.from_tallies([(key, tally()) for key in keys], num_classes=CLASSES),
        inputs=(),
        counts={},
        faults=(),
        conventions={},
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    {"compare": compare, "peak": peak, "inject": inject}[sys.argv[1]](json.loads(sys.argv[2]))
