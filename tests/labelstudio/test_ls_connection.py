"""The connection: keys, addresses, retries, guards, and what its errors never show."""

from __future__ import annotations

import itertools
import pickle
import time
import traceback
import tracemalloc

import fake_server
import jwt
import pytest

from segcore.errors import ConnectionFailedError, SpecError
from segcore_labelstudio import transport
from segcore_labelstudio.connection import Connection

KEY = "canary0123456789canary0123456789canary01"


@pytest.fixture
def connect():
    """A function from a server to a connection that waits without waiting; ``waits`` says how long."""
    opened = []

    def to(server, *, key=KEY, **options):
        waits: list[float] = []
        connection = Connection(server.url, key, sleep=waits.append, **options)
        connection.waits = waits
        opened.append(connection)
        return connection

    yield to
    for connection in opened:
        connection.close()


def token(kind, *, lives_s=3600.0):
    claims = {"token_type": kind, "exp": time.time() + lives_s, "jti": "canary"}
    return jwt.encode(claims, "a signature nobody checks, long enough for HS256", algorithm="HS256")


def everything_said(error):
    """All a log could hold of an exception."""
    return "\n".join([str(error), repr(error), *traceback.format_exception(error), repr(vars(error))])


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


# ---- guards


def test_a_redirect_to_another_origin_is_refused_and_nothing_is_sent_there(serve, connect):
    server, elsewhere = serve("redirect"), serve()
    server.elsewhere = elsewhere.url

    with pytest.raises(
        ConnectionFailedError, match=f"redirects to {elsewhere.url}/api/projects/7/, "
    ) as caught:
        connect(server).project(7)

    assert elsewhere.requests == []
    assert fake_server.COOKIE not in everything_said(caught.value)


def test_a_redirect_to_a_login_page_is_refused(serve, connect):
    with pytest.raises(
        ConnectionFailedError, match=r"redirects to .*/user/login, which is not followed"
    ):
        connect(serve("redirect to itself")).project(7)


def test_a_request_to_another_origin_is_never_sent(serve, connect):
    server, elsewhere = serve(), serve()
    connection = connect(server)

    with pytest.raises(ConnectionFailedError, match="refused to send the key"):
        connection.read(lambda sdk: connection._http.get(f"{elsewhere.url}/api/projects/7/"))

    assert elsewhere.requests == []


def test_cookies_are_not_kept(serve, connect):
    connection = connect(serve())

    connection.project(7)

    assert list(connection._http.cookies.jar) == []


def test_a_web_page_instead_of_json_is_named(serve, connect):
    with pytest.raises(ConnectionFailedError, match="answered with a web page instead of JSON"):
        connect(serve("always a page")).project(7)


def test_an_answer_of_another_shape_is_named(serve, connect):
    with pytest.raises(ConnectionFailedError, match=r"not what Label Studio answers|is not a project"):
        connect(serve("a list for a project")).project(7)


def test_the_answer_for_another_project_is_refused(serve, connect):
    with pytest.raises(ConnectionFailedError, match="the answer for project 7 is not a project"):
        connect(serve("another project")).project(7)


def test_an_unreachable_server_is_named_at_once(connect, serve):
    server = serve()
    url = server.url
    server.close()
    waits: list[float] = []

    with (
        Connection(url, KEY, sleep=waits.append) as connection,
        pytest.raises(ConnectionFailedError, match=f"cannot connect to {url}/ .*is the address right"),
    ):
        connection.project(7)

    assert waits == []


def test_a_silent_server_is_a_named_timeout(serve, connect):
    with pytest.raises(ConnectionFailedError, match="did not answer in time"):
        connect(serve("silent"), timeout_s=0.05).project(7)


PAGE_2 = {"project": 7, "page": 2, "page_size": 100}


def test_an_answer_that_drips_is_cut_off(serve, connect):
    seconds = itertools.count(step=10)
    connection = connect(serve("page drips"), timeout_s=5.0, clock=lambda: next(seconds))

    with pytest.raises(ConnectionFailedError, match="takes longer than 50 s for one answer"):
        connection.get_json("api/tasks/", PAGE_2)


def test_a_compressed_answer_is_read(serve, connect):
    page = connect(serve("page packed")).get_json("api/tasks/", PAGE_2)

    assert [task["id"] for task in page["tasks"]] == list(range(101, 201))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("page packed and cut", "packing ends early"),
        ("page packed strangely", "packs its answer as 'br'"),
        ("page not json", "something that is not JSON"),
        ("page html that calls itself json", "something that is not JSON"),
    ],
)
def test_a_damaged_answer_is_named(fault, said, serve, connect):
    with pytest.raises(ConnectionFailedError, match=said):
        connect(serve(fault)).get_json("api/tasks/", PAGE_2)


def test_a_compression_bomb_is_refused_before_it_is_unpacked(serve, connect, monkeypatch):
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1 << 20)
    connection = connect(serve("page bomb"))
    connection.project(7)

    tracemalloc.start()
    try:
        with pytest.raises(ConnectionFailedError, match="sends more than 1048576 bytes"):
            connection.get_json("api/tasks/", PAGE_2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 6 << 20  # the bomb is 20 MB


# ---- secrets


@pytest.mark.parametrize("call", [Connection.project, lambda c, id_: c.get_json(f"api/projects/{id_}/")])
def test_an_error_that_repeats_the_key_is_shown_without_it(call, serve, connect):
    connection = connect(serve("401 that repeats the key"))

    with pytest.raises(ConnectionFailedError, match=r"HTTP 401\): Invalid token Token \*\*\*") as caught:
        call(connection, 7)

    said = everything_said(caught.value)
    assert "LABEL_STUDIO_API_KEY" in said
    assert KEY not in said
    assert fake_server.COOKIE not in said


def test_an_error_that_repeats_the_access_token_is_shown_without_it(serve, connect):
    server = serve("401 that repeats the key")
    server.access_token = token("access")
    key = token("refresh")

    with pytest.raises(ConnectionFailedError, match="HTTP 401") as caught:
        connect(server, key=key).project(7)

    said = everything_said(caught.value)
    assert server.access_token not in said
    assert key not in said
    assert key.split(".")[1] not in said


def test_a_failed_connection_survives_pickling():
    error = pickle.loads(pickle.dumps(ConnectionFailedError("gone", status=502, unsure=True)))

    assert (str(error), error.status, error.unsure) == ("gone", 502, True)
