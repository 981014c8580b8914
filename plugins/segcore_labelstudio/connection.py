"""A connection to a Label Studio server.

The SDK does what it does well: it knows the two kinds of keys, refreshes access tokens and knows the
endpoints.  Everything it sends goes through :class:`~segcore_labelstudio.transport.GuardedTransport`,
and its own retries are off, because it repeats writes as well: a prediction sent once would be there
twice after a 502.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self, TypeVar

import httpx
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from segcore.documents import parse_json
from segcore.errors import ConnectionFailedError, DocumentError, SpecError
from segcore.strict_json import is_text
from segcore.wording import printable
from segcore_labelstudio.access import (
    KEY_VARIABLE,
    URL_VARIABLE,
    checked_key,
    checked_url,
    sender,
)
from segcore_labelstudio.transport import GuardedTransport, TransientError, without_secrets

__all__ = ["KEY_VARIABLE", "URL_VARIABLE", "Connection", "Params", "Project"]

Params = Mapping[str, str | int | Sequence[str | int]]
"""Query parameters; a sequence is a parameter given several times."""

_ATTEMPTS: Final = 5
_FIRST_WAIT_S: Final = 0.5
_T = TypeVar("_T")
_sdk_client: Callable[..., LabelStudio] = LabelStudio  # its constructor is not typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a pull needs to know of a project.

    Attributes
    ----------
    id : int
    title : str
    tasks : int
        How many tasks it has.
    label_config : str
        The labeling configuration, XML.
    totals : tuple of (int or None)
        Annotations that are not skipped, skipped ones, ground truths; None where it does not say.
    """

    id: int
    title: str
    tasks: int
    label_config: str
    totals: tuple[int | None, ...] = ()


