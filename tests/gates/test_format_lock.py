"""The form a delivery must have: what is locked, what differs, and what becomes of the batch."""

from __future__ import annotations

import copy
import datetime
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segcore.errors import InvalidInputError, UsageError
from segcore.fingerprint import Category, Fingerprint, FormatField, Found
from segcore_gates.cli.lock import lock
from segcore_gates.errors import PolicyError
from segcore_gates.evaluations import Evaluations
from segcore_gates.format_lock.differences import differences
from segcore_gates.format_lock.lock_file import lock_text, read_lock
from segcore_gates.judging import judge
from segcore_gates.policy_batch import PolicyBatch
from segcore_gates.policy_file import load_policy
from segcore_gates.records import Outcome, Record, Verdict, outcome

POLICY = """\
version: 1
gold: {gold}
delivery: {delivery}
ontology:
  classes: [{{id: 1, name: car, color: "#0000ff"}}, {{id: 2, name: person, color: "#ff0000"}}]
  ignore: 255
defaults: {{support: {{images: 1}}}}
format: {section}
gates:
  class-iou: {{metric: iou, min: {{default: 0.1}}, absent: warn}}
"""


def policy(
    folder: Path,
    locked: dict[str, Any] | str,
    *,
    gold: str = "coco:gold.json",
    delivery: str = "coco:delivery.json",
    section: str = "{lock: form.lock.json}",
) -> Path:
    text = locked if isinstance(locked, str) else json.dumps(locked, indent=1)
    (folder / "form.lock.json").write_text(text)
    path = folder / "batch.gate.yaml"
    path.write_text(POLICY.format(gold=gold, delivery=delivery, section=section))
    return path


def judged(path: Path) -> Record:
    """The record of the format lock, which is the first check of the policy."""
    loaded = load_policy(path, environ=os.environ)
    assert [check.id for check in loaded.checks][:2] == ["format-lock", "coverage"]
    return judge(loaded.checks[0], PolicyBatch(loaded, Evaluations(None)))


def rows(record: Record) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in record.details]


# ---- COCO: every field


def document() -> dict[str, Any]:
    """Two images of 20 x 10, a car as compressed run lengths and a person as a polygon."""
    return {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10},
            {"id": 2, "file_name": "b.jpg", "width": 20, "height": 10},
        ],
        "categories": [
            {"id": 1, "name": "car", "isthing": 1},
            {"id": 2, "name": "person", "isthing": 1},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "iscrowd": 0,
                "segmentation": {"size": [10, 20], "counts": "0T3T3"},
            },
            {
                "id": 2,
                "image_id": 2,
                "category_id": 2,
                "iscrowd": 0,
                "segmentation": [[0, 0, 8, 0, 8, 8, 0, 8]],
            },
        ],
    }


COCO_LOCK: dict[str, Any] = {
    "schema": 1,
    "format": ["coco"],
    "file_suffix": [".json"],
    "encoding": ["compressed RLE", "polygon"],
    "rle_order": ["column-major"],
    "image_sizes": [[20, 10], [40, 30]],
    "categories": [
        {"id": 1, "name": "car", "kind": "thing"},
        {"id": 2, "name": "person", "kind": "thing"},
    ],
}


def coco(folder: Path, changed: dict[str, Any], **more: Any) -> Path:
    (folder / "gold.json").write_text(json.dumps(document()))
    (folder / "delivery.json").write_text(json.dumps(changed))
    return policy(folder, COCO_LOCK, **more)


def test_a_delivery_of_the_locked_form_passes(tmp_path):
    record = judged(coco(tmp_path, document()))

    assert (record.verdict, record.value, record.blocks) == (Verdict.PASS, 0.0, False)
    assert (record.details, record.details_total) == ((), 0)
    assert outcome([record]) is Outcome.ACCEPT


def test_fewer_encodings_and_sizes_than_were_locked_are_fine(tmp_path):
    changed = document()
    del changed["annotations"][0]

    assert judged(coco(tmp_path, changed)).verdict is Verdict.PASS


