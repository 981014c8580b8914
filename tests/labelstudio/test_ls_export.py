"""An export as a source: real files of Label Studio 1.23.2, hostile variants, and scores from them."""

from __future__ import annotations

import base64
import copy
import io
import json
import pickle
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

import segcore
from segcore.annotation import Regions
from segcore.batch import check
from segcore.errors import InvalidInputError, OntologyError, SpecError
from segcore.faults import Severity
from segcore.sources.spec import Spec
from segcore_labelstudio.export import open_source

OWN = Path(__file__).parent.parent / "data" / "label_studio"


@pytest.fixture
def live(shared_data):
    """A function that opens one of the real exports."""

    def opened(name, query=""):
        return source_of(shared_data("label-studio-live") / name, query)

    return opened


@pytest.fixture
def export(tmp_path):
    """A function that writes tasks to a file and opens it."""

    def opened(tasks, query=""):
        file = tmp_path / "export.json"
        file.write_text(json.dumps(tasks), encoding="utf-8")
        return source_of(file, query)

    return opened


def source_of(file, query=""):
    return open_source(Spec.parse(f"label-studio-export:{file}{query}"))


def box(x, label="car", *, width=4, height=2, **more):
    """One pixel wide, as high as the image, on an image of ``width`` x ``height``."""
    value = {"x": 100 * x / width, "y": 0, "width": 100 / width, "height": 100, "rotation": 0}
    return {
        "id": "r1",
        "type": "rectanglelabels",
        "from_name": "box",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "value": {**value, "rectanglelabels": [label]},
        **more,
    }


def task(number, *regions, image=None, by=1, **more):
    annotation = {"id": 10 * number, "completed_by": by, "result": list(regions), **more}
    return {"id": number, "data": {"image": image or f"/d/{number}.png"}, "annotations": [annotation]}


def codes(source):
    return Counter(fault.code for fault in source.faults)


def pixels(annotation, i=0):
    return annotation.content[i].mask.to_array().astype(int).tolist()


# ---- real files


def test_a_real_export_is_read_without_a_loss(live):
    report = check(live("export_JSON.json", "?annotations=all"))

    # 20 tasks: admin draws 6 regions each and is gold on ten; the others draw 3 and 2, but on task 4
    # the third annotation is cancelled and empty; of two drafts one has a region.
    counts = report.counts
    assert counts.read == 20 * 6 + 20 * 3 + 19 * 2 + 1
    assert counts.used == 10 * 6 + 20 * 3 + 19 * 2
    assert counts.rejected == 0
    assert counts.ignored == {"draft": 1, "ground truth in delivery": 60}
    assert Counter(fault.code for fault in report.faults) == {
        "ls.ground_truth_in_delivery": 10,
        "ls.cancelled": 1,
    }
    assert report.ontology is not None
    assert report.ontology.names == ("car", "road", "sign")


def test_the_keys_of_a_real_export_are_file_names_or_tasks(live):
    keys = live("export_JSON.json").keys()

    assert keys[:3] == ("img_0", "img_1", "img_2")
    assert sorted(keys[3:]) == sorted(f"task-{i}" for i in range(1, 18))


def test_brush_regions_equal_what_the_server_itself_exports_as_png(live, shared_data):
    source = live("export_JSON.json", "?annotations=all")
    folder = shared_data("label-studio-live") / "export_BRUSH_TO_PNG"
    tasks = json.loads((folder.parent / "export_JSON.json").read_bytes())
    brushes = {
        (annotation["id"], entry["id"])
        for made in tasks
        for annotation in made["annotations"]
        for entry in annotation["result"]
        if "rle" in entry.get("value", {})
    }
    compared = 0

    for image in map(source.read, source.keys()):
        who = image.attributes
        theirs = _server_masks(folder, who["task"], who["annotation"], who["annotator"])
        for region in image.content:
            if (who["annotation"], region.id) in brushes:
                assert any(np.array_equal(region.mask.to_array(), mask) for mask in theirs)
                compared += 1

    # 79 brush regions and 20 pairs of a brush and its label, less three brushes of each of ten golds.
    assert compared == 79 + 20 - 30


def _server_masks(folder, task_id, annotation_id, by):
    files = sorted(folder.glob(f"task-{task_id}-annotation-{annotation_id}-by-{by}-*.png"))
    return [np.asarray(Image.open(file).convert("L")) >= 128 for file in files]


