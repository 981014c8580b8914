"""What every HTTP request to a Label Studio server goes through: guards below the SDK.

The SDK and our own requests share one ``httpx`` client whose transport is this one.  So the rules
hold for every public method of the SDK as well: the key is sent to one origin only, no redirect is
followed, no cookie is kept, no answer is longer or takes longer than a limit, compressed or not, and
an error is one of :mod:`segcore.errors` with a message that is safe to print.  ``str()`` of the SDK's
own ``ApiError`` prints headers with session cookies, and its pager takes a 404 for the end of a list;
neither happens where the SDK never sees the failed answer.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import httpx

from segcore.errors import ConnectionFailedError
from segcore.wording import printable

__all__ = ["GuardedTransport", "TransientError", "without_secrets"]

MAX_ANSWER_BYTES: Final = 64 << 20
"""Bytes of one JSON answer, unpacked."""

MAX_EXPORT_BYTES: Final = 4 << 30
"""Bytes of one export, unpacked: it goes into a file, and is read task by task."""

_MAX_DETAIL_BYTES: Final = 16 << 10
_MAX_RETRY_AFTER_S: Final = 60.0
_TRANSIENT: Final = frozenset({408, 429})
_UNPACKED_PIECE: Final = 1 << 16
_SECRETS: Final = re.compile(
    r"(?i)\b(bearer|token|basic)\s+(?=\S*[0-9_])[\w.~+/=-]{8,}|eyJ[\w-]+(\.[\w-]*)*"
)
_REFRESH_PATH: Final = "/api/token/refresh/"


class TransientError(ConnectionFailedError):
    """A failure that may be gone at the next attempt.

    Attributes
    ----------
    retry_after_s : float or None
        How long the server asks to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        unsure: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, status=status, unsure=unsure)


