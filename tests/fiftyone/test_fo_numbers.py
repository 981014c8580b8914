"""One number, four ways: the App's panel, the fields, ``segcore score`` and plain NumPy."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scenes
from asking import ious, traces

from segcore.cli import main

SKY, CAR, POLE = 0, 1, 2
NAMES = ("sky", "car", "pole")
TARGETS = {0: "sky", 1: "car", 300: "pole"}  # 0 is a class, 300 needs 16 bits
IDS = {SKY: 0, CAR: 1, POLE: 300, scenes.IGNORE: 255}
COLORS = {SKY: (0, 0, 255), CAR: (255, 0, 0), POLE: (0, 255, 0)}
PALETTE = [(9, 9, 9), (9, 9, 9), *((0, 0, i) for i in range(254))]  # two indices of one colour
ONTOLOGY = """\
classes: [{id: 0, name: sky}, {id: 1, name: car}, {id: 300, name: pole}]
ignore: 255
"""

GOLD = {
    "a": scenes.drawn("0v11 0011 222v", v=scenes.IGNORE),
    "b": scenes.drawn("0000 0100 0000"),
    "c": scenes.drawn("1111 1100 0000"),
    "d": scenes.drawn("0011 0011 0000"),
}
FOUND = {
    "a": scenes.drawn("0111 0011 2200"),
    "b": scenes.drawn("0000 0110 1000"),
    "c": scenes.drawn("1111 0000 0000"),
}  # d was not delivered


def ids(codes, dtype=np.uint16):
    return np.vectorize(IDS.__getitem__)(codes).astype(dtype)


@pytest.fixture
def ids_and_palette(fo, dataset, tmp_path):
    """8 and 16 bits, a palette and a mask in the database; void, and a missing prediction."""
    made = dataset("masks")

    def stored(side, key, pixels, **how):
        return fo.Segmentation(mask_path=scenes.png(tmp_path / side / f"{key}.png", pixels, **how))

    labels = {
        "a": {
            "gold": stored("gold", "a", ids(GOLD["a"])),
            "found": stored("found", "a", ids(FOUND["a"])),
        },
        "b": {
            "gold": stored("gold", "b", ids(GOLD["b"], np.uint8)),
            "found": stored("found", "b", ids(FOUND["b"])),
        },
        "c": {
            "gold": stored("gold", "c", ids(GOLD["c"], np.uint8), palette=PALETTE),
            "found": fo.Segmentation(mask=ids(FOUND["c"])),
        },
        "d": {"gold": stored("gold", "d", ids(GOLD["d"]))},
    }
    scenes.add_samples(fo, made, tmp_path, labels, (3, 4))
    made.default_mask_targets = TARGETS
    made.save()
    return made, GOLD, FOUND


@pytest.fixture
def colors(fo, dataset, tmp_path):
    """RGB masks whose classes are colours."""
    made = dataset("masks")
    gold = {key: np.where(mask == scenes.IGNORE, SKY, mask) for key, mask in GOLD.items()}

    def stored(side, key, codes):
        pixels = np.array([[COLORS[c] for c in row] for row in codes.tolist()], np.uint8)
        return fo.Segmentation(mask_path=scenes.png(tmp_path / side / f"{key}.png", pixels))

    labels = {key: {"gold": stored("gold", key, codes)} for key, codes in gold.items()}
    for key, codes in FOUND.items():
        labels[key]["found"] = stored("found", key, codes)
    scenes.add_samples(fo, made, tmp_path, labels, (3, 4))
    made.default_mask_targets = {f"#{bytes(COLORS[i]).hex()}": name for i, name in enumerate(NAMES)}
    made.save()
    return made, gold, FOUND


@pytest.fixture
def objects(fo, dataset, tmp_path):
    """Instance masks that lie partly off the image, against polylines with a hole."""
    made = dataset("masks")
    full, ring = np.ones((4, 4), np.bool_), [(0.1, 0.2), (0.9, 0.2), (0.9, 0.8), (0.1, 0.8)]
    hole = [(0.3, 0.4), (0.7, 0.4), (0.7, 0.6), (0.3, 0.6)]
    # 10 x 10 px: boxes of 4 x 4 at (-2, 0) and (8, 8), of which 2 x 4 and 2 x 2 are on the image.
    boxes = {"car": [-0.2, 0.0, 0.4, 0.4], "pole": [0.8, 0.8, 0.4, 0.4]}
    gold = fo.Detections(
        detections=[fo.Detection(label=n, bounding_box=box, mask=full) for n, box in boxes.items()]
    )
    line = fo.Polyline(label="car", points=[ring, hole], closed=True, filled=True)
    labels = {"a": {"gold": gold, "found": fo.Polylines(polylines=[line])}}
    scenes.add_samples(fo, made, tmp_path, labels, (10, 10))
    made.default_classes = list(NAMES)
    made.save()
    wanted, found = (np.full((10, 10), scenes.OTHER) for _ in range(2))
    wanted[0:4, 0:2], wanted[8:10, 8:10] = CAR, POLE
    found[2:8, 1:9], found[4:6, 3:7] = CAR, scenes.OTHER
    return made, {"a": wanted}, {"a": found}


def expected(gold, found):
    table = scenes.confusion(gold, found, classes=3)
    same = np.diag(table)[:3]
    union = table.sum(0)[:3] + table.sum(1)[:3] - same
    return {
        n: s / u if u else None for n, s, u in zip(NAMES, same.tolist(), union.tolist(), strict=True)
    }


def by_command(tmp_path, *words):
    """What ``segcore score`` writes, and its exit code."""
    (tmp_path / "ontology.yaml").write_text(ONTOLOGY)
    file = tmp_path / "score.json"
    code = main(["score", "fiftyone:masks/gold?key=id", "fiftyone:masks/found?key=id",
                 "--json", str(file), *words])  # fmt: skip
    return code, json.loads(file.read_text())


@pytest.mark.parametrize("scene", ["ids_and_palette", "colors", "objects"])
def test_panel_fields_command_and_numpy_say_the_same(scene, request, run, panel, tmp_path):
    made, gold, found = request.getfixturevalue(scene)
    wanted = expected(gold, found)
    words = ["--ontology", str(tmp_path / "ontology.yaml")] if scene == "ids_and_palette" else []
    ignore = {"ignore": "255"} if scene == "ids_and_palette" else {}

    run("compute_scores", made, {"gold": "gold", "delivery": "found", "key": "eval", **ignore})
    shown = ious(traces(panel(made, "on_load"))["IoU"])
    code, document = by_command(tmp_path, *words)

    assert shown == {name: value for name, value in wanted.items() if value is not None}
    assert code == 0
    assert {c["name"]: c["iou"] for c in document["classes"]} == wanted
    for sample in made:
        key = sample.filepath.rpartition("/")[2][0]
        own = expected({key: gold[key]}, {key: found[key]} if key in found else {})
        assert [sample["eval_iou"][name] for name in NAMES] == list(own.values())


@pytest.mark.parametrize(
    ("pixels", "code"),
    [
        (np.full((3, 4), 77, np.uint8), "mask.unknown_value"),
        (np.zeros((6, 8), np.uint8), "delivery.size_mismatch"),
    ],
    ids=["a value nobody lists", "another size"],
)
def test_what_cannot_be_compared_is_the_same_named_fault_in_the_app_and_in_the_command(
    ids_and_palette, pixels, code, run, tmp_path
):
    made, _, _ = ids_and_palette
    sample = made.first()
    sample["found"].mask_path = scenes.png(tmp_path / "found" / "other.png", pixels)
    sample.save()

    told = run(
        "compute_scores",
        made,
        {"gold": "gold", "delivery": "found", "key": "eval", "ignore": "255"},
        expect_error=True,
    )
    exit_code, document = by_command(tmp_path, "--ontology", str(tmp_path / "ontology.yaml"))

    assert code in told.error
    assert exit_code == 3
    assert code in {fault["code"] for fault in document["faults"]}
    assert not made.has_field("eval_iou")
