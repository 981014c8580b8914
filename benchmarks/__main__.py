"""Run the benchmarks and print Markdown tables."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from importlib import metadata
from pathlib import Path

# one thread each, before anything compiled starts its own: CPU time is what is compared
for variable in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

PARTS = {
    "a": "dense",
    "b": "png",
    "c": "rle",
    "d": "growth",
    "e": "brush",
    "f": "pulling",
    "g": "starting",
    "h": "datasets",
    "i": "instances",
    "j": "panoptic",
    "k": "boundary",
    "l": "object_boundaries",
    "m": "segment_boundaries",
    "n": "acceptance",
}
PEERS = (
    "numpy", "numba", "hotcoco", "pycocotools", "cityscapesscripts", "scikit-learn", "torchmetrics",
    "pillow", "kornia-rs", "deflate", "opencv-python-headless", "scipy", "label-studio-sdk", "fiftyone",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small inputs: a check that everything runs"
    )
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds of each way (default: 5)")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "segcore-benchmarks",
                        help="folder for the generated scenes (default: %(default)s)")  # fmt: skip
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := [part for part in wanted if part not in PARTS]:
        parser.error(f"unknown part {unknown[0]!r}: expected some of {','.join(PARTS)}")

    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, one thread each"
    print(f"Python {platform.python_version()} on {machine}")
    print(", ".join(f"{name} {version}" for name in PEERS if (version := installed(name))))
    for part in wanted:
        module = __import__(f"benchmarks.{PARTS[part]}", fromlist=["run"])
        module.run(options)


def installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
