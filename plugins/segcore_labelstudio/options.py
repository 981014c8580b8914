"""The options of every source of Label Studio annotations."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from segcore.errors import SpecError
from segcore.sources.spec import Spec
from segcore.wording import did_you_mean, printable
from segcore_labelstudio.brush import DEFAULT_THRESHOLD

__all__ = ["OPTIONS", "Options", "Which"]

OPTIONS: Final = ("annotations", "annotator", "config", "image", "key", "ontology", "threshold")
"""The options every source of Label Studio annotations takes."""


class Which(enum.StrEnum):
    """Which annotations of a task count."""

    LATEST = "latest"
    """The latest of those that are neither cancelled nor ground truth."""
    ALL = "all"
    """The latest of each annotator, each held against the gold by itself."""
    GROUND_TRUTH = "ground-truth"
    """The one with the star."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a spec says about how tasks are read.

    Attributes
    ----------
    which : Which
    annotator : str or None
        Only annotations of this user count: an id, or an e-mail address where the file has it.
    key, image : str or None
        Fields of ``task.data``: the key of the image instead of its file name, and the image
        itself where no configuration says it.
    config, ontology : str or None
        Files: the labeling configuration, the classes.
    threshold : int
        The least alpha that belongs to a brush mask, 1 to 255.
    """

    which: Which = Which.LATEST
    annotator: str | None = None
    key: str | None = None
    image: str | None = None
    config: str | None = None
    ontology: str | None = None
    threshold: int = DEFAULT_THRESHOLD

    @classmethod
    def from_spec(cls, spec: Spec) -> Options:
        """Read the options of a spec; those of :data:`OPTIONS` are looked at.

        Raises
        ------
        SpecError
            A value is not one of the allowed.
        """
        get = spec.options.get
        which = get("annotations", Which.LATEST.value)
        known = [member.value for member in Which]
        if which not in known:
            hint = did_you_mean(which, known)
            raise SpecError(f"{spec}: annotations is {which!r}{hint} (known: {', '.join(known)})")
        threshold = get("threshold", str(DEFAULT_THRESHOLD))
        if not (threshold.isascii() and threshold.isdigit() and 1 <= int(threshold[:9]) <= 255):
            raise SpecError(f"{spec}: threshold is an alpha from 1 to 255, got {threshold!r}")
        if "config" in spec.options and "image" in spec.options:
            raise SpecError(
                f"{spec}: the labeling configuration says which field holds the image: "
                "leave out image or config"
            )
        return cls(
            which=Which(which),
            annotator=get("annotator"),
            key=get("key"),
            image=get("image"),
            config=get("config"),
            ontology=get("ontology"),
            threshold=int(threshold),
        )

    def conventions(self) -> dict[str, str]:
        """What a reader of the numbers must know, by topic."""
        chosen = {
            Which.LATEST: "the latest of a task that is neither cancelled nor ground truth",
            Which.ALL: (
                "the latest of each annotator of a task that is neither cancelled nor ground truth, "
                "each held against the gold by itself"
            ),
            Which.GROUND_TRUTH: "the ground truth of a task",
        }
        by = "" if self.annotator is None else f", of annotator {printable(self.annotator)} only"
        return {
            "annotations": f"{chosen[self.which]}{by}; drafts and predictions never count",
            "brush": f"a pixel of a brush mask counts where its alpha is {self.threshold} or more",
            "shapes": (
                "polygons, rectangles and vectors by the COCO rule, ellipses by pixel centres, "
                "rotated in pixels"
            ),
        }
