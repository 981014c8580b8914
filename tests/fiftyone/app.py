"""FiftyOne's App in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import mongod
import psutil

BOOT_SECONDS = 180


class App:
    """The server of the App; settings and database are those of this process.

    A server without a session of Python: what a page shows is what its address says.

    Parameters
    ----------
    folder : Path
        For its log.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "app.log"
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [*mongod.ends_with_us(), sys.executable, "-m", "fiftyone.server.main",
                 "--address", "127.0.0.1", "--port", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        ended = time.monotonic() + BOOT_SECONDS
        while self._process.poll() is None and time.monotonic() < ended:
            try:
                with urllib.request.urlopen(f"{self.url}/fiftyone", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise RuntimeError(f"the App did not start in {BOOT_SECONDS} s:\n{tail}")

    def stop(self) -> None:
        """End it, and what it has started."""
        if self._process.poll() is None:
            started = psutil.Process(self._process.pid).children(recursive=True)
            for process in [self._process, *started]:
                process.kill()
            self._process.wait(30)