def test_renumbered_ids_fail_and_are_told_by_name(tmp_path):
    changed = document()
    for entry in changed["categories"]:
        entry["id"] -= 1
    for entry in changed["annotations"]:
        entry["category_id"] -= 1

    record = judged(coco(tmp_path, changed))

    assert record.verdict is Verdict.FAIL
    assert record.blocks
    assert record.value == 1.0
    assert record.reason == "category_ids differs from form.lock.json"
    assert rows(record) == [
        ("category_ids", "1 for car", "0", None, None),
        ("category_ids", "2 for person", "1", None, None),
    ]


def test_swapped_names_fail(tmp_path):
    changed = document()
    changed["categories"][0]["name"], changed["categories"][1]["name"] = "person", "car"

    record = judged(coco(tmp_path, changed))

    assert rows(record) == [
        ("category_ids", "1 for car", "2", None, None),
        ("category_ids", "2 for person", "1", None, None),
        ("category_order", "car at place 1", "person at place 1", None, None),
    ]


def test_swapped_names_fail_where_only_names_are_compared(tmp_path):
    changed = document()
    changed["categories"][0]["name"], changed["categories"][1]["name"] = "person", "car"

    record = judged(coco(tmp_path, changed, section="{lock: form.lock.json, fields: [category_names]}"))

    assert rows(record) == [
        ("category_names", "car (id 1)", "person", None, None),
        ("category_names", "person (id 2)", "car", None, None),
    ]


def test_a_renamed_category_is_one_row(tmp_path):
    changed = document()
    changed["categories"][1]["name"] = "Person"

    record = judged(coco(tmp_path, changed))

    assert rows(record) == [("category_names", "person (id 2)", "Person", None, None)]


def test_a_category_more_and_one_less_fail_by_id_and_by_name(tmp_path):
    changed = document()
    changed["categories"][1] = {"id": 9, "name": "tree", "isthing": 1}
    changed["annotations"][1]["category_id"] = 9

    record = judged(coco(tmp_path, changed))

    assert rows(record) == [
        ("category_ids", "2 for person", "none", None, None),
        ("category_ids", "none", "9 for tree", None, None),
        ("category_names", "person (id 2)", "none", None, None),
        ("category_names", "none", "tree (id 9)", None, None),
    ]


def test_another_order_of_categories_fails_unless_the_fields_leave_it_out(tmp_path):
    changed = document()
    changed["categories"].reverse()
    fields = "{lock: form.lock.json, fields: [category_ids, category_names]}"

    assert rows(judged(coco(tmp_path, changed))) == [
        ("category_order", "car at place 1", "person at place 1", None, None)
    ]
    assert judged(coco(tmp_path, changed, section=fields)).verdict is Verdict.PASS


def test_things_that_became_stuff_fail(tmp_path):
    changed = document()
    changed["categories"][0]["isthing"] = 0

    record = judged(coco(tmp_path, changed))

    assert rows(record) == [("category_kinds", "thing for car", "stuff", None, None)]


def test_an_encoding_that_was_not_locked_fails_with_its_first_image(tmp_path):
    changed = document()
    changed["annotations"][1]["segmentation"] = {"size": [10, 20], "counts": [0, 100, 100]}

    record = judged(coco(tmp_path, changed))

    expected = "compressed RLE or polygon"
    assert rows(record) == [("encoding", expected, "uncompressed RLE", 1, "b")]


def test_polygons_instead_of_run_lengths_fail(tmp_path):
    locked = COCO_LOCK | {"encoding": ["compressed RLE"]}
    coco(tmp_path, document())

    record = judged(policy(tmp_path, locked))

    assert rows(record) == [("encoding", "compressed RLE", "polygon", 1, "b")]


def test_a_size_more_fails(tmp_path):
    changed = document()
    changed["images"].append({"id": 3, "file_name": "c.jpg", "width": 10, "height": 20})

    record = judged(coco(tmp_path, changed))

    assert rows(record) == [("image_sizes", "20 x 10 or 40 x 30", "10 x 20", 1, "c")]


