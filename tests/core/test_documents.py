"""Documents are read strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import gc
import json
import pickle
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.documents import key_path, parse_document, parse_json, parse_yaml
from segcore.errors import DocumentError
from segcore.faults import CODES
from segcore.limits import MAX_DOCUMENT_DEPTH, MAX_YAML_BYTES

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda items: st.lists(items) | st.dictionaries(st.text(), items),
    max_leaves=20,
)

REFUSED_JSON = [
    pytest.param(b"", "json.syntax", 1, "the file is empty", id="empty"),
    pytest.param(b" \n", "json.syntax", 2, "the file is empty", id="only white space"),
    pytest.param(b'{"a": 1,\n "b" 2}', "json.syntax", 2, "column 6", id="syntax"),
    pytest.param(b'{"a": [1, 2', "json.syntax", 1, "ends early", id="cut off"),
    pytest.param(b"{} {}", "json.syntax", 1, "Extra data", id="two documents"),
    pytest.param(b"<html></html>", "json.syntax", 1, "HTML or XML", id="HTML page"),
    pytest.param(b'["a\nb"]', "json.syntax", 1, "control character", id="line break in a string"),
    pytest.param(
        b'{"a": 1, "b": 2, "a": 3}', "json.duplicate_key", None, "'a' is given twice", id="key twice"
    ),
    pytest.param(
        b'[{"id": 7, "x": {"id": 9, "y": 1, "y": 2}}]',
        "json.duplicate_key",
        None,
        "'id': 9",
        id="nested key twice",
    ),
    pytest.param(b'["NaN",\nNaN]', "json.number", 2, "NaN", id="NaN"),
    pytest.param(b"[Infinity]", "json.number", 1, "Infinity", id="Infinity"),
    pytest.param(b"[1,\n\n-Infinity]", "json.number", 3, "-Infinity", id="-Infinity"),
    pytest.param(b"[\n" + b"1" * 4301 + b"]", "json.number", 2, "4300 digits", id="4301 digits"),
    pytest.param(b"\xef\xbb\xbf{}", "json.bom", 1, "byte order mark", id="byte order mark"),
    pytest.param('{"a": 1}'.encode("utf-16"), "json.encoding", None, "UTF-16", id="UTF-16"),
    pytest.param(
        '{"a": 1}'.encode("utf-16-le"), "json.encoding", None, "UTF-16", id="UTF-16 without a mark"
    ),
    pytest.param('{"a": 1}'.encode("utf-32-be"), "json.encoding", None, "UTF-32", id="UTF-32"),
    pytest.param(b"\x1f\x8b\x08" + zlib.compress(b"{}"), "json.encoding", None, "gzip", id="gzip"),
    pytest.param(b"PK\x03\x04....", "json.encoding", None, "zip", id="zip"),
    pytest.param(b"\x89PNG\r\n\x1a\n", "json.encoding", None, "PNG", id="PNG"),
    pytest.param(b"{}\0\0\0", "json.encoding", None, "NUL", id="NUL padding"),
    pytest.param(b"\0\0\0", "json.encoding", None, "nothing but NUL", id="only NUL"),
    pytest.param(b'{"a":\n"\xe4"}', "json.encoding", 2, "0xe4", id="Latin-1"),
    pytest.param(b'["\\ud800"]', "json.encoding", None, "surrogate", id="half a surrogate pair"),
    pytest.param(
        b'{"\\uDC00": 1}', "json.encoding", None, "surrogate", id="half a surrogate pair in a key"
    ),
]


@pytest.mark.parametrize(("data", "code", "line", "words"), REFUSED_JSON)
def test_json_that_is_not_strict_is_refused_with_its_code_and_line(data, code, line, words):
    with pytest.raises(DocumentError) as caught:
        parse_json(data, file="gold.json")

    assert (caught.value.code, caught.value.line) == (code, line)
    assert words in caught.value.problem
    assert str(caught.value).startswith("gold.json")
    assert caught.value.code in CODES


@given(JSON_VALUES)
def test_json_reads_what_the_standard_library_writes(value):
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")

    assert parse_json(data, file="f") == value


@given(st.lists(st.sampled_from(['"', "\\", "[", "]", "{", "}", "a"])).map("".join))
def test_brackets_quotes_and_escapes_inside_strings_are_no_nesting(text):
    opening = "[" * (MAX_DOCUMENT_DEPTH - 1)
    data = (opening + json.dumps({text: text}) + "]" * (MAX_DOCUMENT_DEPTH - 1)).encode()

    value = parse_json(data, file="f")

    for _ in range(MAX_DOCUMENT_DEPTH - 1):
        (value,) = value
    assert value == {text: text}


@pytest.mark.parametrize("levels", [5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_json_nested_too_deeply_is_refused_however_deep_it_is(levels, opening, closing):
    data = (opening * levels + "1" + closing * levels).encode()

    with pytest.raises(DocumentError) as caught:
        parse_json(data, file="f")

    assert caught.value.code == "json.too_deep"


def test_a_surrogate_pair_is_one_character():
    assert parse_json(b'["\\ud83d\\ude00"]', file="f") == ["\N{GRINNING FACE}"]


def test_a_number_too_large_for_a_float_is_left_to_whoever_reads_the_field():
    assert parse_json(b"[1e999]", file="f") == [float("inf")]


@pytest.mark.parametrize("data", [b"[1]", b"[1"], ids=["valid", "refused"])
def test_reading_json_leaves_the_collector_as_it_was(data):
    assert gc.isenabled()

    with suppress(DocumentError):
        parse_json(data, file="f")

    assert gc.isenabled()


def test_what_is_quoted_from_the_file_is_safe_to_print():
    data = b'{"\\u001b[31m": 1, "\\u001b[31m": 2}'

    with pytest.raises(DocumentError) as caught:
        parse_json(data, file="f")

    assert "\x1b" not in str(caught.value)
    assert "\\x1b" in str(caught.value)


def at_lines(code: str, *lines: int) -> list[tuple[str, int]]:
    return [(code, line) for line in lines]


REFUSED_YAML = [
    pytest.param("", [("policy.empty", 1)], id="empty"),
    pytest.param("# nothing\n---\n", [("policy.empty", 1)], id="only a comment"),
    pytest.param("a: 1\na: 2\nb: {x: 1, x: 2}\n", at_lines("policy.duplicate_key", 2, 3), id="twice"),
    pytest.param("1: a\n'1': b\n", [("policy.duplicate_key", 2)], id="keys with one text"),
    pytest.param("a: &x 1\nb: *x\n", at_lines("policy.alias", 1, 2), id="anchor and alias"),
    pytest.param("a: 1\n<<: {b: 2}\n", [("policy.merge_key", 2)], id="merge key"),
    pytest.param("a: !!str 1\nb: !x y\n", at_lines("policy.tag", 1, 2), id="tags"),
    pytest.param("a: !!python/object/apply:os.system [id]\n", [("policy.tag", 1)], id="Python tag"),
    pytest.param("? [a]\n: 1\n? {b: 1}\n: 2\n", at_lines("policy.bad_key", 1, 3), id="list, mapping"),
    pytest.param("a: 1\n'': 2\n", [("policy.bad_key", 2)], id="empty key"),
    pytest.param("a: 1\n---\nb: 2\n", [("policy.syntax", 2)], id="two documents"),
    pytest.param("a:\n\tb: 1\n", [("policy.syntax", 2)], id="tab"),
    pytest.param("a: 1\nb: [1, 2\n", [("policy.syntax", 3)], id="open bracket"),
    pytest.param("a: b: c\n", [("policy.syntax", 1)], id="colon in a value"),
    pytest.param("a: .nan\nb: -.inf\nc: 1e999\n", at_lines("policy.syntax", 1, 2, 3), id="not finite"),
    pytest.param("a: " + "9" * 5000, [("policy.syntax", 1)], id="5000 digits"),
    pytest.param("a: \x01\n", [("policy.syntax", 1)], id="control character"),
    pytest.param('a: "\\ud800"\n', [("policy.syntax", 1)], id="half a surrogate pair"),
    pytest.param(
        "a: &x 1\na: 2\nb: [",
        [("policy.alias", 1), ("policy.duplicate_key", 2), ("policy.syntax", 3)],
        id="everything at once",
    ),
    pytest.param("[" * 65 + "]" * 65, [("policy.syntax", 1)], id="65 levels"),
    pytest.param("- " * 100_000, [("policy.syntax", 1)], id="100 000 levels"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REFUSED_YAML)
def test_yaml_that_is_not_strict_is_refused_with_every_problem_and_its_line(text, expected):
    with pytest.raises(DocumentError) as caught:
        parse_yaml(text.encode(), file="batch.gate.yaml")

    assert [(e.code, e.line) for e in caught.value.problems] == expected
    assert {code for code, _ in expected} <= CODES.keys()
    assert str(caught.value).count("\n") == len(expected) - 1


def test_a_tag_is_quoted_so_that_it_is_safe_to_print():
    with pytest.raises(DocumentError) as caught:
        parse_yaml(b"a: !<x%1b[31m> b\n", file="f")

    assert caught.value.code == "policy.tag"
    assert "\x1b" not in str(caught.value)


def test_a_number_that_cannot_be_used_is_told_with_its_path():
    with pytest.raises(DocumentError) as caught:
        parse_yaml(b"gates:\n  a: {min: {car: 1, bus: .nan}}\n  b: [1, [2, .inf]]\n", file="f")

    assert [e.problem.partition(": ")[0] for e in caught.value.problems] == [
        "gates.a.min.bus",
        "gates.b[1][1]",
    ]


def test_yaml_that_is_not_utf_8_is_refused():
    with pytest.raises(DocumentError, match="UTF-16") as caught:
        parse_yaml("a: 1\n".encode("utf-16"), file="f")

    assert caught.value.code == "policy.syntax"


def test_a_yaml_file_over_the_limit_is_refused_before_it_is_read():
    with pytest.raises(DocumentError) as caught:
        parse_yaml(b"a" * (MAX_YAML_BYTES + 1), file="f")

    assert caught.value.code == "limits.bytes"


def test_a_merge_key_bomb_ends_at_once():
    lines = ["a0: &a0 {k0: 1, k1: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 9)]

    with pytest.raises(DocumentError) as caught:
        parse_yaml("\n".join(lines).encode(), file="f")

    assert {e.code for e in caught.value.problems} == {"policy.alias", "policy.merge_key"}


SCALARS = [
    ("true", True), ("false", False), ("True", True), ("FALSE", False),
    ("no", "no"), ("on", "on"), ("yes", "yes"), ("off", "off"), ("y", "y"),
    ("null", None), ("~", None), ("", None), ("nil", "nil"),
    ("007", 7), ("+3", 3), ("-0", 0), ("0x1F", 31), ("0o17", 15), ("1_000", "1_000"), ("1:30", "1:30"),
    ("8e-1", 0.8), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("-1.5E+2", -150.0), ("0,8", "0,8"),
    ("2027-01-15", "2027-01-15"), ("=", "="), ("1.2.3", "1.2.3"), ("e5", "e5"),
    ("'123'", "123"), ('"true"', "true"), ("'.nan'", ".nan"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "value"), SCALARS, ids=[s or "empty" for s, _ in SCALARS])
def test_scalars_follow_the_yaml_1_2_core_schema(written, value):
    document = parse_yaml(f"key: {written}\n".encode(), file="f")

    read = document.value["key"]

    assert read == value
    assert type(read) is type(value)
    assert document.text(("key",)) == written.strip("'\"")


def test_keys_are_always_their_text():
    document = parse_yaml(b"007: a\nno: b\n1.50: c\ntrue: d\nnull: e\n'<<': f\n", file="f")

    assert list(document.value) == ["007", "no", "1.50", "true", "null", "<<"]


def test_every_key_and_item_knows_its_line():
    text = b"""\
