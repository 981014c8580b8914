"""Three annotators of a live project, held against each other through ``segcore agree``."""

from __future__ import annotations

import json
from itertools import combinations

import drawing
import numpy as np
import pytest
from drawing import Picture, Project, Sheet

from segcore.agreement import agree
from segcore.cli import main

AUTHORS = ("maria", "li", "tom")
SHIFTS = {"maria": (0, 0), "li": (2, 1), "tom": (9, -4)}
PICTURES = ("one.png", "two.png", "three.png")


def street(picture: Picture, dx: int, dy: int) -> list[drawing.Shape]:
    """A road, two cars and a sign, as brushes and outlines."""
    verge = [(5.3 + dx, 90.2), (150.7, 94.1 + dy), (140.4, 112.3 + dy), (12.6 + dx, 108.9)]
    return [
        drawing.polygon(picture, "road", verge),
        drawing.brush(picture, "car", drawing.disk(picture, 40 + dx, 45 + dy, 22, 10)),
        drawing.brush(picture, "car", drawing.disk(picture, 100 + dx, 40 + dy, 9)),
        drawing.rectangle(picture, "sign", 120 + dx, 10, 12, 14),
    ]


@pytest.fixture(scope="module")
def project(sdk, label_studio):
    project = Project.create(sdk, label_studio, title="three annotators", authors=AUTHORS)
    for place, name in enumerate(PICTURES):
        p = Picture(url=f"/data/upload/1/0a1b2c3d-{name}", width=160, height=120)
        sheets = [
            Sheet(author=author, shapes={p.key: street(p, dx + place, dy)})
            for author, (dx, dy) in SHIFTS.items()
        ]
        gold = Sheet(author="gold", shapes={p.key: street(p, 0, 0)}, kind="ground truth")
        project.add_task([p], gold, *sheets)
    p = Picture(url="/data/upload/1/0a1b2c3d-four.png", width=160, height=120)
    project.add_task([p], Sheet(author="li", shapes={p.key: street(p, 0, 0)}))
    return project


@pytest.fixture
def spec(project, label_studio, monkeypatch):
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)
    return f"label-studio:{project.id}?annotations=all"


def drawn_by(project) -> dict[str, dict[str, np.ndarray]]:
    """The maps of each user, by number, of the pictures all three annotated."""
    found = {}
    for author in AUTHORS:
        maps = project.delivery(author)
        found[str(project.users[author])] = {key: maps[key] for key in ("one", "two", "three")}
    return found


def test_the_matrix_is_that_of_the_masks_that_were_drawn(project, spec):
    drawn = drawn_by(project)

    found = agree([spec])

    assert found.names == tuple(drawn)
    assert found.images == ("one", "three", "two")
    assert found.single_images == 1
    for at, (one, other) in enumerate(combinations(drawn, 2)):
        expected = drawing.iou_by_label(drawing.overlaps(drawn[one], drawn[other]))
        assert {c.name: c.pair_iou[at] for c in found.classes} == expected
    print({c.name: c.pair_iou for c in found.classes})
    assert found.objects is not None
    cars = found.objects[0][found.ontology.names.index("car")]
    assert cars.matched + cars.only_one == 6  # two on each of three pictures


def test_alpha_is_that_of_the_krippendorff_package(project, spec):
    import krippendorff

    drawn = drawn_by(project)
    values = [np.concatenate([m.ravel() for m in drawn[name].values()]) for name in drawn]

    found = agree([spec])

    expected = krippendorff.alpha(np.array(values, float), level_of_measurement="nominal")
    assert found.alpha == pytest.approx(expected, abs=1e-12)


def test_users_can_be_called_by_name_and_it_is_known_when_they_drew(project, tmp_path, spec):
    target = tmp_path / "agree.json"
    named = [f"{a}=label-studio:{project.id}?annotator={project.users[a]}" for a in AUTHORS]

    assert main(["agree", *named, "--json", str(target)]) == 0

    document = json.loads(target.read_text())
    by_name = {c["name"]: tuple(c["pair_iou"]) for c in document["classes"]}
    assert [one["name"] for one in document["annotators"]] == list(AUTHORS)
    assert [one["images"] for one in document["drift"]] == [3, 3, 3]
    assert by_name == {c.name: c.pair_iou for c in agree([spec]).classes}