def test_free_sizes_are_left_out_by_the_fields(tmp_path):
    changed = document()
    changed["images"].append({"id": 3, "file_name": "c.jpg", "width": 10, "height": 20})
    fields = "{lock: form.lock.json, fields: [encoding, category_ids]}"

    assert judged(coco(tmp_path, changed, section=fields)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("field", "locked", "got"),
    [
        ("format", ["png"], "coco"),
        ("file_suffix", [".coco"], ".json"),
        ("rle_order", ["row-major"], "column-major"),
    ],
)
def test_what_the_document_as_a_whole_has_is_compared_too(tmp_path, field, locked, got):
    coco(tmp_path, document())

    record = judged(policy(tmp_path, COCO_LOCK | {field: locked}))

    assert [row[:3] for row in rows(record)] == [(field, locked[0], got)]


def test_a_field_that_the_delivery_cannot_have_fails(tmp_path):
    coco(tmp_path, document())

    record = judged(policy(tmp_path, COCO_LOCK | {"bit_depth": [8]}))

    assert rows(record) == [("bit_depth", "8", "none: the delivery does not say", None, None)]


def test_a_list_of_results_says_nothing_of_categories(tmp_path):
    coco(tmp_path, document())
    found = [entry | {"score": 0.5} for entry in document()["annotations"]]
    (tmp_path / "delivery.json").write_text(json.dumps(found))

    record = judged(tmp_path / "batch.gate.yaml")

    assert [row[:2] for row in rows(record)] == [
        ("image_sizes", "20 x 10 or 40 x 30"),
        ("category_ids", "2 categories"),
        ("category_names", "2 categories"),
        ("category_order", "2 categories"),
        ("category_kinds", "2 categories"),
    ]


def test_hostile_names_are_short_and_printable(tmp_path):
    changed = document()
    changed["categories"][1]["name"] = "p" * 300

    [row] = judged(coco(tmp_path, changed)).details

    assert len(str(row["got"])) == 80


def test_of_many_differences_a_hundred_are_kept_and_all_are_counted(tmp_path):
    changed = document()
    changed["images"] += [
        {"id": n, "file_name": f"{n}.jpg", "width": n, "height": 10} for n in range(100, 250)
    ]

    record = judged(coco(tmp_path, changed))

    assert (len(record.details), record.details_total) == (100, 150)
    assert record.value == 1.0


# ---- folders of masks


def png(folder: Path, **changes: Any) -> None:
    """Two masks of 4 x 3, with the palette black, blue and red; ``changes`` replace the second."""
    (folder / "m").mkdir(exist_ok=True)
    first = Image.fromarray(np.array([[0, 1, 1, 2]] * 3, np.uint8))
    first.putpalette([0, 0, 0, 0, 0, 255, 255, 0, 0])
    first.save(folder / "m" / "a.png")
    second = changes.get("image", first)
    if "palette" in changes:
        second = first.copy()
        second.putpalette(changes["palette"])
    second.save(folder / "m" / "b.png")


PNG_LOCK: dict[str, Any] = {
    "schema": 1,
    "format": ["png"],
    "file_suffix": [".png"],
    "encoding": ["palette"],
    "bit_depth": [2],
    "channels": [1],
    "palette": [["#000000", "#0000ff", "#ff0000"]],
    "image_sizes": [[4, 3]],
}


def mask_policy(folder: Path, kind: str = "png", locked: dict[str, Any] = PNG_LOCK) -> Path:
    return policy(folder, locked, gold=f"{kind}:m", delivery=f"{kind}:m")


def locked_depth(folder: Path) -> dict[str, Any]:
    """Pillow chooses the bits of a palette by its length."""
    with Image.open(folder / "m" / "a.png") as image:
        assert image.mode == "P"
    depth = (folder / "m" / "a.png").read_bytes()[24]
    return PNG_LOCK | {"bit_depth": [depth]}


def test_palette_masks_of_the_locked_form_pass(tmp_path):
    png(tmp_path)

    assert judged(mask_policy(tmp_path, locked=locked_depth(tmp_path))).verdict is Verdict.PASS


def test_a_changed_palette_fails_and_the_first_other_colour_is_told(tmp_path):
    png(tmp_path, palette=[0, 0, 0, 0, 0, 255, 0, 255, 0])

    record = judged(mask_policy(tmp_path, locked=locked_depth(tmp_path)))

    expected, got = "#ff0000 at 2 of 3 colours", "#00ff00 at 2 of 3 colours"
    assert rows(record) == [("palette", expected, got, 1, "b")]


