"""``segcore push fiftyone`` and ``push: fiftyone:`` of a policy, on a real dataset."""

from __future__ import annotations

import sys
from pathlib import PurePath

import numpy as np
import pytest
import scenes
from snapshots import snapshot

from segcore.errors import SpecError, UsageError
from segcore_fiftyone.cli.push import push
from segcore_fiftyone.injection import load_scores
from segcore_fiftyone.policy_push import configure
from segcore_gates.errors import PushOptionsError

GOLD = {"a": "0011 0011", "b": "0000 0011", "c": "1111 0000"}
FOUND = {"a": "0011 0011", "b": "0000 0001", "c": "1111 1000"}
ONTOLOGY = "classes: [{id: 0, name: sky}, {id: 1, name: car}]\n"
POLICY = """\
version: 1
gold: png:gold
delivery: png:found
ontology: ontology.yaml
defaults: {support: {images: 1}}
gates: {class-iou: {metric: iou, min: {sky: 0.5, car: 0.9}}}
push: {fiftyone: {dataset: streets, key: gate}}
"""


@pytest.fixture
def streets(fo, dataset, tmp_path, monkeypatch):
    """Three samples; the folder holds masks of them, an ontology and a policy."""
    made = dataset("streets")
    for side, masks in (("gold", GOLD), ("found", FOUND)):
        for key, mask in masks.items():
            scenes.png(tmp_path / side / f"{key}.png", scenes.drawn(mask).astype(np.uint8))
    labels = {
        key: {
            "truth": fo.Segmentation(mask_path=str(tmp_path / "gold" / f"{key}.png")),
            "guess": fo.Segmentation(mask=scenes.drawn(FOUND[key]).astype(np.uint8)),
            "number": f"n{key}",
        }
        for key in GOLD
    }
    scenes.add_samples(fo, made, tmp_path, labels, (2, 4))
    made.default_mask_targets = {0: "sky", 1: "car"}
    made.save()
    (tmp_path / "ontology.yaml").write_text(ONTOLOGY)
    (tmp_path / "batch.gate.yaml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    return made


def values(dataset, path):
    dataset.reload()
    return [value and round(value, 4) for value in dataset.values(path)]


def tagged(dataset, key="segcore"):
    dataset.reload()
    return [PurePath(p).stem for p in dataset.match_tags(f"segcore:{key}:fail").values("filepath")]


@pytest.mark.parametrize(
    "sides",
    [
        pytest.param({"gold": "png:gold", "delivery": "png:found"}, id="files"),
        pytest.param(
            {"gold": "fiftyone:streets/truth", "delivery": "fiftyone:streets/guess"}, id="fields"
        ),
        pytest.param({"gold": "fiftyone:streets/truth", "delivery": "png:found"}, id="mixed"),
        pytest.param(
            {"gold": "fiftyone:streets/truth?key=id", "delivery": "fiftyone:streets/guess?key=id"},
            id="fields by sample",
        ),
        pytest.param(
            {
                "gold": "fiftyone:streets/truth?key=number",
                "delivery": "fiftyone:streets/guess?key=number",
            },
            id="fields by a field",
        ),
    ],
)
def test_whatever_the_formats_are_the_samples_get_the_same(streets, capsys, sides):
    code = push(dataset="streets", ontology="ontology.yaml", below=0.8, **sides)

    assert code == 0
    assert values(streets, "segcore_iou.car") == [1.0, 0.5, 0.8]
    assert values(streets, "segcore_iou.sky") == [1.0, round(6 / 7, 4), 0.75]
    assert tagged(streets) == ["b", "c"]
    said = capsys.readouterr().out
    assert said.startswith("dataset streets: 2 of 3 samples fail; ")
    assert "on 3 samples" in said


def test_without_a_limit_no_sample_fails(streets, capsys):
    push(dataset="streets", gold="png:gold", delivery="png:found", ontology="ontology.yaml")

    assert capsys.readouterr().out.startswith("dataset streets: 0 of 3 samples fail; ")
    assert tagged(streets) == []


def test_a_second_push_says_that_there_is_nothing_to_write(streets, capsys):
    options = {"dataset": "streets", "gold": "png:gold", "delivery": "png:found", "below": 0.8}
    push(ontology="ontology.yaml", **options)
    before = snapshot(streets)
    capsys.readouterr()

    push(ontology="ontology.yaml", **options)

    assert capsys.readouterr().out == "dataset streets: 2 of 3 samples fail; nothing to write\n"
    assert snapshot(streets) == before


def test_a_dry_run_lists_what_would_be_written_and_writes_nothing(streets, capsys):
    before = snapshot(streets)

    push(
        dataset="streets", gold="png:gold", delivery="png:found", ontology="ontology.yaml",
        below=0.8, key="k", dry_run=True,
    )  # fmt: skip

    said = capsys.readouterr().out.splitlines()
    assert "would write 'k_iou' and 'k_miou' of 3 samples" in said
    assert "would tag 2 samples 'segcore:k:fail'" in said
    assert "would be done" in said[-1]
    assert snapshot(streets) == before


def test_what_was_pushed_is_removed_again(streets, capsys):
    before = snapshot(streets)
    push(dataset="streets", gold="png:gold", delivery="png:found", ontology="ontology.yaml", below=0.8)

    push(dataset="streets", remove=True, dry_run=True)
    push(dataset="streets", remove=True)
    push(dataset="streets", remove=True)

    assert snapshot(streets) == before
    said = capsys.readouterr().out
    assert "would delete the fields 'segcore_iou', 'segcore_miou'" in said
    assert said.endswith("dataset streets: nothing was pushed under the key 'segcore'\n")


def test_an_evaluation_of_ours_is_removed_and_not_pushed_over(fo, streets, capsys):
    from segcore_fiftyone.backend import SegcoreEvaluationConfig

    before = snapshot(streets)
    streets.evaluate_segmentations(
        "guess", gt_field="truth", eval_key="ours", method=SegcoreEvaluationConfig
    )
    with pytest.raises(UsageError, match="has an evaluation called 'ours'"):
        push(
            dataset="streets",
            gold="png:gold",
            delivery="png:found",
            ontology="ontology.yaml",
            key="ours",
        )

    push(dataset="streets", key="ours", remove=True)

    assert snapshot(streets) == before


def test_an_evaluation_of_fiftyones_own_is_not_removed(streets):
    streets.evaluate_segmentations(
        "guess", gt_field="truth", eval_key="simple", mask_targets={0: "sky", 1: "car"}
    )

    with pytest.raises(UsageError, match="was not made by segcore"):
        push(dataset="streets", key="simple", remove=True)


def test_images_without_a_sample_are_named(streets, tmp_path, capsys):
    for side in ("gold", "found"):
        scenes.png(tmp_path / side / "elsewhere.png", scenes.drawn("0011 0011").astype(np.uint8))

    push(dataset="streets", gold="png:gold", delivery="png:found", ontology="ontology.yaml")

    assert "note: 1 images are in no sample, or in several: elsewhere" in capsys.readouterr().err


def test_a_policy_gives_each_class_its_verdict_and_the_limit_it_fails(streets, capsys):
    push(policy="batch.gate.yaml")

    assert tagged(streets, "gate") == ["b", "c"]  # car is below 0.9 there; sky passes the batch
    sky, car = load_scores(streets, "gate").classes
    assert (sky.verdict, sky.floor, sky.image_limit) == ("PASS", 0.5, None)
    assert (car.verdict, car.floor, car.image_limit) == ("FAIL", 0.9, 0.9)
    assert load_scores(streets, "gate").policy == "batch.gate.yaml"
    assert "2 of 3 samples fail" in capsys.readouterr().out


def test_the_command_line_goes_before_the_policy(streets):
    push(policy="batch.gate.yaml", key="mine")

    streets.reload()
    assert streets.list_runs() == ["segcore_mine"]


def test_a_gate_pushes_and_keeps_its_verdict(streets, tmp_path):
    import subprocess

    result = subprocess.run(
        [sys.executable, "-c", "import sys; from segcore.cli import main; sys.exit(main())",
         "gate", "batch.gate.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert result.returncode == 1, result.stdout + result.stderr
    assert "dataset streets: 2 of 3 samples fail" in result.stdout + result.stderr
    assert tagged(streets, "gate") == ["b", "c"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dataset": "d"}, "give --gold SPEC and --delivery SPEC, or --policy"),
        ({"dataset": "d", "gold": "png:g"}, "give --gold SPEC and --delivery SPEC"),
        ({"gold": "png:g", "delivery": "png:d"}, "which dataset"),
        ({"policy": "p", "below": 0.5}, "a policy names its gold"),
        ({"policy": "p", "gold": "png:g"}, "a policy names its gold"),
        ({"dataset": "d", "remove": True, "gold": "png:g"}, "leave --gold out"),
        ({"dataset": "d", "gold": "png:g", "delivery": "png:d", "below": 80.0}, "got 80"),
        ({"dataset": "d", "gold": "png:g", "delivery": "png:d", "below": 0.0}, "got 0"),
        ({"dataset": "d", "gold": "png:g", "delivery": "png:d", "key": "a b"}, "a key begins with"),
    ],
)
def test_options_that_do_not_fit_together_are_refused_before_anything_is_read(options, says):
    with pytest.raises(UsageError, match=says):
        push(**options)


def test_a_dataset_that_is_not_there_is_named(streets):
    with pytest.raises(SpecError, match="no dataset 'street', did you mean 'streets'"):
        push(dataset="street", gold="png:gold", delivery="png:found", ontology="ontology.yaml")


def test_the_options_of_a_policy_are_checked_without_importing_fiftyone(monkeypatch):
    monkeypatch.setitem(sys.modules, "fiftyone", None)

    with pytest.raises(PushOptionsError) as caught:
        configure({"key": 3, "what": 1})

    assert {problem.key for problem in caught.value.problems} == {None, "key", "what"}
    with pytest.raises(PushOptionsError):
        configure({"dataset": "streets", "key": "a-b"})
    assert configure({"dataset": "streets"}).destination.key == "segcore"
