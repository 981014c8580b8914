"""A real Label Studio in a process of its own: installed by `make`, started and ended by the tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psutil
from filelock import FileLock

ENVIRONMENT = Path(
    os.environ.get("SEGCORE_LABEL_STUDIO") or Path(__file__).resolve().parents[2] / ".venv-label-studio"
)
"""The virtual environment of the server; never the one that runs the tests."""

TOKEN = "7e57ab1e0c0ffee0" + 24 * "0"
EMAIL, PASSWORD = "ci@example.com", "Ci-pass-1234"  # of a server that answers on loopback only

NOWHERE = "http://127.0.0.1:9"
BOOT_SECONDS = 300  # migrations on a slow machine; a started server takes under ten


@dataclass(kw_only=True)
class LiveServer:
    """A running server.

    Attributes
    ----------
    url : str
        Base URL with a slash at its end.
    token : str
        A legacy access token of the administrator, user 1.
    email, password : str
        The administrator's, for a browser.
    folder : Path
        The data folder; files below ``folder / "files"`` can be served as
        ``/data/local-files/?d=files/NAME``.
    boot_seconds : float
        How long it took until the server answered.
    """

    url: str
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)
    boot_seconds: float
    token: str = field(default=TOKEN, repr=False)
    email: str = EMAIL
    password: str = PASSWORD

    @cached_property
    def personal_access_token(self) -> str:
        """The one refresh token the administrator may have; it cannot be read again, so it is kept."""
        return str(self.request("POST", "api/token/")["token"])

    def request(self, method: str, path: str, body: object = None) -> Mapping[str, object]:
        """The JSON answer to one request of the administrator."""
        return _request(self.url + path, method=method, body=body)

    def stop(self) -> None:
        """End the server: ask, wait, insist."""
        for end in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, end)
                try:
                    self.process.wait(15)
                except subprocess.TimeoutExpired:
                    continue


def installed() -> bool:
    """Whether `make test` has installed the server."""
    return (ENVIRONMENT / "bin" / "label-studio").is_file()


def start(folder: Path) -> LiveServer:
    """A server on a new, migrated data folder: a copy of a template that the first call makes."""
    template = ENVIRONMENT / "template"
    with FileLock(ENVIRONMENT / "template.lock"):
        if not template.is_dir():
            unfinished = ENVIRONMENT / "template.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            boot(unfinished).stop()
            unfinished.rename(template)
    shutil.copytree(template, folder, dirs_exist_ok=True)
    return boot(folder)


def boot(folder: Path) -> LiveServer:
    """Start a server on a data folder, which may be new, and wait until it answers."""
    (folder / "files").mkdir(parents=True, exist_ok=True)
    log, began = folder / "server.log", time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_ends_with_us(), ENVIRONMENT / "bin" / "label-studio", "start", "--no-browser",
             "--internal-host", "127.0.0.1", "--log-level", "ERROR"],
            env=_settings(folder), cwd=folder, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    server = LiveServer(url="", folder=folder, process=process, boot_seconds=0.0)
    try:
        while time.monotonic() < began + BOOT_SECONDS:
            if process.poll() is not None:
                break
            port = _port(process.pid)
            if port and _answers(f"http://127.0.0.1:{port}/"):
                server.url = f"http://127.0.0.1:{port}/"
                server.boot_seconds = time.monotonic() - began
                return server
            time.sleep(0.1)
    except BaseException:
        server.stop()
        raise
    server.stop()
    tail = log.read_text(encoding="utf-8", errors="replace")[-3000:]
    raise RuntimeError(f"Label Studio did not start in {BOOT_SECONDS} s ({log}):\n{tail}")


def _ends_with_us() -> list[str]:
    """The beginning of a command whose process the kernel ends when this one is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _settings(folder: Path) -> dict[str, str]:
    """The server's whole environment: nothing is inherited, nothing is reported to its maker."""
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        # 0: the system chooses. A port chosen beforehand may be taken by the time the server binds it,
        # and then the server silently takes the next one.
        "PORT": "0",
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_USERNAME": EMAIL,
        "LABEL_STUDIO_PASSWORD": PASSWORD,
        "LABEL_STUDIO_USER_TOKEN": TOKEN,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(folder),
        # A webhook may call back to loopback.
        "SSRF_PROTECTION_ENABLED": "false",
        "USE_DEFAULT_BANNED_SUBNETS": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        # Whatever would still call out finds nobody there.
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost",
    }


def _port(pid: int) -> int | None:
    try:
        sockets = psutil.Process(pid).net_connections(kind="tcp4")
    except psutil.NoSuchProcess:
        return None
    return next((s.laddr.port for s in sockets if s.status == psutil.CONN_LISTEN), None)


def _answers(url: str) -> bool:
    try:
        return _request(url + "health")["status"] == "UP" and "release" in _request(url + "api/version")
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _request(url: str, *, method: str = "GET", body: object = None) -> Mapping[str, object]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"},
    )
    with direct.open(request, timeout=60) as answer:
        found: Mapping[str, object] = json.load(answer)
        return found