def test_sixteen_bits_instead_of_a_palette_fail_in_every_way_they_differ(tmp_path):
    gray = Image.fromarray(np.array([[0, 1, 1, 2]] * 3, np.uint16))
    png(tmp_path, image=gray)
    locked = locked_depth(tmp_path)

    record = judged(mask_policy(tmp_path, locked=locked))

    depth = str(locked["bit_depth"][0])
    assert rows(record) == [
        ("encoding", "palette", "gray", 1, "b"),
        ("bit_depth", depth, "16", 1, "b"),
        ("palette", "3 colours: #000000 #0000ff #ff0000", "no palette", 1, "b"),
    ]


def test_colours_instead_of_ids_fail_though_nothing_can_be_measured(tmp_path):
    png(tmp_path, image=Image.new("RGB", (4, 3)))
    path = mask_policy(tmp_path, locked=locked_depth(tmp_path))

    record = judged(path)

    assert next(row[:3] for row in rows(record)) == ("encoding", "palette", "RGB")
    assert ("channels", "1", "3", 1, "b") in rows(record)
    loaded = load_policy(path, environ=os.environ)
    with pytest.raises(InvalidInputError):
        judge(loaded.checks[1], PolicyBatch(loaded, Evaluations(None)))


def test_another_suffix_fails(tmp_path):
    png(tmp_path)
    (tmp_path / "m" / "b.png").rename(tmp_path / "m" / "b.PNG")

    record = judged(mask_policy(tmp_path, locked=locked_depth(tmp_path)))

    assert rows(record) == [("file_suffix", ".png", ".PNG", 1, "b")]


def test_other_colours_of_classes_fail(tmp_path):
    (tmp_path / "m").mkdir()
    Image.new("RGB", (4, 3), (0, 0, 255)).save(tmp_path / "m" / "a.png")
    form = {"schema": 1, "format": ["rgb"], "encoding": ["RGB"]}
    classes = [{"name": "car", "color": "#0000ff"}, {"name": "person", "color": "#ff0000"}]
    other = [classes[0], classes[1] | {"color": "#00ff00"}]

    same = judged(mask_policy(tmp_path, "rgb", form | {"categories": classes}))
    differing = judged(mask_policy(tmp_path, "rgb", form | {"categories": other}))

    assert same.verdict is Verdict.PASS
    assert rows(differing) == [("category_colors", "#00ff00 for person", "#ff0000", None, None)]


def test_train_ids_instead_of_label_ids_fail(tmp_path):
    for scheme in ("labelIds", "labelTrainIds"):
        Image.new("L", (4, 3), 7).save(tmp_path / f"b_0_0_gtFine_{scheme}.png")
    form = {"schema": 1, "format": ["cityscapes"], "id_scheme": ["labelIds"]}
    gold = "cityscapes:.?file=labelIds"

    same = judged(policy(tmp_path, form, gold=gold, delivery=gold))
    differing = judged(policy(tmp_path, form, gold=gold, delivery="cityscapes:.?file=labelTrainIds"))

    assert same.verdict is Verdict.PASS
    assert rows(differing) == [("id_scheme", "labelIds", "labelTrainIds", None, None)]


def test_a_label_that_was_not_in_use_fails(tmp_path):
    square = [[0, 0], [8, 0], [8, 8], [0, 8]]
    shapes = [
        {"label": label, "points": square, "group_id": None, "shape_type": "polygon"}
        for label in ("car", "person")
    ]
    content = {"shapes": shapes, "imagePath": "a.jpg", "imageHeight": 10, "imageWidth": 20}
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.json").write_text(json.dumps(content))
    form = {"schema": 1, "format": ["labelme"], "encoding": ["polygon"]}

    same = judged(mask_policy(tmp_path, "labelme", form | {"labels": ["car", "person", "dog"]}))
    differing = judged(mask_policy(tmp_path, "labelme", form | {"labels": ["car", "dog"]}))

    assert same.verdict is Verdict.PASS
    assert rows(differing) == [("labels", "car or dog", "person", 1, "a")]


# ---- what becomes of the batch


