"""What images reached that were labelled both ways: with masks, and the cheaper way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segcore import sources
from segcore.advice.advice import MeasuredPilot
from segcore.evaluation import InputInfo
from segcore.ontology import Ontology
from segcore.sources import Source, Spec

__all__ = ["DrawnPilot", "measured_pilot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPilot:
    """The cheaper side.

    Attributes
    ----------
    classes : dict of str to MeasuredPilot
        Of the classes that the masks or the pilot have.
    info : InputInfo
    """

    classes: dict[str, MeasuredPilot]
    info: InputInfo


def measured_pilot(
    masks: Source, pilot: str | Spec | Source, *, ontology: Ontology, jobs: int
) -> DrawnPilot:
    """Compare what was drawn the cheaper way with the masks, pixel by pixel.

    Parameters
    ----------
    masks : Source
    pilot : str, Spec or Source
        Of some of the images, all it holds; masks of images that are not in it do not count.
    ontology : Ontology
    jobs : int

    Raises
    ------
    InvalidInputError
        An input is refused, or they have no image in common.
    """
    from segcore.batch import evaluate

    whole = evaluate(masks, pilot, ontology=ontology, jobs=jobs, keep_cells=True)
    evaluation = whole.restricted_to(whole.images.paired)
    counts, vertices = _drawn(sources.open(pilot), ontology)
    classes = {}
    for i, scores in enumerate(evaluation.classes):
        points = vertices.get(i, [])
        classes[scores.name] = MeasuredPilot(
            iou=None if scores.iou is None or np.isnan(scores.iou) else float(scores.iou),
            objects=counts.get(i, 0),
            vertices=int(np.median(points)) if points else None,
        )
    return DrawnPilot(classes=classes, info=evaluation.inputs[1])


def _drawn(source: Source, ontology: Ontology) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Annotations and the vertices of polygons, by class."""
    source = source.resolve(ontology=ontology)
    at = ontology.match(source.ontology or ontology).tolist()
    counts: dict[int, int] = {}
    vertices: dict[int, list[int]] = {}
    keys = source.keys()
    source.expect(keys)
    for key in keys:
        annotation = source.read(key)
        outlines = None if annotation is None else annotation.outlines
        if outlines is None:
            continue
        for index, points in zip(outlines.classes.tolist(), outlines.vertices.tolist(), strict=True):
            if index >= 0 and at[index] >= 0:
                counts[at[index]] = counts.get(at[index], 0) + 1
                if points:
                    vertices.setdefault(at[index], []).append(points)
    return counts, vertices
