"""Text for people: nothing a terminal acts on, and a guess where one is close."""

from __future__ import annotations

import pytest

from segcore.wording import did_you_mean, escaped, escaped_lines, printable, show


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("straße 街", "straße 街"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\u202eb", r"a\u202eb"),
        ("\ud800", r"\ud800"),
        ("a\nb", r"a\nb"),
    ],
    ids=["letters", "ANSI", "direction", "surrogate", "line feed"],
)
def test_what_a_terminal_would_act_on_is_escaped(text, shown):
    assert escaped(text) == shown


def test_only_line_feeds_stay_between_lines():
    assert escaped_lines("a\r\nb\tc\n") == "a\\r\nb\\tc\n"


def test_a_long_text_is_cut_and_says_so():
    assert printable("x" * 80) == "x" * 80
    assert printable("x" * 81) == "x" * 77 + "..."
    assert len(printable("\x00" * 80)) == 80


def test_a_value_of_any_depth_is_shown_shortly():
    nested: list = []
    for _ in range(2000):
        nested = [nested]

    assert len(show(nested)) <= 80
    assert show({"a": True}) == "{'a': True}"


@pytest.mark.parametrize(
    ("word", "hint"),
    [("carr", ", did you mean 'car'?"), ("CAR", ", did you mean 'car'?"), ("sofa", ""), ("c" * 101, "")],
)
def test_a_close_word_is_suggested_whatever_its_case(word, hint):
    assert did_you_mean(word, ["truck", "car"]) == hint


def test_only_a_thousand_short_words_are_compared():
    assert did_you_mean("car", [*map(str, range(1000)), "car"]) == ""
    assert did_you_mean("car", ["x" * 101] * 5000 + ["car"]) == ", did you mean 'car'?"
