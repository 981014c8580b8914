"""Pilots: drawn so that rare classes are in them, committed to, and read with care."""

from __future__ import annotations

import hashlib
import json

import pytest

from segcore.cli import main
from segcore.errors import UsageError
from segcore_gates.pilot.drawing import RANDOM, draw
from segcore_gates.pilot.plan_file import read_plan, still_passes

SCENES = {
    "a": ("road",), "b": ("road", "car"), "c": ("road", "car", "tram"), "d": ("road",),
    "e": ("road", "bus"), "f": ("road",), "g": ("road", "car"), "h": ("road",),
}  # fmt: skip


def chance(seed, key):
    return hashlib.sha256(f"{seed}\n{key}".encode()).hexdigest()


# -- the draw -------------------------------------------------------------------------------------


def test_the_rarest_classes_take_their_images_first():
    drawn = draw(SCENES, images=4, seed=3)

    # bus (only e) before tram (only c), by name; both cover road and car, so the rest is random
    assert drawn.images[:2] == (("e", "bus"), ("c", "tram"))
    rest = sorted(set(SCENES) - {"c", "e"}, key=lambda key: chance(3, key))
    assert drawn.images[2:] == tuple((key, RANDOM) for key in rest[:2])
    assert drawn.uncovered == ()
    assert drawn.support["car"] == (3, sum(key in "bcg" for key, _ in drawn.images))


def test_the_image_that_covers_most_is_taken():
    scenes = {"x": ("tram",), "y": ("tram", "bus", "car"), "z": ("bus",), "w": ("car",), "v": ("car",)}

    drawn = draw(scenes, images=1, seed=0)

    assert drawn.images == (("y", "bus"),)  # bus and tram are in two images each, bus by name


def test_classes_that_do_not_fit_are_named():
    scenes = {name: (name,) for name in "pqrst"}

    drawn = draw(scenes, images=3, seed=1)

    assert drawn.uncovered == ("s", "t")


def test_some_images_can_be_kept_for_chance():
    scenes = {name: (name,) for name in "pqrst"}

    drawn = draw(scenes, images=3, at_random=2, seed=1)

    assert [why for _, why in drawn.images] == ["p", RANDOM, RANDOM]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_a_listing_does_not_matter(seed):
    backwards = dict(reversed(SCENES.items()))

    assert draw(SCENES, images=5, seed=seed) == draw(backwards, images=5, seed=seed)


def test_another_seed_draws_others():
    assert len({draw(SCENES, images=4, seed=seed).images for seed in range(20)}) > 3


def test_of_few_images_all_are_drawn():
    assert {key for key, _ in draw(SCENES, images=25, seed=0).images} == set(SCENES)


def test_every_image_that_no_class_needs_is_drawn_equally_often():
    """1000 seeds: an image is drawn 250 times of four, a standard deviation of 14."""
    scenes = dict.fromkeys("abcd", ())

    drawn = [draw(scenes, images=1, seed=seed).images[0][0] for seed in range(1000)]

    assert all(abs(drawn.count(key) - 250) < 60 for key in "abcd")


def test_twenty_five_good_images_allow_eleven_per_cent():
    assert still_passes(25) == pytest.approx(0.113, abs=0.0005)
    assert pytest.approx(0.05, abs=0.001) == 0.887**25
    assert still_passes(0) is None


# -- the commands ---------------------------------------------------------------------------------


@pytest.fixture
def batch(tmp_path, write_batch, monkeypatch):
    """Eight images; car is delivered well, person half, rider is in one image only."""
    gold = [{"car": (0, 4), "person": (6, 10)}] * 7 + [{"rider": (0, 5)}]
    delivery = [{"car": (0, 4), "person": (8, 10)}] * 6 + [{"car": (0, 4)}, {"rider": (0, 4)}]
    write_batch(tmp_path, gold=gold, delivery=delivery)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(*options):
    assert main(["pilot", "plan", "coco:gold.json", "--seed", "5", *options]) == 0


def reported(*options):
    words = ["pilot", "report", "pilot.json", "coco:gold.json", "coco:delivery.json"]
    assert main([*words, "--json", "report.json", *options]) == 0


def test_a_plan_is_committed_to(batch, capsys):
    planned("--images", "4")

    document = json.loads((batch / "pilot.json").read_text())
    stated = document.pop("sha256")
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert stated == hashlib.sha256(text.encode()).hexdigest()
    assert f"commit to it: SHA-256 {stated}" in capsys.readouterr().out
    assert document["images"][0]["why"] == "rider"
    assert document["candidates"]["sha256"] == (
        hashlib.sha256(b"".join(b"%03d\n" % k for k in range(8))).hexdigest()
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["images"].pop(),
        lambda d: d["images"][0].update(key="001"),
        lambda d: d.update(seed=6),
        lambda d: d.update(sha256="0" * 64),
    ],
)
def test_a_plan_that_was_changed_is_refused(batch, change):
    planned("--images", "4")
    document = json.loads((batch / "pilot.json").read_text())
    change(document)
    (batch / "pilot.json").write_text(json.dumps(document))

    with pytest.raises(UsageError, match="was changed after it was drawn"):
        read_plan("pilot.json")