def test_a_multi_image_export_gives_each_image_its_own_regions():
    source = source_of(OWN / "multi_image_export.json")

    first, second = map(source.read, source.keys())

    assert source.keys() == ("im0", "im1")
    assert source.ontology is not None
    assert [source.ontology.names[r.class_index] for a in (first, second) for r in a.content] == [
        "car_v1",
        "b",
    ]
    assert [region.id for a in (first, second) for region in a.content] == ["ab8661e6", "596c2712"]
    assert first.digest == second.digest != b""


def test_an_alias_of_the_configuration_is_the_label_it_stands_for(tmp_path):
    config = tmp_path / "config.xml"
    config.write_text(
        '<View><Image name="image" valueList="$images"/><BrushLabels name="brush" toName="image">'
        '<Label value="Car" alias="car_v1"/><Label value="b"/><Label value="never"/>'
        "</BrushLabels></View>",
        encoding="utf-8",
    )

    source = source_of(OWN / "multi_image_export.json", f"?config={config}")

    assert source.ontology is not None
    assert source.ontology.names == ("Car", "b", "never")
    assert [int(a.content.classes[0]) for a in map(source.read, source.keys())] == [0, 1]
    assert codes(source) == {}


def test_a_video_has_no_masks():
    plain = source_of(OWN / "video_export.json")
    named = source_of(OWN / "video_export.json", "?image=video")

    check(plain)
    check(named)

    assert codes(plain) == {"ls.missing_field": 1, "ls.unsupported_type": 1}
    assert codes(named) == {"ls.unsupported_type": 1}
    assert (plain.unplaced, named.read("x").rejected) == (1, 1)


def test_a_snapshot_with_users_and_predictions_is_read_like_an_export(live):
    name = "snapshot_with_users_predictions.json"
    gold = live(name, "?annotations=ground-truth&annotator=admin@example.com")

    annotation = gold.read("task-1")

    assert annotation.attributes["annotator_email"] == "admin@example.com"
    assert len(annotation.content) == 6
    assert gold.left_out["prediction"] == 1
    exported = live("export_JSON.json", "?annotations=ground-truth").read("task-1")
    assert np.array_equal(annotation.content.starts, exported.content.starts)


# ---- the whole way


def test_the_scores_of_one_annotator_equal_those_computed_pixel_by_pixel(live, shared_data):
    folder = shared_data("label-studio-live")
    gold = live("export_JSON.json", "?annotations=ground-truth")
    delivery = live("export_JSON.json", "?annotations=latest&annotator=2")

    evaluation = segcore.evaluate(gold, delivery)

    expected = _confusion_by_hand(folder, ("car", "road", "sign"))
    assert evaluation.ontology.names == ("car", "road", "sign")
    assert np.array_equal(evaluation.confusion, expected)
    scores = {c.name: c.iou for c in evaluation.classes}
    assert {name: round(scores[name], 3) for name in scores} == {
        name: round(expected[i, i] / (expected[i].sum() + expected[:, i].sum() - expected[i, i]), 3)
        for i, name in enumerate(scores)
    }
    assert evaluation.counts["delivery"].ignored == {
        "draft": 1,
        "image not in gold": 30,
        "other annotator": 158,
    }
    assert evaluation.conventions["brush"] == (
        "a pixel of a brush mask counts where its alpha is 128 or more"
    )
    assert "delivery.same_as_gold" not in {fault.code for fault in evaluation.faults}


def test_workers_find_the_same(live):
    def scored(jobs):
        gold, delivery = (
            live("export_JSON.json", q) for q in ("?annotations=ground-truth", "?annotator=3")
        )
        return segcore.evaluate(gold, delivery, jobs=jobs).to_json()

    assert scored(2) == scored(1)


def _confusion_by_hand(folder, names):
    """Gold of the starred annotations against user 2, with PIL, pycocotools and the server's PNGs."""
    table = np.zeros((len(names) + 1, len(names) + 1), np.int64)
    for made in json.loads((folder / "export_JSON.json").read_bytes()):
        starred = [a for a in made["annotations"] if a["ground_truth"]]
        theirs = [a for a in made["annotations"] if a["completed_by"] == 2]
        if starred:
            sides = [_painted(folder, made["id"], side[0], names) for side in (starred, theirs)]
            np.add.at(table, tuple(side.ravel() for side in sides), 1)
    return table


