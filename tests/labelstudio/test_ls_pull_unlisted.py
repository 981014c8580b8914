"""A pull of a project of many tasks, which is not listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulls import MANY, ids_in, listed_tasks

from segcore.errors import ConnectionFailedError, RefusedFileError
from segcore_labelstudio.listing import LAST_CHANGES, Selection


def test_many_tasks_with_consecutive_ids_are_not_listed(serve, pull_from):
    server = serve(tasks=MANY)

    pulled = pull_from(server)

    assert ids_in(pulled) == list(range(1, MANY + 1))
    assert listed_tasks(server) == [LAST_CHANGES, 1, 1, LAST_CHANGES]


@pytest.mark.parametrize("missing", [1, 300, MANY])
def test_many_tasks_are_pulled_without_a_list_whichever_id_is_missing(missing, serve, pull_from):
    server = serve(tasks=MANY)
    del server.rows[missing]

    pulled = pull_from(server)

    assert ids_in(pulled) == [i for i in range(1, MANY + 1) if i != missing]
    assert max(listed_tasks(server)) == LAST_CHANGES


def spread(server, *, tasks=MANY, every):
    """Leave ``tasks`` tasks, every so many numbers one."""
    server.rows = {i: server.row(i) for i in range(1, tasks * every + 1, every)}


def test_the_numbers_between_the_tasks_are_asked_for_as_well(serve, pull_from):
    server = serve()
    spread(server, every=3)

    pulled = pull_from(server)

    assert ids_in(pulled) == sorted(server.rows)
    asked = [asked.ids for asked in server.exports()]
    assert asked[0] == list(range(1, 51))
    assert [i for ids in asked for i in ids] == list(range(1, 3 * MANY - 1))
    assert (pulled.tasks, max(listed_tasks(server))) == (MANY, LAST_CHANGES)


def test_a_stretch_without_a_task_is_an_empty_chunk(serve, pull_from):
    server = serve(tasks=MANY)
    for number in range(101, 151):
        del server.rows[number]

    pulled = pull_from(server)

    assert Path(pulled.chunks[2]).read_bytes() == b"[]"
    assert ids_in(pulled) == sorted(server.rows)


def test_tasks_that_are_far_apart_are_listed(serve, pull_from):
    server = serve()
    spread(server, every=5)

    pulled = pull_from(server)

    assert ids_in(pulled) == sorted(server.rows)
    assert [len(asked.ids) for asked in server.exports()] == [50] * 10 + [20]
    assert max(listed_tasks(server)) == 100


def test_gaps_do_not_change_what_a_small_project_is_cut_into(serve, pull_from, tmp_path):
    # It may grow to one that is not listed, and its chunks are the same then.
    server = serve(tasks=120)
    for number in (2, 60, 61):
        del server.rows[number]

    pulled = pull_from(server)

    assert [len(asked.ids) for asked in server.exports()] == [49, 48, 20]
    assert ids_in(pulled) == sorted(server.rows)


WITH_GAPS = {
    "export misses one": ("780 tasks", "764 in all; run again"),
    "export misses one of all": ("780 tasks", "779 in all; run again"),
    "export empty": ("780 tasks", "0 in all; run again"),
    "export repeats one": ("every task once", "task 1 twice in tasks-00001.json"),
    "export of everything": ("the 50 tasks asked for", "task 51 as well"),
    "export of another project": ("tasks of project 7", "task 2 of another in tasks-00001.json"),
    "export that does not say the project": (
        "tasks of project 7",
        "task 2 of another in tasks-00001.json",
    ),
    "export not json": (
        "the JSON of 50 tasks in tasks-00001.json",
        "the file ends early: the array of tasks is not closed",
    ),
    "export of an annotation too many": (
        "no change during the pull; run again when nobody works on it",
        "tasks or annotations that changed meanwhile",
    ),
    "configuration changes": (
        "no change during the pull; run again when nobody works on it",
        "tasks or annotations that changed meanwhile",
    ),
    "list and project disagree": ("780 tasks, as the project says", "a list of 779; run again"),
    "first and last disagree": ("one of 780 tasks", "1 of 779; run again"),
    "first and last too near": ("780 tasks", "ids from 1 to 3"),
}


@pytest.mark.parametrize("fault", WITH_GAPS)
def test_an_incomplete_pull_is_found_although_nobody_knows_the_ids(fault, serve, pull_from, tmp_path):
    server = serve(fault, tasks=800)
    for number in range(2, 800, 40):
        del server.rows[number]

    with pytest.raises(RefusedFileError) as caught:
        pull_from(server)

    assert (caught.value.expected, caught.value.got) == WITH_GAPS[fault]
    assert not (tmp_path / "pulled" / "pull.json").exists()


def test_a_tab_is_listed_before_and_after_however_many_tasks_it_has(serve, pull_from):
    server = serve(tasks=MANY)

    pull_from(server, selection=Selection.parse("7", {"view": "5"}))

    assert listed_tasks(server) == [100] * 6 + [80] * 7


@pytest.mark.parametrize("tasks", [120, MANY])
@pytest.mark.parametrize("change", ["changed", "deleted", "new", "deleted and new"])
def test_a_project_that_moves_during_a_pull_is_an_error(change, tasks, serve, pull_from, tmp_path):
    server = serve(tasks=tasks)

    def move(done, total):
        if done != 50:
            return
        if change == "changed":
            server.rows[7] = server.row(7, updated="2026-03-03T00:00:00Z")
        if "deleted" in change:
            server.rows.pop(7)
        if "new" in change:
            server.rows[tasks + 1] = server.row(tasks + 1, updated="2026-03-03T00:00:00Z")

    with pytest.raises(RefusedFileError) as caught:
        pull_from(server, progress=move)

    assert caught.value.code == "ls.incomplete_pull"
    assert caught.value.got == "tasks or annotations that changed meanwhile"
    assert not (tmp_path / "pulled" / "pull.json").exists()


@pytest.mark.parametrize("change", ["nothing", "task", "new task", "deleted task"])
def test_an_interrupted_pull_of_many_tasks_goes_on_if_nothing_changed(change, serve, pull_from):
    server = serve(tasks=MANY)
    server.exports_left = 2
    with pytest.raises(ConnectionFailedError):
        pull_from(server)
    server.exports_left = None
    server.requests.clear()
    if change == "task":
        server.rows[3] = server.row(3, updated="2026-03-03T00:00:00Z")
    elif change == "new task":
        server.rows[MANY + 1] = server.row(MANY + 1)
    elif change == "deleted task":
        del server.rows[MANY]

    pulled = pull_from(server)

    assert server.exports()[0].ids[0] == (1 if change == "task" else 101)
    assert server.exports()[1].ids[0] == (101 if change == "task" else 151)
    assert ids_in(pulled) == sorted(server.rows)