def test_a_file_that_is_no_plan_is_refused(batch):
    with pytest.raises(UsageError, match=r"gold\.json is no plan"):
        read_plan("gold.json")


def test_only_images_of_the_plan_count(batch):
    planned("--images", "2")
    drawn = [entry["key"] for entry in json.loads((batch / "pilot.json").read_text())["images"]]

    reported("--floor", "0.3")

    found = json.loads((batch / "report.json").read_text())
    classes = {entry["class"]: entry for entry in found["classes"]}
    assert drawn[0] == "007"  # the only one with a rider
    assert classes["rider"]["iou"] == 0.8  # four of five rows
    assert classes["person"]["images"] == 1
    assert found["gold_beside_the_plan"] == 6
    assert classes["rider"]["images_needed"] is None
    assert classes["rider"]["images_least"] == 4  # n(1 - .3) - .3 reaches t(.95, n) at n = 4: 2.5 > 2.13


def test_images_that_one_side_lacks_are_named(batch, capsys):
    planned("--images", "8")
    for side, lacking in (("gold", "000"), ("delivery", "001")):
        document = json.loads((batch / f"{side}.json").read_text())
        [number] = [i["id"] for i in document["images"] if i["file_name"] == f"{lacking}.png"]
        document["images"] = [i for i in document["images"] if i["id"] != number]
        document["annotations"] = [a for a in document["annotations"] if a["image_id"] != number]
        (batch / f"{side}.json").write_text(json.dumps(document))
    delivery = json.loads((batch / "delivery.json").read_text())
    delivery["images"] = [i for i in delivery["images"] if i["file_name"] != "000.png"]
    delivery["annotations"] = [a for a in delivery["annotations"] if a["image_id"] != 1]
    (batch / "delivery.json").write_text(json.dumps(delivery))

    reported()

    found = json.loads((batch / "report.json").read_text())
    assert (found["not_in_gold"], found["not_delivered"]) == (["000"], ["001"])
    assert "1 images of the plan not delivered, counted as wrong: 001" in capsys.readouterr().out


def test_the_random_part_is_told_apart(batch, capsys):
    planned("--images", "5")

    reported()

    found = json.loads((batch / "report.json").read_text())
    assert found["plan"]["at_random"] == 3  # one for rider, one for car and person
    assert "of the 3 that were drawn at random: mean IoU" in capsys.readouterr().out


def test_a_folder_of_images_is_drawn_from_at_random(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for k in range(30):
        (tmp_path / "photos" / f"{k}.jpg").write_bytes(b"")

    assert main(["pilot", "plan", "images:photos", "--seed", "1"]) == 0

    assert len(read_plan("pilot.json").keys) == 25
    assert "25 of 30 images drawn: 0 for a class, 25 at random" in capsys.readouterr().out


def test_the_page_tells_what_the_table_tells(batch):
    planned("--images", "4")

    reported("--html", "pilot.html")

    page = (batch / "pilot.html").read_text()
    assert "rider" in page
    assert "no random sample" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["plan", "coco:gold.json", "--images", "2", "--at-random", "3"], "is more than --images 2"),
        (["plan", "images:nowhere"], "there is no such folder"),
        (["report", "none.json", "coco:gold.json", "coco:delivery.json"], "the plan cannot be used"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(batch, capsys, words, problem):
    assert main(["pilot", *words]) == 4

    assert problem in capsys.readouterr().err


def test_a_pilot_of_coco(shared_data, tmp_path, capsys):
    data = shared_data("coco_val2014_100")
    gold = f"coco:{data / 'instances_val2014_100.json'}"
    delivery = f"coco:{data / 'instances_val2014_fakesegm100_results.json'}"
    plan = str(tmp_path / "pilot.json")

    assert main(["pilot", "plan", gold, "--images", "40", "--seed", "7", "--out", plan]) == 0
    assert main(["pilot", "report", plan, gold, delivery, "--json", str(tmp_path / "r.json")]) == 0

    document = json.loads((tmp_path / "pilot.json").read_text())
    found = json.loads((tmp_path / "r.json").read_text())
    assert document["uncovered"] == []  # 70 classes in 40 images
    rarest = [entry["candidates"] for entry in document["classes"]]
    assert rarest == sorted(rarest)
    assert (found["not_in_gold"], found["not_delivered"]) == ([], [])
    assert found["gold_beside_the_plan"] == 60
