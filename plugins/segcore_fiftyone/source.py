"""``fiftyone:DATASET/FIELD``: the labels of a field of a FiftyOne dataset or saved view.

Options: ``view=NAME`` (a saved view), ``key=stem|id|FIELD`` (what images are paired by: the file
name, the sample id, or a field), ``ontology=FILE`` (the classes).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from segcore.annotation import ImageAnnotation, LabelMap, Regions
from segcore.errors import OntologyError, RefusedMaskError
from segcore.faults import Fault, FaultLog
from segcore.fingerprint import Fingerprint
from segcore.image_attributes import Attributes
from segcore.limits import MAX_PIXELS
from segcore.ontology import Ontology
from segcore.sources.base import Source
from segcore.sources.spec import Spec
from segcore.wording import printable
from segcore_fiftyone.field import LabelField
from segcore_fiftyone.library import Samples
from segcore_fiftyone.objects import draw_objects, size_of_image
from segcore_fiftyone.options import Options
from segcore_fiftyone.rows import LIST_FIELDS, Row, Rows
from segcore_fiftyone.segmentations import map_of_array, map_of_png
from segcore_fiftyone.stored import read_mask_file
from segcore_fiftyone.targets import Values

if TYPE_CHECKING:
    from fiftyone.core.collections import SampleCollection

__all__ = ["FiftyOneSource", "open_source"]

_PLACEMENT: Final = (
    "an instance mask is placed pixel for pixel between the rounded edges of its box; one of another "
    "size is scaled into it"
)
_PARITY: Final = "closed and filled; what lies inside an odd number of shapes, each by the COCO rule"
_CONVENTIONS: Final = {
    "Detection": ("instance masks", _PLACEMENT),
    "Detections": ("instance masks", _PLACEMENT),
    "Polyline": ("polylines", _PARITY),
    "Polylines": ("polylines", _PARITY),
}


def open_source(spec: Spec) -> FiftyOneSource:
    """Open ``fiftyone:DATASET/FIELD[?option=value&...]``.  FiftyOne is not even imported yet.

    Raises
    ------
    SpecError
        No field is named, or an option is unknown.
    """
    name = str(spec)
    return FiftyOneSource(LabelField(Options.from_spec(spec), name=name), name=name)


class FiftyOneSource(Source):
    """The labels of one field.

    Ids of masks mean what the dataset's mask targets say; labels of objects are classes by their
    name.  Masks on disk are read from their files, by every worker by itself; what the database
    holds is fetched a few samples at a time.

    Parameters
    ----------
    field : LabelField
    name : str
        What reports call this source.
    ontology : Ontology or None
        The classes to read with, where they are not those the dataset names.
    """

    when_empty = "no sample with a label in this field"

    def __init__(self, field: LabelField, *, name: str, ontology: Ontology | None = None) -> None:
        self.name = name
        self.faults = FaultLog()
        self._field = field
        self._given = ontology
        self._is_listed = False

    @classmethod
    def of(
        cls,
        collection: SampleCollection,
        field: str,
        *,
        key: str = "id",
        ontology: Ontology | None = None,
    ) -> FiftyOneSource:
        """The labels of a field of an open dataset or view, saved or not.

        Parameters
        ----------
        collection : SampleCollection
        field : str
        key : str
            ``id``, so that two fields of one sample are a pair; or ``stem``, or a field.
        ontology : Ontology or None
            The classes; None takes those the dataset names.
        """
        samples = Samples(collection)
        options = Options(dataset=samples.dataset, field=field, view=samples.view, key=key)
        spec = Spec(
            format="fiftyone",
            location=f"{options.dataset}/{field}",
            options={} if samples.view is None else {"view": samples.view},
        )
        name = str(spec)
        return cls(LabelField(options, name=name, samples=samples), name=name, ontology=ontology)

    # ---- what a source is

    @property
    def options(self) -> Options:
        """Which dataset, field and view it is, and what the images are called by."""
        return self._field.options

    @property
    def ontology(self) -> Ontology | None:
        """The classes given with the spec or by :meth:`resolve`, else those the dataset names."""
        if self._given is None and self.options.ontology is not None:
            from segcore.ontology_file import load_ontology

            self._given = load_ontology(self.options.ontology)
        return self._field.classes if self._given is None else self._given

    def resolve(self, *, ontology: Ontology | None, gold: Source | None = None) -> Source:  # noqa: ARG002
        """A source that reads with the classes of ``ontology``, unless the spec names a file of them.

        The labels of the mask targets and of objects are found in it by name.
        """
        if ontology is None or self.options.ontology is not None:
            return self
        return FiftyOneSource(self._field, name=self.name, ontology=ontology)

    def keys(self) -> tuple[str, ...]:
        """The keys of the samples whose field is not None, sorted."""
        return self._rows().keys

    def sample_ids(self) -> Mapping[str, str]:
        """The sample id of every key."""
        return {key: row.sample for key, row in self._rows().by_key.items()}

    def annotation_count(self, key: str) -> int:
        """1 for a Segmentation, else the number of objects."""
        return self._rows().by_key[key].labels

    def attributes(self, key: str) -> Attributes:
        """Tags and plain fields of the sample, classes of the whole image, and who drew the labels."""
        return self._field.attributes(self._rows().by_key[key])

    def annotators(self, key: str) -> tuple[str, ...]:
        """What a field ``annotator`` of the sample, or of its labels, says."""
        return tuple(self._rows().by_key[key].annotators)

    @property
    def unplaced(self) -> int:
        """Labels of samples without a usable key."""
        return self._rows().unplaced

    @property
    def conventions(self) -> Mapping[str, str]:
        """How labels became masks."""
        if self._field.kind != "Segmentation":
            topic, text = _CONVENTIONS[self._field.kind]
            return {topic: text}
        targets = self._field.targets
        if targets is None:
            return {"mask targets": "none; values are the ids of the ontology"}
        parts = ["the dataset's mask targets say which class a value is"]
        if 0 not in targets.labels:
            parts.append(f"{targets.shown(0)}, which they do not list, is unlabeled")
        if merged := targets.merged():
            parts.append(f"one class each: {printable(', '.join(merged), limit=200)}")
        return {"mask targets": "; ".join(parts)}

    def digest(self) -> str | None:
        """None: each image carries the digest of its own labels."""
        return None

    def read(self, key: str) -> ImageAnnotation | None:
        """The labels of one sample.

        Raises
        ------
        OntologyError
            Nobody said what the values of a mask mean.
        ConnectionFailedError
            The database cannot be reached any more.
        """
        row = self._rows().by_key[key]
        if self._field.kind == "Segmentation":
            return self._read_mask(key, row)
        return self._read_objects(key, row)

    def __getstate__(self) -> dict[str, object]:
        """Without the tables of values, which are large and soon made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_values"}

    def fingerprint(self) -> Fingerprint:
        """Type of the labels, kinds and sizes of masks in files, and the classes the dataset names.

        What lies in the database is not decoded: of objects and stored masks the sizes are those of
        the metadata.
        """
        from segcore_fiftyone.form import fingerprint_of

        self._rows()
        return fingerprint_of(self._field, name=self.name)

    # ---- a mask

    def _read_mask(self, key: str, row: Row) -> ImageAnnotation | None:
        values = self._values
        try:
            if row.mask_path is not None:
                data = read_mask_file(row.mask_path)
                content = map_of_png(data, values)
            else:
                stored = self._field.document(key, row).get("mask")
                if stored is None:
                    raise RefusedMaskError("seg.missing", "a mask or a mask_path", "neither")
                content = map_of_array(stored, values)
                data = bytes(stored)
        except RefusedMaskError as error:
            for e in (error, *error.also):
                self._fault(key, row, e.code, e.expected, e.got, row.label)
            return None
        height, width = content.values.shape
        return self._annotation(key, row, height, width, content, hashlib.sha256(data).digest())

    # ---- objects

    def _read_objects(self, key: str, row: Row) -> ImageAnnotation | None:
        document = self._field.document(key, row)
        listed = LIST_FIELDS[self._field.kind]
        found = document if listed is None else document.get(listed)
        objects = [found] if listed is None else found if isinstance(found, list) else []
        width, height = row.width, row.height
        if objects and not (width and height):
            width, height = size_of_image(row.filepath)
        if objects and not 0 < width * height <= MAX_PIXELS:
            self._fault(key, row, *_size_problem(width, height))
            return None
        drawn = draw_objects(
            objects, kind=self._field.kind, ontology=self.ontology, height=height, width=width
        )
        for problem in drawn.problems:
            label = drawn.ids[problem.item]
            self._fault(key, row, problem.code, problem.expected, problem.got, label)
        return self._annotation(
            key, row, height, width, drawn.regions, drawn.digest,
            read=len(objects), rejected=len(objects) - len(drawn.regions),
        )  # fmt: skip

    # ---- shared

    def _annotation(
        self,
        key: str,
        row: Row,
        height: int,
        width: int,
        content: LabelMap | Regions,
        digest: bytes,
        *,
        read: int = 1,
        rejected: int = 0,
    ) -> ImageAnnotation:
        return ImageAnnotation(
            key=key,
            height=height,
            width=width,
            content=content,
            read=read,
            rejected=rejected,
            digest=digest,
            file=self._field.place,
            attributes={"sample": row.sample},
        )

    def _fault(
        self, key: str, row: Row, code: str, expected: str, got: str, label: str | None = None
    ) -> None:
        self.faults.add(
            Fault(
                code=code,
                file=self._field.place,
                image=key,
                image_id=row.sample,
                annotation=label or None,
                expected=expected,
                got=got,
            )
        )

    @cached_property
    def _values(self) -> Values:
        ontology = self.ontology
        if ontology is None:
            raise OntologyError(
                f"{self.name}: masks store numbers, and nothing says what they mean: set the dataset's "
                "default_mask_targets, or give the classes with ?ontology=FILE in the spec, --ontology "
                "or a policy"
            )
        return Values.of(self._field.targets, ontology)

    def _rows(self) -> Rows:
        rows = self._field.rows
        if rows.faults and not self._is_listed:
            self.faults.extend(rows.faults)
            self._is_listed = True
        return rows


def _size_problem(width: int, height: int) -> tuple[str, str, str]:
    if width and height:
        return "limits.pixels", f"at most {MAX_PIXELS} pixels", f"{width} x {height}"
    expected = "metadata (dataset.compute_metadata()) or a readable image file"
    return "fo.no_size", expected, "neither"