def test_a_refused_delivery_is_invalid_with_all_its_faults(tmp_path):
    changed = document()
    changed["annotations"][0]["category_id"] = 77
    changed["annotations"][1]["segmentation"] = [[0, 0, 1, 1]]

    with pytest.raises(InvalidInputError) as caught:
        judged(coco(tmp_path, changed))

    codes = {fault.code for fault in caught.value.faults}
    assert {"coco.unknown_category", "poly.too_few_points"} <= codes
    assert [info.role for info in caught.value.inputs] == ["gold", "delivery"]


def test_a_delivery_of_another_form_is_rejected_with_a_table(tmp_path, capfd):
    from segcore_gates.cli.gate import gate

    changed = document()
    changed["images"].append({"id": 3, "file_name": "c.jpg", "width": 10, "height": 20})
    path = coco(tmp_path, changed)

    code = gate([str(path)], json=str(tmp_path / "report.json"))

    assert code == 1
    shown = capfd.readouterr().out
    assert "format-lock 1 found, image_sizes differs from form.lock.json" in shown
    assert "image_sizes  20 x 10 or 40 x 30  10 x 20       1  c" in shown
    [report] = [json.loads((tmp_path / "report.json").read_text())]
    first = report["gates"][0]
    assert (first["id"], first["verdict"], first["limit"]["kind"]) == ("format-lock", "FAIL", "max")
    assert first["details"] == {
        "columns": ["field", "expected", "got", "images", "image"],
        "rows": [["image_sizes", "20 x 10 or 40 x 30", "10 x 20", 1, "c"]],
        "total": 1,
    }
    assert first["policy_line"] == 8


# ---- the section of the policy


def refused(path: Path) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(path, environ={})
    return [f"{p.line} {p.path}: {p.message}" for p in caught.value.problems]


def test_a_missing_lock_names_the_command_that_writes_it(tmp_path):
    path = policy(tmp_path, COCO_LOCK, section="{lock: other.lock.json}")

    [problem] = refused(path)

    assert problem == (
        f"8 format.lock: there is no lock {tmp_path}/other.lock.json: "
        f"write it with `segcore gates lock {path}` and review it"
    )


def test_a_misspelt_field_is_refused_with_the_closest_one(tmp_path):
    [problem] = refused(policy(tmp_path, COCO_LOCK, section="{lock: f.json, fields: [image_size]}"))[:1]

    assert problem.startswith("8 format.fields[0]: expected format or file_suffix or encoding")
    assert problem.endswith("got 'image_size', did you mean 'image_sizes'?")


def test_a_field_the_lock_does_not_have_is_refused(tmp_path):
    path = policy(tmp_path, COCO_LOCK, section="{lock: form.lock.json, fields: [encoding, palette]}")

    [problem] = refused(path)

    assert problem.startswith("8 format.fields[1]: the lock says nothing of palette; it has format, ")


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (
            "{lock: form.lock.json, fields: [encoding, encoding]}",
            "8 format.fields[1]: encoding is named twice",
        ),
        (
            "{lock: form.lock.json, fields: []}",
            "8 format.fields: it is empty",
        ),
        ("{fields: [encoding]}", "8 format: the key 'lock' is missing"),
        (
            "{lock: form.lock.json, filds: [encoding]}",
            "8 format.filds: unknown key 'filds', did you mean 'fields'?",
        ),
        (
            "{lock: '${NOWHERE}.json'}",
            "8 format.lock: the environment variable NOWHERE is not set",
        ),
    ],
)
def test_a_section_that_cannot_be_meant_is_refused(tmp_path, section, problem):
    assert refused(policy(tmp_path, COCO_LOCK, section=section)) == [problem]


def test_variables_of_the_lock_are_replaced(tmp_path):
    path = policy(tmp_path, COCO_LOCK, section="{lock: '${VENDOR}.lock.json'}")

    loaded = load_policy(path, environ={"VENDOR": "form"})

    assert loaded.checks[0].id == "format-lock"


def test_a_folder_in_place_of_the_lock_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    path = policy(tmp_path, COCO_LOCK, section="{lock: folder}")

    [problem] = refused(path)

    assert problem.startswith("8 format.lock: ")


# ---- lock files


