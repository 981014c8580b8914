"""A whole policy, every section of it, over real annotations: its items, and what each kind says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

TODAY = date(2026, 12, 1)
NAME = "vendor-a.gate.yaml"
POLICY = (Path(__file__).parent.parent / "data" / "policies" / NAME).read_text("utf-8")


def without_overlap(annotations, sizes):
    """The same annotations, every pixel left to the smallest one that covers it; those left empty go."""
    found = []
    by_image = {}
    for annotation in annotations:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    for image_id, members in by_image.items():
        height, width = sizes[image_id]
        masks = [decoded(a["segmentation"], height, width) for a in members]
        free = np.ones((height, width), bool)
        for k in sorted(range(len(members)), key=lambda k: (masks[k].sum(), k)):
            mask = masks[k] & free
            free &= ~mask
            if mask.any():
                found.append(members[k] | encoded(mask))
    return found


def decoded(segmentation, height, width):
    if isinstance(segmentation, list):
        segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        segmentation = coco_mask.frPyObjects(segmentation, height, width)
    return coco_mask.decode(segmentation).astype(bool)


def encoded(mask):
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {
        "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
        "area": int(mask.sum()),
        "bbox": [float(x) for x in coco_mask.toBbox(rle)],
    }


@pytest.fixture(scope="module")
def folder(shared_data, tmp_path_factory):
    """The folder of the policy: gold, a delivery, the ontology, as the policy names them.

    The policy judges segments too, so that of objects which overlap each pixel is left to one.
    """
    data = shared_data("coco_val2014_100")
    folder = tmp_path_factory.mktemp("vendor-a")
    gold = json.loads((data / "instances_val2014_100.json").read_bytes())
    results = json.loads((data / "instances_val2014_fakesegm100_results.json").read_bytes())
    sizes = {image["id"]: (image["height"], image["width"]) for image in gold["images"]}
    gold["annotations"] = without_overlap([a for a in gold["annotations"] if not a["iscrowd"]], sizes)
    delivery = without_overlap(results, sizes)
    found = [entry | {"id": k, "iscrowd": 0} for k, entry in enumerate(delivery, start=1)]
    for image in gold["images"][:70]:
        image["tag"] = "night"
    for entry in found:
        entry["annotator"] = "ada" if entry["image_id"] % 2 else "bo"
    delivered = gold | {"annotations": found}
    for path, document in [
        ("gold/2026-w31/annotations.json", gold),
        ("deliveries/b1/annotations.json", delivered),
    ]:
        file = folder / path
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(document))
    classes = [{"id": 900, "name": "road", "thing": False}]
    for category in gold["categories"]:
        named = {"id": category["id"], "name": category["name"], "thing": True}
        if category["name"] == "traffic light":
            named |= {"name": "traffic-light", "aliases": ["traffic light"]}
        classes.append(named)
    (folder / "ontology.yaml").write_text(json.dumps({"classes": classes}))
    digest = hashlib.sha256((folder / "gold/2026-w31/annotations.json").read_bytes()).hexdigest()
    policy = re.sub("sha256: [0-9a-f]{12} ", f"sha256: {digest[:12]} ", POLICY)
    (folder / "vendor-a.gate.yaml").write_text(policy)
    return folder


def names(folder):
    """The classes, in the order of the ontology."""
    return [entry["name"] for entry in json.loads((folder / "ontology.yaml").read_text())["classes"]]


@pytest.fixture(scope="module")
def run(folder):
    """A function that runs a command of segcore in that folder, on a day on which the waiver holds."""

    def run(*arguments, today=TODAY):
        script = (
            "import datetime, sys; import segcore_gates.day as day\n"
            f"day.today = lambda: datetime.date.fromisoformat('{today}')\n"
            "from segcore.cli import main; sys.exit(main(sys.argv[1:]))"
        )
        return subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=folder,
            env=os.environ | {"BATCH": "b1"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def locked(run):
    """What ``segcore gates lock`` says: without the lock the policy is refused."""
    return run("gates", "lock", NAME)


@pytest.fixture(scope="module")
def judged(locked, run, folder):
    """The JSON report of the policy, before any batch was accepted."""
    done = run("gate", NAME, "--json", "first.json")
    assert done.returncode == 1, done.stderr
    return json.loads((folder / "first.json").read_text())


def rows_of(record):
    """The table of a record, a mapping a row."""
    details = record["details"]
    return [dict(zip(details["columns"], row, strict=True)) for row in details["rows"]]


def test_the_lock_holds_what_the_policy_compares(locked, folder):
    assert locked.returncode == 0, locked.stderr
    lock = json.loads((folder / "vendor-a.lock.json").read_text())
    assert {"categories", "encoding", "image_sizes"} <= set(lock)
    assert len(lock["categories"]) == 80
    assert lock["encoding"] == ["compressed RLE"]


def test_every_section_has_its_items_in_one_order(judged, folder):
    classes = names(folder)
    things = classes[1:]
    boundary = ["person", "car", "traffic-light"]  # in the order of the ontology
    lints = ["unknown-class", "undecodable-mask", "empty-mask", "speck", "overlap"]
    lints += ["duplicate-instance", "self-intersection", "out-of-bounds"]  # hole is off

    assert [record["id"] for record in judged["gates"]] == [
        "format-lock",
        *(f"lint[{name}]" for name in lints),
        "coverage",
        *(f"class-iou[{name}]" for name in classes),
        *(f"boundary[{name}]" for name in boundary),
        *(f"{gate}[{name}]" for gate in ("mask-ap50", "mask-ap75", "mask-ap") for name in things),
        *(f"{gate}[{name}]" for gate in ("panoptic", "misses") for name in classes),
        *(f"slice[{name}]" for name in ("annotators", "night")),
        *(f"regression[class-iou,{name}]" for name in classes),
        *(f"regression[boundary,{name}]" for name in boundary),
    ]


def test_each_section_decides(judged):
    found = {record["id"]: record for record in judged["gates"]}
    kinds = Counter((record["id"].partition("[")[0], record["verdict"]) for record in judged["gates"])

    assert judged["outcome"] == "reject"
    assert judged["faults"] == []
    assert found["format-lock"]["verdict"] == "PASS"
    assert found["coverage"]["verdict"] == "PASS"
    assert found["lint[overlap]"]["verdict"] == "PASS"
    assert found["lint[speck]"]["verdict"] == "WARN"  # real masks have them, and the policy only warns
    assert found["lint[out-of-bounds]"]["verdict"] == "THIN"  # run lengths cannot show it
    assert found["class-iou[road]"]["verdict"] == "MISSING"  # COCO has no roads, and absent is error
    assert kinds["regression", "WARN"] == 84  # there is no baseline yet
    assert found["slice[night]"]["verdict"] == "WARN"
    assert {row["part"] for row in rows_of(found["slice[annotators]"])} >= {"ada", "bo"}


def test_a_waiver_does_not_cover_what_is_below_its_floor(judged):
    [waiver] = judged["waivers"]
    [record] = [r for r in judged["gates"] if r["id"] == "class-iou[traffic-light]"]

    assert record["value"] < waiver["floor"] == 0.50
    assert (record["verdict"], waiver["state"]) == ("FAIL", "below floor")


def test_the_values_are_those_of_the_masks(judged, folder):
    documents = [
        json.loads((folder / side).read_text())
        for side in ("gold/2026-w31/annotations.json", "deliveries/b1/annotations.json")
    ]
    sizes = {image["id"]: (image["height"], image["width"]) for image in documents[0]["images"]}
    kinds = {c["name"]: c["id"] for c in documents[0]["categories"]}

    def painted(document, kind):
        masks = {key: np.zeros(size, bool) for key, size in sizes.items()}
        for entry in document["annotations"]:
            if entry["category_id"] == kind:
                masks[entry["image_id"]] |= decoded(entry["segmentation"], *sizes[entry["image_id"]])
        return masks

    found = {record["id"]: record["value"] for record in judged["gates"]}
    [annotators] = [r for r in judged["gates"] if r["id"] == "slice[annotators]"]
    parts = {(row["part"], row["class"]): row["value"] for row in rows_of(annotators)}
    for name in ("person", "bicycle", "traffic light"):
        gold, delivery = (painted(document, kinds[name]) for document in documents)
        both = {key: int((gold[key] & delivery[key]).sum()) for key in sizes}
        either = {key: int((gold[key] | delivery[key]).sum()) for key in sizes}
        shares = [both[key] * 2 < either[key] for key in sizes if either[key]]

        def iou(keys, both=both, either=either):
            return sum(both[key] for key in keys) / sum(either[key] for key in keys)

        named = name.replace(" ", "-")
        assert found[f"class-iou[{named}]"] == pytest.approx(iou(sizes), abs=1e-6)
        if name == "bicycle":
            drawn = {entry["image_id"] for entry in documents[1]["annotations"]}
            of_bo = iou([key for key in sizes if key % 2 == 0 and key in drawn])
            assert parts["bo", name] == pytest.approx(of_bo, abs=1e-6)
        assert found[f"misses[{named}]"] == pytest.approx(sum(shares) / len(shares), abs=1e-6)


def test_two_workers_find_the_same_items_and_verdicts(judged, run, folder):
    done = run("gate", NAME, "--json", "two.json", "--", "-n", "2")

    assert done.returncode == 1, done.stderr  # workers that collect different items end otherwise
    two = json.loads((folder / "two.json").read_text())
    assert two | {"run": None} == judged | {"run": None}


def test_ids_do_not_know_thresholds(judged, run, folder):
    def lowered(limits):
        return re.sub(r"0\.(\d+)", r"0.6\1", limits[0])

    text, count = re.subn(r"(min|warn_below): \{.*?\}", lowered, (folder / NAME).read_text())
    assert count == 8
    (folder / "other.gate.yaml").write_text(text)

    run("gate", "other.gate.yaml", "--json", "other.json")

    other = json.loads((folder / "other.json").read_text())
    assert [r["id"] for r in other["gates"]] == [r["id"] for r in judged["gates"]]
    assert [r["limit"] for r in other["gates"]] != [r["limit"] for r in judged["gates"]]


def test_an_accepted_batch_is_no_regression_of_itself(judged, run, folder):
    accepted = run("accept", NAME, "--despite", "the first batch, as a start")
    try:
        done = run("gate", NAME, "--json", "again.json")
    finally:
        (folder / "accepted" / "vendor-a.json").unlink()

    assert accepted.returncode == 0, accepted.stderr
    assert done.returncode == 1
    again = json.loads((folder / "again.json").read_text())
    support = {r["id"]: r["support"]["images"] for r in judged["gates"] if r["class"]}
    regressions = [r for r in again["gates"] if r["id"].startswith("regression")]
    assert len(regressions) == 84
    for record in regressions:
        gate, _, name = record["id"].removeprefix("regression[").removesuffix("]").partition(",")
        wanted = "PASS" if support[f"{gate}[{name}]"] >= 30 else "THIN"
        assert record["verdict"] == wanted, record["reason"]
        assert record["value"] in {0, None}


def test_an_expired_waiver_excuses_nothing(locked, run, folder):
    done = run("gate", NAME, "--json", "late.json", today=date(2027, 1, 16))

    assert done.returncode == 1
    [waiver] = json.loads((folder / "late.json").read_text())["waivers"]
    assert waiver["state"] == "expired"
