"""FiftyOne itself: the one place that imports it, and all that is used of its inside.

Importing it takes seconds and opens no connection; the first question to its database does.  What
is used that FiftyOne does not promise (names with an underscore) stands here and nowhere else, and
``tests/fiftyone`` holds it true.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from segcore.errors import ConnectionFailedError, MissingExtraError, SpecError
from segcore.wording import did_you_mean, printable

if TYPE_CHECKING:
    from fiftyone.core.collections import SampleCollection

__all__ = ["Reference", "Samples", "asking", "connect", "load_fiftyone", "open_collection"]

_OWN_FIELDS: Final = frozenset({"id", "filepath", "created_at", "last_modified_at", "metadata"})
_CLASSIFIED: Final = {"Classification": "label", "Classifications": "classifications.label"}
"""Labels of a whole sample, and where each holds the class."""

Document = Mapping[str, Any]
"""A document as the database stores it."""


def load_fiftyone() -> ModuleType:
    """The module ``fiftyone``.

    Raises
    ------
    MissingExtraError
        The extra ``fiftyone`` is not installed.
    """
    try:
        with _quiet():
            import fiftyone
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "fiftyone":
            raise
        raise MissingExtraError('fiftyone is not installed; pip install "segcore[fiftyone]"') from None
    module: ModuleType = fiftyone
    return module


def open_collection(dataset: str, *, view: str | None = None) -> SampleCollection:
    """A dataset, or one of its saved views.

    Raises
    ------
    SpecError
        There is no such dataset or view.
    ConnectionFailedError
        The database cannot be reached.
    """
    fo = load_fiftyone()
    connect()
    with asking(), _quiet():
        names = fo.list_datasets()
        if dataset not in names:
            hint = did_you_mean(dataset, names)
            raise SpecError(f"FiftyOne has no dataset {printable(dataset)!r}{hint}")
        found = fo.load_dataset(dataset)
        if view is None:
            return found
        views = found.list_saved_views()
        if view not in views:
            hint = did_you_mean(view, views)
            raise SpecError(f"dataset {dataset!r} has no saved view {printable(view)!r}{hint}")
        return found.load_saved_view(view)


def connect() -> None:
    """Reach the database, or start the one that FiftyOne brings.

    Raises
    ------
    ConnectionFailedError
        There is none.
    """
    from fiftyone.core.odm import get_db_conn

    try:
        with _quiet():
            get_db_conn()
    except Exception as error:  # starting a server of its own may fail in many ways
        raise _failed(error) from None


@contextmanager
def asking() -> Iterator[None]:
    """Around every question to the database: whatever it answers instead is one exception of ours.

    Raises
    ------
    ConnectionFailedError
        There is no server, or it refused.
    """
    from pymongo.errors import PyMongoError

    try:
        yield
    except (OSError, PyMongoError) as error:  # a dataset of a newer FiftyOne is an OSError too
        raise _failed(error) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What another process needs to open the same samples.

    Attributes
    ----------
    dataset : str
    database_uri : str or None
        As this process has it: a program may have set it without the environment.
    stages : str or None
        The stages of a view as FiftyOne serialises them, as JSON; None is the whole dataset.
    """

    dataset: str
    database_uri: str | None = field(default=None, repr=False)
    stages: str | None = None

    def open(self) -> Samples:
        """The samples again."""
        load_fiftyone().config.database_uri = self.database_uri
        found = open_collection(self.dataset)
        if self.stages is not None:
            from bson import json_util
            from fiftyone.core.view import DatasetView

            with asking():
                found = DatasetView._build(found, json_util.loads(self.stages))
        return Samples(found)


