"""Ontologies are read from files, mappings and presets; everything wrong is said at once."""

from __future__ import annotations

import pytest

from segcore.documents import parse_document
from segcore.errors import OntologyError
from segcore.ontology import Crowd, LabelClass, Ontology, Overlap
from segcore.ontology_file import load_ontology, ontology_from_document, preset

STREET = """\
classes:
  - {id: 0, name: sky}
  - {id: 1, name: car, color: "#0000Ff", thing: true, aliases: [Car, auto]}
  - {id: 2, name: road, thing: false}
ignore: 255
unlabeled: [254, 253]
overlap: last
crowd: class
"""


def read(text: str, file: str = "ontology.yaml") -> Ontology:
    return ontology_from_document(parse_document(text.encode(), file=file))


def test_every_key_of_the_format_is_read():
    ontology = read(STREET)

    assert ontology == Ontology(
        (
            LabelClass(id=0, name="sky"),
            LabelClass(id=1, name="car", color=(0, 0, 255), thing=True, aliases=("Car", "auto")),
            LabelClass(id=2, name="road", thing=False),
        ),
        ignore=(255,),
        unlabeled=(254, 253),
        overlap=Overlap.LAST,
        crowd=Crowd.CLASS,
    )


def test_what_is_left_out_has_the_usual_meaning():
    ontology = read("classes: [{id: 3, name: crack}]")

    assert (ontology.ignore, ontology.unlabeled) == ((), ())
    assert (ontology.overlap, ontology.crowd) == (Overlap.SMALLEST, Crowd.IGNORE)


def test_class_names_are_their_text_whatever_yaml_makes_of_them():
    ontology = read(
        "classes: [{id: 0, name: 123}, {id: 1, name: no}, {id: 2, name: 007}, {id: 3, name: true},"
        " {id: 4, name: 1e3, aliases: [on, 1.50, null]}]"
    )

    assert ontology.names == ("123", "no", "007", "true", "1e3")
    assert ontology.classes[4].aliases == ("on", "1.50", "null")


def test_a_preset_may_be_adjusted():
    ontology = read(
        "preset: cityscapes\nignore: [255, 254]\nunlabeled: 253\noverlap: error\ncrowd: class\n"
    )

    assert ontology.classes == preset("cityscapes").classes
    assert (ontology.ignore, ontology.unlabeled) == ((255, 254), (253,))
    assert (ontology.overlap, ontology.crowd) == (Overlap.ERROR, Crowd.CLASS)


def test_json_is_read_like_yaml(tmp_path):
    path = tmp_path / "ontology.json"
    path.write_text('{"classes": [{"id": 0, "name": "sky", "color": "#010203"}],\t"ignore": 255}')

    ontology = load_ontology(str(path))

    assert ontology == Ontology((LabelClass(id=0, name="sky", color=(1, 2, 3)),), ignore=(255,))


