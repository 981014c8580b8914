"""A process that is killed, a full disk, a folder that cannot be written: no file is ever half there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from segcore.cli import output
from segcore.errors import UsageError
from segcore_gates.cli.gate import judge

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="missing: os.fork")

DRIVER = """\
import os, random, signal, sys, time

def killed(write, *, moments, within, look):
    '''Fork a process that writes on and on, kill it, look; ``moments`` times.'''
    chance, seen = random.Random(20261124), []
    for _ in range(moments):
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            while True:
                write()
        time.sleep(chance.uniform(0, within))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen.append(look())
    return seen
"""


def driven(folder, script):
    """The lines that a script prints that may use ``killed``."""
    result = subprocess.run(
        [sys.executable, "-c", DRIVER + script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


TEXTS = """
small, large = "a" * 100_000 + "\\n", "b" * 3_000_000 + "\\n"
turn = 0
def next_text():
    global turn
    turn += 1
    return small if turn % 2 else large
def look():
    text = open("file.txt").read()
    return "whole" if text in (small, large) else f"broken: {len(text)}"
"""


def test_a_file_that_is_written_in_place_is_found_broken(tmp_path):
    """What the tests below would see without care."""
    lines = driven(
        tmp_path,
        TEXTS
        + "def write():\n"
        + "    text = next_text()\n"
        + "    with open('file.txt', 'w') as stream:\n"
        + "        for at in range(0, len(text), 10_000):\n"
        + "            stream.write(text[at:at + 10_000]); stream.flush()\n"
        + "write()\n"
        + "print(*killed(write, moments=25, within=0.05, look=look), sep='\\n')\n",
    )

    assert any(line.startswith("broken") for line in lines)


def test_a_file_is_whole_whenever_its_writer_is_killed(tmp_path):
    lines = driven(
        tmp_path,
        TEXTS
        + "from segcore.cli.output import write as replace\n"
        + "def write():\n"
        + "    replace('file.txt', next_text())\n"
        + "write()\n"
        + "print(*killed(write, moments=25, within=0.05, look=look), sep='\\n')\n",
    )

    assert lines == ["whole"] * 25


def test_a_baseline_is_the_old_one_or_the_new_one_whenever_its_writer_is_killed(tmp_path):
    lines = driven(
        tmp_path,
        """
from dataclasses import replace
from pathlib import Path
from segcore_gates.regression.baseline import Accepted, AcceptedRule, Baseline
from segcore_gates.regression.baseline_file import parse_baseline, write_baseline
from segcore_gates.rules import Metric
from fractions import Fraction
info = {"role": "gold", "spec": "coco:g.json", "images": 1, "sha256": "0" * 64}
rows = {f"{k:05}": (1, 1, 2) for k in range(3000)}
rule = AcceptedRule(gate="g", class_name="car", metric=Metric.IOU, settings={}, value=Fraction(1, 2),
                    columns=("gold", "intersection", "union"), images=rows)
old = Baseline(policy_name=None, policy_sha256="0", outcome="accept",
               inputs={"gold": info, "delivery": info},
               ontology_sha256="0", classes=("car",), gold_images={k: "0" * 64 for k in rows},
               rules={"g[car]": rule}, history=())
new = replace(old, rules={}, gold_images={})
turn, path = 0, Path("accepted", "a.json")
def write():
    global turn
    turn += 1
    write_baseline(path, old if turn % 2 else new)
def look():
    found = parse_baseline(path.read_bytes(), file="a.json")
    return "old" if found == old else "new" if found == new else "broken"
write()
print(*killed(write, moments=25, within=0.15, look=look), sep="\\n")
""",
    )

    assert len(lines) == 25
    assert set(lines) <= {"old", "new"}


def test_reports_are_whole_whenever_a_gate_is_killed(tmp_path, write_batch):
    write_batch(tmp_path)

    lines = driven(
        tmp_path,
        """
import csv, json, contextlib, io
import xml.etree.ElementTree as ET
from pathlib import Path
from segcore_gates.cli.gate import judge
def write():
    with contextlib.redirect_stdout(io.StringIO()):
        judge(["batch.gate.yaml"], report="out", json="gate.json")
def look():
    for file in ("gate.json", "out/report.json"):
        assert json.loads(Path(file).read_text())["outcome"] == "reject"
    assert len(ET.parse("out/junit.xml").findall(".//testcase")) == 3
    assert Path("out/summary.md").read_text().endswith("\\n")
    assert Path("out/report.html").read_text().rstrip().endswith("</html>")
    with open("out/image-class.csv", newline="") as stream:
        assert {len(row) for row in csv.reader(stream)} == {columns}
    return sorted(p.name for p in Path("out").iterdir() if not p.name.startswith("."))
write()
with open("out/image-class.csv", newline="") as stream:
    columns = len(next(csv.reader(stream)))
for names in killed(write, moments=25, within=0.4, look=look):
    print(*names)
""",
    )

    assert lines == ["image-class.csv junit.xml report.html report.json summary.md"] * 25


def full(_descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_on_a_full_disk_the_reports_of_before_stay(tmp_path, write_batch, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_batch(tmp_path)
    judge(["batch.gate.yaml"], report="out")
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    monkeypatch.setattr(output.os, "fsync", full)

    with pytest.raises(UsageError, match=r"cannot write to out: .*No space left"):
        judge(["batch.gate.yaml"], report="out", pytest_args=["-k", "nothing"])

    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before


def test_where_one_file_of_a_report_does_not_fit_no_part_of_it_is_left(
    tmp_path, write_batch, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_batch(tmp_path)
    real = os.fsync

    def too_small_for_the_page(descriptor):
        if ".report.html." in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            full(descriptor)
        real(descriptor)

    monkeypatch.setattr(output.os, "fsync", too_small_for_the_page)

    with pytest.raises(UsageError, match="No space left"):
        judge(["batch.gate.yaml"], report="out")

    assert sorted(path.name for path in Path("out").iterdir()) == ["junit.xml", "report.json"]


def test_a_folder_that_cannot_be_synchronised_is_written_to_all_the_same(tmp_path, monkeypatch):
    real = os.fsync

    def only_files(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(output.os, "fsync", only_files)

    output.write(str(tmp_path / "a.json"), "new")

    assert (tmp_path / "a.json").read_text() == "new"


def test_a_folder_that_fails_to_be_written_is_an_error(tmp_path, monkeypatch):
    real = os.fsync

    def broken_disk(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(output.os, "fsync", broken_disk)

    with pytest.raises(UsageError, match="Input/output error"):
        output.write(str(tmp_path / "a.json"), "new")


def test_two_writers_with_one_process_number_do_not_share_a_part(tmp_path, monkeypatch):
    """In containers every process may be number 1."""
    parts = []
    real = Path.replace

    def seen(self, target):
        parts.append(self.name)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", seen)

    for text in ("a", "b"):
        output.write(str(tmp_path / "a.json"), text)

    assert len(set(parts)) == 2


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="missing: /proc")
def test_a_folder_that_takes_no_file_is_named(tmp_path, write_batch, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_batch(tmp_path)

    with pytest.raises(UsageError, match=r"cannot write to /proc/self: "):
        judge(["batch.gate.yaml"], report="/proc/self")
