"""Text for terminals and files: nothing in it acts, and no file is ever half written."""

from __future__ import annotations

import csv
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore import wording
from segcore.cli import output
from segcore.errors import UsageError

HOSTILE = [
    pytest.param("\x1b[31mred", r"\x1b[31mred", id="ANSI colour"),
    pytest.param("\x1b]8;;http://x\x07", r"\x1b]8;;http://x\x07", id="terminal link"),
    pytest.param("a\x9bK", r"a\x9bK", id="C1 control"),
    pytest.param("car\u202egnp", r"car\u202egnp", id="right-to-left override"),
    pytest.param("ca\u200br", r"ca\u200br", id="zero-width space"),
    pytest.param("a\nb\rc", r"a\nb\rc", id="line breaks"),
    pytest.param("a\u2028b", r"a\u2028b", id="line separator"),
    pytest.param("x\udcff", r"x\udcff", id="file name that is not UTF-8"),
    pytest.param("[bold]car[/bold]", "[bold]car[/bold]", id="rich markup stays text"),
    pytest.param("Stra\u00dfe \u6c34", "Stra\u00dfe \u6c34", id="other scripts stay"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_what_a_terminal_could_act_on_is_escaped(text, shown):
    assert wording.escaped(text) == shown


@given(st.text())
def test_printable_text_is_one_line_without_controls(text):
    shown = wording.escaped(text)

    assert len(shown.splitlines()) <= 1
    assert all(c.isprintable() or c == "\u00a0" or c.isspace() for c in shown)
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_a_table_shows_markup_as_text():
    text = output.table_text(("class", "IoU"), [("[red]car[/red]", "0.5000")], notes=["[bold]note"])

    assert "[red]car[/red]" in text
    assert text.endswith("[bold]note\n")


def test_a_table_is_not_cut_when_it_goes_to_a_pipe():
    name = "a" * 150

    text = output.table_text(("class", "IoU"), [(name, "0.5000")])

    assert name in text


def test_no_number_is_cut_on_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True, raising=False)

    text = output.table_text(("class", "IoU", "Dice"), [("traffic light", "0.9257", "0.9614")])

    assert "traffic light" in text
    assert "0.9257" in text
    assert "0.9614" in text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1"])
def test_a_csv_cell_does_not_become_a_formula(cell):
    text = output.csv_text(["name"], [[cell]])

    ((_,), (read,)) = csv.reader(io.StringIO(text))
    assert read.startswith(("'", "\\"))


def test_numbers_and_gaps_stay_what_they_are_in_csv():
    text = output.csv_text(["a", "b", "c"], [[-0.5, None, 3]])

    assert text == "a,b,c\r\n-0.5,,3\r\n"


def test_json_is_sorted_and_ends_with_a_line_feed():
    text = output.json_text({"b": 1, "a": None})

    assert text == '{\n  "a": null,\n  "b": 1\n}\n'


def test_json_refuses_nan():
    with pytest.raises(ValueError, match="JSON"):
        output.json_text({"a": float("nan")})


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("old")

    output.write(str(path), "new")

    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "scores.json"
    path.write_text("old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(UsageError, match="No space left"):
        output.write(str(path), "new")

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.json").write_text("old")
    link = tmp_path / "latest.json"
    link.symlink_to("real.json")

    output.write(str(link), "new")

    assert link.is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


def test_a_device_is_written_to_and_not_replaced():
    output.write(os.devnull, json.dumps({}))

    assert not os.path.isfile(os.devnull)  # noqa: PTH113


def test_a_destination_in_a_folder_that_is_not_there_is_refused_with_its_name(tmp_path):
    with pytest.raises(UsageError, match=r"there is no folder .*reports"):
        output.require_destination(str(tmp_path / "reports" / "a.json"))


def test_a_folder_is_no_destination(tmp_path):
    with pytest.raises(UsageError, match="it is a folder"):
        output.require_destination(str(tmp_path))


def test_there_is_no_progress_without_a_terminal(capsys):
    with output.progress("counting") as report:
        assert report is None

    assert capsys.readouterr().err == ""