class Samples:
    """The samples of a dataset or a view, as far as annotations are read from them.

    Parameters
    ----------
    collection : SampleCollection

    Raises
    ------
    SpecError
        They are no images, or patches, frames or clips of others.
    """

    def __init__(self, collection: SampleCollection) -> None:
        self.collection = collection
        self.dataset: str = collection._root_dataset.name
        saved = getattr(collection, "is_saved", False)
        self.view: str | None = collection.name if saved else None
        if collection.media_type not in ("image", None) or collection._is_generated:
            kind = "patches, frames or clips" if collection._is_generated else collection.media_type
            raise SpecError(
                f"FiftyOne dataset {self.dataset!r}: images are read, and these samples are "
                f"{printable(str(kind))}; of groups, a saved view can select one slice"
            )

    @property
    def reference(self) -> Reference:
        """How another process finds them."""
        from bson import json_util

        stages = None
        if self.collection is not self.collection._root_dataset:
            stages = json_util.dumps(self.collection._serialize(include_uuids=False))
        uri = load_fiftyone().config.database_uri
        return Reference(dataset=self.dataset, database_uri=uri, stages=stages)

    def label_type(self, field: str) -> str:
        """The name of the class of a label field: ``Segmentation``, ``Detections`` ...

        Raises
        ------
        SpecError
            There is no such field, or it holds no labels.
        """
        with asking():
            schema = self.collection.get_field_schema(flat=True)
        found = schema.get(field)
        if found is None:
            labels = [name for name, f in schema.items() if hasattr(f, "document_type")]
            hint = did_you_mean(field, labels)
            raise SpecError(f"FiftyOne dataset {self.dataset!r} has no field {printable(field)!r}{hint}")
        kind = getattr(found, "document_type", None)
        return type(found).__name__ if kind is None else str(kind.__name__)

    def plain_fields(self) -> Mapping[str, str]:
        """The paths of the fields of a sample that hold plain values or one class, by the field.

        Those of FiftyOne itself (ids, paths, times, metadata) are left out, but for the tags.
        """
        import fiftyone.core.fields as kinds

        plain = (kinds.StringField, kinds.BooleanField, kinds.IntField, kinds.FloatField)
        with asking():
            schema = self.collection.get_field_schema()
        found: dict[str, str] = {}
        for name, field_ in schema.items():
            item = getattr(field_, "field", None) if isinstance(field_, kinds.ListField) else field_
            document = getattr(getattr(field_, "document_type", None), "__name__", "")
            if name in _OWN_FIELDS:
                continue
            if isinstance(item, plain):
                found[name] = name
            elif document in _CLASSIFIED:
                found[name] = f"{name}.{_CLASSIFIED[document]}"
        return found

    def mask_targets(self, field: str) -> Mapping[int | str, str]:
        """What the values of the masks of a field mean; empty where the dataset does not say."""
        with asking():
            found = self.collection.mask_targets.get(field) or self.collection.default_mask_targets
        return dict(found or {})

    def classes(self, field: str) -> Sequence[str]:
        """The classes the dataset declares for a field; empty where it does not say."""
        with asking():
            found = self.collection.classes.get(field) or self.collection.default_classes
        return list(found or [])

    def labels(self, path: str) -> Sequence[object]:
        """The distinct values at ``path``."""
        with asking():
            return list(self.collection.distinct(path))

    def rows(self, projection: Document) -> Iterator[Document]:
        """What ``projection`` (as of MongoDB's ``$project``) makes of each sample, in their order."""
        with asking():
            yield from self.collection._aggregate(post_pipeline=[{"$project": dict(projection)}])

    def documents(self, ids: Sequence[str], field: str) -> Mapping[str, Document]:
        """What the database holds in ``field`` of some samples, by sample id."""
        from bson import ObjectId

        wanted = {"$match": {"_id": {"$in": [ObjectId(id_) for id_ in ids]}}}
        # Behind the view's own stages: they may keep only some of the labels of a sample.
        pipeline = [wanted, {"$project": {"found": f"${field}"}}]
        with asking():
            found = self.collection._aggregate(post_pipeline=pipeline)
            return {str(row["_id"]): row["found"] for row in found if "found" in row}


def _failed(error: Exception) -> ConnectionFailedError:
    why = printable(" ".join(str(error).split()) or type(error).__name__, limit=300)
    return ConnectionFailedError(
        f"the database of FiftyOne: {why}; FIFTYONE_DATABASE_URI says where it is"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Deprecations inside of FiftyOne and what it stands on are nothing a user could act on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
