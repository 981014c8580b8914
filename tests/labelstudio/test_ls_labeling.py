"""The labeling configuration: what it says, and what of it is refused."""

from __future__ import annotations

import pytest

from segcore.errors import OntologyError, SpecError
from segcore.ontology import LabelClass
from segcore_labelstudio.labeling import ImageTag, load_labeling, parse_labeling

STREET = """<View>
  <Image name="image" value="$image"/>
  <BrushLabels name="brush" toName="image">
    <Label value="car" alias="car_v1" background="#ff0000"/>
    <View><Label value="road"/></View>
  </BrushLabels>
  <PolygonLabels name="poly" toName="image"><Label value="road"/><Label value="sign"/></PolygonLabels>
  <Choices name="quality" toName="image"><Choice value="good"/></Choices>
</View>"""


def test_labels_of_several_tags_are_one_class_each_in_the_order_of_the_configuration():
    ontology = parse_labeling(STREET, file="c.xml").ontology()

    assert ontology is not None
    assert ontology.classes == (
        LabelClass(id=0, name="car", aliases=("car_v1",)),
        LabelClass(id=1, name="road"),
        LabelClass(id=2, name="sign"),
    )


def test_the_answers_of_choices_are_no_classes_but_the_tag_is_known():
    labeling = parse_labeling(STREET, file="c.xml")

    assert list(labeling.controls) == ["brush", "poly", "quality"]
    assert labeling.controls["quality"].kind == "choices"
    assert labeling.controls["quality"].labels == ()


@pytest.mark.parametrize(
    ("tag", "image"),
    [
        ('<Image name="a" value="$image"/>', ImageTag(name="a", field="image")),
        ('<image name="a" value="https://cdn/$pic?w=1"/>', ImageTag(name="a", field="pic")),
        ('<Image name="a" valueList="$pages"/>', ImageTag(name="a", field="pages", is_list=True)),
    ],
)
def test_an_image_tag_names_the_field_of_the_tasks(tag, image):
    assert parse_labeling(f"<View>{tag}</View>", file="c.xml").images == (image,)


def test_labels_of_text_key_points_and_sound_are_no_classes_of_areas():
    labeling = parse_labeling(
        """<View><Image name="i" value="$i"/><Text name="t" value="$t"/>
        <Labels name="spans" toName="t"><Label value="word"/></Labels>
        <KeyPointLabels name="points" toName="i"><Label value="nose"/></KeyPointLabels>
        <Labels name="kinds" toName="i"><Label value="car"/></Labels>
        <Brush name="b" toName="i"/></View>""",
        file="c.xml",
    )

    ontology = labeling.ontology()

    assert ontology is not None
    assert ontology.names == ("car",)
    assert "b" in labeling.controls


def test_labels_that_come_from_the_tasks_make_no_ontology():
    labeling = parse_labeling(
        '<View><Image name="i" value="$i"/><BrushLabels name="b" toName="i" value="$names"/></View>',
        file="c.xml",
    )

    assert labeling.ontology() is None


def test_an_alias_that_is_another_label_is_refused():
    labeling = parse_labeling(
        '<View><Image name="i" value="$i"/><BrushLabels name="b" toName="i">'
        '<Label value="car" alias="bus"/><Label value="bus"/></BrushLabels></View>',
        file="c.xml",
    )

    with pytest.raises(OntologyError, match="'bus' is used twice"):
        labeling.ontology()


BOMB = '<!DOCTYPE v [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><View>&b;</View>'
FOREIGN = '<!DOCTYPE v SYSTEM "file:///etc/passwd"><View/>'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, r"c\.xml:1: .*no DOCTYPE"),
        (FOREIGN, r"c\.xml:1: .*no DOCTYPE"),
        ("<View>&a;</View>", "undefined entity"),
        ("<View>\n<a>", r"c\.xml:2: not well-formed"),
        ("", "not well-formed"),
        ("<View/>", "no Image tag"),
        ('<View><Image name="i" value="x.png"/></View>', "names no field"),
        ('<View><Image value="$i"/></View>', "no usable name"),
        ('<View><Image name="&#27;" value="$i"/></View>', "not well-formed"),
        ('<View><Image name="i" value="$i"/><Image name="i" value="$j"/></View>', "two Image tags"),
        ('<View><Brush name="b" toName="i"/><Brush name="b" toName="i"/></View>', "two tags"),
        ('<View><Labels name="b" toName="i"><Label/></Labels></View>', "no usable value"),
        ("<View>" * 70 + "</View>" * 70, "nested deeper than 64"),
        ("<View>" + " " * (1 << 20) + "</View>", "too large"),
        (b'<?xml version="1.0" encoding="nonsense"?><View/>', "unknown encoding|not readable|no Image"),
    ],
)
def test_a_configuration_that_cannot_be_trusted_is_refused_with_its_place(text, problem):
    with pytest.raises(SpecError, match=problem):
        parse_labeling(text, file="c.xml")


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(SpecError, match="not well-formed"):
        parse_labeling('<View a="\ud800"/>', file="c.xml")


def test_more_labels_than_an_ontology_may_have_are_refused():
    labels = "".join(f'<Label value="c{i}"/>' for i in range(4097))
    text = f'<View><Labels name="l" toName="i">{labels}</Labels></View>'

    with pytest.raises(SpecError, match="more than 4096 labels"):
        parse_labeling(text, file="c.xml")


def test_a_configuration_is_read_from_a_file(tmp_path):
    file = tmp_path / "config.xml"
    file.write_text(STREET, encoding="utf-8")

    assert load_labeling(str(file)).images[0].field == "image"
    with pytest.raises(SpecError, match="no such file"):
        load_labeling(str(tmp_path / "other.xml"))
    with pytest.raises(SpecError, match="a folder"):
        load_labeling(str(tmp_path))
