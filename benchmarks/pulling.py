"""(f) A pull from a real Label Studio against a plain export of everything, each in a new process."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.brush import SIDE, pack, stroke
from benchmarks.growth import peak_mib

ROUNDS = 3
IMPORT_TASKS = 100
CLASSES = "abc"
PLAIN, PULL, AGAIN = "plain export", "segcore", "segcore, after one annotation changed"
PROJECTS = {
    "task numbers without a gap": (0, (PLAIN, PULL, AGAIN)),
    "as many tasks of another project between": (1, (PLAIN, PULL)),
}
"""How many other tasks there are for each task, and what is measured."""

CONFIG = (
    '<View><Image name="image" value="$image"/><BrushLabels name="brush" toName="image">'
    + "".join(f'<Label value="{name}"/>' for name in CLASSES)
    + "</BrushLabels></View>"
)


def run(options: argparse.Namespace) -> None:
    tasks = 100 if options.quick else 1000
    print(f"\n### A pull of {tasks} tasks with {len(CLASSES)} brush regions from Label Studio\n")
    try:
        live_server = _live_server()
    except ImportError as error:
        print(f"(not measured: {error})")
        return
    if not live_server.installed():
        print(f"(not measured: no Label Studio in {live_server.ENVIRONMENT}; `make test` installs it)")
        return
    with tempfile.TemporaryDirectory() as folder:
        server = live_server.start(Path(folder) / "server")
        try:
            for title, (others, ways) in PROJECTS.items():
                project = fill(server, tasks, others=others)
                print(f"#### {title}\n")
                race(server, project, tasks, ways, rounds=max(ROUNDS, options.rounds))
        finally:
            server.stop()


def _live_server() -> ModuleType:
    for needed in ("httpx", "label_studio_sdk"):
        importlib.import_module(needed)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "labelstudio"))
    try:
        import live_server
    finally:
        del sys.path[0]
    found: ModuleType = live_server
    return found


def fill(server: Any, tasks: int, *, others: int) -> int:
    """A project with so many annotated tasks, and ``others`` tasks of another project for each."""
    request = server.request
    settings = {"title": "pull", "label_config": CONFIG}
    project, other = (int(request("POST", "api/projects/", settings)["id"]) for _ in range(2))
    masks = [pack(stroke(seed)) for seed in range(8)]
    for start in range(0, tasks, IMPORT_TASKS):
        body = [task(number, masks) for number in range(start, min(start + IMPORT_TASKS, tasks))]
        request("POST", f"api/projects/{project}/import", body)
        if others:
            empty = [{"data": found["data"]} for found in body]
            request("POST", f"api/projects/{other}/import", empty * others)
    return project


def task(number: int, masks: list[list[int]]) -> dict[str, object]:
    kind = {"from_name": "brush", "to_name": "image", "type": "brushlabels"}
    size = {"original_width": SIDE, "original_height": SIDE, "image_rotation": 0}
    drawn = [
        {"id": f"{number}-{name}", **kind, **size,
         "value": {"format": "rle", "rle": masks[(number + i) % len(masks)], "brushlabels": [name]}}
        for i, name in enumerate(CLASSES)
    ]  # fmt: skip
    image = f"/data/local-files/?d=files/{number:05d}.png"
    return {"data": {"image": image}, "annotations": [{"result": drawn}]}


def race(server: Any, project: int, tasks: int, ways: Sequence[str], *, rounds: int) -> None:
    laps: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for i in range(rounds + 1):
        for way in ways if i % 2 else ways[::-1]:
            lap = measure_in_new_process(server, project, way)
            if lap["tasks"] != tasks:
                sys.exit(f"{way} brought {lap['tasks']} tasks, expected {tasks}")
            if i:  # the first round warms the server's caches
                laps[way].append(lap)
    print(f"Median of {rounds} interleaved rounds; `{PLAIN}` = 1; every process has the SDK loaded.\n")
    print("| way | wall / base | peak / base | wall s | peak memory MiB |")
    print("|---|---:|---:|---:|---:|")
    for way in ways:
        pairs = list(zip(laps[way], laps[PLAIN], strict=True))
        wall, peak = (
            statistics.median(own[what] / base[what] for own, base in pairs)
            for what in ("wall_s", "peak_mib")
        )
        wall_s, peak_mib = (
            statistics.median(lap[what] for lap in laps[way]) for what in ("wall_s", "peak_mib")
        )
        print(f"| {way} | {wall:.2f} | {peak:.2f} | {wall_s:.2f} | {peak_mib:.0f} |")
    print(flush=True)


def measure_in_new_process(server: Any, project: int, way: str) -> dict[str, float]:
    where = {
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": server.token,
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.pulling", way, str(project)]
    result = subprocess.run(command, env=os.environ | where, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{way}: {result.stderr}")
    return dict(json.loads(result.stdout))


def measure(way: str, project: int) -> dict[str, float]:
    import httpx

    from segcore_labelstudio.connection import Connection
    from segcore_labelstudio.listing import Selection
    from segcore_labelstudio.pull import pull

    with tempfile.TemporaryDirectory() as folder:
        selection, cache = Selection(project=project), Path(folder) / "pull"
        if way == AGAIN:
            with Connection.open() as connection:
                pull(connection, selection, cache)
            change_one(project)
        started = time.perf_counter()
        if way != PLAIN:
            with Connection.open() as connection:
                files = pull(connection, selection, cache).chunks
        else:
            files = (f"{folder}/export.json",)
            with (
                httpx.stream(
                    "GET",
                    f"{os.environ['LABEL_STUDIO_URL']}api/projects/{project}/export",
                    params={"exportType": "JSON", "download_all_tasks": "true"},
                    headers={"Authorization": f"Token {os.environ['LABEL_STUDIO_API_KEY']}"},
                    timeout=600,
                ) as answer,
                Path(files[0]).open("wb") as file,
            ):
                answer.raise_for_status()
                for piece in answer.iter_bytes():
                    file.write(piece)
        found = {"wall_s": time.perf_counter() - started, "peak_mib": peak_mib()}
        ids = {task["id"] for file in files for task in json.loads(Path(file).read_bytes())}
        return {**found, "tasks": len(ids)}


def change_one(project: int) -> None:
    """Save one annotation again."""
    from segcore_labelstudio.connection import Connection

    query = {"project": project, "page": 1, "page_size": 1, "fields": "all", "include": "id,annotations"}
    with Connection.open() as connection:
        page: Any = connection.get_json("api/tasks/", query)
        annotation = page["tasks"][0]["annotations"][0]["id"]
        connection.write("PATCH", f"api/annotations/{annotation}/", {"lead_time": time.time()})


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