# policy
version: 1
gates:
  class-iou:
    min: {default: 0.85,
          car: 0.9}
list:
  - a
  - b: c
"""
    document = parse_yaml(text, file="f")

    lines = {
        ("version",): 2,
        ("gates",): 3,
        ("gates", "class-iou"): 4,
        ("gates", "class-iou", "min", "default"): 5,
        ("gates", "class-iou", "min", "car"): 6,
        ("list", 0): 8,
        ("list", 1): 9,
        ("list", 1, "b"): 9,
    }

    assert {path: document.line(path) for path in lines} == lines


def test_a_path_that_is_not_there_has_the_line_of_its_nearest_ancestor():
    document = parse_yaml(b"a: 1\nb:\n  c: 2\n", file="f")

    assert document.line(("b", "nothing", "here")) == 2
    assert document.line(("nothing",)) == 1


def test_only_scalars_have_a_text():
    document = parse_yaml(b"a: [1]\n", file="f")

    assert document.text(("a", 0)) == "1"
    with pytest.raises(KeyError):
        document.text(("a",))
    with pytest.raises(KeyError):
        document.text(("b",))


def test_a_byte_order_mark_and_windows_line_ends_are_allowed_in_yaml():
    document = parse_yaml(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", file="f")

    assert document.value == {"a": 1, "b": 2}
    assert document.line(("b",)) == 2


def test_a_document_is_json_by_its_suffix_or_its_first_character():
    tabs = b'{\n\t"a": 1.50\n}'

    by_suffix = parse_document(tabs, file="ontology.json")
    by_content = parse_document(tabs, file="ontology")

    assert by_suffix.value == by_content.value == {"a": 1.5}
    assert by_suffix.line(("a",)) == 0
    with pytest.raises(DocumentError, match="tabs"):
        parse_document(tabs, file="ontology.yaml")


def test_a_path_is_written_as_people_write_it():
    assert key_path(("classes", 3, "name")) == "classes[3].name"
    assert key_path(("gates", "a", "min", "\x1b")) == "gates.a.min.\\x1b"
    assert key_path(()) == ""


def test_a_document_error_comes_back_whole_from_a_worker():
    with pytest.raises(DocumentError) as caught:
        parse_yaml(b"a: 1\na: 2\na: 3\n", file="f")

    error = pickle.loads(pickle.dumps(caught.value))

    assert str(error) == str(caught.value)
    assert [e.line for e in error.problems] == [2, 3]


def codes(parse: Callable[..., object], data: bytes) -> set[str]:
    """The codes a document is refused with; none where it is read."""
    try:
        parse(data, file="f")
    except DocumentError as error:
        return {problem.code for problem in error.problems}
    return set()


@given(st.text(alphabet="ab:-[]{}?,&*!|>'\"%@`# \n\t<.019e~", max_size=60))
def test_any_text_is_read_or_refused_as_yaml(text):
    assert codes(parse_yaml, text.encode()) <= CODES.keys()


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    assert codes(parse_json, data) | codes(parse_yaml, data) <= CODES.keys()
