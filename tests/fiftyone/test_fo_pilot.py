"""The images of a pilot, drawn from a dataset."""

from __future__ import annotations

import json

import numpy as np

from segcore.cli import main


def test_the_rare_class_of_a_dataset_is_in_its_pilot(streets, on_disk, tmp_path):
    """Sky in every image, car in two, road in one."""
    maps = {name: np.ones((4, 6), np.uint8) for name in "abcdefgh"}
    maps["c"][2:] = 2
    maps["f"][2:] = 2
    maps["g"][2:] = 3
    made = streets(
        {name: {"model": on_disk(pixels)} for name, pixels in maps.items()},
        size=(4, 6),
        targets={1: "sky", 2: "car", 3: "road"},
    )
    out = tmp_path / "pilot.json"
    words = ["pilot", "plan", f"fiftyone:{made.name}/model", "--images", "3", "--seed", "7"]

    assert main([*words, "--out", str(out)]) == 0

    plan = json.loads(out.read_text())
    drawn = {entry["class"]: (entry["candidates"], entry["drawn"]) for entry in plan["classes"]}
    assert drawn["road"] == (1, 1)
    assert drawn["car"][0] == 2
    assert drawn["car"][1] >= 1
    assert drawn["sky"] == (8, 3)
    assert plan["images"][0] == {"key": "g", "why": "road"}