def _painted(folder, task_id, annotation, names):
    """Class codes; the smallest region owns a pixel, of equal ones the later class."""
    regions = {}
    brushes = Counter()
    for entry in annotation["result"]:
        kind, value = entry["type"], entry.get("value", {})
        label = (value.get(kind) or [None])[0] if kind.endswith("labels") else None
        if label is None:
            continue
        stem = f"task-{task_id}-annotation-{annotation['id']}-by-{annotation['completed_by']}"
        if "rle" in value:
            tag = f"{stem}-{entry['from_name']}-{label}"
            mask = np.asarray(Image.open(folder / "export_BRUSH_TO_PNG" / f"{tag}-{brushes[tag]}.png"))
            brushes[tag] += 1
            regions[entry["id"]] = (mask >= 128, label)
        else:
            regions[entry["id"]] = (_outline(entry), label)
    order = sorted(
        enumerate(regions.values()),
        key=lambda item: (-item[1][0].sum(), names.index(item[1][1]), item[0]),
    )
    codes_ = np.full((120, 160), len(names))
    for _, (mask, label) in order:
        codes_[mask] = names.index(label)
    return codes_


def _outline(entry):
    value, width, height = entry["value"], entry["original_width"], entry["original_height"]
    scale = np.array([width, height]) / 100
    if "imageDataURL" in value:
        data = base64.b64decode(value["imageDataURL"].partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))[..., 3] >= 128
    turn = np.deg2rad(value.get("rotation", 0))
    across, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    start = np.array([value.get("x", 0), value.get("y", 0)]) * scale
    if "radiusX" in value:
        rows, columns = np.mgrid[:height, :width] + 0.5
        off = np.stack([columns, rows], -1) - start
        return (off @ across / (value["radiusX"] * scale[0])) ** 2 + (
            off @ down / (value["radiusY"] * scale[1])
        ) ** 2 <= 1
    if "points" in value:
        corners = np.array(value["points"]) * scale
    elif "vertices" in value:
        corners = np.array([[v["x"], v["y"]] for v in value["vertices"]]) * scale
    else:
        side, edge = across * value["width"] * scale[0], down * value["height"] * scale[1]
        corners = np.array([start, start + side, start + side + edge, start + edge])
    runs = coco_mask.frPyObjects([corners.ravel().tolist()], height, width)
    return coco_mask.decode(runs)[..., 0].astype(bool)


# ---- sources


def test_regions_come_in_the_order_of_the_result_with_classes_and_ids(export):
    source = export([task(1, box(2, "b", id="x"), box(0, "a", id="y"))])

    annotation = source.read("1")

    assert isinstance(annotation.content, Regions)
    assert source.ontology is not None
    assert source.ontology.names == ("a", "b")
    assert annotation.content.ids == ("x", "y")
    assert annotation.content.classes.tolist() == [1, 0]
    assert pixels(annotation, 0) == [[0, 0, 1, 0], [0, 0, 1, 0]]
    assert pixels(annotation, 1) == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert (annotation.read, annotation.rejected) == (2, 0)
    assert annotation.file.endswith("export.json")


def test_nothing_drawn_is_an_image_of_unknown_size_and_no_annotation_is_no_image(export):
    source = export([task(1), {**task(2), "annotations": []}, task(3, box(0))])

    empty = source.read("1")

    assert source.keys() == ("1", "3")
    assert (empty.height, empty.width, len(empty.content), empty.read) == (0, 0, 0, 0)
    assert codes(source) == {"ls.no_annotation": 1}


def test_nothing_drawn_misses_all_of_the_gold_and_an_undelivered_image_is_named(export, tmp_path):
    gold = tmp_path / "gold.json"
    gold.write_text(json.dumps([task(1, box(0)), task(2, box(1))]), encoding="utf-8")

    evaluation = segcore.evaluate(source_of(gold), export([task(1), {**task(2), "annotations": []}]))

    assert evaluation.classes[0].gold_pixels == 4
    assert evaluation.classes[0].delivery_pixels == 0
    assert evaluation.images.missing_in_delivery == ("2",)