def damaged(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        read_lock(text.encode(), file="v.lock.json")
    return [str(problem) for problem in caught.value.problems]


HINT = " (a lock is written by segcore gates lock)"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "v.lock.json:1: expected keys and values, got []"),
        ("{}", "v.lock.json:1: schema: this version of segcore reads locks of schema 1, got none"),
        (
            '{\n"schema": 2}',
            "v.lock.json:2: schema: this version of segcore reads locks of schema 1, got 2",
        ),
        (
            '{\n"schema": true}',
            "v.lock.json:2: schema: this version of segcore reads locks of schema 1, got True",
        ),
        (
            '{"schema": 1,\n"encodings": ["polygon"]}',
            "v.lock.json:2: encodings: unknown key 'encodings', did you mean 'encoding'?",
        ),
        (
            '{"schema": 1,\n"category_ids": [1]}',
            "v.lock.json:2: category_ids: unknown key 'category_ids', did you mean 'categories'?",
        ),
        (
            '{"schema": 1,\n"encoding": "polygon"}',
            "v.lock.json:2: encoding: expected a list of at most 1000 values, got 'polygon'",
        ),
        (
            '{"schema": 1,\n"encoding": [\n"polygon",\n7]}',
            "v.lock.json:4: encoding[1]: expected text, got 7",
        ),
        (
            '{"schema": 1,\n"encoding": [\n"polygon",\n"polygon"]}',
            "v.lock.json:4: encoding[1]: 'polygon' stands there twice",
        ),
        (
            '{"schema": 1,\n"bit_depth": [\n8.0]}',
            "v.lock.json:3: bit_depth[0]: expected a whole number above 0, got 8.0",
        ),
        (
            '{"schema": 1,\n"image_sizes": [\n[640, 480],\n[640]]}',
            "v.lock.json:4: image_sizes[1]: expected [width, height] in pixels, got [640]",
        ),
        (
            '{"schema": 1,\n"palette": [\n["#12345"]]}',
            "v.lock.json:3: palette[0]: expected a list of colours such as #ff0000, got ['#12345']",
        ),
        (
            '{"schema": 1,\n"categories": [\n{"id": 1}]}',
            "v.lock.json:3: categories[0]: the key 'name' is missing",
        ),
        (
            '{"schema": 1,\n"categories": [\n{"id": "1", "name": "car"}]}',
            "v.lock.json:3: categories[0].id: expected a whole number, got '1'",
        ),
        (
            '{"schema": 1,\n"categories": [\n{"name": "car", "colour": "#000000"}]}',
            "v.lock.json:3: categories[0].colour: unknown key 'colour', did you mean 'color'?",
        ),
        (
            '{"schema": 1,\n"categories": [\n{"id": 1, "name": "a"},\n{"id": 1, "name": "b"}]}',
            "v.lock.json:4: categories[1].id: id 1 stands there twice",
        ),
        (
            '{"schema": 1,\n"categories": [\n{"id": 1, "name": "a"},\n{"name": "b"}]}',
            "v.lock.json:2: categories: some categories have an id and others have none",
        ),
        (
            '{"schema": 1,\n"categories": ["car"]}',
            "v.lock.json:2: categories[0]: expected keys and values, got 'car'",
        ),
    ],
)
def test_a_damaged_lock_is_refused_with_the_line_of_the_damage(text, problem):
    assert damaged(text) == [problem + HINT]


def test_a_lock_that_is_no_json_is_refused_with_its_line():
    [problem] = damaged('{"schema": 1,\n"encoding": ["polygon",]\n}')

    assert problem.startswith("v.lock.json:2: ")


def test_a_key_that_stands_twice_is_refused():
    [problem] = damaged('{"schema": 1, "encoding": ["polygon"], "encoding": ["gray"]}')

    assert "encoding" in problem


def test_all_damage_is_told_at_once():
    assert len(damaged('{"schema": 1, "encoding": [1, 2], "channels": [0], "nothing": []}')) == 4


def test_a_broken_lock_is_an_error_of_the_policy_with_both_places(tmp_path):
    path = policy(tmp_path, '{"schema": 1,\n"encoding": 7}')

    [problem] = refused(path)

    assert problem.startswith(f"8 format.lock: {tmp_path}/form.lock.json:2: encoding: expected a list")