def without_secrets(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """``text`` of a server, short and printable, with keys and whatever looks like one replaced."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return printable(_SECRETS.sub("***", text), limit=200)


class GuardedTransport(httpx.BaseTransport):
    """Sends requests to one origin and refuses answers that are not what they should be.

    Parameters
    ----------
    inner : httpx.BaseTransport
        What really sends.
    base : httpx.URL
        Where the server is; nothing is sent to another scheme, host or port.
    secrets : tuple of str
        What no message may show.
    answer_s : float
        The most seconds one answer may take in all.
    clock : callable
        Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        *,
        base: httpx.URL,
        secrets: tuple[str, ...],
        answer_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._base = base
        self._secrets = secrets
        self._answer_s = answer_s
        self._clock = clock
        self._answered = False

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send once.

        Raises
        ------
        TransientError
            Another attempt may succeed.
        ConnectionFailedError
            Another attempt would end the same way.
        """
        what = f"{request.method} {printable(request.url.path, limit=200)}"
        if _origin(request.url) != _origin(self._base):
            raise ConnectionFailedError(f"{what}: refused to send the key to {_shown(request.url)}")
        request.headers["Accept-Encoding"] = "gzip"
        writes = request.method not in {"GET", "HEAD"} and not request.url.path.endswith(_REFRESH_PATH)
        started = self._clock()
        try:
            response = self._inner.handle_request(request)
        except httpx.HTTPError as error:
            raise self._failure(error, what, writes=writes) from None
        self._answered = True
        stream = _GuardedStream(
            self, response, request=request, what=what, writes=writes, started=started
        )
        if not response.is_success:
            try:
                raise self._refusal(response, stream, what, writes=writes)
            finally:
                response.close()
        if "html" in response.headers.get("Content-Type", "").lower():
            response.close()
            raise ConnectionFailedError(
                f"{what}: {_shown(self._base)} answered with a web page instead of JSON; is this a "
                "Label Studio server, and is there a login page of a proxy in front of it?",
                status=response.status_code,
                unsure=writes,
            )
        dropped = {"content-encoding", "content-length", "set-cookie", "transfer-encoding"}
        headers = [
            (key, value) for key, value in response.headers.raw if key.decode().lower() not in dropped
        ]
        return httpx.Response(
            response.status_code, headers=headers, stream=stream, extensions=response.extensions
        )

    def _failure(self, error: httpx.HTTPError, what: str, *, writes: bool) -> ConnectionFailedError:
        """The error of a request that got no whole answer."""
        server = _shown(self._base)
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            message = (
                f"{what}: cannot connect to {server} ({self._why(error)}); "
                "is the address right and the server running?"
            )
            # A server that never answered is more likely misspelt than about to come back.
            return TransientError(message) if self._answered else ConnectionFailedError(message)
        doubt = "; nobody knows whether it was carried out, look before it is repeated" if writes else ""
        if isinstance(error, httpx.TimeoutException):
            return ConnectionFailedError(
                f"{what}: {server} did not answer in time{doubt}", unsure=writes
            )
        if isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError)):
            return TransientError(
                f"{what}: {server} dropped the connection before the answer was whole{doubt}",
                unsure=writes,
            )
        return ConnectionFailedError(f"{what}: {server}: {self._why(error)}{doubt}", unsure=writes)

    def _refusal(
        self, response: httpx.Response, stream: _GuardedStream, what: str, *, writes: bool
    ) -> ConnectionFailedError:
        """The error of an answer with a status that is not success."""
        status, server = response.status_code, _shown(self._base)
        if 300 <= status < 400:
            target = response.headers.get("Location", "")
            return ConnectionFailedError(
                f"{what}: {server} redirects to {self._target(target)}, which is not followed so that "
                "the key goes nowhere else; set the address the server really has",
                status=status,
            )
        detail = self._detail(response, stream)
        said = f": {detail}" if detail else ""
        if status >= 500 or status in _TRANSIENT:
            unsure = writes and status >= 500
            doubt = (
                "; nobody knows whether it was carried out, look before it is repeated" if unsure else ""
            )
            return TransientError(
                f"{what}: {server} is not able to answer (HTTP {status}){said}{doubt}",
                status=status,
                unsure=unsure,
                retry_after_s=_retry_after_s(response.headers.get("Retry-After")),
            )
        hint = _hint(status, detail)
        return ConnectionFailedError(
            f"{what}: {server} says no (HTTP {status}){said}{hint}", status=status
        )

    def _detail(self, response: httpx.Response, stream: _GuardedStream) -> str:
        """What the server says about its error; empty where it says nothing a person could use."""
        if "json" not in response.headers.get("Content-Type", "").lower():
            return ""
        body = b""
        with suppress(ConnectionFailedError):
            for piece in stream:
                body += piece
                if len(body) > _MAX_DETAIL_BYTES:
                    return ""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return ""
        said = document.get("detail") if isinstance(document, dict) else None
        errors = document.get("validation_errors") if isinstance(document, dict) else None
        parts = [part for part in (said, errors and json.dumps(errors)) if isinstance(part, str)]
        return without_secrets("; ".join(parts), secrets=self._secrets)

    def _target(self, location: str) -> str:
        try:
            return _shown(self._base.join(location))
        except (httpx.InvalidURL, ValueError):
            return "an address that is none"

    def _why(self, error: httpx.HTTPError) -> str:
        return without_secrets(str(error) or type(error).__name__, secrets=self._secrets)


class _GuardedStream(httpx.SyncByteStream):
    """The unpacked body of an answer, within limits of size and time."""

    def __init__(
        self,
        owner: GuardedTransport,
        response: httpx.Response,
        *,
        request: httpx.Request,
        what: str,
        writes: bool,
        started: float,
    ) -> None:
        self._owner = owner
        self._response = response
        self._is_export = request.url.path.endswith("/export")
        self._what = what
        self._writes = writes
        self._started = started

    def __iter__(self) -> Iterator[bytes]:
        limit = MAX_EXPORT_BYTES if self._is_export else MAX_ANSWER_BYTES
        total = 0
        for piece in self._unpacked():
            total += len(piece)
            if total > limit:
                raise self._failed(f"sends more than {limit} bytes")
            yield piece

    def close(self) -> None:
        self._response.close()

    def _pieces(self) -> Iterator[bytes]:
        owner = self._owner
        try:
            for piece in self._response.stream:  # type: ignore[union-attr]  # a sync transport's stream
                if owner._clock() - self._started > owner._answer_s:
                    raise self._failed(f"takes longer than {owner._answer_s:g} s for one answer")
                yield piece
        except httpx.HTTPError as error:
            raise owner._failure(error, self._what, writes=self._writes) from None

    def _unpacked(self) -> Iterator[bytes]:
        # httpx unpacks a packet whole: 200 KB on the wire become 200 MB at once.  Here never more
        # than a piece is unpacked before it is counted.
        encoding = self._response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding in {"", "identity"}:
            yield from self._pieces()
            return
        if encoding not in {"gzip", "x-gzip"}:
            raise self._failed(
                f"packs its answer as {printable(encoding, limit=20)!r}, which was not asked for"
            )
        unpacker = zlib.decompressobj(wbits=31)
        for piece in self._pieces():
            rest = piece
            while rest and not unpacker.eof:
                try:
                    unpacked = unpacker.decompress(rest, _UNPACKED_PIECE)
                except zlib.error:
                    raise self._failed("sends an answer whose gzip packing is damaged") from None
                rest = unpacker.unconsumed_tail
                yield unpacked
        if not unpacker.eof:
            raise self._failed("sends an answer whose gzip packing ends early")

    def _failed(self, problem: str) -> ConnectionFailedError:
        return ConnectionFailedError(
            f"{self._what}: {_shown(self._owner._base)} {problem}", unsure=self._writes
        )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _shown(url: httpx.URL) -> str:
    """``url`` without user, password, query and fragment, where secrets live."""
    return printable(str(url.copy_with(username="", password="", query=None, fragment=None)), limit=200)


def _retry_after_s(header: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date; None where it is neither."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return min(float(header), _MAX_RETRY_AFTER_S)
    try:
        wait_s = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), _MAX_RETRY_AFTER_S)


def _hint(status: int, detail: str) -> str:
    if status == 401 and "wrong type" in detail:
        return (
            "\nLABEL_STUDIO_API_KEY holds an access token; "
            "use the personal access token of your account page"
        )
    if status == 401 and "legacy" in detail:
        return (
            "\nthe organization has legacy tokens switched off; use the personal access token of your "
            "account page as LABEL_STUDIO_API_KEY"
        )
    if status == 401:
        return (
            "\nis LABEL_STUDIO_API_KEY the personal access token (or the legacy token) of this server?"
        )
    if status == 403:
        return "\nthe user of LABEL_STUDIO_API_KEY may not do this"
    return ""
