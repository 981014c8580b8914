"""The images of a pilot, drawn from what a project on a live server holds."""

from __future__ import annotations

import json

import drawing
from drawing import Picture, Project, Sheet

from segcore.cli import main


def test_the_rare_class_of_a_project_is_in_its_pilot(sdk, label_studio, monkeypatch, tmp_path):
    """Car on each of five pictures, a sign on one."""
    project = Project.create(sdk, label_studio, title="to draw a pilot from", authors=["li"])
    for name in ("one", "two", "three", "four", "five"):
        p = Picture(url=f"/data/upload/1/0a1b2c3d-{name}.png", width=160, height=120)
        shapes = [drawing.brush(p, "car", drawing.disk(p, 40, 45, 22, 10))]
        if name == "four":
            shapes.append(drawing.rectangle(p, "sign", 120, 10, 12, 14))
        project.add_task([p], Sheet(author="li", shapes={p.key: shapes}))
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.token)
    out = tmp_path / "pilot.json"
    words = ["pilot", "plan", f"label-studio:{project.id}", "--images", "2", "--seed", "7"]

    assert main([*words, "--out", str(out)]) == 0

    plan = json.loads(out.read_text())
    drawn = {entry["class"]: (entry["candidates"], entry["drawn"]) for entry in plan["classes"]}
    assert drawn["sign"] == (1, 1)
    assert drawn["car"] == (5, 2)
    assert plan["images"][0] == {"key": "four", "why": "sign"}
