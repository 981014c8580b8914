"""Regions and tasks as Label Studio exports them, and what is read from an export."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from segcore.sources.spec import Spec
from segcore_labelstudio.export import open_source

OWN = Path(__file__).parent.parent / "data" / "label_studio"


def source_of(file, query=""):
    return open_source(Spec.parse(f"label-studio-export:{file}{query}"))


def box(x, label="car", *, width=4, height=2, **more):
    """One pixel wide, as high as the image, on an image of ``width`` x ``height``."""
    value = {"x": 100 * x / width, "y": 0, "width": 100 / width, "height": 100, "rotation": 0}
    return {
        "id": "r1",
        "type": "rectanglelabels",
        "from_name": "box",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "value": {**value, "rectanglelabels": [label]},
        **more,
    }


def left(percent):
    """The left part of an image of 4 x 2 pixels, for the tags of the server of ours."""
    value = {"x": 0, "y": 0, "width": percent, "height": 100, "rotation": 0, "rectanglelabels": ["car"]}
    return {
        "id": "r1",
        "type": "rectanglelabels",
        "from_name": "tag",
        "to_name": "image",
        "original_width": 4,
        "original_height": 2,
        "value": value,
    }


def task(number, *regions, image=None, by=1, **more):
    annotation = {"id": 10 * number, "completed_by": by, "result": list(regions), **more}
    return {"id": number, "data": {"image": image or f"/d/{number}.png"}, "annotations": [annotation]}


def gold_and_answers(number, *results, data=None):
    """A task with the annotation that is its gold, and one for each result delivered after it."""
    return {
        "id": number,
        "data": {"image": f"/img-{number}.png"} | (data or {}),
        "annotations": [
            {
                "id": 10 * number + i,
                "result": result,
                "ground_truth": i == 0,
                "was_cancelled": False,
                "completed_by": i,
                "updated_at": f"2026-01-0{i + 1}T00:00:00Z",
            }
            for i, result in enumerate(results)
        ],
    }


def codes(source):
    return Counter(fault.code for fault in source.faults)


def pixels(annotation, i=0):
    return annotation.content[i].mask.to_array().astype(int).tolist()
