"""Scores of a live project through our sources equal those computed from the masks that were drawn."""

from __future__ import annotations

import json
from collections import Counter

import drawing
import numpy as np
import pytest
from drawing import Picture, Project, Sheet

import segcore

ANNOTATORS = ("ann1", "ann2")
KINDS = ("annotation", "cancelled", "draft", "ground truth")


def street(picture: Picture, dx: int, dy: int) -> list[drawing.Shape]:
    """What brushes draw: a car with a hole and one on it, one that fades, a sign on the road."""
    verge = drawing.box(picture, 0, 84 + dy, picture.width, 30)
    verge[::3, 5::7] = False
    return [
        drawing.brush(picture, "road", verge),
        drawing.brush(picture, "car", drawing.disk(picture, 40 + dx, 45 + dy, 22, 10)),
        drawing.brush(picture, "car", drawing.disk(picture, 58 + dx, 50 + dy, 9)),
        drawing.brush(picture, "car", drawing.fading(picture, 90 + dx, 40 + dy)),
        drawing.brush_from_file(picture, "sign", drawing.box(picture, 120 + dx, 80 + dy, 9, 9)),
    ]


def outlines(picture: Picture, dx: int, dy: int) -> list[drawing.Shape]:
    """What is drawn by its outline, in every form, turned where a form can be turned."""
    road = [(5.3 + dx, 90.2), (150.7 + dx, 94.1 + dy), (140.4, 112.3 + dy), (12.6, 108.9)]
    bonnet = [(100.2 + dx, 20.7), (128.9, 26.3 + dy), (119.6 + dx, 51.2 + dy), (96.8, 44.4)]
    return [
        drawing.polygon(picture, "road", road),
        drawing.rectangle(picture, "car", 40.3 + dx, 20.6 + dy, 38.2, 23.7, degrees=30),
        drawing.closed_vector(picture, "car", bonnet),
        drawing.ellipse(picture, "sign", 75.35 + dx, 75.15 + dy, 13.4, 7.8, degrees=25),
        drawing.rectangle(picture, "sign", 8 + dx, 6 + dy, 12, 10),
    ]


def stamps(picture: Picture, dx: int, dy: int) -> list[drawing.Shape]:
    """What else holds a mask: a bitmask, a magic wand, a brush whose label is an entry of its own."""
    lane = drawing.box(picture, 10 + dx, 70 + dy, 120, 18) & ~drawing.disk(picture, 60, 80, 6)
    return [
        drawing.bitmask(picture, "road", lane),
        drawing.magic_wand(picture, "car", drawing.disk(picture, 45 + dx, 35 + dy, 17.5)),
        drawing.brush_with_label_apart(picture, "sign", drawing.box(picture, 110 + dx, 20 + dy, 14, 8)),
    ]


def small(picture: Picture) -> list[drawing.Shape]:
    """What the platform's COCO export destroys."""
    return [
        drawing.brush(picture, "car", drawing.disk(picture, 110, 60, 30, 12)),
        drawing.brush(picture, "sign", drawing.box(picture, 20, 30, 5, 5)),
        drawing.brush(picture, "road", drawing.box(picture, 5, 100, 60, 1)),
    ]


def page(picture: Picture, dx: int) -> list[drawing.Shape]:
    return [
        drawing.brush(picture, "car", drawing.disk(picture, 20 + dx, 20, 11)),
        drawing.brush(picture, "road", drawing.box(picture, 0, 36, 30 + dx, 9)),
    ]


