"""What belongs to one key in a dataset, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from segcore_fiftyone.slugs import require_key

if TYPE_CHECKING:
    from segcore_fiftyone.scores import ClassRow

__all__ = ["OUTCOMES", "Names"]

OUTCOMES: Final = ("matched", "missed", "extra")
"""What may become of an object."""


@dataclass(frozen=True, slots=True)
class Names:
    """What fields, views, tags and runs of a key are called.

    Raises
    ------
    UsageError
        The key is no name of a field.
    """

    key: str

    def __post_init__(self) -> None:
        require_key(self.key)

    @property
    def iou(self) -> str:
        """The field of an IoU for each class; of a label, the attribute of its IoU."""
        return f"{self.key}_iou"

    @property
    def mean(self) -> str:
        """The field of their mean over the classes in the image."""
        return f"{self.key}_miou"

    @property
    def tag(self) -> str:
        """The tag of samples that fail."""
        return f"segcore:{self.key}:fail"

    @property
    def run(self) -> str:
        """The run that keeps the scores."""
        return f"segcore_{self.key}"

    def path(self, c: ClassRow) -> str:
        """Where a sample holds the IoU of a class."""
        return f"{self.iou}.{c.field}"

    def view(self, c: ClassRow) -> str:
        """The saved view of the samples with a class, worst first."""
        return f"{self.key}-worst-{c.name}"

    # ---- of objects

    @property
    def marks_run(self) -> str:
        """The run that lists the fields whose labels are marked."""
        return f"segcore_{self.key}_objects"

    @property
    def mark_tags(self) -> tuple[str, ...]:
        """The tags of labels."""
        return tuple(map(self.mark_tag, OUTCOMES))

    def mark_tag(self, outcome: str) -> str:
        """The tag of the labels of one outcome."""
        return f"segcore:{self.key}:{outcome}"