def test_a_lock_reads_back_as_it_was_written():
    found = Fingerprint(
        values={
            FormatField.FORMAT: (Found(value="png"),),
            FormatField.BIT_DEPTH: (Found(value=8, images=3, image="a"),),
            FormatField.PALETTE: (Found(value=()), Found(value=("#000000", "#ff0000"))),
            FormatField.IMAGE_SIZES: (Found(value=(4, 3)),),
            FormatField.LABELS: (Found(value="\u2028 \U0001f697"),),
        },
        categories=(Category(name="car", id=1, color="#0000ff", kind="thing"), Category(name="b", id=2)),
    )

    text = lock_text(found)

    assert text.isascii()
    assert read_lock(text.encode(), file="v").to_json() == found.to_json()
    assert lock_text(read_lock(text.encode(), file="v")) == text


def test_crowded_fields_are_not_locked_and_always_differ():
    sizes = tuple(Found(value=(n, 1), images=1, image="a") for n in range(1, 4))
    crowded = Fingerprint(
        values={FormatField.IMAGE_SIZES: sizes}, crowded=frozenset({FormatField.IMAGE_SIZES})
    )
    locked = Fingerprint(values={FormatField.IMAGE_SIZES: sizes})

    found = differences(locked, crowded, fields=[FormatField.IMAGE_SIZES])

    assert "image_sizes" not in json.loads(lock_text(crowded))
    assert [d.got for d in found] == ["more than 1000 different values"]


def test_names_that_several_ids_share_are_compared_by_all_of_them():
    def form(*ids: int) -> Fingerprint:
        return Fingerprint(categories=tuple(Category(name="vehicle", id=n) for n in ids))

    found = differences(form(1, 2), form(2, 3), fields=[FormatField.CATEGORY_IDS])

    assert [(d.expected, d.got) for d in found] == [("1 and 2 for vehicle", "2 and 3")]


def test_kinds_on_one_side_only_are_told_where_names_are_not_compared():
    left = Fingerprint(categories=(Category(name="car", kind="thing"),))
    right = Fingerprint(categories=(Category(name="road", kind="stuff"),))
    both = [FormatField.CATEGORY_NAMES, FormatField.CATEGORY_KINDS]

    alone = differences(left, right, fields=[FormatField.CATEGORY_KINDS])
    with_names = differences(left, right, fields=both)

    assert [(d.expected, d.got) for d in alone] == [
        ("thing for car", "none"),
        ("none for road", "stuff"),
    ]
    assert {d.field for d in with_names} == {FormatField.CATEGORY_NAMES}


# ---- segcore gates lock


def test_the_command_writes_the_lock_the_policy_names(tmp_path, capsys):
    path = coco(tmp_path, document())
    (tmp_path / "form.lock.json").unlink()

    code = lock(path)

    assert code == 0
    written = (tmp_path / "form.lock.json").read_text()
    wanted = COCO_LOCK | {"image_sizes": [[20, 10]]}
    assert json.loads(written) == wanted
    assert list(json.loads(written)) == sorted(wanted)
    assert "wrote " in capsys.readouterr().out
    assert judged(path).verdict is Verdict.PASS


def test_a_lock_that_is_right_is_left_as_it_is(tmp_path, capsys):
    path = coco(tmp_path, document())
    lock(path, force=True)
    before = (tmp_path / "form.lock.json").stat()
    capsys.readouterr()

    code = lock(path)

    assert code == 0
    assert "is up to date" in capsys.readouterr().out
    assert (tmp_path / "form.lock.json").stat().st_mtime_ns == before.st_mtime_ns


def test_another_lock_is_only_replaced_by_force_and_the_difference_is_shown(tmp_path, capsys):
    path = coco(tmp_path, document())
    lock(path, force=True)
    changed = document()
    changed["categories"][1]["name"] = "Person"
    (tmp_path / "delivery.json").write_text(json.dumps(changed))
    before = (tmp_path / "form.lock.json").read_text()
    capsys.readouterr()

    with pytest.raises(UsageError, match="--force replaces it"):
        lock(path)

    shown = capsys.readouterr().out
    assert '-    {"id": 2, "kind": "thing", "name": "person"}' in shown
    assert '+    {"id": 2, "kind": "thing", "name": "Person"}' in shown
    assert (tmp_path / "form.lock.json").read_text() == before

    assert lock(path, force=True) == 0
    assert '"Person"' in (tmp_path / "form.lock.json").read_text()
    assert capsys.readouterr().out.startswith(shown)


