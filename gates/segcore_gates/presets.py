"""Limits to begin with, by what classes are called.

No source states what a class of some field has to reach: the numbers are proposals to start a discussion
from, and whoever signs them has to know what two careful people reach on the same images.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["PRESETS", "ClassKind", "kind_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassKind:
    """Classes that are alike in how well they can be drawn.

    Attributes
    ----------
    name : str
        In reports.
    iou : float or None
        The floor; None is not to be gated.
    words : str
        What such classes are called, apart by spaces; empty is every class.
    beside : str
        What to gate beside the IoU, as the keys of a gate; empty for nothing.
    """

    name: str
    iou: float | None
    words: str = ""
    beside: str = ""

    def holds(self, class_name: str) -> bool:
        """Whether a class is of this kind, by one of its words."""
        words = re.findall(r"[^\W\d_]+", class_name.casefold())
        own = self.words.split()
        return not own or any(word in own or word.removesuffix("s") in own for word in words)


_THIN: Final = "metric: nsd, tolerance_px: 2, min: {default: 0.90}"
_FOUND: Final = "metric: recall, iou: 0.5, min: {default: %s}"

PRESETS: Final[Mapping[str, tuple[ClassKind, ...]]] = {
    "driving": (
        ClassKind(
            name="lane markings and kerbs", iou=0.75, words="lane marking kerb curb", beside=_THIN
        ),
        ClassKind(
            name="thin things", iou=0.70, words="pole fence sign light guardrail rail", beside=_THIN
        ),
        ClassKind(name="ground beside the road", iou=0.85, words="sidewalk pavement terrain grass wall"),
        ClassKind(
            name="people and bicycles",
            iou=0.85,
            words="person people pedestrian rider cyclist bicycle bike motorcycle motorbike",
            beside=_FOUND % "0.98",
        ),
        ClassKind(
            name="large surfaces and vehicles",
            iou=0.93,
            words="road sky building vegetation tree car truck bus train van vehicle",
            beside="metric: boundary-f1, tolerance_px: 3, min: {default: 0.85}",
        ),
    ),
    "medical": (
        ClassKind(name="poorly visible", iou=None, words="larynx glottis glottic"),
        ClassKind(name="targets", iou=0.60, words="tumor tumour ctv gtv lesion cancer metastasis"),
        ClassKind(
            name="small or soft organs",
            iou=0.67,
            words="submandibular gland thyroid pancreas prostate nerve chiasm cochlea",
            beside=_THIN,
        ),
        ClassKind(
            name="large, clear organs",
            iou=0.82,
            words="mandible brainstem parotid lung liver kidney spleen heart bladder brain bone organ",
            beside="metric: nsd, tolerance_px: 2, min: {default: 0.95}",
        ),
    ),
    "fashion": (
        ClassKind(name="hair", iou=0.75, words="hair beard"),
        ClassKind(name="skin and face", iou=0.85, words="skin face arm leg hand neck body"),
        ClassKind(
            name="straps, jewellery, eyewear",
            iou=0.70,
            words="strap jewellery jewelry eyewear glasses sunglasses watch belt necklace earring ring",
        ),
        ClassKind(
            name="bags, shoes, hats", iou=0.88, words="bag handbag backpack shoe boot sandal hat cap"
        ),
        ClassKind(
            name="garments",
            iou=0.92,
            words="garment shirt blouse top sweater cardigan jacket vest coat cape dress skirt pants "
            "trousers shorts jeans jumpsuit suit tights",
            beside="metric: boundary-iou, dilation: 0.02, min: {default: 0.80}",
        ),
    ),
    "retail": (
        ClassKind(name="products", iou=0.90, beside="metric: f1, iou: 0.75, min: {default: 0.95}"),
    ),
    "aerial": (
        ClassKind(name="crops and weeds", iou=0.75, words="crop weed plant", beside=_FOUND % "0.90"),
        ClassKind(name="fields, roads, roofs", iou=0.85, words="field road roof building parcel water"),
    ),
    "defect": (ClassKind(name="defects", iou=0.65, beside=_FOUND % "0.98"),),
    "strict": (ClassKind(name="strict", iou=0.90),),
    "standard": (ClassKind(name="standard", iou=0.80),),
    "lenient": (ClassKind(name="lenient", iou=0.70),),
}
"""By name; of the kinds of a preset the first that holds a class counts."""

_OTHERS: Final = ClassKind(name="standard, as no kind of the preset has it", iou=0.80)


def kind_of(class_name: str, preset: str) -> ClassKind:
    """What a preset takes a class for."""
    return next((kind for kind in PRESETS[preset] if kind.holds(class_name)), _OTHERS)