@pytest.fixture(scope="module")
def project(sdk, label_studio):
    """Every kind of region, two annotators, ground truth, and every way not to deliver."""
    project = Project.create(sdk, label_studio, title="streets", authors=ANNOTATORS)

    def picture(name: str, **where) -> Picture:
        return Picture(**{"url": f"/data/upload/1/0a1b2c3d-{name}", "width": 160, "height": 120} | where)

    def sheets(where: Picture, **drawn) -> list[Sheet]:
        kinds = {"gold": "ground truth"}
        return [
            Sheet(author=author, shapes={where.key: shapes}, kind=kinds.get(author, "annotation"))
            for author, shapes in drawn.items()
        ]

    for name, draw in {"brushed.png": street, "outlined.jpg": outlines, "stamped.png": stamps}.items():
        p = picture(name)
        project.add_task(
            [p], *sheets(p, gold=draw(p, 0, 0), ann1=draw(p, 2, 1), ann2=draw(p, -3, 2)), batch="a"
        )

    p = picture("small.png")
    project.add_task([p], *sheets(p, gold=small(p), ann1=small(p)), batch="a")

    front = picture("front.png", width=150, height=130)
    second = picture("second.png", width=64, height=48, tag="pages", item=0)
    third = picture("third.png", width=50, height=70, tag="pages", item=1)
    project.add_task(
        [front, second, third],
        Sheet(author="gold", kind="ground truth", shapes={
            front.key: street(front, 0, 0), second.key: page(second, 0), third.key: page(third, 1)}),
        Sheet(author="ann1", shapes={front.key: street(front, 1, 1), third.key: page(third, 3)}),
        Sheet(author="ann2", shapes={second.key: page(second, 2), third.key: page(third, 1)}),
        batch="b",
    )  # fmt: skip

    p = picture("overlooked.png")
    project.add_task([p], *sheets(p, gold=stamps(p, 0, 0), ann1=[]), batch="b")
    p = picture("imagined.png")
    project.add_task([p], *sheets(p, gold=[], ann1=stamps(p, 0, 0)), batch="b")
    p = picture("second-thoughts.png")
    project.add_task(
        [p],
        *sheets(p, gold=street(p, 0, 0), ann1=street(p, 9, 5)),
        *sheets(p, ann1=street(p, 1, 0)),
        batch="b",
    )
    p = picture("skipped.png")
    refused = Sheet(author="ann1", shapes={p.key: street(p, 0, 0)}, kind="cancelled")
    project.add_task([p], *sheets(p, gold=street(p, 0, 0)), refused, batch="b")
    p = picture("drafted.png")
    draft = Sheet(author="gold", shapes={p.key: street(p, 0, 0)}, kind="draft")
    project.add_task([p], *sheets(p, gold=street(p, 0, 0)), draft, batch="b")
    p = picture("untouched.png")
    project.add_task([p], batch="b")
    p = picture("extra.png")
    project.add_task([p], *sheets(p, ann2=street(p, 0, 0)), batch="b")
    return project


@pytest.fixture(scope="module")
def live(project, label_studio):
    """The spec of the live project, which a session finds with the key and the address it is given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABEL_STUDIO_URL", label_studio.url)
        patch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)
        yield f"label-studio:{project.id}"


@pytest.fixture(scope="module")
def exported(project, tmp_path_factory):
    """The spec of the same project's export, and of the configuration that explains it."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "export.json").write_bytes(project.export())
    (folder / "config.xml").write_text(drawing.CONFIG, encoding="utf-8")
    return f"label-studio-export:{folder / 'export.json'}?config={folder / 'config.xml'}"


@pytest.fixture(params=["live", "exported"])
def spec(request):
    return request.getfixturevalue(request.param)


def with_options(spec: str, **options: object) -> str:
    for name, value in options.items():
        spec += f"{'&' if '?' in spec else '?'}{name}={value}"
    return spec


def overlaps_of(evaluation: segcore.Evaluation) -> dict[tuple[str, str], tuple[int, int]]:
    table = evaluation.table()
    columns = [table[name] for name in ("image", "class", "intersection", "union")]
    return {(image, label): (both, any_) for image, label, both, any_ in zip(*columns, strict=True)}


@pytest.mark.parametrize("annotator", [None, *ANNOTATORS])
def test_iou_of_the_batch_and_of_each_task_is_that_of_the_masks_that_were_drawn(
    project, spec, annotator
):
    expected = drawing.overlaps(project.gold(), project.delivery(annotator))
    options = {} if annotator is None else {"annotator": project.users[annotator]}

    evaluation = segcore.evaluate(
        with_options(spec, annotations="ground-truth"), with_options(spec, **options)
    )

    assert overlaps_of(evaluation) == expected
    scores = {c.name: c.iou for c in evaluation.classes}
    print(f"{annotator or 'all'}: {scores}")
    assert scores == drawing.iou_by_label(expected)


def test_ring_square_and_line_come_back_whole(project, spec):
    evaluation = segcore.evaluate(with_options(spec, annotations="ground-truth"), spec)

    table = evaluation.table()
    rows = zip(table["image"], table["class"], table["iou"], strict=True)
    assert {label: iou for image, label, iou in rows if image == "small"} == {
        "road": 1.0, "car": 1.0, "sign": 1.0,
    }  # fmt: skip


def test_every_mask_is_read_as_it_was_drawn(project, spec):
    source = segcore.open(spec)
    names = source.ontology.names

    drawn = project.delivery()

    assert sorted(source.keys()) == sorted(drawn)
    for key, canvas in drawn.items():
        annotation = source.read(key)
        found = [np.zeros(canvas.shape, np.bool_) for _ in names]
        for region in annotation.content:
            found[region.class_index] |= region.mask.to_array()
        last = [s for sheets in project.sheets.values() for s, keys in sheets if key in keys
                and s.kind == "annotation"][-1]  # fmt: skip
        for label in drawing.LABELS:
            masks = [s.mask for s in last.shapes.get(key, ()) if s.label == label]
            wanted = np.logical_or.reduce([np.zeros(canvas.shape, np.bool_), *masks])
            assert np.array_equal(found[names.index(label)], wanted), (key, label)