def test_two_tasks_that_show_one_image_are_refused(export):
    source = export([task(1, box(0), image="a/x.png"), task(2, box(0), image="b/x.jpg"), task(3)])

    assert source.keys() == ("3",)
    [fault] = source.faults
    assert (fault.code, fault.image, fault.got) == ("delivery.ambiguous_image", "x", "tasks [1, 2]")
    assert source.unplaced == 2


def test_another_field_can_be_the_key(export):
    tasks = [task(1, box(0), image="a/x.png"), task(2, box(0), image="b/x.png")]
    for made, name in zip(tasks, ("left", "right"), strict=True):
        made["data"]["name"] = name

    source = export(tasks, "?key=name")

    assert source.keys() == ("left", "right")
    assert codes(source) == {}


def test_a_task_that_stands_twice_is_refused(export):
    source = export([task(1, box(0)), task(2), task(1, box(0))])

    assert source.keys() == ("2",)
    [fault] = source.faults
    assert (fault.code, fault.image_id) == ("delivery.duplicate_image", 1)
    assert source.unplaced == 2


def test_regions_that_lie_in_no_image_of_their_task_are_refused(export):
    source = export([task(1, box(0, id="a"), box(1, id="b", item_index=1), box(1, id="c", to_name=1))])

    report = check(source)

    assert Counter((f.code, f.annotation) for f in report.faults) == {
        ("ls.unknown_control", "b"): 1,
        ("ls.missing_field", "c"): 1,
    }
    assert (report.counts.read, report.counts.used, report.counts.rejected) == (3, 1, 2)


def test_two_image_tags_need_the_configuration(export, tmp_path):
    config = tmp_path / "config.xml"
    config.write_text(
        '<View><Image name="l" value="$left"/><Image name="r" value="$right"/>'
        '<RectangleLabels name="box" toName="l,r"><Label value="car"/></RectangleLabels></View>',
        encoding="utf-8",
    )
    made = task(1, box(0, id="a", to_name="l"), box(1, id="b", to_name="r"))
    made["data"] = {"left": "l.png", "right": "r.png"}

    known, unknown = export([made], f"?config={config}"), export([made], "?image=left")

    assert [(a.key, a.content.ids) for a in map(known.read, known.keys())] == [
        ("l", ("a",)),
        ("r", ("b",)),
    ]
    assert check(unknown).counts.rejected == 2
    assert codes(unknown) == {"ls.unknown_control": 2}


def test_a_label_outside_the_classes_is_refused_with_a_hint(export, tmp_path):
    ontology = tmp_path / "ontology.yaml"
    ontology.write_text("classes:\n  - {id: 0, name: car}\n", encoding="utf-8")
    source = export([task(1, box(0, "cra"), box(1, "car", id="r2"))], f"?ontology={ontology}")

    annotation = source.read("1")

    assert annotation.content.ids == ("r2",)
    assert annotation.rejected == 1
    [fault] = source.faults
    assert (fault.code, fault.got) == ("coco.unknown_class_name", "'cra', did you mean 'car'?")


def test_a_source_travels_to_a_worker_small_and_reads_the_same(export):
    source = export([task(i, box(0)) for i in range(500)])
    source.keys()

    data = pickle.dumps(source)
    again = pickle.loads(data)

    assert len(data) < 2000
    assert again.keys() == source.keys()
    assert again.read("7").digest == source.read("7").digest


def test_a_delivery_of_nothing_but_ground_truths_says_which_option_reads_them(export):
    starred = [task(1, box(0), ground_truth=True)]

    report = check(export(starred))

    [empty] = [fault for fault in report.faults if fault.code == "delivery.image_match"]
    assert "annotations=ground-truth" in empty.got


def test_the_digest_is_of_what_counts_however_it_is_written_and_of_nothing_else(export, tmp_path):
    made = task(1, box(0), image="é.png")
    pretty = tmp_path / "pretty.json"
    turned = dict(reversed(made.items()))
    pretty.write_text(json.dumps([turned], indent=2, ensure_ascii=False), encoding="utf-8")
    other = copy.deepcopy(made)
    other["annotations"][0]["result"][0]["id"] = "r2"
    reviewed = copy.deepcopy(made) | {"predictions": [7], "updated_at": "2026-11-23T10:00:00Z"}
    reviewed["data"]["segcore_iou"] = 0.5

    digest = export([made]).read("é").digest

    assert digest == source_of(pretty).read("é").digest
    assert digest != export([other]).read("é").digest
    assert digest == export([reviewed]).read("é").digest


