"""What is kept of a push in a run of its dataset, and the writes that keep it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from segcore.errors import UsageError
from segcore.wording import printable
from segcore_fiftyone.actions import Action, Made, Target
from segcore_fiftyone.names import Names
from segcore_fiftyone.scores import Scores

if TYPE_CHECKING:
    import fiftyone as fo

__all__ = [
    "METHOD",
    "add_run",
    "delete_run",
    "document_of",
    "load_scores",
    "made_by",
    "newest_key",
    "note",
    "noted",
    "pushed_keys",
]

_T = TypeVar("_T")

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
    made = noted(dataset, names.run, "made", dict, method=METHOD)
    return None if made is None else Made.from_json(made)


def document_of(dataset: fo.Dataset, names: Names) -> dict[str, Any] | None:
    """The document of the scores; None where there is none, or not yet."""
    if names.run not in dataset.list_runs():
        return None
    results = dataset.load_run_results(names.run, cache=False, load_view=False)
    return getattr(results, "scores", None)


# ---- any run of a push


def noted(dataset: fo.Dataset, run: str, name: str, kind: type[_T], *, method: str) -> _T | None:
    """What the run of an earlier push says under a name; None where there is no such run.

    Raises
    ------
    UsageError
        The run is somebody else's.
    """
    if run not in dataset.list_runs():
        return None
    config = dataset.get_run_info(run).config
    value = getattr(config, name, None)
    if config.method != method or not isinstance(value, kind):
        raise UsageError(f"the run {run!r} was not made by segcore; choose another key")
    return value


def add_run(dataset: fo.Dataset, run: str, *, method: str, key: str, **said: object) -> Action:
    """The write that makes a run and keeps in it what is said."""
    config = dataset.init_run(method=method, key=key, **said)
    write = partial(dataset.register_run, run, config)
    return Action(target=Target.RUN, says=f"add the run {run!r}", write=write)


def note(dataset: fo.Dataset, run: str, name: str, value: object, *, what: str) -> Action:
    """The write that says something else under a name; the run is there by then."""

    def write() -> None:
        config = dataset.get_run_info(run).config
        setattr(config, name, value)
        dataset.update_run_config(run, config)

    return Action(target=Target.RUN, says=f"list in the run {run!r} what is {what}", write=write)


def delete_run(dataset: fo.Dataset, run: str) -> Action:
    """The write that takes a run away."""
    write = partial(dataset.delete_run, run)
    return Action(target=Target.RUN, says=f"delete the run {run!r}", write=write)
