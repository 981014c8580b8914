"""The server the other tests rely on."""

from __future__ import annotations

import os
import urllib.parse

import live_server
import psutil
import pytest


def test_the_server_of_the_pinned_version_answers_on_loopback_only(label_studio):
    listening = [
        s.laddr.ip
        for s in psutil.Process(label_studio.process.pid).net_connections(kind="tcp")
        if s.status == psutil.CONN_LISTEN
    ]

    version = label_studio.request("GET", "api/version")

    assert listening == ["127.0.0.1"]
    assert urllib.parse.urlsplit(label_studio.url).hostname == "127.0.0.1"
    assert version["release"] == "1.23.2"


def test_the_server_calls_nobody(label_studio):
    settings = psutil.Process(label_studio.process.pid).environ()

    assert settings["SENTRY_DSN"] == settings["FRONTEND_SENTRY_DSN"] == ""
    assert settings["COLLECT_ANALYTICS"] == settings["LATEST_VERSION_CHECK"] == "false"
    assert settings["HTTPS_PROXY"] == live_server.NOWHERE


def test_the_client_is_the_administrator(sdk, label_studio):
    me = sdk.users.whoami()

    assert (me.id, me.email) == (1, label_studio.email)


@pytest.mark.filterwarnings("ignore:The `parse_obj` method is deprecated")  # the SDK's own
def test_a_personal_access_token_opens_the_server(connected, label_studio):
    client = connected(label_studio.personal_access_token)

    me = client.users.whoami()

    assert me.email == label_studio.email


def test_a_server_that_cannot_start_is_an_error_that_shows_its_log_and_leaves_no_process(
    label_studio, tmp_path
):
    (tmp_path / "label_studio.sqlite3").write_bytes(b"no database" * 100)

    with pytest.raises(RuntimeError, match="file is not a database"):
        live_server.boot(tmp_path)

    left = [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == os.fspath(tmp_path)]
    assert left == []