def test_what_was_not_delivered_is_told_apart(project, spec):
    evaluation = segcore.evaluate(with_options(spec, annotations="ground-truth"), spec)

    images = evaluation.images
    assert images.missing_in_delivery == ("drafted", "skipped")
    assert images.extra_in_delivery == ("extra",)
    assert set(images.paired) == set(project.gold()) - {"drafted", "skipped"}
    codes = {(fault.code, fault.image) for fault in evaluation.faults}
    assert {("ls.cancelled", "skipped"), ("ls.no_annotation", "untouched")} <= codes


def test_every_annotator_can_be_held_against_the_gold_by_itself(project, spec):
    gold, expected = project.gold(), {}
    for author in ANNOTATORS:
        drawn = {key: canvas for key, canvas in project.delivery(author).items() if key in gold}
        counted = drawing.overlaps({key: gold[key] for key in drawn}, drawn)
        expected |= {(f"{key}@{project.users[author]}", label): n for (key, label), n in counted.items()}
    missing = {key: gold[key] for key in ("drafted", "skipped")}

    evaluation = segcore.evaluate(
        with_options(spec, annotations="ground-truth"), with_options(spec, annotations="all")
    )

    assert overlaps_of(evaluation) == expected | drawing.overlaps(missing, {})


def test_no_region_goes_astray(project, spec):
    sheets = [sheet for sheets in project.sheets.values() for sheet, _ in sheets]
    drawn = Counter({kind: sum(s.regions for s in sheets if s.kind == kind) for kind in KINDS})
    last = {
        keys: sheet
        for sheets in project.sheets.values()
        for sheet, keys in sheets
        if sheet.kind == "annotation"
    }
    standing = sum(sheet.regions for sheet in last.values())
    beyond = last[("extra",)].regions

    evaluation = segcore.evaluate(with_options(spec, annotations="ground-truth"), spec)

    counts = evaluation.counts["delivery"]
    assert counts.ignored == {
        "cancelled annotation": drawn["cancelled"],
        "draft": drawn["draft"],
        "ground truth in delivery": drawn["ground truth"],
        "image not in gold": beyond,
        "superseded annotation": drawn["annotation"] - standing,
    }
    assert (counts.used, counts.rejected) == (standing - beyond, 0)
    assert counts.read == sum(drawn.values())


def test_who_drew_an_image_travels_with_it(project, spec):
    source = segcore.open(with_options(spec, annotator=project.users["ann2"]))

    attributes = source.read("stamped").attributes

    assert attributes["annotator"] == project.users["ann2"]
    assert attributes["task"] == project.tasks["stamped"]
    assert attributes["lead_time_s"] == 12.5
    assert attributes["ground_truth"] is False


def test_a_live_project_and_its_export_give_the_same_bytes_but_for_the_spec(
    live, exported, project, label_studio
):
    file = exported.partition(":")[2].partition("?")[0]
    places = {live: f"{label_studio.url}projects/{project.id}/", exported: file}
    documents = []

    for spec, place in places.items():
        evaluation = segcore.evaluate(with_options(spec, annotations="ground-truth"), spec)
        document = evaluation.to_json()
        for side in document["inputs"]:
            assert side.pop("spec").startswith(spec)
        for fault in document["faults"]:
            fault_file = fault.pop("file")
            assert fault_file.startswith((place, spec)), (fault_file, place)
        documents.append(json.dumps(document))

    assert documents[0] == documents[1]
    assert json.loads(documents[0])["faults"]


BATCH_A = ("brushed", "outlined", "small", "stamped")


def test_a_filter_selects_a_batch(live):
    assert segcore.open(with_options(live, filter="data.batch=a")).keys() == BATCH_A


def test_a_tab_selects_a_batch(live, project, sdk):
    batch_is_a = {
        "filter": "filter:tasks:data.batch", "operator": "equal", "type": "String", "value": "a",
    }  # fmt: skip
    tab = {"title": "batch a", "filters": {"conjunction": "and", "items": [batch_is_a]}}
    view = sdk.views.create(project=project.id, data=tab)

    assert segcore.open(with_options(live, view=view.id)).keys() == BATCH_A


def test_a_personal_access_token_is_as_good_as_a_legacy_one(live, label_studio, monkeypatch):
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.personal_access_token)

    assert set(BATCH_A) < set(segcore.open(live).keys())


def test_worker_processes_give_the_same_scores(live):
    gold = with_options(live, annotations="ground-truth")

    alone, shared = (segcore.evaluate(gold, live, jobs=jobs).to_json() for jobs in (1, 2))

    assert shared == alone
