"""Evaluate each view once per session, whatever the number of rules, tests or pytest-xdist workers."""

from __future__ import annotations

import hashlib
import os
import pickle
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from segcore.errors import SegcoreError
from segcore_gates.views import SEMANTIC, View

if TYPE_CHECKING:
    from segcore.evaluation import MeasuredBatch
    from segcore.ontology import Ontology
    from segcore.sources import Source
    from segcore.sources.spec import Spec

__all__ = ["Evaluations"]


class Evaluations:
    """The evaluations of one session, each made by the first process that asks for it.

    Parameters
    ----------
    directory : Path or None
        Private to the session and shared by its processes; what is in it is trusted and unpickled.
        None, or a folder this process does not see (a worker on another machine): nothing is shared.
    progress : bool
        Show a bar on a terminal.
    jobs : int
        Processes to evaluate in.
    """

    def __init__(self, directory: Path | None, *, progress: bool = False, jobs: int = 1) -> None:
        self._directory = directory if directory is not None and directory.is_dir() else None
        self._progress = progress
        self._jobs = jobs
        self._known: dict[str, MeasuredBatch | Exception] = {}
        self._opened: dict[str, Source] = {}
        self._sources: dict[str, tuple[Source, Source]] = {}

    def open(self, gold: Spec) -> Source:
        """A gold that has to name its classes; its next evaluation reads on in the same source."""
        import segcore

        key = _key(gold)
        if key not in self._opened:
            self._opened[key] = segcore.open(gold)
        return self._opened[key]

    def get(
        self,
        gold: Spec | str,
        delivery: Spec | str,
        *,
        ontology: Ontology | str | None = None,
        view: View = SEMANTIC,
        keep_sources: bool = False,
    ) -> MeasuredBatch:
        """What ``segcore.evaluate`` returns, or raises, for these inputs in this view.

        An exception is kept like a result: input that was refused is not read again for every rule.
        With ``keep_sources`` the sources stay, for :meth:`with_sources` and for further views.
        """
        key = _key(gold, delivery, ontology, view)
        if key not in self._known:
            self._known[key] = (
                self._evaluate(gold, delivery, ontology, view, keep_sources=keep_sources)
                if self._directory is None
                else self._shared(
                    self._directory / key, gold, delivery, ontology, view, keep_sources=keep_sources
                )
            )
        return self._found(key)

    def knows(
        self,
        gold: Spec | str,
        delivery: Spec | str,
        *,
        ontology: Ontology | str | None = None,
        view: View = SEMANTIC,
    ) -> bool:
        """Whether :meth:`get` has the answer in this process."""
        return _key(gold, delivery, ontology, view) in self._known

    def with_sources(
        self,
        gold: Spec,
        delivery: Spec,
        *,
        ontology: Ontology | None = None,
        view: View = SEMANTIC,
    ) -> tuple[MeasuredBatch, Source, Source]:
        """The evaluation, and the gold and the delivery that it was made of.

        Made again unless this process made it, or one of another view, and kept the sources.
        """
        key, inputs = _key(gold, delivery, ontology, view), _key(gold, delivery, ontology)
        if inputs not in self._sources or key not in self._known:
            self._known[key] = self._evaluate(gold, delivery, ontology, view, keep_sources=True)
        return self._found(key), *self._sources[inputs]

    def drop_sources(self, gold: Spec, delivery: Spec, *, ontology: Ontology | None = None) -> None:
        """Nothing is read again: let go of what was kept."""
        self._sources.pop(_key(gold, delivery, ontology), None)

    def _found(self, key: str) -> MeasuredBatch:
        found = self._known[key]
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    def _shared(
        self,
        path: Path,
        gold: Spec | str,
        delivery: Spec | str,
        ontology: Ontology | str | None,
        view: View,
        *,
        keep_sources: bool,
    ) -> MeasuredBatch | Exception:
        from filelock import FileLock

        with FileLock(f"{path}.lock"):
            if path.exists():
                found: MeasuredBatch | Exception = pickle.loads(path.read_bytes())  # noqa: S301 - our own, private
                return found
            found = self._evaluate(gold, delivery, ontology, view, keep_sources=keep_sources)
            try:
                data = pickle.dumps(found)
                pickle.loads(data)  # noqa: S301 - an exception may be written and yet not be read
            except Exception:
                return found
            part = path.with_suffix(".part")
            part.write_bytes(data)
            part.replace(path)
            return found

    def _evaluate(
        self,
        gold: Spec | str,
        delivery: Spec | str,
        ontology: Ontology | str | None,
        view: View,
        *,
        keep_sources: bool,
    ) -> MeasuredBatch | Exception:
        import segcore
        from segcore.cli.output import progress

        inputs = _key(gold, delivery, ontology)
        try:
            if inputs in self._sources:
                sides = self._sources[inputs]
            else:
                opened = self._opened.pop(_key(gold), None)
                sides = opened or segcore.open(gold), segcore.open(delivery)
            with progress("evaluating") if self._progress else nullcontext() as advance:
                found: MeasuredBatch = segcore.evaluate(
                    *sides, ontology=ontology, jobs=self._jobs, progress=advance, **view.options()
                )
        except Exception as error:
            return error
        if keep_sources:
            self._sources[inputs] = sides
        return found

    @property
    def internal_error(self) -> Exception | None:
        """An exception of this process that segcore did not raise on purpose."""
        errors = (found for found in self._known.values() if isinstance(found, Exception))
        return next((error for error in errors if not isinstance(error, SegcoreError)), None)


def _key(
    gold: Spec | str,
    delivery: Spec | str | None = None,
    ontology: Ontology | str | None = None,
    view: View | None = None,
) -> str:
    inputs = (os.fspath(Path.cwd()), str(gold), str(delivery), repr(ontology), repr(view))
    return hashlib.sha256(repr(inputs).encode("utf-8", "surrogateescape")).hexdigest()[:32]
