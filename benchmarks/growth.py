"""(d) How time and memory grow with images and with classes, each point in a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import png
from benchmarks.scenes import Size, load

IMAGES = (50, 500, 5000)
CLASSES = (19, 150, 1000)
DISTINCT = 10
"""Scenes that are really different; the others are links to them."""


def run(options: argparse.Namespace) -> None:
    images = (10, 50, 100) if options.quick else IMAGES
    classes = (19, 150) if options.quick else CLASSES
    base = {"height": 256, "width": 512}
    table("images", [Size(pairs=n, **base) for n in images], options)
    table("classes", [Size(pairs=images[0], classes=k, **base) for k in classes], options)


def table(what: str, sizes: list[Size], options: argparse.Namespace) -> None:
    print(f"\n### Growth with {what}: PNG pairs of {sizes[0].width} x {sizes[0].height}\n")
    print("| images | classes | kernels | CPU s | CPU ms an image | peak memory MiB |")
    print("|---:|---:|---|---:|---:|---:|")
    for size in sizes:
        folder = prepare(size, options.data)
        for choice in ("numpy", "numba"):
            found = measure_in_new_process(folder, size, choice)
            if found is not None:
                print(
                    f"| {size.pairs} | {size.classes} | {choice} | {found['cpu_s']:.2f} "
                    f"| {found['cpu_s'] / size.pairs * 1e3:.2f} | {found['peak_mib']:.0f} |"
                )
                sys.stdout.flush()


def prepare(size: Size, data: Path) -> Path:
    distinct = Size(pairs=DISTINCT, height=size.height, width=size.width, classes=size.classes)
    gold, delivery = load(distinct, data)
    folder = data / f"growth-{size.name}"
    for side, maps in (("gold", gold), ("delivery", delivery)):
        png.save(folder / side, maps, png.opencv)
        for i in range(DISTINCT, size.pairs):
            path = folder / side / f"{i:05d}.png"
            if not path.exists():
                os.link(folder / side / f"{i % DISTINCT:05d}.png", path)
    return folder


def measure_in_new_process(folder: Path, size: Size, choice: str) -> dict[str, float] | None:
    command = [sys.executable, "-m", "benchmarks.growth", str(folder), str(size.classes), choice]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        print(f"({choice}: {result.stderr.strip().splitlines()[-1]})", file=sys.stderr)
        return None
    return dict(json.loads(result.stdout))


def measure(folder: Path, classes: int, choice: str) -> dict[str, float]:
    """Everything a process pays for one evaluation: imports, compilation or its cache, the work."""
    import numpy as np

    counted = png.segcore_evaluate(folder, Size(pairs=0, classes=classes), choice)  # type: ignore[arg-type]
    if not np.trace(counted):
        raise SystemExit("nothing was counted")
    return {"cpu_s": time.process_time(), "peak_mib": peak_mib()}


def peak_mib() -> float:
    """The most memory this process ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss begins with that of the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
