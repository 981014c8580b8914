"""An export with garbage anywhere gives faults and never an exception."""

from __future__ import annotations

import copy
import json
import random

import pytest
from exports import OWN

from segcore.batch import check
from segcore.faults import Severity

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
