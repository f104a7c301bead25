from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.reading import parse_xml, read_xml
from reseen.reading.xml_text import XmlElement

NAMES = st.text("abc", min_size=1, max_size=3)
TEXTS = st.text("xyz <&>\"'é", max_size=8)
ELEMENTS = st.recursive(
    st.builds(XmlElement, NAMES, st.dictionaries(NAMES, TEXTS, max_size=3), TEXTS),
    lambda inner: st.builds(
        XmlElement, NAMES, st.dictionaries(NAMES, TEXTS, max_size=3), st.just(""), st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)


def by_the_standard_library(element):
    made = ElementTree.Element(element.tag, element.attributes)
    made.text = element.text
    made.extend([by_the_standard_library(child) for child in element.children])
    return made


@settings(max_examples=80, deadline=None)
@given(element=ELEMENTS)
def test_it_reads_what_the_standard_library_writes(element):
    assert parse_xml(ElementTree.tostring(by_the_standard_library(element), "utf-8")) == element


def test_text_at_a_path():
    parsed = parse_xml(b"<a><b><c> one </c><c>two</c></b><b/></a>")
    assert parsed.text_at("b", "c") == "one"
    assert parsed.text_at("b", "d") == parsed.text_at("x") == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not well-formed"),
        (b"<a>", "not well-formed"),
        (b"<a/><b/>", "not well-formed"),
        (b"<a>&b;</a>", "not well-formed"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "a document type"),
        (b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>', "a document type"),
        (b"<a>" * 60 + b"</a>" * 60, "more than 50 deep"),
    ],
)
def test_what_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        parse_xml(content)


def test_too_many_elements(monkeypatch):
    monkeypatch.setattr("reseen.reading.xml_text._MOST_ELEMENTS", 3)
    assert len(parse_xml(b"<a><b/><b/></a>").children) == 2
    with pytest.raises(ValueError, match="more than 3 elements"):
        parse_xml(b"<a><b/><b/><b/></a>")


def test_a_large_file_is_not_read(tmp_path):
    (tmp_path / "a.xml").write_bytes(b"<a>" + b" " * 100 + b"</a>")
    with pytest.raises(ValueError, match="at most 50 are read"):
        read_xml(tmp_path / "a.xml", most_bytes=50)
