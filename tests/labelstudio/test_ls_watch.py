"""Webhooks are hints: they are gathered, bounded, and believed only with the secret."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from segcore.errors import UsageError
from segcore_labelstudio import watch
from segcore_labelstudio.watch import HEADER, Changes, Hints, receive

SECRET = "a-secret-of-many-characters"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hints(clock: Clock) -> Hints:
    return Hints(quiet_s=5, longest_s=12, clock=clock)


def test_nothing_is_due_before_an_event(hints: Hints) -> None:
    assert hints.due_in() is None


def test_every_event_prolongs_the_quiet_time_up_to_the_longest_wait(hints: Hints, clock: Clock) -> None:
    left = []

    for moment in (100, 104, 108, 111):
        clock.now = moment
        hints.add(7)
        left.append(hints.due_in())

    assert left == [5, 5, 4, 1]


def test_tasks_are_handed_out_once_and_sorted(hints: Hints) -> None:
    for task in (9, 3, 9, 4):
        hints.add(task)

    assert hints.take() == Changes(tasks=(3, 4, 9), everything=False)
    assert hints.due_in() is None
    assert hints.take() == Changes(tasks=(), everything=False)


def test_an_event_that_names_no_task_stands_for_all_of_them(hints: Hints) -> None:
    hints.add(3)
    hints.add()
    hints.add(4)

    assert hints.take() == Changes(tasks=(), everything=True)


def test_too_many_tasks_are_all_of_them(hints: Hints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_TASKS", 2)

    for task in (1, 2, 3, 4):
        hints.add(task)

    assert hints.take().everything


def test_waiting_ends_when_the_quiet_time_is_over() -> None:
    hints = Hints(quiet_s=0.05, longest_s=1)
    threading.Timer(0.02, hints.add, (5,)).start()

    assert hints.wait() == Changes(tasks=(5,), everything=False)


# ---- the receiver


@pytest.fixture
def port(hints: Hints) -> Iterator[int]:
    with receive(hints, project=12, secret=SECRET, host="127.0.0.1", port=0) as port:
        yield port


def post(port: int, body: object, *, secret: str | None = SECRET, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        given = {} if secret is None else {HEADER: secret}
        connection.request("POST", "/", body=data, headers=given | headers)
        return connection.getresponse().status
    finally:
        connection.close()


EVENT = {"action": "ANNOTATION_UPDATED", "project": {"id": 12}, "task": {"id": 31}, "annotation": {}}


def test_an_event_of_the_project_is_a_hint_about_its_task(port: int, hints: Hints) -> None:
    assert post(port, EVENT) == 204
    assert hints.take() == Changes(tasks=(31,), everything=False)


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        ({"project": {"id": 12}, "tasks": [{"id": 4}, 5]}, Changes(tasks=(4, 5), everything=False)),
        ({"project": 12, "task": 6}, Changes(tasks=(6,), everything=False)),
        ({"project": {"id": 12}}, Changes(tasks=(), everything=True)),
        ({"project": {"id": 12}, "task": {"id": "31; drop"}}, Changes(tasks=(), everything=True)),
        ({"project": {"id": 12}, "task": {"id": True}}, Changes(tasks=(), everything=True)),
        ([], Changes(tasks=(), everything=True)),
    ],
)
def test_what_an_event_names_is_what_it_hints_at(
    port: int, hints: Hints, event: object, changes: Changes
) -> None:
    assert post(port, event) == 204
    assert hints.take() == changes


def test_another_project_is_no_news(port: int, hints: Hints) -> None:
    assert post(port, EVENT | {"project": {"id": 13}}) == 204
    assert hints.due_in() is None


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", SECRET.upper(), "\xe9" * 20])
def test_without_the_secret_nothing_is_believed(port: int, hints: Hints, secret: str | None) -> None:
    assert post(port, EVENT, secret=secret) == 403
    assert hints.due_in() is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"task": 1, "task": 2}', b"[" * 200_000])
def test_a_body_that_is_no_json_is_refused(port: int, hints: Hints, body: bytes) -> None:
    assert post(port, body) == 400
    assert hints.due_in() is None


def test_a_body_too_large_is_not_read_but_says_that_something_changed(port: int, hints: Hints) -> None:
    assert post(port, b"", **{"Content-Length": str(watch.MAX_BODY_BYTES + 1)}) == 413
    assert hints.take().everything


@pytest.mark.parametrize("length", ["-1", "1e3", "", "9" * 5000])
def test_a_length_that_is_none_ends_the_request(port: int, hints: Hints, length: str) -> None:
    assert post(port, b"", **{"Content-Length": length}) in {411, 413}


def test_only_posts_are_answered(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/", headers={HEADER: SECRET})

    assert connection.getresponse().status == 501
    connection.close()


def test_connections_beyond_the_limit_are_closed_and_the_others_served(port: int, hints: Hints) -> None:
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(watch.MAX_CONNECTIONS)]
    for connection in idle:
        connection.sendall(b"POST / HTTP/1.1\r\n")  # and never the rest
    late = socket.create_connection(("127.0.0.1", port))
    late.settimeout(10)

    try:
        assert late.recv(1) == b""
        idle.pop().close()
        statuses = {status_after_room(port)}
    finally:
        for connection in [*idle, late]:
            connection.close()

    assert statuses == {204}
    assert hints.take().tasks == (31,)


def status_after_room(port: int) -> int:
    """The answer once the thread of a closed connection has ended."""
    for _ in range(200):
        try:
            return post(port, EVENT)
        except (ConnectionError, http.client.RemoteDisconnected):
            threading.Event().wait(0.02)
    raise AssertionError("no connection was freed")


@pytest.mark.parametrize("secret", ["", "short", "tab\tin the secret of it", "\xe9" * 20])
def test_a_secret_that_protects_nothing_is_refused(hints: Hints, secret: str) -> None:
    with (
        pytest.raises(UsageError, match="16 or more"),
        receive(hints, project=1, secret=secret, host="127.0.0.1", port=0),
    ):
        pass


def test_a_port_in_use_is_an_error_that_names_it(port: int, hints: Hints) -> None:
    with (
        pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"),
        receive(hints, project=1, secret=SECRET, host="127.0.0.1", port=port),
    ):
        pass