def test_a_file_may_be_a_link(tmp_path):
    (tmp_path / "real.yaml").write_text(STREET)
    link = tmp_path / "ontology.yaml"
    link.symlink_to("real.yaml")

    assert load_ontology(str(link)).names == ("sky", "car", "road")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "clases: [{id: 0, name: sky}]\n",
            "o.yaml:1: clases: unknown key 'clases', did you mean 'classes'?\n"
            "o.yaml:1: give classes: [{id: 0, name: road}, ...],"
            " or preset: ade20k | cityscapes | coco | voc",
            id="unknown key",
        ),
        pytest.param(
            "classes:\n  - {id: 0, name: sky}\n  - {id: 1, nmae: car}\n",
            "o.yaml:3: classes[1].nmae: unknown key 'nmae', did you mean 'name'?\n"
            "o.yaml:3: classes[1]: the class has no name",
            id="unknown key of a class",
        ),
        pytest.param(
            "classes:\n  - {id: 0, name: sky}\n  - {id: 0, name: car}\n",
            "o.yaml:3: classes[1].id: id 0 is used twice; line 2 has it already",
            id="id twice",
        ),
        pytest.param(
            "classes:\n  - {id: 0, name: sky}\n  - {id: 1, name: car, aliases: [sky]}\n",
            "o.yaml:3: classes[1].aliases[0]: name 'sky' is used twice; line 2 has it already",
            id="alias is a name",
        ),
        pytest.param(
            'classes:\n  - {id: 0, name: sky, color: "#0000ff"}\n'
            '  - {id: 1, name: car, color: "#0000FF"}\n',
            "o.yaml:3: classes[1].color: color '#0000ff' is used twice; line 2 has it already",
            id="color twice",
        ),
        pytest.param(
            "classes:\n  - {id: 0, name: sky, color: #0000ff\n  }\n",
            'o.yaml:2: classes[0].color: no value; write the color in quotes, "#0000ff":'
            " # begins a comment",
            id="color is a comment",
        ),
        pytest.param(
            "classes: [{id: 0, name: sky, color: red, thing: maybe, aliases: blue}]",
            "o.yaml:1: classes[0].color: expected a color such as \"#0000ff\", got 'red'\n"
            "o.yaml:1: classes[0].thing: expected true (countable) or false (stuff)\n"
            "o.yaml:1: classes[0].aliases: expected a list of names",
            id="wrong values",
        ),
        pytest.param(
            "classes: [{id: -1, name: a}, {id: 65536, name: b}, {id: true, name: c},"
            " {id: 1.0, name: d}]",
            "o.yaml:1: classes[0].id: expected a mask value from 0 to 65535, got '-1'\n"
            "o.yaml:1: classes[1].id: expected a mask value from 0 to 65535, got '65536'\n"
            "o.yaml:1: classes[2].id: expected a mask value from 0 to 65535, got 'true'\n"
            "o.yaml:1: classes[3].id: expected a mask value from 0 to 65535, got '1.0'",
            id="not a mask value",
        ),
        pytest.param(
            'classes: [{id: 0, name: " a"}, {id: 1, name: ""}, {id: 2, name: "\\e[31m"},'
            " {id: 3, name: [a]}]",
            "o.yaml:1: classes[0].name: ' a' begins or ends with a space or holds a control character\n"
            "o.yaml:1: classes[1].name: the name is empty\n"
            "o.yaml:1: classes[2].name: '\\x1b[31m' begins or ends with a space"
            " or holds a control character\n"
            "o.yaml:1: classes[3].name: expected a name",
            id="unusable names",
        ),
        pytest.param(
            "classes: [{id: 0, name: a}]\nignore: [0, 255]\nunlabeled: [255, 7]\n",
            "o.yaml:2: ignore: value 0 is class 'a' already\n"
            "o.yaml:3: unlabeled: value 255 is ignore already",
            id="values of two meanings",
        ),
        pytest.param(
            "preset: coco\nclasses: [{id: 0, name: a}]\n",
            "o.yaml:2: classes: give either preset or classes, not both",
            id="preset and classes",
        ),
        pytest.param(
            "preset: cityscape\noverlap: biggest\ncrowd: 3\n",
            "o.yaml:1: preset: there is no preset 'cityscape', did you mean 'cityscapes'?"
            " (there are ade20k, cityscapes, coco, voc)\n"
            "o.yaml:2: overlap: expected smallest or last or error, got 'biggest'\n"
            "o.yaml:3: crowd: expected ignore or class, got '3'",
            id="wrong choices",
        ),
        pytest.param(
            "[road, car]",
            "o.yaml:1: expected the keys classes, ignore and unlabeled, or preset",
            id="a list",
        ),
        pytest.param(
            "classes: []",
            "o.yaml:1: classes: expected a list of classes, each {id: 0, name: road}",
            id="no class",
        ),
        pytest.param(
            "classes: [road]",
            "o.yaml:1: classes[0]: expected a class such as {id: 0, name: road}",
            id="bare names",
        ),
    ],
)
def test_everything_wrong_is_said_at_once_with_its_line(text, message):
    with pytest.raises(OntologyError) as caught:
        read(text, "o.yaml")

    assert str(caught.value) == message
    assert all(problem.code.startswith("policy.") for problem in caught.value.problems)


def test_problems_in_json_are_told_without_a_line():
    with pytest.raises(OntologyError) as caught:
        read('{"classes": [{"id": 0}]}', "o.json")

    assert str(caught.value) == "o.json: classes[0]: the class has no name"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"classes: [{id: 0, id: 1, name: a}]", "ontology.yaml:1: key 'id' is given twice"),
        (b"", "ontology.yaml:1: the file is empty"),
        (
            b"classes: [{id: .nan, name: a}]",
            "ontology.yaml:1: classes[0].id: .nan is not a usable number",
        ),
    ],
    ids=["duplicate key", "empty", "NaN"],
)
def test_a_file_that_is_no_strict_document_is_an_ontology_error(tmp_path, content, words):
    path = tmp_path / "ontology.yaml"
    path.write_bytes(content)

    with pytest.raises(OntologyError) as caught:
        load_ontology(str(path))

    assert words in str(caught.value)
    assert caught.value.problems


def test_a_missing_file_and_a_folder_are_ontology_errors(tmp_path):
    with pytest.raises(OntologyError, match="no such file"):
        load_ontology(str(tmp_path / "nothing.yaml"))
    with pytest.raises(OntologyError, match="regular file"):
        load_ontology(str(tmp_path))


def test_an_unknown_preset_names_the_closest():
    with pytest.raises(OntologyError, match="did you mean 'ade20k'"):
        preset("ADE-20k")
