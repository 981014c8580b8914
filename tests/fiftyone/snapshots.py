"""All that a database holds about a dataset, to be compared before and after."""

from __future__ import annotations

from typing import Any

TIMES = frozenset({"last_loaded_at", "last_modified_at"})
"""When something was touched says nothing about what it is."""

EMPTY = ([], {}, None)
"""A field of the dataset's document that was emptied is stored or left out, as FiftyOne likes."""


def snapshot(dataset: Any) -> dict[str, Any]:
    """Schema, sidebar, samples, indexes, saved views, runs and the files of their results."""
    from fiftyone.core.odm import get_db_conn

    dataset.reload()
    database, about = get_db_conn(), {"_dataset_id": dataset._doc.id}
    document = database.datasets.find_one({"_id": dataset._doc.id})
    return {
        "dataset": {key: value for key, value in _timeless(document).items() if value not in EMPTY},
        "samples": [_timeless(sample) for sample in dataset._sample_collection.find()],
        "indexes": dataset._sample_collection.index_information(),
        "views": [_timeless(view) for view in database.views.find(about)],
        "runs": [_timeless(run) for run in database.runs.find(about)],
        "files": database["fs.files"].count_documents({}),
    }


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in TIMES}
    return [_timeless(item) for item in value] if isinstance(value, list) else value
