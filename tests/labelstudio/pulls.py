"""What a pull leaves in its folder, and when it was made."""

from __future__ import annotations

import json
from pathlib import Path

from segcore_labelstudio.listing import Selection
from segcore_labelstudio.survey import LISTED_TASKS

WHOLE = Selection(project=7)


def ids_in(pulled):
    return [task["id"] for chunk in pulled.chunks for task in json.loads(Path(chunk).read_bytes())]


def contents(folder, *, without=("lock",)):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in without}


MANY = LISTED_TASKS + 20


def listed_tasks(server):
    """How many tasks the server was asked to list, page by page."""
    return [int(a.query["page_size"][0]) for a in server.requests if a.path == "/api/tasks/"]
