"""Keys given twice are found by counting: of all keys that stand there, how many were kept?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore import strict_json
from segcore.errors import DocumentError
from segcore.strict_json import parse_json


class Pairs(list[tuple[str, Any]]):
    """An object as it is written, in which a key may stand twice."""


TRICKY = st.text(st.sampled_from('a":\\ ,[]{}\n\u00e9'), max_size=5)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.tuples(TRICKY, inner), max_size=3).map(Pairs)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TRICKY,
    lambda inner: st.lists(inner, max_size=3) | objects(inner),
    max_leaves=12,
)


def written(value: Any, gap: str) -> str:
    """JSON with ``gap`` wherever there may be space."""
    if isinstance(value, Pairs):
        inner = [f"{json.dumps(key)}{gap}:{gap}{written(child, gap)}" for key, child in value]
        return "{" + gap + f"{gap},{gap}".join(inner) + gap + "}"
    if isinstance(value, list):
        return "[" + gap + f"{gap},{gap}".join(written(child, gap) for child in value) + gap + "]"
    return json.dumps(value)


def holds_a_key_twice(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    keys = [key for key, _ in value] if isinstance(value, Pairs) else []
    children = [child for _, child in value] if isinstance(value, Pairs) else value
    return len(set(keys)) < len(keys) or any(map(holds_a_key_twice, children))


def plain(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {key: plain(child) for key, child in value}
    return [plain(child) for child in value] if isinstance(value, list) else value


@given(VALUES, st.sampled_from(["", " ", "\n  ", "\t" * 70]), st.sampled_from([1, 7, 1 << 18]))
def test_a_document_is_refused_exactly_where_a_key_stands_twice(value, gap, block):
    data = written(value, gap).encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict_json, "_BYTES_AT_ONCE", block)
        if holds_a_key_twice(value):
            with pytest.raises(DocumentError) as error:
                parse_json(data, file="x.json")
            assert error.value.code == "json.duplicate_key"
        else:
            assert parse_json(data, file="x.json") == plain(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": 1, "a": 2} {', "json.duplicate_key"),
        ('[{"a": NaN, "a": 2}]', "json.number"),
        ('[{"a": 1, "a": 2}, NaN]', "json.duplicate_key"),
        ('[NaN, {"a": 1, "a": 2}]', "json.number"),
        ('[, {"a": 1, "a": 2}]', "json.syntax"),
    ],
)
def test_of_several_mistakes_the_first_in_the_text_is_named(text, code):
    with pytest.raises(DocumentError) as error:
        parse_json(text.encode(), file="x.json")

    assert error.value.code == code


def test_a_text_that_begins_with_a_colon_is_no_key():
    """Compressed counts may: ten pixels of background are written as a colon."""
    assert parse_json(b'{"counts": ":0", "size": [1, 10]}', file="x") == {
        "counts": ":0",
        "size": [1, 10],
    }


@pytest.mark.parametrize("backslashes", [0, 1, 2, 3, 63, 64, 65, 200])
def test_backslashes_before_a_quotation_mark_are_paired_however_many(backslashes):
    text = "\\" * backslashes + '": 1, "b'

    assert parse_json(json.dumps({text: 1}).encode(), file="x.json") == {text: 1}
    with pytest.raises(DocumentError, match="given twice"):
        parse_json(json.dumps([{text: 1}]).replace("1}", '1, "b": 2, "b": 3}').encode(), file="x.json")
