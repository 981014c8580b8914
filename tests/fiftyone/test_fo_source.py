"""What a spec names, how its images are called, and what it costs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scenes

import segcore
from segcore.errors import MissingExtraError, SpecError
from segcore.sources.spec import Spec
from segcore_fiftyone import library
from segcore_fiftyone.source import FiftyOneSource, open_source

NAMES = ("sky", "car", "road")
GOLD = scenes.drawn("0011 0011 2211")
FOUND = scenes.drawn("0111 0011 2200")


def opened(text: str) -> FiftyOneSource:
    return open_source(Spec.parse(text))


@pytest.fixture
def numbered(fo, dataset, tmp_path):
    """A function: a dataset of n images whose gold and found are files, or in the database."""

    def make(n, *, name=None, in_database=False, paths=None):
        made = dataset(name)
        fields = {"gold": GOLD, "found": FOUND}
        labels = {}
        for i in range(n):
            masks = {field: np.roll(m, i, axis=1).astype(np.uint8) for field, m in fields.items()}
            labels[f"{i:03}"] = {
                field: fo.Segmentation(mask=m)
                if in_database
                else fo.Segmentation(mask_path=scenes.png(tmp_path / field / f"{i:03}.png", m))
                for field, m in masks.items()
            }
        scenes.add_samples(fo, made, tmp_path, labels, GOLD.shape)
        for sample, path in zip(made, paths or (), strict=False):
            sample.filepath = path
            sample.save()
        made.default_mask_targets = dict(enumerate(NAMES))
        made.save()
        return made

    return make


# ---- specs


def test_a_spec_names_a_dataset_and_a_field(numbered, tmp_path):
    made = numbered(2)

    evaluation = segcore.evaluate(
        opened(f"fiftyone:{made.name}/gold"), opened(f"fiftyone:{made.name}/found")
    )

    assert evaluation.images.paired == ("000", "001")
    assert [info.spec for info in evaluation.inputs] == [
        f"fiftyone:{made.name}/gold", f"fiftyone:{made.name}/found",
    ]  # fmt: skip
    assert evaluation.confusion.trace() == 2 * 9


def test_gold_and_delivery_may_be_two_datasets_or_another_format(numbered, tmp_path):
    gold, found = numbered(2), numbered(2)
    spec = f"fiftyone:{gold.name}/gold"

    from_two = segcore.evaluate(opened(spec), opened(f"fiftyone:{found.name}/found"))
    from_files = segcore.evaluate(opened(spec), f"png:{tmp_path / 'found'}")

    assert from_two.confusion.trace() == from_files.confusion.trace() == 18
    assert from_two.table() == from_files.table()


def test_an_ontology_file_says_what_the_values_are_where_the_dataset_does_not(numbered, tmp_path):
    made = numbered(1)
    made.default_mask_targets = {}
    made.save()
    file = tmp_path / "ontology.yaml"
    file.write_text("classes:\n- {id: 2, name: road}\n- {id: 1, name: car}\n- {id: 0, name: sky}\n")

    evaluation = segcore.evaluate(
        opened(f"fiftyone:{made.name}/gold?ontology={file}"), opened(f"fiftyone:{made.name}/found")
    )

    assert evaluation.ontology.names == ("road", "car", "sky")
    assert evaluation.confusion.tolist() == [[2, 0, 0, 0], [0, 4, 2, 0], [0, 1, 3, 0], [0, 0, 0, 0]]


def test_a_saved_view_is_what_it_shows(fo, numbered):
    made = numbered(5)
    made.save_view("some", made.limit(3).skip(1))

    source = opened(f"fiftyone:{made.name}/gold?view=some")

    assert source.keys() == ("001", "002")
    assert FiftyOneSource.of(made.load_saved_view("some"), "gold").name == source.name


def test_a_view_that_is_not_saved_is_read_as_it_is(numbered):
    made = numbered(5)

    source = FiftyOneSource.of(made.match({"filepath": {"$regex": "00[24]"}}), "gold", key="stem")

    assert source.keys() == ("002", "004")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param("fiftyone:streets", "names no field", id="no field"),
        pytest.param("fiftyone:/gold", "names no field", id="no dataset"),
        pytest.param("fiftyone:streets/gold?veiw=a", "did you mean 'view'", id="an unknown option"),
        pytest.param("fiftyone:strets/gold", "did you mean 'streets'", id="an unknown dataset"),
        pytest.param("fiftyone:streets/golt", "did you mean 'gold'", id="an unknown field"),
        pytest.param("fiftyone:streets/gold?view=wrst", "did you mean 'worst'", id="an unknown view"),
        pytest.param("fiftyone:streets/filepath", "holds StringField", id="a field without labels"),
        pytest.param("fiftyone:streets/guess", "holds Classification", id="labels without masks"),
    ],
)
def test_what_a_spec_gets_wrong_is_said(fo, numbered, spec, said):
    made = numbered(1, name="streets")
    made.save_view("worst", made.limit(1))
    made.add_sample_field("guess", fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)

    with pytest.raises(SpecError, match=said):
        opened(spec).keys()


def test_patches_videos_and_groups_are_refused(fo, dataset, numbered):
    made = numbered(1)
    made.add_samples([])
    boxes = fo.Detections(detections=[fo.Detection(label="car", bounding_box=[0, 0, 1, 1])])
    made.set_values("boxes", [boxes])
    videos = dataset()
    videos.media_type = "video"

    with pytest.raises(SpecError, match="patches"):
        FiftyOneSource.of(made.to_patches("boxes"), "boxes")
    with pytest.raises(SpecError, match="video"):
        FiftyOneSource.of(videos, "gold")


def test_a_view_can_select_one_slice_of_a_grouped_dataset(fo, dataset, tmp_path):
    made = dataset()
    made.add_group_field("group", default="left")
    group = fo.Group()
    made.add_samples(
        [
            fo.Sample(
                filepath=scenes.picture(tmp_path, side, width=4, height=3),
                group=group.element(side),
                gold=fo.Segmentation(mask=np.full((3, 4), value, np.uint8)),
            )
            for value, side in enumerate(("left", "right"))
        ]
    )
    made.default_mask_targets = dict(enumerate(NAMES))

    source = FiftyOneSource.of(made.select_group_slices("right"), "gold", key="stem")

    with pytest.raises(SpecError, match="one slice"):
        FiftyOneSource.of(made, "gold")
    assert source.keys() == ("right",)
    assert source.read("right").content.values.tolist() == [[1] * 4] * 3


# ---- keys


def test_two_samples_with_one_file_name_are_a_fault_and_a_field_tells_them_apart(fo, numbered):
    made = numbered(3, paths=["/north/1.png", "/south/1.jpg", "/north/2.png"])
    made.set_values("town", ["north", "south", "east"])

    by_name = FiftyOneSource.of(made, "gold", key="stem")
    by_town = FiftyOneSource.of(made, "gold", key="town")

    assert by_name.keys() == ("2",)
    (fault,) = by_name.faults
    first, second, _ = made.values("id")
    assert (fault.code, fault.image, fault.image_id) == ("delivery.ambiguous_image", "1", first)
    assert fault.got == f"also sample {second}"
    assert by_name.unplaced == 2
    assert by_town.keys() == ("east", "north", "south")
    assert by_town.sample_ids()["south"] == second


def test_a_key_that_is_missing_or_unsafe_is_a_fault_of_its_sample(numbered):
    made = numbered(5)
    made.add_sample_field("name", type(made.get_field("filepath")))
    made.set_values("name", ["a", None, " ", "b\x1b[2J", "x" * 2000])

    source = FiftyOneSource.of(made, "gold", key="name")

    assert source.keys() == ("a",)
    ids = made.values("id")
    assert [(f.code, f.image_id) for f in source.faults] == [
        ("fo.missing_field", ids[1]), ("fo.missing_field", ids[2]),
        ("path.unsafe", ids[3]), ("path.unsafe", ids[4]),
    ]  # fmt: skip
    assert source.unplaced == 4


def test_whole_numbers_are_keys_too(fo, numbered):
    made = numbered(2)
    made.set_values("frame", [7, 12])

    assert FiftyOneSource.of(made, "gold", key="frame").keys() == ("12", "7")


def test_a_sample_without_the_label_is_an_image_that_was_not_delivered(numbered):
    made = numbered(3)
    second = made.skip(1).first()
    second["found"] = None
    second.save()

    source = opened(f"fiftyone:{made.name}/found")

    assert source.keys() == ("000", "002")
    assert not len(source.faults)


# ---- the database


def test_masks_in_the_database_are_fetched_a_few_at_a_time(numbered, monkeypatch):
    made = numbered(20, in_database=True)
    asked: list[int] = []
    listed: list[set[str]] = []
    documents, rows = library.Samples.documents, library.Samples.rows

    def counting(self, ids, field):
        found = documents(self, ids, field)
        asked.append(len(found))
        return found

    def looking(self, projection):
        for row in rows(self, projection):
            listed.append({type(value).__name__ for value in row.values()})
            yield row

    monkeypatch.setattr(library.Samples, "documents", counting)
    monkeypatch.setattr(library.Samples, "rows", looking)
    source = opened(f"fiftyone:{made.name}/gold")
    keys = source.keys()

    areas = [int((source.read(key).content.values == 2).sum()) for key in keys]

    assert areas == [2] * 20
    assert asked == [8, 8, 4]
    assert len(listed) == 20
    assert not any("bytes" in types for types in listed)


@pytest.mark.parametrize("in_database", [False, True])
def test_a_source_counts_the_same_in_other_processes(numbered, in_database):
    made = numbered(40, in_database=in_database)
    made.save_view("odd", made.match({"filepath": {"$regex": "[13579].png$"}}))
    specs = [f"fiftyone:{made.name}/{field}?view=odd" for field in ("gold", "found")]

    alone = segcore.evaluate(*map(opened, specs))
    shared = segcore.evaluate(*map(opened, specs), jobs=2)

    assert alone.to_json() == shared.to_json()
    assert len(alone.images.paired) == 20


def test_a_view_that_is_not_saved_reaches_other_processes_too(fo, numbered):
    made = numbered(6, in_database=True)
    view = made.match({"filepath": {"$regex": "[135].png$"}}).sort_by("filepath", reverse=True).limit(2)
    source = FiftyOneSource.of(view, "gold", key="stem")

    again = pickle.loads(pickle.dumps(source))

    assert again.keys() == ("003", "005")
    assert again.read("003").content.values.tolist() == np.roll(GOLD, 3, axis=1).tolist()


def test_a_worker_needs_no_database_for_masks_on_disk(numbered):
    made = numbered(2)
    source = FiftyOneSource.of(made, "gold", key="stem")
    state = pickle.dumps(source)
    script = (
        "import pickle, sys\n"
        "source = pickle.loads(sys.stdin.buffer.read())\n"
        "values = [source.read(key).content.values.tolist() for key in source.keys()]\n"
        "print(values, 'fiftyone' in sys.modules)"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], input=state, capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip

    expected = [np.roll(GOLD, i, axis=1).tolist() for i in range(2)]
    assert result.stdout.decode().strip() == f"{expected} False"


def test_what_a_job_carries_does_not_grow_with_the_dataset(numbered):
    made = [numbered(n) for n in (1, 30)]

    sizes = [len(pickle.dumps(FiftyOneSource.of(each, "gold"))) for each in made]
    views = [each.select(each.values("id")) for each in made]
    of_views = [len(pickle.dumps(FiftyOneSource.of(view, "gold"))) for view in views]

    assert sizes[1] - sizes[0] < 100
    assert of_views[1] - of_views[0] < 100


def test_the_list_of_samples_is_gone_with_its_source(numbered):
    source = FiftyOneSource.of(numbered(1), "gold")
    pickle.dumps(source)
    path = Path(source._field._spilled.path)
    assert path.exists()

    del source

    assert not path.exists()


def test_a_database_that_is_not_there_is_said_in_one_line(tmp_path):
    script = (
        "from segcore.errors import ConnectionFailedError\n"
        "from segcore_fiftyone.source import open_source\n"
        "from segcore.sources.spec import Spec\n"
        "try: open_source(Spec.parse('fiftyone:a/b')).keys()\n"
        "except ConnectionFailedError as error: print(error)"
    )
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "FIFTYONE_DATABASE_URI": "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200",
        "FIFTYONE_DO_NOT_TRACK": "true",
    }

    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 1
    assert "FIFTYONE_DATABASE_URI" in result.stdout


def test_naming_a_source_does_not_import_fiftyone():
    script = (
        "import sys\n"
        "from segcore_fiftyone.source import open_source\n"
        "from segcore.sources.spec import Spec\n"
        "open_source(Spec.parse('fiftyone:a/b'))\n"
        "print(sorted({'fiftyone', 'pymongo', 'bson', 'cv2'} & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip

    assert result.stdout.strip() == "[]"


def test_without_fiftyone_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fiftyone", None)

    with pytest.raises(MissingExtraError, match=r"segcore\[fiftyone\]"):
        opened("fiftyone:a/b").keys()


# ---- what is said of a sample


def test_tags_fields_classes_of_the_image_and_annotators_are_attributes(numbered, fo):
    made = numbered(2)
    one, two = made
    one.tags = ["night", "rain"]
    one["weather"] = fo.Classification(label="fog")
    one["batch"] = 3
    one["annotator"] = "bob"
    one.save()
    two["gold"]["annotator"] = "alice"
    two.save()

    source = opened(f"fiftyone:{made.name}/gold")

    assert source.attributes("000") == {
        "annotator": ("bob",),
        "batch": ("3",),
        "tag": ("night", "rain"),
        "weather": ("fog",),
    }
    assert source.attributes("001") == {"annotator": ("alice",)}
    assert source.annotators("001") == ("alice",)
    assert pickle.loads(pickle.dumps(source)).annotators("001") == ("alice",)


# ---- fingerprints


def test_masks_in_files_tell_their_kind_and_the_targets_their_ids(numbered):
    numbered(2, name="streets")

    found = opened("fiftyone:streets/gold").fingerprint().to_json()

    assert found == {
        "format": ["fiftyone"],
        "file_suffix": [".png"],
        "encoding": ["gray"],
        "bit_depth": [8],
        "channels": [1],
        "palette": [[]],
        "image_sizes": [[4, 3]],
        "categories": [{"id": i, "name": name} for i, name in enumerate(NAMES)],
    }


def test_masks_in_the_database_tell_that_and_no_depth(numbered):
    numbered(1, name="streets", in_database=True)

    found = opened("fiftyone:streets/gold").fingerprint().to_json()

    assert found["encoding"] == ["Segmentation in the database"]
    assert "bit_depth" not in found


def test_labels_in_use_are_no_list_of_classes_and_declared_classes_are(fo, dataset, tmp_path):
    made = dataset("objects")
    box = fo.Detection(label="car", bounding_box=[0, 0, 0.5, 0.5], mask=np.ones((1, 1), bool))
    scenes.add_samples(fo, made, tmp_path, {"a": {"found": fo.Detections(detections=[box])}}, (4, 4))

    in_use = opened("fiftyone:objects/found").fingerprint().to_json()
    made.classes["found"] = ["road", "car"]
    made.save()
    declared = opened("fiftyone:objects/found").fingerprint().to_json()

    assert (in_use["labels"], "categories" in in_use) == (["car"], False)
    assert declared["categories"] == [{"name": "road"}, {"name": "car"}]
    assert declared["encoding"] == ["Detections in the database"]
