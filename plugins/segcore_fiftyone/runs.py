"""What is kept of a push in a run of its dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from segcore.errors import UsageError
from segcore.wording import printable
from segcore_fiftyone.actions import Made
from segcore_fiftyone.names import Names
from segcore_fiftyone.scores import Scores

if TYPE_CHECKING:
    import fiftyone as fo

__all__ = ["METHOD", "document_of", "load_scores", "made_by", "newest_key", "pushed_keys"]

METHOD: Final = "segcore"
"""By which the runs of pushes are told from others."""


def pushed_keys(dataset: fo.Dataset) -> tuple[str, ...]:
    """The keys that scores were pushed under, sorted."""
    prefix = Names("x").run.removesuffix("x")
    return tuple(run.removeprefix(prefix) for run in dataset.list_runs(method=METHOD))


def newest_key(dataset: fo.Dataset, keys: Sequence[str]) -> str:
    """Of these keys, the one that was pushed under for the first time last."""
    made = {key: dataset.get_run_info(Names(key).run).timestamp for key in keys}
    return max(keys, key=lambda key: (made[key], key))


def load_scores(dataset: fo.Dataset, key: str) -> Scores:
    """The scores that were pushed under a key.

    Raises
    ------
    UsageError
        There are none, or another version of segcore wrote them.
    """
    document = document_of(dataset, Names(key))
    if document is None:
        known = ", ".join(pushed_keys(dataset)) or "none"
        raise UsageError(
            f"dataset {printable(dataset.name)!r} has no scores under the key {printable(key)!r} "
            f"(known: {known})"
        )
    return Scores.from_json(document)


def made_by(dataset: fo.Dataset, names: Names) -> Made | None:
    """What an earlier push made; None where there was none.

    Raises
    ------
    UsageError
        The run of that name is somebody else's.
    """
    if names.run not in dataset.list_runs():
        return None
    config = dataset.get_run_info(names.run).config
    made = getattr(config, "made", None)
    if config.method != METHOD or not isinstance(made, dict):
        raise UsageError(f"the run {names.run!r} was not made by segcore; choose another key")
    return Made.from_json(made)


def document_of(dataset: fo.Dataset, names: Names) -> dict[str, Any] | None:
    """The document of the scores; None where there is none, or not yet."""
    if names.run not in dataset.list_runs():
        return None
    results = dataset.load_run_results(names.run, cache=False, load_view=False)
    return getattr(results, "scores", None)
