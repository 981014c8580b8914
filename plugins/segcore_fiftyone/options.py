"""What a ``fiftyone:`` spec says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from segcore.errors import SpecError
from segcore.sources.spec import Spec

__all__ = ["OPTIONS", "Options"]

OPTIONS: Final = ("key", "ontology", "view")
"""The options of ``fiftyone:DATASET/FIELD``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which labels are read, and how their images are called.

    Attributes
    ----------
    dataset, field : str
    view : str or None
        A saved view of the dataset.
    key : str
        ``stem`` (the file name without folders and extension), ``id`` (the sample id), or a field.
    ontology : str or None
        The file of the classes.
    """

    dataset: str
    field: str
    view: str | None = None
    key: str = "stem"
    ontology: str | None = None

    @classmethod
    def from_spec(cls, spec: Spec) -> Options:
        """Read a spec.

        Raises
        ------
        SpecError
            It does not name a dataset and a field, or an option is unknown.
        """
        spec.require_known(OPTIONS)
        dataset, slash, field = spec.location.rpartition("/")
        if not slash or not dataset or not field:
            raise SpecError(
                f"{spec} names no field: expected fiftyone:DATASET/FIELD, "
                "such as fiftyone:streets/ground_truth"
            )
        get = spec.options.get
        return cls(
            dataset=dataset,
            field=field,
            view=get("view"),
            key=get("key", "stem"),
            ontology=get("ontology"),
        )
