"""Draw ``docs/images/demo.svg`` from the real terminal output of ``segcore demo``.

Usage: python tests/tools/make_picture.py
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "demo.svg"
COLUMNS = 96


def terminal_output(command: list[str], folder: str) -> str:
    """What ``command`` writes to a terminal of ``COLUMNS`` columns, escape sequences included."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=slave, stderr=slave) as process:
        os.close(slave)
        chunks = []
        while chunk := _read(master):
            chunks.append(chunk)
    os.close(master)
    if process.returncode:
        sys.exit(f"{command} exited with {process.returncode}")
    return b"".join(chunks).decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # Linux says EIO where the other end is closed
        return b""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        output = terminal_output([str(Path(sys.executable).parent / "segcore"), "demo"], folder)
    text = Text.from_ansi("$ segcore demo\n" + output.replace("\r\n", "\n").strip())
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(text)
    svg = console.export_svg(title="segcore demo", theme=MONOKAI, unique_id="demo")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    # the fonts would be fetched from elsewhere; the reader's own will do
    PICTURE.write_text(re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main()
