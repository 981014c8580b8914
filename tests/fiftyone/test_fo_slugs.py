"""Class names as field names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import UsageError
from segcore.ontology import LabelClass
from segcore_fiftyone.slugs import RESERVED, class_fields, require_key


def field(name):
    (found,) = class_fields([LabelClass(id=7, name=name)])
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("car", "car"),
        ("Car", "Car"),
        ("traffic light", "traffic_light"),
        ("a.b$c", "a_b_c"),
        ("_hidden", "hidden"),
        ("straße", "straße"),
        ("车", "车"),
        ("cafe\u0301", "caf\u00e9"),
        ("3d box", "class_3d_box"),
        ("---", "class_7"),
        ("copy", "copy_"),
        ("id", "id_"),
    ],
)
def test_a_field_keeps_letters_and_digits_of_any_script(name, expected):
    assert field(name) == expected


@given(st.text(min_size=1, max_size=5))  # some characters are spelled with 18 others
def test_every_name_gives_a_field_that_is_no_path_no_operator_and_not_private(name):
    found = field(name)

    assert found
    assert not set(".$\0") & set(found)
    assert found[0] != "_"
    assert not found[0].isdigit()
    assert found not in RESERVED


@pytest.mark.parametrize(
    ("one", "two"), [("traffic light", "traffic-light"), ("caf\u00e9", "cafe\u0301"), ("copy", "copy_")]
)
def test_classes_that_would_share_a_field_are_refused_by_name(one, two):
    classes = [LabelClass(id=1, name=one), LabelClass(id=2, name=two)]

    with pytest.raises(UsageError, match="would share the field") as caught:
        class_fields(classes)

    assert repr(one) in str(caught.value)
    assert repr(two) in str(caught.value)


def test_fields_differ_by_case_like_the_classes():
    assert class_fields([LabelClass(id=1, name="Car"), LabelClass(id=2, name="car")]) == ("Car", "car")


def test_a_name_without_end_is_refused():
    with pytest.raises(UsageError, match="a field of 5000 characters"):
        field("a" * 5000)


@pytest.mark.parametrize("key", ["eval", "eval_2", "E"])
def test_a_key_is_a_plain_name(key):
    assert require_key(key) == key


@pytest.mark.parametrize("key", ["", "2nd", "_eval", "a.b", "a-b", "a b", "a$", "é", "a\n", "a" * 101])
def test_a_key_that_is_no_plain_name_is_refused(key):
    with pytest.raises(UsageError, match="a key begins with a letter"):
        require_key(key)


def test_every_attribute_of_an_embedded_document_is_reserved(fo):
    attributes = {name for name in dir(fo.DynamicEmbeddedDocument) if not name.startswith("_")}

    assert attributes <= RESERVED
