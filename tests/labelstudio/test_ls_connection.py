"""The connection: keys and addresses, and reads that are repeated where writes are not."""

from __future__ import annotations

import pickle

import fake_server
import pytest
from connections import everything_said, token
from fake_server import KEY

from segcore.errors import ConnectionFailedError, SpecError
from segcore_labelstudio.connection import Connection

# ---- keys and addresses


def test_a_legacy_token_is_sent_as_a_legacy_token(serve, connect):
    server = serve()

    project = connect(server).project(7)

    assert (project.id, project.title, project.tasks) == (7, "p", 250)
    assert project.label_config == fake_server.CONFIG
    assert [asked.authorization for asked in server.requests] == [f"Token {KEY}"]


def test_a_personal_access_token_is_exchanged_once_for_an_access_token(serve, connect):
    server = serve()
    server.access_token = token("access")
    connection = connect(server, key=token("refresh"))

    connection.project(7)
    connection.get_json("api/projects/7/")

    assert [asked.path for asked in server.requests] == [
        "/api/token/refresh/",
        "/api/projects/7/",
        "/api/projects/7/",
    ]
    assert server.requests[-1].authorization == f"Bearer {server.access_token}"


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_server_below_a_path_is_asked_there_with_or_without_a_slash(serve, slash):
    server = serve(prefix="/label/studio")
    server.access_token = token("access")

    with Connection(server.url + slash, token("refresh")) as connection:
        connection.project(7)

    assert [asked.path for asked in server.requests] == [
        "/label/studio/api/token/refresh/",
        "/label/studio/api/projects/7/",
    ]


def test_an_access_token_as_key_gets_a_hint_and_is_never_sent(serve, connect):
    server = serve()
    access = token("access")

    with pytest.raises(SpecError, match="holds an access token") as caught:
        connect(server, key=access)

    assert "personal access token" in str(caught.value)
    assert access not in everything_said(caught.value)
    assert server.requests == []


def test_an_expired_token_is_refused_before_anything_is_sent(serve, connect):
    server = serve()

    with pytest.raises(SpecError, match="expired"):
        connect(server, key=token("refresh", lives_s=-60.0))

    assert server.requests == []


@pytest.mark.parametrize("key", ["two words " + KEY, KEY + "\nX: y", "clé" + KEY, "\x00" + KEY, " "])
def test_what_cannot_be_a_key_is_refused_without_being_shown(key):
    with pytest.raises(SpecError, match="is not a key") as caught:
        Connection("http://127.0.0.1:1", key)

    assert KEY not in everything_said(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{KEY}@127.0.0.1/",
        f"http://{KEY}@127.0.0.1/",
        f"http://127.0.0.1/?token={KEY}",
        f"http://127.0.0.1/#{KEY}",
        "ftp://127.0.0.1/",
        "label.example.com",
        "http://",
        "http://127.0.0.1:port/",
        "",
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(url):
    with pytest.raises(SpecError, match="address of Label Studio") as caught:
        Connection(url, KEY)

    assert KEY not in everything_said(caught.value)


def test_address_and_key_come_from_the_environment(serve, monkeypatch):
    server = serve()
    monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", f"{KEY}\n")

    with Connection.open() as connection:
        connection.project(7)

    assert server.requests[0].authorization == f"Token {KEY}"


@pytest.mark.parametrize("missing", ["LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"])
def test_what_is_missing_in_the_environment_is_named(missing, monkeypatch):
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", KEY)
    monkeypatch.delenv(missing)

    with pytest.raises(SpecError, match=missing):
        Connection.open()


def test_a_connection_neither_shows_nor_pickles_its_key(serve, connect):
    connection = connect(serve())

    assert KEY not in repr(connection)
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(connection)


# ---- reads are repeated, writes are not


def test_a_throttled_read_waits_as_long_as_the_server_asks(serve, connect):
    connection = connect(serve("429 twice"))

    page = connection.get_json("api/tasks/", {"project": 7, "page": 1, "page_size": 5})

    assert [task["id"] for task in page["tasks"]] == [1, 2, 3, 4, 5]
    assert connection.waits == [7.0, 7.0]


@pytest.mark.parametrize("fault", ["500 twice", "dropped twice"])
def test_a_read_that_fails_twice_is_repeated_with_growing_pauses(fault, serve, connect):
    connection = connect(serve(fault))
    connection.project(7)

    page = connection.get_json("api/tasks/", {"project": 7, "page": 1, "page_size": 5})

    assert page["total"] == 250
    assert connection.waits == [0.5, 1.0]


def test_a_read_is_given_up_after_five_attempts(serve, connect):
    server = serve("503 for ever")
    connection = connect(server)

    with pytest.raises(ConnectionFailedError, match=r"HTTP 503\): down \(5 attempts\)") as caught:
        connection.get_json("api/tasks/", {"project": 7, "page": 1, "page_size": 5})

    assert caught.value.status == 503
    assert len(server.requests) == 5
    assert len(connection.waits) == 4


def test_a_refused_read_is_not_repeated(serve, connect):
    server = serve()

    with pytest.raises(ConnectionFailedError, match=r"says no \(HTTP 404\): Not found") as caught:
        connect(server).project(99)

    assert caught.value.status == 404
    assert len(server.requests) == 1


AFTER_COMMIT = [
    "502 after commit",
    "cut after commit",
    "nonsense after commit",
    "page after commit",
    "reset after commit",
]
WRITES = {
    "raw": lambda connection: connection.write("POST", "api/predictions/", {"task": 1, "result": []}),
    "sdk": lambda connection: connection.send(
        lambda sdk: sdk.predictions.create(task=1, result=[], score=0.5)
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("fault", AFTER_COMMIT)
def test_a_write_is_sent_once_and_its_error_says_that_it_may_have_been_done(
    fault, write, serve, connect
):
    server = serve(fault)
    connection = connect(server)

    with pytest.raises(ConnectionFailedError) as caught:
        write(connection)

    assert caught.value.unsure
    assert len(server.writes()) == 1
    assert connection.waits == []


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_that_succeeds_is_sent_once(write, serve, connect):
    server = serve()

    write(connect(server))

    assert [(asked.method, asked.path) for asked in server.writes()] == [("POST", "/api/predictions/")]


def test_a_write_without_a_body_sends_none(serve, connect):
    server = serve()

    connect(server).write("DELETE", "api/predictions/1/")

    (asked,) = server.writes()
    assert (asked.method, asked.path, asked.body) == ("DELETE", "/api/predictions/1/", b"")


def test_a_failed_refresh_before_a_write_is_repeated_and_the_write_is_not(serve, connect):
    server = serve("refresh fails once")
    server.access_token = token("access")
    connection = connect(server, key=token("refresh"))

    connection.write("POST", "api/predictions/", {"task": 1})

    assert [asked.path.split("/")[2] for asked in server.requests] == ["token", "token", "predictions"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_know_are_not_written(value, serve, connect):
    server = serve()

    with pytest.raises(ValueError, match="JSON"):
        connect(server).write("POST", "api/predictions/", {"score": value})

    assert server.requests == []
