"""Evaluate once per session, whatever the number of rules, tests or pytest-xdist workers."""

from __future__ import annotations

import hashlib
import os
import pickle
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from segcore.errors import SegcoreError

if TYPE_CHECKING:
    from segcore.evaluation import Evaluation
    from segcore.ontology import Ontology
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
    """

    def __init__(self, directory: Path | None, *, progress: bool = False) -> None:
        self._directory = directory if directory is not None and directory.is_dir() else None
        self._progress = progress
        self._known: dict[str, Evaluation | Exception] = {}

    def get(
        self, gold: Spec | str, delivery: Spec | str, *, ontology: Ontology | str | None = None
    ) -> Evaluation:
        """What ``segcore.evaluate`` returns, or raises, for these inputs.

        An exception is kept like a result: input that was refused is not read again for every rule.
        """
        inputs = (os.fspath(Path.cwd()), str(gold), str(delivery), repr(ontology))
        key = hashlib.sha256(repr(inputs).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        if key not in self._known:
            self._known[key] = (
                self._evaluate(gold, delivery, ontology)
                if self._directory is None
                else self._shared(self._directory / key, gold, delivery, ontology)
            )
        found = self._known[key]
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    def _shared(
        self, path: Path, gold: Spec | str, delivery: Spec | str, ontology: Ontology | str | None
    ) -> Evaluation | Exception:
        from filelock import FileLock

        with FileLock(f"{path}.lock"):
            if path.exists():
                found: Evaluation | Exception = pickle.loads(path.read_bytes())  # noqa: S301 - our own, private
                return found
            found = self._evaluate(gold, delivery, ontology)
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
        self, gold: Spec | str, delivery: Spec | str, ontology: Ontology | str | None
    ) -> Evaluation | Exception:
        import segcore
        from segcore.cli.output import progress

        try:
            with progress("evaluating") if self._progress else nullcontext() as advance:
                return segcore.evaluate(gold, delivery, ontology=ontology, progress=advance)
        except Exception as error:
            return error

    @property
    def internal_error(self) -> Exception | None:
        """An exception of this process that segcore did not raise on purpose."""
        errors = (found for found in self._known.values() if isinstance(found, Exception))
        return next((error for error in errors if not isinstance(error, SegcoreError)), None)
