"""The connection: what it refuses, and what its errors never show."""

from __future__ import annotations

import itertools
import pickle
import tracemalloc

import fake_server
import pytest
from connections import everything_said, token
from fake_server import KEY

from segcore.errors import ConnectionFailedError
from segcore_labelstudio import transport
from segcore_labelstudio.connection import Connection

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
