"""A label field of open samples: its type, its classes, which samples carry it, what they hold.

Everything is found once and when it is first needed.  A field travels to worker processes without its
samples: what they need of the list of samples is in a file.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from segcore.errors import OntologyError, SpecError
from segcore.image_attributes import ANNOTATOR, Attributes, attributes_in, merged
from segcore.limits import MAX_CLASSES
from segcore.ontology import LabelClass, Ontology
from segcore.wording import printable, show
from segcore_fiftyone.library import Samples, open_collection
from segcore_fiftyone.options import Options
from segcore_fiftyone.rows import LIST_FIELDS, Row, Rows, Spilled, list_rows
from segcore_fiftyone.targets import MaskTargets, class_name_problem

__all__ = ["LabelField"]

_BLOCK: Final = 8
"""Samples whose labels are fetched with one question; a label may be 16 MB."""


class LabelField:
    """A field of a dataset or view.

    Parameters
    ----------
    options : Options
    name : str
        What messages call it.
    samples : Samples or None
        The samples, where they are open already.
    """

    def __init__(self, options: Options, *, name: str, samples: Samples | None = None) -> None:
        self.options = options
        self.name = name
        self._block: Mapping[str, Any] = {}
        self._spilled: Spilled | None = None
        if samples is not None:
            self.samples = samples

    @property
    def place(self) -> str:
        """What faults call it: ``DATASET/FIELD``."""
        return f"{self.options.dataset}/{self.options.field}"

    @cached_property
    def samples(self) -> Samples:
        """The samples, opened now if they were not."""
        if self._spilled is not None:
            return self._spilled.reference().open()
        return Samples(open_collection(self.options.dataset, view=self.options.view))

    @cached_property
    def kind(self) -> str:
        """The type of its labels, one of :data:`LIST_FIELDS`."""
        kind = self.samples.label_type(self.options.field)
        if kind not in LIST_FIELDS:
            known = ", ".join(LIST_FIELDS)
            raise SpecError(f"{self.name} holds {kind}; what is read: {known}")
        return kind

    @cached_property
    def targets(self) -> MaskTargets | None:
        """What the values of masks mean; None where the dataset does not say, or there are no masks."""
        if self.kind != "Segmentation":
            return None
        return MaskTargets.parse(self.samples.mask_targets(self.options.field), place=self.name)

    @cached_property
    def classes(self) -> Ontology | None:
        """The classes the dataset names: mask targets, declared classes, else the labels in use."""
        if self.kind == "Segmentation":
            return None if self.targets is None else self.targets.ontology()
        names = list(dict.fromkeys(self.samples.classes(self.options.field)))
        if not names:
            path = ".".join(filter(None, [self.options.field, LIST_FIELDS[self.kind], "label"]))
            found = self.samples.labels(path)
            names = sorted(str(name) for name in found if class_name_problem(name) is None)
        if len(names) > MAX_CLASSES:
            raise OntologyError(f"{self.name}: {len(names)} labels, at most {MAX_CLASSES} are read")
        for name in names:
            problem = class_name_problem(name)
            if problem is not None:
                raise OntologyError(f"{self.name}: the dataset names the class {show(name)}: {problem}")
        classes = tuple(LabelClass(id=i, name=name) for i, name in enumerate(names))
        return Ontology(classes) if classes else None

    @cached_property
    def rows(self) -> Rows:
        """The samples whose field is not None."""
        if self._spilled is not None:
            return self._spilled.rows()
        options = self.options
        return list_rows(self.samples, options.field, kind=self.kind, key=options.key, place=self.place)

    @cached_property
    def _said(self) -> Mapping[str, Mapping[str, Any]]:
        """What the plain fields of every sample hold, by its id."""
        fields = list(self.samples.plain_fields().items())
        projection = {f"field{at}": f"${path}" for at, (_, path) in enumerate(fields)}
        return {
            str(row["_id"]): {
                name: value
                for at, (name, _) in enumerate(fields)
                if (value := row.get(f"field{at}")) is not None
            }
            for row in (self.samples.rows(projection) if fields else ())
        }

    def attributes(self, row: Row) -> Attributes:
        """Tags and plain fields of a sample, and who drew its labels."""
        said = dict(self._said.get(row.sample, {}))
        return merged([*attributes_in(said), (ANNOTATOR, row.annotators)])

    def document(self, key: str, row: Row) -> Mapping[str, Any]:
        """What the database holds of one sample; with it come those of the keys that follow."""
        if row.sample not in self._block:
            keys, by_key = self.rows.keys, self.rows.by_key
            at = bisect_left(keys, key)
            ids = [by_key[k].sample for k in keys[at : at + _BLOCK]]
            self._block = self.samples.documents(ids, self.options.field)
        found = self._block.get(row.sample)
        if not isinstance(found, Mapping):
            raise SpecError(f"{self.name} changed while it was read: {printable(key)} has no label")
        return found

    def __getstate__(self) -> dict[str, object]:
        """Without open samples, and with the list of rows in a file: jobs stay small."""
        if self._spilled is None:
            self._spilled = Spilled(self.rows, self.samples.reference)
        known: dict[str, object] = {"kind": self.kind, "targets": self.targets}
        if "classes" in self.__dict__:
            known["classes"] = self.classes
        return {
            "options": self.options,
            "name": self.name,
            "_block": {},
            "_spilled": self._spilled,
            **known,
        }
