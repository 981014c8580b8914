"""(e) Brush masks of Label Studio."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.race import Way, missing, race
from segcore_labelstudio.brush import DEFAULT_THRESHOLD, decode_brush

SIDE = 512
SUPERSAMPLING = 4
BASE = "label_studio_sdk"


def run(options: argparse.Namespace) -> None:
    alphas = [stroke(seed) for seed in range(2 if options.quick else 24)]
    regions = [pack(alpha) for alpha in alphas]
    ways: dict[str, Way] = {"segcore": partial(segcore_areas, regions)}
    try:
        ways |= sdk(regions)
    except ImportError as error:
        missing(BASE, error)
    size = sum(map(len, regions)) / len(regions) / 1000
    race(f"Brush masks: {len(regions)} anti-aliased regions of {SIDE} x {SIDE}, {size:.1f} kB each",
         ways, base=BASE if BASE in ways else "segcore", rounds=options.rounds)  # fmt: skip


def segcore_areas(regions: list[list[int]]) -> np.ndarray:
    return np.array([decode_brush(rle, width=SIDE, height=SIDE).mask.area_px for rle in regions])


def sdk(regions: list[list[int]]) -> dict[str, Way]:
    from label_studio_sdk.converter.brush import decode_rle

    def way() -> np.ndarray:
        alphas = (decode_rle(rle).reshape(SIDE, SIDE, 4)[..., 3] for rle in regions)
        return np.array([np.count_nonzero(alpha >= DEFAULT_THRESHOLD) for alpha in alphas])

    return {BASE: way}


def stroke(seed: int) -> np.ndarray:
    """A wavy blob over a fifth of the image, with the soft edge a canvas would give it."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    waves = [rng.uniform(-0.12, 0.12) * np.sin(k * angle + rng.uniform(0, 6)) for k in range(1, 13)]
    radius = 0.25 * (1 + sum(waves))
    center = rng.uniform(0.35, 0.65, 2)
    outline = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None] + center
    side = SIDE * SUPERSAMPLING
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).polygon([tuple(point) for point in (outline * side).tolist()], fill=255)
    return np.array(image.resize((SIDE, SIDE), Image.Resampling.BOX))


def pack(alpha: np.ndarray) -> list[int]:
    """The region as the front end stores it: R = G = B = alpha, each run in the smallest size."""
    flat = alpha.ravel()
    first = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = 4 * np.diff(first, append=flat.size)
    bits = [f"{4 * flat.size:032b}{7:05b}"] + [f"{size - 1:04b}" for size in (3, 4, 8, 16)]
    for n, word in zip(lengths.tolist(), flat[first].tolist(), strict=True):
        for part in [65536] * ((n - 1) // 65536) + [(n - 1) % 65536 + 1]:
            index, size = next((i, s) for i, s in enumerate((3, 4, 8, 16)) if part <= 2**s)
            bits.append(f"1{index:02b}{part - 1:0{size}b}{word:08b}")
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return [int(stream[i : i + 8], 2) for i in range(0, len(stream), 8)]
