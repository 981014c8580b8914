"""Real exports of Label Studio 1.23.2, and the scores from them computed pixel by pixel."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter

import numpy as np
from exports import OWN, codes, source_of
from PIL import Image
from pycocotools import mask as coco_mask

import segcore
from segcore.batch import check

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
    """Class codes; the smallest region owns a pixel, of equal ones that whose class sorts last."""
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
        key=lambda item: (-item[1][0].sum(), item[1][1]),
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
