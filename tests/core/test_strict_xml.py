"""XML is read without surprises: nothing is expanded, fetched, guessed or read for ever."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import DocumentError
from segcore.strict_xml import XmlElement, parse_xml

LAUGHS: Final = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def declaring(declaration: str, text: str = "<a>&x;</a>") -> tuple[str, str]:
    return f"<!DOCTYPE a {declaration}>{text}", "xml.doctype"


HOSTILE: Final = {
    "a billion laughs": declaring(f'[<!ENTITY l0 "ha">{LAUGHS}]', "<a>&l9;</a>"),
    "a quadratic blow-up": declaring(f'[<!ENTITY x "{"y" * 9999}">]', f"<a>{'&x;' * 9999}</a>"),
    "an external entity": declaring('[<!ENTITY x SYSTEM "file:///etc/passwd">]'),
    "an external document type": declaring('SYSTEM "http://127.0.0.1:9/a.dtd"', "<a/>"),
    "a parameter entity": declaring('[<!ENTITY % x SYSTEM "file:///dev/zero"> %x;]', "<a/>"),
    "a default attribute": declaring('[<!ATTLIST a label CDATA "car">]', "<a/>"),
    "an entity nobody declared": ("<a>&nbsp;</a>", "xml.syntax"),
    "an attribute twice": ('<a label="car" label="dog"/>', "xml.syntax"),
    "two roots": ("<a/><b/>", "xml.syntax"),
    "text behind the root": ("<a/>car", "xml.syntax"),
    "a NUL": ("<a>\0</a>", "xml.syntax"),
    "a NUL by its number": ("<a>&#0;</a>", "xml.syntax"),
    "half a surrogate pair": ("<a>&#xD800;</a>", "xml.syntax"),
    "an end that is missing": ("<a><b>", "xml.syntax"),
    "an attribute without quotes": ("<a label=car/>", "xml.syntax"),
    "nothing": ("", "xml.syntax"),
    "JSON": ('{"images": []}', "xml.syntax"),
    "100 000 levels": ("<a>" * 100_000 + "</a>" * 100_000, "xml.too_deep"),
    "another encoding": ('<?xml version="1.0" encoding="utf-7"?><a>+AD4-</a>', "xml.encoding"),
    "text cut by a comment": ("<a>car<!-- -->go</a>", "xml.mixed_content"),
    "text cut by an instruction": ("<a>car<?x?>go</a>", "xml.mixed_content"),
    "text behind a comment": ("<a><!-- -->cargo</a>", "xml.mixed_content"),
    "text beside an element": ("<a>car<b/></a>", "xml.mixed_content"),
    "text behind an element": ("<a><b/>go</a>", "xml.mixed_content"),
    "a tag without end": (f'<a points="{"1," * (9 << 20)}"/>', "limits.bytes"),
    "a name without end": (f"<{'a' * (17 << 20)}/>", "limits.bytes"),
    "a comment without end": (f"<a><!--{'<' * (17 << 20)}--></a>", "limits.bytes"),
    "an instruction without end": (f"<a><?x {'<b>' * (6 << 20)}?></a>", "limits.bytes"),
    "nine million elements": ("<a>" + "<b/>" * 9_000_000 + "</a>", "limits.bytes"),
    "thirteen million attributes": ("<a>" + '<b a="" b=""/>' * 6_500_000 + "</a>", "limits.bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_document_that_could_hurt_or_mislead_is_refused(name: str) -> None:
    text, code = HOSTILE[name]

    with pytest.raises(DocumentError) as refused:
        parse_xml(text.encode(), file="a.xml")

    assert refused.value.code == code
    assert str(refused.value).startswith("a.xml")
    assert len(str(refused.value)) < 400
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        pytest.param("<a/>".encode("utf-16"), "UTF-16", id="UTF-16"),
        pytest.param(b"\x1f\x8b\x08 gzip", "gzip", id="gzip"),
        pytest.param(b"PK\x03\x04 zip", "zip archive", id="a whole export"),
        pytest.param(b"<a>\n\n\xff</a>", r"byte 0xff", id="a byte that is no text"),
    ],
)
def test_what_is_not_utf8_text_is_named(data: bytes, what: str) -> None:
    with pytest.raises(DocumentError, match=what) as refused:
        parse_xml(data, file="a.xml")

    assert refused.value.code == "xml.encoding"


def test_the_line_of_a_fault_is_told() -> None:
    with pytest.raises(DocumentError) as refused:
        parse_xml(b"<a>\n  <b>\n    <c>\n  </b>\n</a>", file="a.xml")

    assert refused.value.line == 4


def test_elements_know_their_lines_attributes_children_and_text() -> None:
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- x -->\n'
    data = head + b'<a>\n <b k="1&lt;2"/>\n <c> car &amp;\n go </c>\n <b/>\n</a>'

    root = parse_xml(data, file="a.xml")

    assert [(child.name, child.line) for child in root.children] == [("b", 4), ("c", 5), ("b", 7)]
    assert [child.attributes for child in root.all("b")] == [{"k": "1<2"}, {}]
    found = root.first("c")
    assert found is not None
    assert found.text == "car &\n go"
    assert root.first("d") is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<a><![CDATA[car & go]]></a>", id="CDATA"),
        pytest.param("<a>car &amp; go</a>", id="entity of XML"),
        pytest.param("<a>\n\tcar &#38; go\n</a>", id="by number"),
        pytest.param("\ufeff<a>car &amp; go</a>", id="byte order mark, which XML allows"),
    ],
)
def test_one_text_may_be_written_in_several_ways(text: str) -> None:
    assert parse_xml(text.encode(), file="a.xml").text == "car & go"


def test_a_tag_just_within_the_limit_is_read() -> None:
    points = "1,2;" * (4 << 20)

    root = parse_xml(f'<a points="{points[:-100]}"/>'.encode(), file="a.xml")

    assert root.attributes["points"] == points[:-100]


NAMES = st.sampled_from(["a", "image", "polygon", "label"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=9)
TREES = st.recursive(
    st.tuples(NAMES, st.dictionaries(NAMES, TEXTS, max_size=3), TEXTS),
    lambda children: st.tuples(
        NAMES, st.dictionaries(NAMES, TEXTS, max_size=3), st.lists(children, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def built(tree: tuple) -> ET.Element:
    name, attributes, inner = tree
    element = ET.Element(name, attributes)
    if isinstance(inner, str):
        element.text = inner
    else:
        element.extend(map(built, inner))
    return element


def as_read(element: XmlElement) -> tuple:
    return element.name, element.attributes, element.text, [as_read(e) for e in element.children]


def as_parsed(element: ET.Element) -> tuple:
    text = (element.text or "").strip()
    return element.tag, dict(element.attrib), text, [as_parsed(e) for e in element]


@given(TREES)
def test_what_is_accepted_is_what_the_standard_library_reads(tree: tuple) -> None:
    data = ET.tostring(built(tree), encoding="utf-8")

    assert as_read(parse_xml(data, file="a.xml")) == as_parsed(ET.fromstring(data))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    code = None
    try:
        parse_xml(b"<a>" + data + b"</a>", file="a.xml")
    except DocumentError as error:
        code = error.code

    assert code is None or code.startswith("xml.")
