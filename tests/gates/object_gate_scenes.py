"""Boxes of each size that are found, missed and extra, and gates that know what they find."""

from __future__ import annotations

SIZES = ("small", "medium", "large")
BOXES = {"small": (180, 0, 10, 10), "medium": (120, 0, 40, 40), "large": (0, 0, 100, 100)}
"""A gold object of each size: 100, 1600 and 10000 pixels."""


def narrower(box, score):
    """Four fifths of a box: IoU 0.8."""
    x, y, w, h = box
    return x, y, 4 * w // 5, h, score


def moved(box, score):
    """The same box where no gold object is."""
    x, y, w, h = box
    return x, y + 150, w, h, score


GOLD = [{"car": list(BOXES.values())}] * 4
DELIVERY = [
    *({"car": [narrower(box, score) for box in BOXES.values()]} for score in (90, 80, 70)),
    {"car": [moved(box, 60) for box in BOXES.values()]},
]
"""Of each size: three found at IoU 0.8, one missed, one extra, which the delivery is least sure of."""

ASKED = {
    "f1": ("iou: 0.5", "0.75"),
    "precision": ("iou: 0.5", "0.75"),
    "recall": ("iou: 0.8", "0.75"),
    "matched-iou": ("iou: 0.5", "0.8"),
    # 100 pixels ask for 0.4, 1000 and more for 0.9: the three small ones of the twelve
    "good-object-share": ("curve: {100: 0.4, 1000: 0.9}", "0.25"),
    # 76 of the 101 recalls are reached, at precision 1; of ten overlaps by seven
    "ap": ('iou: "0.5"', "0.752475247525"),
    "ar": ('iou: "0.5:0.95"', "0.525"),
    # Bands of two pixels of the found ones: 44/76, 200/376 and 512/976, all above a half
    "boundary-ap": ('iou: "0.5", dilation: 2px', "0.752475247525"),
}
"""What a gate is told, and what it finds of the scene above; by hand."""

SIZED = [metric for metric in ASKED if metric != "good-object-share"]


def gate(metric, limit, *more):
    keys = [f"metric: {metric}", ASKED[metric][0], f"min: {{default: {limit}}}", "classes: [car]", *more]
    return f"g: {{{', '.join(keys)}}}"


def sized(metric, size, limit):
    return (
        f"g: {{metric: {metric}, {ASKED[metric][0]}, classes: [car], "
        f"sizes: {{{size}: {{default: {limit}}}}}}}"
    )


def a_bit_more(limit):
    return f"{float(limit) + 0.0001:.4f}"