class Connection:
    """One server, one key.

    Every method raises :class:`~segcore.errors.ConnectionFailedError` where the server cannot be
    reached, refuses, or answers something that cannot be used.  No message, ``repr`` or file holds
    the key, a token or a cookie.

    Parameters
    ----------
    url : str
        Where the server is, with the path it is below, if any.
    key : str
        A personal access token or a legacy token.
    timeout_s : float
        How long the server may say nothing; one answer may take ten times as long in all.
    sleep, clock : callable
        What waits between two attempts of a read, and what measures how long an answer takes.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        base = checked_url(url)
        secret = checked_key(key)
        self._sleep = sleep
        self._secrets = (secret,)
        self._http = httpx.Client(
            transport=GuardedTransport(
                sender(base),
                base=base,
                secrets=self._secrets,
                answer_s=10 * timeout_s,
                clock=clock,
            ),
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 15.0)),
            follow_redirects=False,
            trust_env=False,
        )
        try:
            # The slash at the end keeps the path: the SDK joins the address of its token refresh to it.
            self._sdk = _sdk_client(
                base_url=str(base),
                api_key=secret,
                httpx_client=self._http,
                max_retries=0,
                timeout=timeout_s,
            )
        except (ApiError, TypeError, ValueError, OverflowError) as error:  # nothing has been sent yet
            self._http.close()
            why = self._said(error) if isinstance(error, ApiError) else "the token cannot be read"
            raise SpecError(f"{KEY_VARIABLE}: {why}") from None
        self.url = str(base)

    @classmethod
    def open(
        cls,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout_s: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """The connection that ``url`` and ``key`` or the environment describe.  Nothing is sent yet.

        Raises
        ------
        SpecError
            LABEL_STUDIO_URL or LABEL_STUDIO_API_KEY is missing or not what it should be.
        """
        url = url or os.environ.get(URL_VARIABLE)
        if not url:
            raise SpecError(
                f"where is Label Studio? Set {URL_VARIABLE}, or add ?url=https://... to the source"
            )
        key = key or os.environ.get(KEY_VARIABLE)
        if not key:
            raise SpecError(
                f"{KEY_VARIABLE} is not set; it holds the personal access token of your account page "
                "(a key is never part of a source)"
            )
        return cls(url, key, timeout_s=timeout_s, sleep=sleep, clock=clock)

    def __repr__(self) -> str:
        return f"Connection({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a connection holds a key and is never pickled")

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    # ---- through the SDK

    def read(self, call: Callable[[LabelStudio], _T]) -> _T:
        """The result of ``call``, which only reads, repeated where the failure may be gone.

        Parameters
        ----------
        call : callable
            Gets the SDK client, such as ``lambda sdk: sdk.projects.get(id=7)``.  It is called again
            from the start after 408, 429, 5xx and dropped connections, at most five times in all.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._guarded(call)
            except TransientError as error:
                if attempt == _ATTEMPTS:
                    raise ConnectionFailedError(
                        f"{error} ({attempt} attempts)", status=error.status
                    ) from None
                wait_s = error.retry_after_s
            self._sleep(_FIRST_WAIT_S * 2 ** (attempt - 1) if wait_s is None else wait_s)
        raise AssertionError  # the last attempt returned or raised

    def send(self, call: Callable[[LabelStudio], _T]) -> _T:
        """The result of ``call``, which writes with exactly one request; it is never repeated.

        Raises
        ------
        ConnectionFailedError
            With ``unsure`` where the server may have carried it out nevertheless.
        """
        self._headers()
        return self._guarded(call, writes=True)

    def project(self, project: int) -> Project:
        """The settings of a project that decide how its annotations are read."""
        found = self.read(lambda sdk: sdk.projects.get(id=project))
        # The SDK builds its models without checking what the server sent.
        id_, title, config, tasks = found.id, found.title, found.label_config, found.task_number
        if (
            not isinstance(id_, int)
            or id_ != project
            or not isinstance(tasks, int)
            or not isinstance(config, str)
            or not is_text(config)
        ):
            raise ConnectionFailedError(
                f"{self.url}: the answer for project {project} is not a project with its id, its number "
                "of tasks and its labeling configuration"
            )
        totals = (
            found.total_annotations_number,
            found.skipped_annotations_number,
            found.ground_truth_number,
        )
        return Project(
            id=id_,
            title=title if isinstance(title, str) else "",
            tasks=tasks,
            label_config=config,
            totals=tuple(total if type(total) is int else None for total in totals),
        )

    # ---- what the SDK has no method for, or none that keeps the bytes

    def get_json(self, path: str, params: Params | None = None) -> object:
        """The strictly parsed answer of one GET; ``path`` is relative to the server, ``api/version``."""

        def get(_: LabelStudio) -> object:
            response = self._http.get(self._place(path), params=_pairs(params), headers=self._headers())
            return self._parsed(response, path)

        return self.read(get)

    @contextmanager
    def stream(self, path: str, params: Params | None = None) -> Iterator[Iterator[bytes]]:
        """The unpacked bytes of one GET as they arrive.

        One attempt: only the caller knows how to start again, with :meth:`read` around all of it.
        """
        with self._http.stream(
            "GET", self._place(path), params=_pairs(params), headers=self._headers()
        ) as response:
            yield response.iter_bytes()

    def write(
        self, method: Literal["POST", "PUT", "PATCH", "DELETE"], path: str, body: object = None
    ) -> object:
        """The parsed answer of one write, sent exactly once; None where the answer is empty.

        Parameters
        ----------
        method : str
        path : str
            Relative to the server.
        body : object
            What JSON can say; NaN and infinities are refused.  None sends no body.

        Raises
        ------
        ConnectionFailedError
            With ``unsure`` where the server may have carried it out nevertheless.
        """
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        headers = self._headers()
        if content is not None:
            headers["Content-Type"] = "application/json"

        def send(_: LabelStudio) -> object:
            response = self._http.request(method, self._place(path), content=content, headers=headers)
            return self._parsed(response, path, writes=True) if response.content else None

        return self._guarded(send, writes=True)

    # ---- private

    def _headers(self) -> dict[str, str]:
        # The only private name of the SDK in use: its refresh of access tokens is what we want, and
        # its request methods are what we cannot use.  A refresh is safe to repeat.
        headers = self.read(lambda sdk: sdk._client_wrapper.get_headers())
        return dict(headers)

    def _place(self, path: str) -> str:
        return f"{self.url}{path.lstrip('/')}"

    def _guarded(self, call: Callable[[LabelStudio], _T], *, writes: bool = False) -> _T:
        """Call, and turn what the SDK raises into what may be shown.

        The transport has refused every failed answer, so what the SDK cannot use was a success.
        """
        try:
            with warnings.catch_warnings():
                # The SDK calls deprecated names of pydantic; where warnings are errors it cannot log in.
                warnings.simplefilter("ignore")
                return call(self._sdk)
        except ApiError as error:
            raise ConnectionFailedError(
                f"{self.url}: {self._said(error)}", status=error.status_code, unsure=writes
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise ConnectionFailedError(
                f"{self.url}: {without_secrets(str(error), secrets=self._secrets)}", unsure=writes
            ) from None
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            inner = error.__traceback__ and error.__traceback__.tb_next
            if inner is not None and inner.tb_next is None:
                raise  # the call itself is wrong, not the answer
            # What the SDK does with an answer of another shape; pydantic would print all of it.
            raise ConnectionFailedError(
                f"{self.url}: the answer is not what Label Studio answers ({type(error).__name__})",
                unsure=writes,
            ) from None

    def _said(self, error: ApiError) -> str:
        """What an ApiError says, without its headers, which hold cookies."""
        body = error.body
        detail = body.get("detail") if isinstance(body, Mapping) else None
        if isinstance(detail, str):
            return without_secrets(detail, secrets=self._secrets)
        return "the answer is not JSON"

    def _parsed(self, response: httpx.Response, path: str, *, writes: bool = False) -> object:
        try:
            return parse_json(response.content, file=f"{self.url}{printable(path, limit=200)}")
        except DocumentError as error:
            problem = without_secrets(error.problem, secrets=self._secrets)
            raise ConnectionFailedError(
                f"{response.request.method} {printable(path)}: {self.url} answers something that is not "
                f"JSON: {problem}",
                status=response.status_code,
                unsure=writes,
            ) from None


def _pairs(params: Params | None) -> list[tuple[str, str | int | float | bool | None]]:
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in (params or {}).items():
        values = [value] if isinstance(value, (str, int)) else value
        pairs += [(name, item) for item in values]
    return pairs