def test_a_damaged_lock_can_be_replaced(tmp_path):
    path = coco(tmp_path, document())
    (tmp_path / "form.lock.json").write_bytes(b"\xff\x1b[2J")

    assert lock(path, force=True) == 0


def test_what_is_shown_of_a_lock_that_was_there_cannot_act_on_a_terminal(tmp_path, capsys):
    path = coco(tmp_path, document())
    (tmp_path / "form.lock.json").write_bytes(b"\xff\x1b[2J")

    lock(path, force=True)

    assert "\x1b" not in capsys.readouterr().out


def test_the_form_may_come_from_the_gold_or_from_any_source(tmp_path):
    changed = document()
    changed["categories"][1]["name"] = "Person"
    path = coco(tmp_path, changed)
    (tmp_path / "other.json").write_text(json.dumps(document() | {"annotations": []}))

    lock(path, output=str(tmp_path / "g.json"), source="gold")
    lock(path, output=str(tmp_path / "o.json"), source=f"coco:{tmp_path / 'other.json'}")

    gold, other = (json.loads((tmp_path / name).read_text()) for name in ("g.json", "o.json"))
    assert gold["categories"][1]["name"] == "person"
    assert other["encoding"] == []


def test_without_a_section_the_place_has_to_be_said_and_the_section_is_shown(tmp_path, capsys):
    path = coco(tmp_path, document())
    path.write_text(path.read_text().replace("format: {lock: form.lock.json}\n", ""))

    with pytest.raises(UsageError, match="--output FILE"):
        lock(path)
    assert lock(path, output=str(tmp_path / "new.lock.json")) == 0

    assert 'format: {lock: "new.lock.json"}' in capsys.readouterr().out


def test_the_lock_of_a_broken_delivery_is_not_written(tmp_path):
    changed = copy.deepcopy(document())
    changed["annotations"][0]["category_id"] = 77
    path = coco(tmp_path, changed)
    (tmp_path / "form.lock.json").unlink()

    with pytest.raises(InvalidInputError):
        lock(path)

    assert not (tmp_path / "form.lock.json").exists()


def test_a_lock_without_what_the_policy_compares_is_not_written(tmp_path):
    path = coco(tmp_path, document())
    text = path.read_text().replace("form.lock.json}", "form.lock.json, fields: [encoding, palette]}")
    path.write_text(text)
    (tmp_path / "form.lock.json").unlink()

    with pytest.raises(UsageError, match=r":8: format\.fields compares palette, and delivery does not"):
        lock(path)

    assert not (tmp_path / "form.lock.json").exists()


def test_the_lock_of_nothing_is_not_written(tmp_path):
    path = coco(tmp_path, document())
    (tmp_path / "empty").mkdir()

    with pytest.raises(UsageError, match="no file named"):
        lock(path, output=str(tmp_path / "e.json"), source=f"png:{tmp_path / 'empty'}")


def test_a_lock_on_standard_output_is_nothing_but_the_lock(tmp_path, capsys):
    path = coco(tmp_path, document())

    code = lock(path, output="-")

    shown = capsys.readouterr()
    assert code == 0
    assert json.loads(shown.out)["format"] == ["coco"]
    assert shown.err == ""


def test_a_policy_that_is_not_there_is_a_wrong_call(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        lock(tmp_path / "none.gate.yaml")


def test_a_waiver_excuses_as_many_differing_fields_as_it_says(tmp_path):
    changed = document()
    changed["images"].append({"id": 3, "file_name": "c.jpg", "width": 10, "height": 20})
    path = coco(tmp_path, changed)
    waiver = (
        "waivers: [{gate: format-lock, until: 2027-01-15, floor: 1, reason: new camera, by: maria}]\n"
    )
    path.write_text(path.read_text() + waiver)
    loaded = load_policy(path, environ={}, today=datetime.date(2027, 1, 1))
    batch = PolicyBatch(loaded, Evaluations(None))

    record = judge(loaded.checks[0], batch)

    assert (record.verdict, record.blocks) == (Verdict.WAIVED, False)
    assert record.details_total == 1
