"""The rows of a JSON document found in its text: what json gives, or nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore import kernels
from segcore.errors import DocumentError
from segcore.json_rows import JsonRows
from segcore.strict_json import parse_json

FIELDS = ("id", "score", "box", "mask", "mask.size", "mask.counts")
ABSENT = object()


@pytest.fixture(scope="module", autouse=True)
def numba() -> Iterator[None]:
    """Only the compiled kernels look for rows."""
    kernels.use("numba")
    found = find('[{"id": 1}]')  # compiled before anything is timed
    assert found is not None
    assert found.integers("id") is not None
    assert not found.texts("id", np.array([0]), where=np.array([True])).plain[0]
    yield
    kernels.use("auto")


def find(text: str | bytes, list_name: str = "") -> JsonRows | None:
    data = text if isinstance(text, bytes) else text.encode()
    return JsonRows.find(data, list_name=list_name, fields=FIELDS)


def accepted(data: bytes) -> Any:
    """What the strict reader makes of a document; ABSENT where it refuses it."""
    try:
        return parse_json(data, file="x.json")
    except DocumentError:
        return ABSENT


def numbers() -> st.SearchStrategy[Any]:
    return (
        st.integers(-(10**25), 10**25)
        | st.integers(-5, 5)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.integers(-(10**9), 10**9).map(lambda n: n / 1000)
    )


def texts(max_size: int) -> st.SearchStrategy[str]:
    return st.text(st.sampled_from('ab0"\\/\n\t\x7f\u00e9\u2028\U0001f600\ud800'), max_size=max_size)


VALUES = st.recursive(
    numbers() | texts(8) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts(4), inner, max_size=4),
    max_leaves=8,
)
MASKS = st.fixed_dictionaries(
    {}, optional={"size": st.lists(numbers(), max_size=3) | VALUES, "counts": texts(9) | VALUES}
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": numbers() | VALUES,
            "score": numbers(),
            "box": st.lists(numbers(), min_size=4, max_size=4) | VALUES,
            "mask": MASKS | VALUES,
            "other": VALUES,
        },
    ),
    max_size=4,
)
LAYOUTS = st.fixed_dictionaries(
    {"indent": st.sampled_from([None, 0, 1, "\t"]), "ensure_ascii": st.booleans()},
    optional={"separators": st.sampled_from([(",", ":"), (" , ", "\r\n: ")])},
)


@given(ROWS, LAYOUTS, st.booleans())
def test_values_are_those_json_gives(
    rows: list[dict[str, Any]], layout: dict[str, Any], inside: bool
) -> None:
    document = {"info": {"list": []}, "list": rows, "more": [1, {"a": None}]} if inside else rows
    data = json.dumps(document, **layout).encode("utf-8", "surrogatepass")

    found = find(data, "list" if inside else "")

    if found is None:  # a name with an escape, or a surrogate pair
        assert accepted(data) is ABSENT or b"\\" in data
        return
    assert found.parsed() == rows
    assert accepted(data) == document
    if inside:
        assert json.loads(found.without_rows()) == document | {"list": []}
    for at, row in enumerate(rows):
        for field in FIELDS:
            value: Any = row
            for name in field.split("."):
                value = value.get(name, ABSENT) if isinstance(value, dict) else ABSENT
            assert bool(found.has(field)[at]) == (value is not ABSENT)
            assert found.value(at, field) == (None if value is ABSENT else value)


@given(st.lists(numbers() | VALUES, max_size=6), LAYOUTS)
def test_numbers_are_rounded_as_json_rounds_them(values: list[Any], layout: dict[str, Any]) -> None:
    found = find(
        json.dumps([{"score": value} for value in values], **layout).encode("utf-8", "surrogatepass")
    )

    if found is not None:
        expected = [float(v) if type(v) in (int, float) and abs(v) < 1e300 else np.nan for v in values]
        assert np.array_equal(found.numbers("score"), np.array(expected), equal_nan=True)
        small = [v for v in values if type(v) is int and abs(v) <= 2**53 - 10]
        integers = found.integers("score")
        if len(small) == len(values):
            assert integers is not None
            assert integers.tolist() == values
        if not all(type(v) is int for v in values):
            assert integers is None


@given(st.lists(st.integers(0, 10**19), min_size=1, max_size=40), st.integers(1, 22))
def test_decimals_of_many_digits_are_rounded_to_the_nearest_double(many: list[int], places: int) -> None:
    texts = [f"{n // 10**places}.{n % 10**places:0{places}}" for n in many]

    found = find("[" + ",".join(f'{{"score": -{text}}}' for text in texts) + "]")

    assert found is not None
    assert found.numbers("score").tolist() == [-float(text) for text in texts]


@pytest.mark.parametrize("ulps", [-1, 0, 1])
def test_decimals_near_the_middle_of_two_doubles_are_rounded_rightly(ulps: int) -> None:
    halves = [2**53 + 1, 2**53 + 3, 3 * 2**52 + 1, 2**54 - 1]  # each half way, before the division
    texts = [f"{10**k * half + ulps}e-{k}" for half in halves for k in range(4)]
    texts += [f"0.{half * 5**n + ulps}" for n in (0, 1, 2, 3, 4) for half in halves]

    found = find("[" + ",".join(f'{{"score": {text}}}' for text in texts) + "]")

    assert found is not None
    assert found.numbers("score").tolist() == [float(text) for text in texts]


@given(st.lists(st.lists(numbers(), min_size=4, max_size=4) | VALUES, max_size=4), LAYOUTS)
def test_lists_of_numbers_are_those_of_the_right_length(
    boxes: list[Any], layout: dict[str, Any]
) -> None:
    found = find(json.dumps([{"box": box} for box in boxes], **layout).encode("utf-8", "surrogatepass"))

    if found is not None:
        values, integers = found.number_lists("box", length=4)
        for got, whole, box in zip(values, integers, boxes, strict=True):
            fits = isinstance(box, list) and len(box) == 4
            items = box if fits else [None] * 4
            expected = [
                float(v) if type(v) in (int, float) and abs(v) < 1e300 else np.nan for v in items
            ]
            assert np.array_equal(got, expected, equal_nan=True)
            if whole:
                assert all(type(v) is int for v in items)


@given(st.lists(texts(9) | VALUES, max_size=5), LAYOUTS)
def test_texts_of_ascii_come_without_their_escapes(values: list[Any], layout: dict[str, Any]) -> None:
    rows = [{"mask": {"counts": value}} for value in values]
    found = find(json.dumps(rows, **layout).encode("utf-8", "surrogatepass"))

    if found is not None:
        got = found.texts("mask.counts", np.arange(len(values)), where=np.ones(len(values), np.bool_))
        for at, text in enumerate(values):
            own = got.text[got.offsets[at] : got.offsets[at + 1]].tobytes().decode("ascii")
            assert own == (text if got.plain[at] else "")
            if isinstance(text, str) and text.isascii() and text.isprintable():
                assert got.plain[at]


def test_whatever_stands_as_a_value_is_taken_only_where_json_takes_it() -> None:
    letters = '01-+.eE "\\u[]{},:tn'
    taken = 0
    for length in range(1, 5):
        for chosen in itertools.product(letters, repeat=length):
            data = f'[{{"id":{"".join(chosen)}}}]'.encode()
            if (found := find(data)) is not None:
                taken += 1
                assert accepted(data) == found.parsed()
            elif length < 4:
                assert accepted(data) is ABSENT, data

    assert taken > 500


@pytest.mark.parametrize(
    "word", ["true", "false", "null", "tru", "nul", "truE", "nulll", "NaN", "Infinity"]
)
def test_words_are_those_of_json(word: str) -> None:
    data = f'[{{"id": {word}}}]'.encode()

    found = find(data)

    assert (found is None) == (accepted(data) is ABSENT)


def test_a_key_is_found_to_be_given_twice_whatever_the_rows_before_hold() -> None:
    keys = [k for n in range(4) for k in itertools.product(("id", "x", "mask"), repeat=n)]
    written = {k: "{" + ",".join(f'"{name}": 1' for name in k) + "}" for k in keys}

    for rows in itertools.product(keys, repeat=3):
        found = find("[" + ",".join(written[k] for k in rows) + "]")

        assert (found is None) == any(len(set(k)) < len(k) for k in rows)
        if found is not None:
            assert found.has("mask").tolist() == ["mask" in k for k in rows]


@given(st.data(), ROWS.filter(bool))
def test_a_damaged_document_is_taken_only_where_json_takes_it(
    pick: st.DataObject, rows: list[Any]
) -> None:
    data = bytearray(json.dumps({"list": rows, "a": [{}, "b"]}).encode())
    for _ in range(pick.draw(st.integers(1, 3))):
        at = pick.draw(st.integers(0, len(data) - 1))
        data[at : at + pick.draw(st.integers(0, 2))] = pick.draw(
            st.sampled_from(
                [b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"\x00", b"\xff"]
            )
        )

    found = find(bytes(data), "list")

    if found is not None:
        document = accepted(bytes(data))
        assert document is not ABSENT
        assert document["list"] == found.parsed()


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 1, "id": 2}]',
        '[{"x": {"a": 1, "b": 2, "a": 3}}]',
        '[{"mask": {"size": 1, "size": 1}}]',
        '[{"\\u0069d": 1}]',  # an escaped name may be one that is there already
        '[{"x": "\\ud800"}]',
        "[" + '{"x":' + "[" * 64 + "]" * 64 + "}]",
        "[{" + ",".join(f'"{n}":0' for n in range(65)) + "}]",
        '[{"x": ' + "1" * 4301 + "}]",
        '[{"id": 1}, 2]',
        '{"id": 1}',
        "[[{}]]",
        "[]]",
        "[",
        "",
        '\ufeff[{"id": 1}]',
        '[{"id": 1}] x',
    ],
    ids=lambda text: text[:20],
)
def test_what_json_should_say_something_about_is_left_to_it(text: str) -> None:
    assert find(text) is None


def test_a_name_in_a_deeper_object_is_not_that_of_a_row() -> None:
    found = find('[{"x": {"id": 1}, "list": [{"id": 2}], "mask": [{"size": [1, 2]}]}]')

    assert found is not None
    assert not found.has("id")[0]
    assert not found.has("mask.size")[0]


def test_the_list_is_that_of_the_outermost_object() -> None:
    found = find(
        '{"x": {"list": [{"id": 1}]}, "list": [{"id": 2}, {"id": 3}], "y": [{"id": 4}]}', "list"
    )

    assert found is not None
    integers = found.integers("id")
    assert integers is not None
    assert integers.tolist() == [2, 3]


def test_without_compiled_kernels_there_are_no_rows() -> None:
    kernels.use("numpy")
    try:
        assert find('[{"id": 1}]') is None
    finally:
        kernels.use("numba")
