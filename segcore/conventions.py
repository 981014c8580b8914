"""The rules behind the numbers, in words, for the reader of a report."""

from __future__ import annotations

from typing import Final

from segcore.average_precision import ScoreRule
from segcore.dilation import Dilation
from segcore.evaluation import OTHER
from segcore.ontology import Crowd, Ontology, Overlap
from segcore.side import Side

__all__ = [
    "boundary_conventions",
    "instance_conventions",
    "panoptic_conventions",
    "semantic_conventions",
    "source_conventions",
    "surface_conventions",
]


def source_conventions(sides: tuple[Side, Side]) -> dict[str, str]:
    """How either side was read."""
    found: dict[str, dict[str, str]] = {}
    for side in sides:
        for topic, text in side.source.conventions.items():
            found.setdefault(topic, {})[side.role] = text
    return {
        topic: "; ".join(f"{role}: {text}" for role, text in texts.items())
        if len(set(texts.values())) > 1 or len(texts) < len(sides)
        else texts["gold"]
        for topic, texts in found.items()
    }


def semantic_conventions(ontology: Ontology) -> dict[str, str]:
    """How pixels are counted."""
    crowd = {
        Crowd.IGNORE: "gold crowd regions are not counted, except where an ordinary region covers them",
        Crowd.CLASS: "crowd regions are regions like any other",
    }
    overlap = {
        Overlap.SMALLEST: "where regions overlap the smallest owns the pixel",
        Overlap.LAST: "where regions overlap the last in the file owns the pixel",
        Overlap.ERROR: "regions of different classes may not overlap",
    }
    return {
        "crowd": crowd[ontology.crowd],
        "ignore": "pixels the gold ignores are not counted; delivered ignore over counted gold is wrong",
        "iou": "pooled over images: sum of intersections over sum of unions",
        "mean": "classes with a union above 0, each weighted the same",
        "missing_image": "a gold image that was not delivered counts with all its pixels missed",
        "overlap": overlap[ontology.overlap],
        "polygons": "rasterised by the COCO rule (pycocotools)",
        "unlabeled": f"pixels nobody claims count as {OTHER}, on either side",
    }


def boundary_conventions(dilation: Dilation) -> dict[str, str]:
    """How Boundary IoU is counted."""
    width = f"{dilation.px} px" if dilation.share is None else f"{dilation.share} of the diagonal"
    return {
        "boundary": f"the pixels of a mask within {width} of one outside it, or of the outside of the "
        "image; square neighbourhoods, as boundary-iou-api has it",
        "boundary_iou": "pooled over images: sum of intersections over sum of unions of the bands",
        **_VOID,
    }


def surface_conventions() -> dict[str, str]:
    """How surfaces are compared."""
    return {
        "assd": "mean distance of all surface pixels of both sides in an image; mean over the images",
        "boundary_f1": "harmonic mean of precision and recall within the tolerance, pooled over images",
        "hd95": "the larger of both 95th percentiles (interpolated) in an image; mean over the images",
        "nsd": "surface pixels within the tolerance of the other side's surface, pooled over images",
        "one_sided": "where only one side has a class, HD95 and ASSD are the diagonal of the image",
        "surface": "pixels of a mask with one of four neighbours outside it, or outside the image",
        **_VOID,
    }


_VOID: Final = {
    "void_outline": "what the gold ignores is outside every mask of both sides: a class that meets it "
    "ends there"
}


def instance_conventions(
    ontology: Ontology, rule: ScoreRule | None, dilation: Dilation | None = None
) -> dict[str, str]:
    """How objects are matched and counted."""
    crowd = {
        Crowd.IGNORE: "gold crowds are neither found nor missed; what lies in one is not extra",
        Crowd.CLASS: "crowd regions are objects like any other",
    }
    scores = {
        None: "AP ranks objects by the delivery's own scores; without them it is undefined",
        ScoreRule.EQUAL: "AP takes all delivered objects for equally sure, whatever their scores",
        ScoreRule.AREA: "AP takes the larger delivered object for surer, whatever the scores",
    }
    boundary = {}
    if dilation is not None:
        boundary["boundary"] = (
            f"{_band(dilation)}; boundary AP goes by the smaller of IoU and boundary IoU, in crowds by "
            "IoU"
        )
    return {
        **boundary,
        "ap": "COCO: IoU .50:.05:.95, 101 recalls, 100 objects an image and class, mean of the classes "
        "gold has",
        "crowd": crowd[ontology.crowd],
        "f1": "objects matched one to one within their class, highest IoU first, without scores",
        "merged": "delivered objects that cover at least half of several gold ones, one of them missed",
        "missing_image": "a gold image that was not delivered counts with all its objects missed",
        "polygons": "rasterised by the COCO rule (pycocotools)",
        "scores": scores[rule],
        "sizes": "by the area the gold states, else by its pixels: small to 32 x 32, large from 96 x 96",
        **_stuff(ontology),
        "split": "gold objects that several delivered ones are parts of, one of them extra",
        "ties": "of equal scores the image with the smaller key first, in an image the larger object",
    }


def _stuff(ontology: Ontology) -> dict[str, str]:
    """What becomes of stuff, and of classes that may be."""
    kinds = [c.thing for c in ontology.classes]
    stuff, unsaid = kinds.count(False), kinds.count(None)
    told = "classes of stuff are left out on both sides and counted as ignored"
    if unsaid and stuff:
        told += "; classes that are not said to be stuff count as objects"
    return {"stuff": told} if stuff else {}


def _band(dilation: Dilation) -> str:
    reach = f"{dilation} of the diagonal" if dilation.px is None else f"{dilation.px} px"
    return f"pixels of a mask within {reach} of one outside it or outside the image"


def panoptic_conventions(ontology: Ontology, dilation: Dilation | None = None) -> dict[str, str]:
    """How segments are matched and counted."""
    crowd = {
        Crowd.IGNORE: "gold crowds are neither found nor missed, and void to delivered segments of "
        "their class",
        Crowd.CLASS: "crowd segments are segments like any other",
    }
    boundary = {}
    if dilation is not None:
        boundary["boundary"] = (
            f"{_band(dilation)}, without the pixels the gold leaves void; boundary PQ, SQ and RQ go by "
            "the smaller of IoU and boundary IoU, as in boundary-iou-api"
        )
    return {
        **boundary,
        "crowd": crowd[ontology.crowd],
        "match": "panopticapi: same class and an IoU above .5, without the pixels the gold leaves void",
        "mean": "classes with a segment that counts, each weighted the same",
        "missing_image": "a gold image that was not delivered counts with all its segments missed",
        "polygons": "rasterised by the COCO rule (pycocotools)",
        "segments": "of regions, each thing is one segment and all of a stuff class in an image is one; "
        "no pixel may lie in two",
        "void": "pixels in no gold segment; a delivered segment with more than half of its pixels there "
        "is not counted",
    }
