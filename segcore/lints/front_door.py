"""What reading a delivery found already: its faults, by the lint they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from segcore.faults import Fault
from segcore.lints.findings import Found, LintFinding
from segcore.lints.names import Lint

__all__ = ["CODES_OF", "from_faults"]

CODES_OF: Final[Mapping[Lint, frozenset[str]]] = {
    Lint.UNKNOWN_CLASS: frozenset({
        "coco.unknown_category", "coco.unknown_class_name", "cvat.unknown_label", "datumaro.label",
        "ls.ambiguous_label", "ls.missing_label", "mask.id_scheme", "mask.suspect_blend",
        "mask.unknown_value", "yolo.bad_class", "yolo.unknown_class",
    }),
    Lint.UNDECODABLE_MASK: frozenset({
        "cvat.bad_value", "fo.bad_array", "fo.bad_box", "fo.no_area", "labelme.bad_type",
        "labelme.mask_size", "labelme.no_area", "labelme.point_count", "labelme.unsupported_shape",
        "ls.rle_bad_type", "ls.rle_overshoot", "ls.rle_size", "ls.rle_trailing", "ls.rle_truncated",
        "ls.rle_wordsize", "ls.unsupported_type", "mask.animated", "mask.bit_depth", "mask.corrupt",
        "mask.exif_orientation", "mask.not_png", "mask.truncated", "mask.unexpected_mode",
        "panoptic.missing_mask", "panoptic.size_mismatch", "panoptic.unlisted_segment",
        "poly.bad_nesting", "poly.bad_type", "poly.not_finite", "poly.odd_length", "poly.too_few_points",
        "poly.too_many_points", "rle.bad_char", "rle.bad_type", "rle.missing_field", "rle.negative_run",
        "rle.run_too_large", "rle.size_mismatch", "rle.sum_mismatch", "rle.truncated", "seg.bad_type",
        "seg.missing", "voc.no_pair", "voc.size_mismatch", "yolo.bad_number", "yolo.box",
    }),
    Lint.EMPTY_MASK: frozenset({"panoptic.missing_segment", "poly.zero_area", "seg.empty"}),
    Lint.OUT_OF_BOUNDS: frozenset({
        "cvat.crop_outside", "poly.clipped", "poly.empty_after_clip", "poly.out_of_bounds",
        "yolo.not_normalized",
    }),
    Lint.SELF_INTERSECTION: frozenset({"poly.self_intersection"}),
    Lint.BBOX_MISMATCH: frozenset({"seg.bbox_mismatch"}),
    Lint.AREA_MISMATCH: frozenset({"coco.area_mismatch"}),
}  # fmt: skip
"""The faults that are findings of a lint."""


def from_faults(faults: Iterable[Fault], found: Mapping[Lint, Found]) -> None:
    """Add every fault to the lint it belongs to, of those that are asked for.

    Parameters
    ----------
    faults : iterable of Fault
        Sorted.
    found : mapping of Lint to Found
    """
    lint_of = {code: lint for lint in found for code in CODES_OF.get(lint, ())}
    for fault in faults:
        lint = lint_of.get(fault.code)
        if lint is not None:
            found[lint].add(
                LintFinding(
                    image=fault.image or "",
                    annotation=fault.annotation,
                    what=fault.meaning,
                    expected=fault.expected,
                    got=fault.got,
                )
            )
