"""``label-studio:PROJECT``: the annotations of a running server, pulled once and read like an export."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from segcore.errors import MissingExtraError, RefusedFileError, SpecError
from segcore.sources.base import Progress
from segcore.sources.spec import Spec
from segcore_labelstudio.labeling import Labeling, parse_labeling
from segcore_labelstudio.listing import Selection, place_of
from segcore_labelstudio.options import OPTIONS, Options
from segcore_labelstudio.reading import TaskSource
from segcore_labelstudio.store import TaskStore

if TYPE_CHECKING:
    from segcore_labelstudio.connection import Connection
    from segcore_labelstudio.pull import Pulled

__all__ = ["CACHE_VARIABLE", "LiveSource", "open_source"]

CACHE_VARIABLE: Final = "SEGCORE_LABEL_STUDIO_CACHE"
"""Names the folder pulls are kept in, as the option ``cache`` does; without it they are temporary."""

_SECRET_OPTION: Final = re.compile(
    r"(?i)(api|access|auth|refresh)?[-_]?(token|key|secret)|pass(word)?|pat"
)
_SECRET_VALUE: Final = re.compile(r"eyJ[\w-]{10,}(\.[\w-]*)*|[0-9a-fA-F]{40}")


def open_source(spec: Spec) -> LiveSource:
    """Open ``label-studio:PROJECT[?option=value&...]``.  Nothing is asked of the server yet.

    Parameters
    ----------
    spec : Spec
        The location is the number of the project.  ``url`` is the server, else LABEL_STUDIO_URL;
        the key is LABEL_STUDIO_API_KEY and never part of a spec.  ``view=NUMBER`` takes the tasks of
        a tab of the Data Manager, ``filter=data.FIELD=VALUE`` those with a value.  ``cache=FOLDER``
        keeps what was pulled, so that an interrupted pull goes on and only what changed is pulled
        again.  For the others see :class:`segcore_labelstudio.tasks.Options`.

    Raises
    ------
    SpecError
        An option is unknown or has a value that is not allowed, or the spec holds a secret.
    MissingExtraError
        The extra ``label-studio`` is not installed.
    """
    _refuse_secrets(spec)
    spec.require_known((*OPTIONS, "cache", "filter", "url", "view"))
    return LiveSource(spec, options=Options.from_spec(spec))


class LiveSource(TaskSource):
    """A project of a running server.

    It is pulled when the first key is needed, by the process that opened it.  Workers read the
    files of that pull; they know no key and ask no server.

    Parameters
    ----------
    spec : Spec
    options : Options
    """

    def __init__(self, spec: Spec, *, options: Options) -> None:
        super().__init__(spec, options=options)
        self._found: _Found | None = None
        self._temporary: _Temporary | None = None
        _selection(spec)

    @property
    def project(self) -> int:
        """The number of the project."""
        return _selection(self._spec).project

    @property
    def url(self) -> str | None:
        """Where the server is, if the spec says it."""
        return self._spec.options.get("url")

    def fetch(self, *, progress: Progress | None = None) -> None:
        """Pull the project, if this source has not done so."""
        self._pull(progress)

    def __getstate__(self) -> dict[str, object]:
        """With the files of the pull, but without the right to remove them."""
        self._pull()
        return super().__getstate__() | {"_temporary": None}

    def _store(self) -> TaskStore:
        found = self._pull()
        return TaskStore(found.files, names=found.names)

    def _labeling(self) -> Labeling | None:
        found = self._pull()
        if self._options.config is not None or found.label_config is None:
            return super()._labeling()
        return parse_labeling(found.label_config, file=found.place)

    def _pull(self, progress: Progress | None = None) -> _Found:
        """The files of the tasks; of none, and with a fault, where the server did not give all."""
        if self._found is None:
            with _connection(self._spec.options) as connection:
                self._found = self._pulled(connection, progress)
        return self._found

    def _pulled(self, connection: Connection, progress: Progress | None) -> _Found:
        from segcore_labelstudio.pull import pull

        selection = _selection(self._spec)
        place = place_of(connection, selection)
        cache = self._spec.options.get("cache") or os.environ.get(CACHE_VARIABLE)
        if cache is None:
            self._temporary = _Temporary.of(connection.url, selection)
            folder = self._temporary.folder
        else:
            what = json.dumps([connection.url, selection.project, selection.view, selection.filters])
            digest = hashlib.sha256(what.encode()).hexdigest()
            folder = Path(cache) / f"project-{selection.project}-{digest[:16]}"
        try:
            return _Found(place, pull(connection, selection, folder, progress=progress))
        except RefusedFileError as error:
            self.faults.add(error.to_fault())
            return _Found(place, None)


class _Found:
    """What a pull brought: nothing where it was incomplete."""

    def __init__(self, place: str, pulled: Pulled | None) -> None:
        self.place = place
        self.files = () if pulled is None else pulled.chunks
        self.names = tuple(f"{place}/{Path(file).name}" for file in self.files)
        self.label_config = None if pulled is None else pulled.label_config


class _Temporary:
    """A folder for this process only, which is gone with the last source that uses it.

    Gold and delivery of one project share it.  The second asks whether the project is still the same;
    where it is not, the files are new, and the first one says that they changed when it reads on.
    """

    _open: ClassVar[weakref.WeakValueDictionary[tuple[str, Selection], _Temporary]] = (
        weakref.WeakValueDictionary()
    )

    @classmethod
    def of(cls, url: str, selection: Selection) -> _Temporary:
        """The folder in use for this selection, else a new one."""
        found = cls._open.get((url, selection))
        if found is None:
            found = cls._open[url, selection] = cls()
        return found

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="segcore-label-studio-"))
        self._end = weakref.finalize(self, _remove, str(self.folder), os.getpid())


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:  # a forked worker has a copy of the owner
        shutil.rmtree(folder, ignore_errors=True)


def _selection(spec: Spec) -> Selection:
    return Selection.parse(spec.location, spec.options)


def _connection(options: Mapping[str, str]) -> Connection:
    try:
        from segcore_labelstudio.connection import Connection
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"httpx", "jwt", "label_studio_sdk"}:
            raise
        raise MissingExtraError(
            f'{error.name} is not installed; pip install "segcore[label-studio]"'
        ) from None
    return Connection.open(options.get("url"))


def _refuse_secrets(spec: Spec) -> None:
    """A spec is printed in reports and kept in policies: nothing in it may be a secret.

    The error names the option only, never what it holds.
    """
    if _SECRET_VALUE.fullmatch(spec.location):
        raise SpecError("a label-studio source names a project by its number, and holds no key")
    for name, value in spec.options.items():
        if (name != "key" and _SECRET_OPTION.fullmatch(name)) or _SECRET_VALUE.fullmatch(value):
            raise SpecError(
                f"option {name!r} holds a secret, and a source is printed in reports; "
                "set LABEL_STUDIO_API_KEY instead"
            )
    url = spec.options.get("url")
    if url is None:
        return
    try:
        parts = urlsplit(url)
        is_plain = "@" not in parts.netloc and not parts.query and not parts.fragment
    except ValueError:
        is_plain = False
    if not is_plain or _SECRET_VALUE.search(url):
        raise SpecError(
            "url= is http:// or https://, a host and maybe a path, without user, password and query; "
            "the key belongs into LABEL_STUDIO_API_KEY"
        )