def test_a_file_that_is_no_export_is_refused_as_input(tmp_path, export):
    broken = tmp_path / "broken.json"
    broken.write_text('{"images": [], "annotations": []}', encoding="utf-8")

    with pytest.raises(InvalidInputError, match=r"json\.syntax.*native JSON export"):
        segcore.evaluate(export([task(1, box(0))]), source_of(broken))


def test_an_export_in_which_nobody_drew_anything_names_no_class(export):
    source = export([task(1)])

    assert source.ontology is None
    with pytest.raises(OntologyError, match="names no classes"):
        segcore.evaluate(source, source)


def test_unknown_options_and_missing_files_are_refused(tmp_path):
    with pytest.raises(SpecError, match="did you mean 'annotator'"):
        source_of("f.json", "?anotator=1")
    with pytest.raises(SpecError, match="no such file"):
        source_of(tmp_path / "none.json").keys()


def test_too_many_labels_are_a_fault(export, monkeypatch):
    monkeypatch.setattr("segcore_labelstudio.index.MAX_CLASSES", 2)
    source = export([task(1, *(box(0, f"c{i}", id=f"r{i}") for i in range(3)))])

    report = check(source)

    assert Counter(f.code for f in report.faults) == {
        "limits.entries": 1,
        "coco.unknown_class_name": 1,
    }


def test_an_export_with_too_many_faults_is_not_read_to_its_end(export, monkeypatch):
    monkeypatch.setattr("segcore_labelstudio.index.MAX_ENTRY_FAULTS", 3)

    source = export([{"id": i} for i in range(1, 100)])

    assert source.keys() == ()
    assert codes(source) == {"ls.missing_field": 4, "limits.entries": 1}


# ---- hostile input

GARBAGE = (
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    10**40,
    "",
    "x",
    "\x1b[31m\u202e",
    "y" * 5000,
    [],
    [[]],
    {},
    {"id": {}},
    [None],
    ["car"],
    [1] * 50,
)


def places_of(value, path=()):
    """Every place of a document, as a path."""
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from places_of(value[name], (*path, name))
    elif isinstance(value, list):
        for at in range(min(len(value), 40)):
            yield from places_of(value[at], (*path, at))


@pytest.mark.parametrize("seed", range(8))
def test_garbage_anywhere_in_a_real_task_gives_faults_and_never_an_exception(export, seed):
    chance = random.Random(seed)
    tasks = json.loads((OWN / "task_with_every_shape.json").read_bytes())
    places = [path for path in places_of(tasks) if len(path) > 1]
    queries = ("", "?annotations=all", "?annotations=ground-truth", "?annotator=2&key=batch")

    for _ in range(60):
        hurt = copy.deepcopy(tasks)
        for path in chance.sample(places, chance.choice((1, 1, 3))):
            _replace(hurt, path, chance)
        source = export(hurt, chance.choice(queries))

        report = check(source)

        counts = report.counts
        assert counts.read == counts.used + counts.rejected + sum(counts.ignored.values())
        assert bool(counts.rejected) <= any(f.severity is Severity.ERROR for f in report.faults)
        assert all(f.expected.isprintable() and f.got.isprintable() for f in report.faults)
        assert all(len(f.expected) < 160 and len(f.got) < 160 for f in report.faults)


def _replace(document, path, chance):
    for step in path[:-1]:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):  # an earlier replacement took it away
            return
    last, garbage = path[-1], copy.deepcopy(chance.choice(GARBAGE))
    if isinstance(document, dict):
        document[last] = garbage
        if chance.random() < 0.2:
            del document[last]
    elif isinstance(document, list) and isinstance(last, int) and last < len(document):
        document[last] = garbage


def test_the_task_that_is_hurt_is_sound_by_itself(export):
    tasks = json.loads((OWN / "task_with_every_shape.json").read_bytes())

    report = check(export(tasks, "?annotations=all"))

    assert report.faults == ()
    assert report.counts.used == 9
