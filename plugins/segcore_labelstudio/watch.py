"""The webhook receiver: an event is a hint that something changed, never the truth about it.

Label Studio sends a webhook once, waits a second for an answer, does not try again and signs
nothing.  So events only say which tasks to look at again; what is judged is asked from the server.
"""

from __future__ import annotations

import hmac
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from segcore.documents import parse_json
from segcore.errors import DocumentError, UsageError

__all__ = ["HEADER", "Changes", "Hints", "receive"]

HEADER: Final = "X-Segcore-Secret"
"""The header a webhook must carry; Label Studio sends static headers of one's choice."""

MIN_SECRET_CHARS: Final = 16
MAX_BODY_BYTES: Final = 32 << 20
"""An event repeats the whole annotation, with its brush masks."""

MAX_CONNECTIONS: Final = 8
MAX_TASKS: Final = 10_000
"""From so many changed tasks on, the whole batch is looked at again."""

_READ_SECONDS: Final = 10.0
_Request = socket.socket | tuple[bytes, socket.socket]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is said to have changed.

    Attributes
    ----------
    tasks : tuple of int
        Task ids, sorted.
    everything : bool
        Events did not say which tasks, or named too many.
    """

    tasks: tuple[int, ...]
    everything: bool


class Hints:
    """Gathers events until none has come for a while; safe to use from several threads.

    Parameters
    ----------
    quiet_s : float
        Seconds without an event before what was gathered is handed out.
    longest_s : float
        Seconds after which it is handed out though events keep coming.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self, *, quiet_s: float, longest_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._quiet_s = quiet_s
        self._longest_s = max(longest_s, quiet_s)
        self._clock = clock
        self._tasks: set[int] = set()
        self._everything = False
        self._first: float | None = None
        self._last = 0.0
        self._changed = threading.Condition()

    def add(self, *tasks: int) -> None:
        """An event came; without ``tasks`` it did not say what changed."""
        with self._changed:
            self._tasks.update(tasks)
            self._everything |= not tasks or len(self._tasks) > MAX_TASKS
            if self._everything:
                self._tasks.clear()
            self._last = self._clock()
            if self._first is None:
                self._first = self._last
            self._changed.notify_all()

    def due_in(self) -> float | None:
        """Seconds until what was gathered is handed out; None where there is nothing."""
        with self._changed:
            return self._due_in()

    def take(self) -> Changes:
        """Hand out what was gathered, and begin anew."""
        with self._changed:
            taken = Changes(tasks=tuple(sorted(self._tasks)), everything=self._everything)
            self._tasks, self._everything, self._first = set(), False, None
            return taken

    def wait(self) -> Changes:
        """Block until something changed and the quiet time has passed; then :meth:`take` it."""
        with self._changed:
            while (left := self._due_in()) is None or left > 0:
                self._changed.wait(left)
        return self.take()

    def _due_in(self) -> float | None:
        if self._first is None:
            return None
        due = min(self._last + self._quiet_s, self._first + self._longest_s)
        return max(due - self._clock(), 0.0)


@contextmanager
def receive(hints: Hints, *, project: int, secret: str, host: str, port: int) -> Iterator[int]:
    """Listen for webhooks while the block runs.

    Parameters
    ----------
    hints : Hints
        Where the events go.
    project : int
        Events of other projects are answered and forgotten.
    secret : str
        What the header :data:`HEADER` must hold.
    host, port
        Where to listen; port 0 takes a free one.

    Yields
    ------
    int
        The port.

    Raises
    ------
    UsageError
        The secret is too short, or the address cannot be listened on.
    """
    if len(secret) < MIN_SECRET_CHARS or not secret.isascii() or not secret.isprintable():
        raise UsageError(
            f"the webhook secret must be {MIN_SECRET_CHARS} or more printable ASCII characters"
        )
    try:
        server = _Server((host, port), _handler(hints, project=project, secret=secret))
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error}") from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """A thread a connection, and not too many of them."""

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, handler)

    def process_request(self, request: _Request, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: _Request, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: _Request, client_address: Any) -> None:
        """A sender that hangs up or stalls is no news."""


def _handler(hints: Hints, *, project: int, secret: str) -> type[BaseHTTPRequestHandler]:
    expected = secret.encode()

    class Handler(BaseHTTPRequestHandler):
        timeout = _READ_SECONDS
        server_version = "segcore"
        sys_version = ""

        def do_POST(self) -> None:
            given = (self.headers.get(HEADER) or "").encode("utf-8", "replace")
            if not hmac.compare_digest(given, expected):
                return self._answer(403)
            length = self.headers.get("Content-Length") or ""
            if not (length.isascii() and length.isdigit()):
                return self._answer(411)
            if len(length) > 12 or int(length) > MAX_BODY_BYTES:
                hints.add()  # the sender is known, and something did change
                return self._answer(413)
            body = self.rfile.read(int(length))
            if len(body) < int(length):
                return self._answer(400)
            try:
                event = parse_json(body, file="webhook")
            except DocumentError:
                return self._answer(400)
            of, tasks = _said(event)
            if of is None or of == project:
                hints.add(*tasks)
            return self._answer(204)

        def _answer(self, status: int) -> None:
            self.close_connection = True
            self.send_response_only(status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Headers hold the secret, so nothing is logged."""

    return Handler


def _said(event: object) -> tuple[int | None, tuple[int, ...]]:
    """The project and the tasks an event names; None and nothing where it names none."""
    if not isinstance(event, dict):
        return None, ()
    tasks = event.get("tasks")
    named = [event.get("task"), *(tasks if isinstance(tasks, list) else [])]
    found = [task.get("id") if isinstance(task, dict) else task for task in named]
    of = event.get("project")
    of = of.get("id") if isinstance(of, dict) else of
    return (
        of if isinstance(of, int) and not isinstance(of, bool) else None,
        tuple(task for task in found if isinstance(task, int) and not isinstance(task, bool)),
    )
