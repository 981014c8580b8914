"""``label-studio-export:file.json``: the native JSON export of a project, as Label Studio writes it."""

from __future__ import annotations

from segcore.sources.spec import Spec
from segcore_labelstudio.options import OPTIONS, Options
from segcore_labelstudio.reading import TaskSource
from segcore_labelstudio.store import TaskStore

__all__ = ["ExportSource", "open_source"]


def open_source(spec: Spec) -> ExportSource:
    """Open ``label-studio-export:file.json[?option=value&...]``.  Nothing is read yet.

    Parameters
    ----------
    spec : Spec
        ``annotations=latest|all|ground-truth``, ``annotator=ID``, ``key=FIELD``, ``image=FIELD``,
        ``config=FILE``, ``ontology=FILE``, ``threshold=1..255``; see
        :class:`segcore_labelstudio.options.Options`.

    Raises
    ------
    SpecError
        An option is unknown or has a value that is not allowed.
    """
    spec.require_known(OPTIONS)
    return ExportSource(spec, options=Options.from_spec(spec))


class ExportSource(TaskSource):
    """A file that holds an array of tasks: the export type JSON, not JSON_MIN."""

    def _store(self) -> TaskStore:
        return TaskStore([self._spec.location])
