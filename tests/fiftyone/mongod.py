"""A real MongoDB in a process of its own: installed by `make`, started and ended by the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".venv-mongod"
"""A virtual environment that holds nothing but the binary: FiftyOne's own package of it."""

BOOT_SECONDS = 120


@dataclass(kw_only=True)
class Mongod:
    """A running server with an empty database.

    Attributes
    ----------
    uri : str
        With a short time to wait for it, so that a test of its absence does not take half a minute.
    """

    uri: str
    process: subprocess.Popen[bytes] = field(repr=False)

    def stop(self) -> None:
        """End the server; its data is thrown away, so it need not be asked."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)


def binary() -> Path | None:
    """The program: what SEGCORE_MONGOD names, else what `make test` has installed."""
    named = os.environ.get("SEGCORE_MONGOD")
    if named:
        return Path(named)
    found = ENVIRONMENT.glob("lib/python3*/site-packages/fiftyone/db/bin/mongod")
    return next(found, None)


def start(folder: Path) -> Mongod:
    """A server on an empty data folder, on loopback and a port nobody else has."""
    program = binary()
    assert program is not None, "make test installs it"
    data, log = folder / "db", folder / "mongod.log"
    data.mkdir(parents=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            # Port 0: the system chooses. One that was free a moment ago may be taken by now.
            [*ends_with_us(), program, "--bind_ip", "127.0.0.1", "--port", "0", "--dbpath", data,
             "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--setParameter",
             "diagnosticDataCollectionEnabled=false"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    server = Mongod(uri="", process=process)
    ended = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < ended and process.poll() is None:
        port = _port(process.pid)
        if port is not None:
            server.uri = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=3000"
            return server
        time.sleep(0.05)
    server.stop()
    tail = log.read_text(encoding="utf-8", errors="replace")[-3000:]
    raise RuntimeError(f"mongod did not start in {BOOT_SECONDS} s ({log}):\n{tail}")


def settings(folder: Path, uri: str) -> dict[str, str]:
    """What keeps FiftyOne to one database and to temporary folders, and silent towards its maker.

    The names of its settings; as variables of the environment they begin with ``FIFTYONE_``.
    """
    files = ("config_path", "app_config_path", "annotation_config_path", "evaluation_config_path")
    folders = ("plugins_dir", "default_dataset_dir", "dataset_zoo_dir", "model_zoo_dir")
    for name in folders:
        (folder / name).mkdir(exist_ok=True)
    return {
        "database_uri": uri,
        "database_validation": "false",
        "do_not_track": "true",
        "show_progress_bars": "false",
        **{name: str(folder / f"{name}.json") for name in files},
        **{name: str(folder / name) for name in folders},
    }


def ends_with_us() -> list[str]:
    """The beginning of a command whose process the kernel ends when this one is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _port(pid: int) -> int | None:
    try:
        sockets = psutil.Process(pid).net_connections(kind="tcp4")
    except psutil.NoSuchProcess:
        return None
    return next((s.laddr.port for s in sockets if s.status == psutil.CONN_LISTEN), None)
