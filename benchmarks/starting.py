"""(g) What starting costs: a gate on 100 small images, and the plugin where there is no gate."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 256
CLASSES = 8
ROUNDS = 11
BASE = "pytest, one test, NumPy imported"
PLUGIN = "the same with segcore's plugin"
GATE = "segcore gate"

_TEST = "import numpy\n\n\ndef test_nothing():\n    assert numpy\n"
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
_COMMAND = "import sys; from segcore.cli import main; sys.exit(main(sys.argv[1:]))"


def run(options: argparse.Namespace) -> None:
    images = 10 if options.quick else 100
    rounds = max(ROUNDS, options.rounds)
    with tempfile.TemporaryDirectory() as name:
        batch, project = lay_out(Path(name), images)
        ways = {
            BASE: (project, [*_PYTEST]),
            PLUGIN: (project, [*_PYTEST, "-p", "segcore_gates.pytest_plugin"]),
            GATE: (batch, ["-c", _COMMAND, "gate", "batch.gate.yaml"]),
        }
        laps: dict[str, list[float]] = {way: [] for way in ways}
        for i in range(rounds + 1):
            for way, (folder, arguments) in ways.items():
                wall_s = time_in_new_process(arguments, folder)
                if i:  # the first round writes bytecode
                    laps[way].append(wall_s)
    print(f"\n### Starting: {images} PNG pairs of {SIDE} x {SIDE} with {CLASSES} classes\n")
    print(f"Median of {rounds} interleaved rounds, from start to exit; NumPy's kernels.\n")
    print("| way | wall time / base | wall s |")
    print("|---|---:|---:|")
    for way, own in laps.items():
        ratio = statistics.median(a / b for a, b in zip(own, laps[BASE], strict=True))
        print(f"| {way} | {ratio:.2f} | {statistics.median(own):.3f} |")
    cost = statistics.median(a - b for a, b in zip(laps[PLUGIN], laps[BASE], strict=True))
    print(f"\nThe plugin's presence: {cost * 1e3:.1f} ms.")
    sys.stdout.flush()


def lay_out(folder: Path, images: int) -> tuple[Path, Path]:
    """A batch, boxes of random classes delivered one pixel too low; a project with one empty test."""
    rng = np.random.default_rng(0)
    batch, project = folder / "batch", folder / "project"
    for path in (batch / "gold", batch / "delivery", project):
        path.mkdir(parents=True)
    for i in range(images):
        gold = np.zeros((SIDE, SIDE), np.uint8)
        for _ in range(6):
            (y, x), (height, width) = rng.integers(0, SIDE - 56, 2), rng.integers(10, 56, 2)
            gold[y : y + height, x : x + width] = rng.integers(0, CLASSES)
        Image.fromarray(gold).save(batch / "gold" / f"{i:03}.png")
        Image.fromarray(np.roll(gold, 1, axis=0)).save(batch / "delivery" / f"{i:03}.png")
    classes = "".join(f"    - {{id: {i}, name: class-{i}}}\n" for i in range(CLASSES))
    (batch / "batch.gate.yaml").write_text(
        "version: 1\ngold: png:gold\ndelivery: png:delivery\n"
        f"ontology:\n  classes:\n{classes}"
        "gates:\n  class-iou: {metric: iou, min: {default: 0.5}}\n"
    )
    (project / "test_nothing.py").write_text(_TEST)
    return batch, project


def time_in_new_process(arguments: list[str], folder: Path) -> float:
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    # Only the plugins that are named: what else is installed here is not what is measured.
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "SEGCORE_KERNELS": "numpy"}
    started = time.perf_counter()
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s = time.perf_counter() - started
    if result.returncode:
        sys.exit(f"{arguments}: {result.stdout}{result.stderr}")
    return wall_s
