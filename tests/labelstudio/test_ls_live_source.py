"""``label-studio:PROJECT`` as a source: pulled once, read like an export, without a secret anywhere."""

from __future__ import annotations

import gc
import json
import pickle
import stat
import tempfile

import fake_server
import pytest
from exports import left
from fake_server import KEY

import segcore
from segcore.errors import ConnectionFailedError, SpecError
from segcore.sources.spec import Spec
from segcore_labelstudio.export import open_source as open_export
from segcore_labelstudio.live import open_source


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A healthy server of 60 tasks: task 1 has a rectangle, task 2 nothing, task 3 no annotation."""
    fake = fake_server.FakeLabelStudio(tasks=60)
    fake.config = fake.config.replace("BrushLabels", "RectangleLabels")
    fake.rows[1]["annotations"][0]["result"] = [left(50)]
    fake.rows[3]["annotations"] = []
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("LABEL_STUDIO_URL", fake.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", KEY)
    monkeypatch.delenv("SEGCORE_LABEL_STUDIO_CACHE", raising=False)
    yield fake
    fake.close()


def opened(text="label-studio:7"):
    return open_source(Spec.parse(text))


def codes(source):
    return [fault.code for fault in source.faults]


def test_opening_a_live_source_asks_nothing_of_the_server(server):
    source = opened()

    assert source.name == "label-studio:7"
    assert server.requests == []


def test_a_live_source_has_the_images_and_the_classes_of_the_project(server):
    source = opened()

    assert len(source.keys()) == 59
    assert source.keys()[:3] == ("0001", "0002", "0004")
    assert source.ontology.names == ("car",)
    image = source.read("0001")
    assert (image.height, image.width) == (2, 4)
    assert image.file == f"{server.url}/projects/7/tasks-00001.json"


def test_a_live_source_reads_what_an_export_file_of_the_same_tasks_says(server, tmp_path):
    export = tmp_path / "export.json"
    export.write_text(json.dumps(list(server.rows.values())))
    (tmp_path / "labeling.xml").write_text(server.config)
    offline = open_export(Spec.parse(f"label-studio-export:{export}?config={tmp_path / 'labeling.xml'}"))

    live = opened()

    assert live.keys() == offline.keys()
    assert live.ontology == offline.ontology
    assert dict(live.conventions) == dict(offline.conventions)
    assert dict(live.left_out) == dict(offline.left_out)
    assert codes(live) == codes(offline) == ["ls.no_annotation"]
    for key in offline.keys():  # noqa: SIM118  (a source is no mapping)
        ours, theirs = live.read(key), offline.read(key)
        assert (ours.digest, ours.read, ours.rejected) == (theirs.digest, theirs.read, theirs.rejected)
        assert pickle.dumps(ours.content) == pickle.dumps(theirs.content)


def test_the_server_of_the_spec_goes_before_the_one_of_the_environment(server, monkeypatch):
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:1")

    source = opened(f"label-studio:7?url={server.url}/")

    assert len(source.keys()) == 59


def test_the_options_of_an_export_hold_for_a_live_source(server):
    source = opened("label-studio:7?annotations=ground-truth&threshold=200&key=image")

    assert source.conventions["annotations"].startswith("the ground truth of a task")
    assert source.keys() == ()


def test_a_worker_reads_the_pulled_files_and_asks_nothing(server, monkeypatch):
    source = opened()
    work = pickle.dumps(source)
    asked = len(server.requests)
    monkeypatch.delenv("LABEL_STUDIO_API_KEY")

    worker = pickle.loads(work)

    assert worker.keys() == source.keys()
    assert worker.read("0001").digest == source.read("0001").digest
    assert len(server.requests) == asked
    assert KEY.encode() not in work
    assert fake_server.COOKIE.encode() not in work


def test_a_temporary_pull_is_private_and_gone_with_its_source(server, tmp_path):
    source = opened()
    source.keys()
    worker = pickle.loads(pickle.dumps(source))
    (folder,) = (tmp_path / "temporary").iterdir()
    mode = stat.S_IMODE(folder.stat().st_mode)
    del worker
    gc.collect()
    assert folder.exists()

    del source
    gc.collect()

    assert mode == 0o700
    assert not folder.exists()


def test_a_delivery_is_measured_against_the_gold_of_the_same_project(server):
    whole = left(50)["value"] | {"width": 100}
    gold = {
        "id": 9,
        "ground_truth": True,
        "was_cancelled": False,
        "result": [left(50) | {"value": whole}],
    }
    server.rows = {1: server.rows[1]}
    server.rows[1]["annotations"].append(gold)

    evaluation = segcore.evaluate(opened("label-studio:7?annotations=ground-truth"), opened())

    assert evaluation.mean_iou == 0.5  # 4 of 8 pixels
    assert len(server.exports()) == 1


def test_gold_and_delivery_of_one_project_are_pulled_once(server):
    gold = opened("label-studio:7?annotations=ground-truth")
    delivery = opened()

    gold.keys()
    delivery.keys()

    assert [len(asked.ids) for asked in server.exports()] == [60]
    del gold
    gc.collect()
    assert delivery.read("0001").height == 2


def test_whoever_asks_for_progress_sees_the_pull_before_the_images(server):
    gold = left(50) | {"value": left(50)["value"]}
    star = {"id": 9, "ground_truth": True, "was_cancelled": False, "result": [gold]}
    server.rows[1]["annotations"].append(star)
    seen = []

    segcore.evaluate(
        opened("label-studio:7?annotations=ground-truth"),
        opened(),
        progress=lambda done, total: seen.append((done, total)),
    )

    assert seen == [(60, 60), (60, 60), (1, 1)]  # one pull, which the delivery uses again


def test_a_check_shows_the_progress_of_the_pull(server):
    seen = []

    segcore.check(opened(), progress=lambda done, total: seen.append((done, total)))

    assert seen == [(60, 60), *((i, 59) for i in range(1, 60))]


def test_a_source_opened_after_a_change_sees_it_and_the_older_one_says_so(server):
    older = opened()
    older.keys()
    server.rows[1] = server.row(1, updated="2026-03-03T00:00:00Z")

    newer = opened()

    assert newer.read("0001").read == 0
    with pytest.raises(SpecError, match="changed while it was read"):
        older.read("0001")


def test_a_cached_pull_stays_and_is_used_again(server, tmp_path):
    cache = tmp_path / "cache"

    first = opened(f"label-studio:7?cache={cache}").keys()
    asked = len(server.exports())
    second = opened(f"label-studio:7?cache={cache}").keys()

    assert first == second
    assert len(server.exports()) == asked == 1
    (folder,) = cache.iterdir()
    assert folder.name.startswith("project-7-")
    assert (folder / "pull.json").exists()


def test_selections_of_one_project_do_not_share_a_cached_pull(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGCORE_LABEL_STUDIO_CACHE", str(tmp_path / "cache"))

    opened().keys()
    opened("label-studio:7?view=5").keys()
    opened("label-studio:7?filter=data.batch=b1").keys()

    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_an_incomplete_pull_is_a_fault_and_no_image(server):
    server.fault = "export misses one"

    source = opened()

    assert source.keys() == ()
    (fault,) = source.faults
    assert (fault.code, fault.file) == ("ls.incomplete_pull", f"{server.url}/projects/7")
    assert (fault.expected, fault.got) == ("60 tasks", "59 in tasks-00001.json, without task 60")
    assert codes(pickle.loads(pickle.dumps(source))) == ["ls.incomplete_pull"]


def test_an_unreachable_server_is_no_fault_of_the_annotations(server):
    server.close()

    with pytest.raises(ConnectionFailedError, match="cannot connect"):
        opened().keys()


def test_a_task_that_is_no_valid_json_is_a_fault_of_that_task_alone(server):
    server.rows[2]["data"]["score"] = float("nan")

    source = opened()

    assert len(source.keys()) == 58
    assert codes(source) == ["json.number", "ls.no_annotation"]
    assert next(iter(source.faults)).image_id == 2


@pytest.mark.parametrize(
    "option",
    [
        f"api_key={KEY}",
        f"token={KEY}",
        f"api-token={KEY}",
        f"password={KEY}",
        f"url=http://me:{KEY}@127.0.0.1/",
        f"url=http://127.0.0.1/?token%3D{KEY}",
        "key=0123456789abcdef0123456789abcdef01234567",
        "annotator=eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.canary0123456789",
    ],
)
def test_a_secret_in_a_spec_is_refused_without_being_shown(option):
    with pytest.raises(SpecError, match="LABEL_STUDIO_API_KEY") as caught:
        opened(f"label-studio:7?{option}")

    for secret in (KEY, "0123456789abcdef", "eyJ"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label-studio:seven", "the project of a label-studio source is its number"),
        ("label-studio:7?vew=3", "unknown option 'vew', did you mean 'view'"),
        ("label-studio:7?view=3&filter=data.a=b", "not both"),
        ("label-studio:7?threshold=0", "threshold is an alpha"),
    ],
)
def test_a_spec_that_cannot_be_understood_is_refused_when_it_is_opened(text, said):
    with pytest.raises(SpecError, match=said):
        opened(text)


def test_a_token_in_the_place_of_the_project_is_not_shown():
    with pytest.raises(SpecError, match="names a project by its number") as caught:
        opened("label-studio:0123456789abcdef0123456789abcdef01234567")

    assert "0123456789abcdef" not in str(caught.value)
