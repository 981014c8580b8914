"""Policies: what they resolve to, and that everything wrong is said at once, in plain words."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segcore.errors import SpecError, UsageError
from segcore.faults import CODES
from segcore_gates.errors import PolicyError, PolicyProblem
from segcore_gates.policy_file import LoadedPolicy, load_policy
from segcore_gates.rules import ExtraImages, Judge, Level, Metric, Rule, Thin

POLICIES = Path(__file__).resolve().parent.parent / "data" / "policies"
POSITIVE = sorted(POLICIES.glob("positive/*.gate.yaml"))
NEGATIVE = sorted(POLICIES.glob("negative/*.gate.yaml"))
ENVIRON = {"BATCH": "2026-w31", "EMPTY": ""}

EXPECTED_PROBLEM = re.compile(r"# ((?:\S+:)?[0-9]+ policy\.\w+ .*)")
HEAD = "version: 1\ngold: coco:gold.json\ndelivery: coco:delivery.json\n"
ONTOLOGY = "ontology: {classes: [{id: 0, name: road}, {id: 1, name: car}]}\n"


WHOLE = {
    "version": 1,
    "name": "street scenes",
    "gold": {"format": "coco", "path": "gold.json", "sha256": "0123456789ab"},
    "delivery": "coco:delivery.json",
    "ontology": {
        "classes": [{"id": 0, "name": "road", "thing": False}, {"id": 1, "name": "car", "thing": True}],
        "ignore": [255],
    },
    "coverage": {"gold_images": "all", "extra_images": "warn"},
    "defaults": {"judge": "bound", "confidence": 0.9, "support": {"images": 3}, "thin": "skip"},
    "gates": {
        "a": {"metric": "iou", "min": {"default": 0.5, "car": 0.6}, "classes": ["car", "road"]},
        "b": {"metric": "mean-iou", "min": 0.5, "warn_below": 0.6, "support": {"instances": 2}},
        "c": {"metric": "iou", "min": {"default": 0.5}, "warn_below": {"car": 0.5}, "classes": "things"},
    },
    "regression": {"baseline": "a.json", "of": ["a", "b"], "max_drop": {"default": 0.1, "car": 0.2}},
    "push": {"label-studio": {"project": 7, "title": "failing", "masks": True}},
}
ODD_VALUES = [
    None, True, 0, -1, 2.5, 10**30, "", "x", "default", "0,8", "95%", "${BATCH}", "${NOPE}", "$",
    "<mapping>", "preset:", "coco:", [], [1], [None], [[1]], {}, {"a": 1}, {"default": 0.5},
    {"metric": []},
]  # fmt: skip


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of everything inside ``value``."""
    steps = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, inner in steps:
        yield (*path, step)
        yield from places(inner, (*path, step))


def replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """A copy of ``value`` with ``new`` at ``path``."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def load(text: str, folder: Path, **environ: str) -> LoadedPolicy:
    path = folder / "batch.gate.yaml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path, environ=environ)


def expected_problems(path: Path) -> list[str]:
    """The ``# LINE CODE path: message`` comments of a negative example."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [match[1] for line in lines if (match := EXPECTED_PROBLEM.fullmatch(line))]


def shown(problem: PolicyProblem, *, beside: Path) -> str:
    """A problem as the comments of a negative example write it."""
    file = "" if problem.file == str(beside) else problem.file.removeprefix(f"{beside.parent}/") + ":"
    where = f"{problem.path}: " if problem.path else ""
    return f"{file}{problem.line} {problem.code} {where}{problem.message}"


@pytest.mark.parametrize("path", POSITIVE, ids=lambda path: path.name.partition(".")[0])
def test_a_good_policy_gives_the_rules_it_names(path):
    text = path.read_text(encoding="utf-8")
    expected = [
        name for line in re.findall(r"^# rules: (.*)$", text, re.MULTILINE) for name in line.split()
    ]

    loaded = load_policy(path, environ=ENVIRON)

    assert [rule.id for rule in loaded.rules] == expected
    assert expected


@pytest.mark.parametrize("path", NEGATIVE, ids=lambda path: path.name.partition(".")[0])
def test_a_bad_policy_is_refused_with_exactly_the_problems_it_names(path):
    with pytest.raises(PolicyError) as caught:
        load_policy(path, environ=ENVIRON)

    found = [shown(problem, beside=path) for problem in caught.value.problems]
    assert sorted(found) == sorted(expected_problems(path))
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    assert isinstance(caught.value, UsageError)


def test_every_policy_code_has_a_negative_example():
    named = {problem.split()[1] for path in NEGATIVE for problem in expected_problems(path)}

    assert named == {code for code in CODES if code.startswith("policy.")}


def test_problems_come_by_line_and_name_file_line_key_and_message(tmp_path):
    text = HEAD + ONTOLOGY + "gates:\n  a: {metric: iou, min: {default: 95}}\nnonsense: 1\n"

    with pytest.raises(PolicyError) as caught:
        load(text, tmp_path)

    assert str(caught.value) == (
        f"{tmp_path}/batch.gate.yaml:6: gates.a.min.default: 95 is not a share between 0 and 1;"
        " did you mean 0.95?\n"
        f"{tmp_path}/batch.gate.yaml:7: nonsense: unknown key 'nonsense'"
    )


def test_the_full_example_fills_in_every_default():
    loaded = load_policy(POLICIES / "positive" / "everything.gate.yaml", environ=ENVIRON)
    rules = {rule.id: rule for rule in loaded.rules}
    base = Rule(
        id="class-iou[road]",
        gate="class-iou",
        metric=Metric.IOU,
        class_name="road",
        minimum=0.97,
        warn_below=None,
        severity=Level.ERROR,
        judge=Judge.ESTIMATE,
        confidence=0.95,
        support_images=20,
        support_instances=50,
        thin=Thin.WARN,
        absent=Level.ERROR,
        extra_images=ExtraImages.ALLOW,
        line=31,
    )

    assert rules["class-iou[road]"] == base
    assert rules["class-iou[car]"] == dataclasses.replace(
        base, id="class-iou[car]", class_name="car", minimum=0.90, warn_below=0.93
    )
    assert rules["class-iou[123]"] == dataclasses.replace(
        base, id="class-iou[123]", class_name="123", minimum=0.85, warn_below=0.88
    )
    assert rules["things[car]"] == dataclasses.replace(
        base, id="things[car]", gate="things", class_name="car", minimum=0.8, judge=Judge.BOUND,
        confidence=0.9, line=33,
    )  # fmt: skip
    assert rules["stuff[no]"] == dataclasses.replace(
        base, id="stuff[no]", gate="stuff", class_name="no", minimum=0.8, severity=Level.WARN,
        thin=Thin.SKIP, absent=Level.WARN, line=34,
    )  # fmt: skip
    assert rules["few[car]"] == dataclasses.replace(
        base, id="few[car]", gate="few", class_name="car", minimum=0.0, support_images=1, line=35
    )
    assert rules["overall"] == dataclasses.replace(
        base, id="overall", gate="overall", metric=Metric.MEAN_IOU, class_name=None, minimum=0.8,
        warn_below=0.85, judge=Judge.BOUND, thin=Thin.SKIP, line=36,
    )  # fmt: skip
    assert rules["coverage"] == dataclasses.replace(
        base, id="coverage", gate="coverage", metric=Metric.COVERAGE, class_name=None, minimum=0.98,
        support_images=0, support_instances=0, extra_images=ExtraImages.WARN, line=17,
    )  # fmt: skip


def test_inputs_are_resolved_beside_the_policy():
    folder = POLICIES / "positive"

    loaded = load_policy(folder / "everything.gate.yaml", environ=ENVIRON)

    assert str(loaded.gold) == f"coco:{folder}/gold/2026-w31/annotations.json"
    assert loaded.gold_sha256 == "3f1b8e0c9f6a"
    assert loaded.delivery.format == "coco-panoptic"
    assert loaded.delivery.location == f"{folder}/deliveries/2026-w31/panoptic.json"
    assert loaded.delivery.options == {"masks": f"{folder}/deliveries/2026-w31/masks"}
    assert loaded.delivery_sha256 is None


@pytest.mark.parametrize(
    ("written", "location"),
    [
        ("coco:/data/gold.json", "/data/gold.json"),
        ("coco:s3://bucket/gold.json", "s3://bucket/gold.json"),
        ("label-studio:12", "12"),
        ("fiftyone:streets/predictions", "streets/predictions"),
        ("coco:$${BATCH}.json", "HERE/${BATCH}.json"),
        ("coco:${BATCH}/${BATCH}.json", "HERE/a?b=$$&c/a?b=$$&c.json"),
    ],
)
def test_only_relative_paths_are_moved_and_variables_stay_inside_the_path(tmp_path, written, location):
    text = (
        HEAD.replace("coco:gold.json", written) + ONTOLOGY + "gates: {m: {metric: mean-iou, min: 0.5}}\n"
    )

    loaded = load(text, tmp_path, BATCH="a?b=$$&c")

    assert loaded.gold.location == location.replace("HERE", str(tmp_path))
    assert loaded.gold.options == {}


def test_the_class_names_of_yolo_labels_lie_beside_the_policy_too(tmp_path):
    text = (
        HEAD.replace("coco:gold.json", '"yolo:gold?names=names.yaml&size=640x480"')
        + ONTOLOGY
        + "gates: {m: {metric: mean-iou, min: 0.5}}\n"
    )

    loaded = load(text, tmp_path)

    assert loaded.gold.location == str(tmp_path / "gold")
    assert loaded.gold.options == {"names": str(tmp_path / "names.yaml"), "size": "640x480"}


def test_a_policy_knows_its_lines_and_the_digest_of_its_bytes():
    path = POLICIES / "positive" / "smallest.gate.yaml"

    loaded = load_policy(path, environ={})

    assert loaded.path == path
    assert loaded.line(("gates", "class-iou", "min", "default")) == 7
    assert loaded.line(("gates", "class-iou", "warn_below")) == 6
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("judge", "thin"), [("estimate", Thin.WARN), ("bound", Thin.ERROR)], ids=["estimate", "bound"]
)
@pytest.mark.parametrize("place", ["defaults", "gate"])
def test_thin_evidence_warns_under_an_estimate_and_is_an_error_under_a_bound(
    tmp_path, judge, thin, place
):
    defaults = f"defaults: {{judge: {judge}}}\n" if place == "defaults" else ""
    own = f", judge: {judge}" if place == "gate" else ""
    text = f"{HEAD}{ONTOLOGY}{defaults}gates: {{m: {{metric: mean-iou, min: 0.5{own}}}}}\n"

    loaded = load(text, tmp_path)

    assert loaded.rules[1].thin is thin


def test_a_policy_without_coverage_wants_every_gold_image(tmp_path):
    loaded = load(HEAD + ONTOLOGY + "gates: {m: {metric: mean-iou, min: 0.5}}\n", tmp_path)

    coverage = loaded.rules[0]

    assert (coverage.id, coverage.minimum, coverage.severity) == ("coverage", 1.0, Level.ERROR)
    assert coverage.extra_images is ExtraImages.ALLOW


def test_the_default_severity_does_not_soften_coverage(tmp_path):
    text = HEAD + ONTOLOGY + "defaults: {severity: warn}\ngates: {m: {metric: mean-iou, min: 0.5}}\n"

    loaded = load(text, tmp_path)

    assert [rule.severity for rule in loaded.rules] == [Level.ERROR, Level.WARN]


def test_classes_come_in_the_order_of_the_ontology_and_gates_as_written(tmp_path):
    text = (
        HEAD + "ontology: {classes: [{id: 5, name: b}, {id: 1, name: c}, {id: 3, name: a}]}\n"
        "gates:\n  z: {metric: iou, min: {a: 0.1, b: 0.2, c: 0.3}}\n  y: {metric: mean-iou, min: 0.5}\n"
    )

    loaded = load(text, tmp_path)

    assert [(rule.id, rule.minimum) for rule in loaded.rules] == [
        ("coverage", 1.0), ("z[b]", 0.2), ("z[c]", 0.3), ("z[a]", 0.1), ("y", 0.5),
    ]  # fmt: skip


def test_a_gold_that_names_its_classes_needs_no_ontology(tmp_path):
    (tmp_path / "gold.json").write_bytes((POLICIES / "gold.json").read_bytes())

    loaded = load(HEAD + "gates: {iou: {metric: iou, min: {default: 0.5, hole: 0.7}}}\n", tmp_path)

    assert [(rule.id, rule.minimum) for rule in loaded.rules[1:]] == [
        ("iou[crack]", 0.5),
        ("iou[hole]", 0.7),
    ]
    assert loaded.ontology.names == ("crack", "hole")


def test_a_gold_that_names_no_classes_needs_an_ontology(tmp_path):
    (tmp_path / "masks").mkdir()
    text = "version: 1\ngold: png:masks\ndelivery: png:masks\ngates: {m: {metric: mean-iou, min: 0.5}}\n"

    with pytest.raises(PolicyError, match="names no classes: add the key 'ontology'"):
        load(text, tmp_path)


def test_a_gold_that_is_not_there_is_a_problem_of_the_policy(tmp_path):
    with pytest.raises(PolicyError, match=r"batch.gate.yaml:2: gold: .*gold.json"):
        load(HEAD + "gates: {m: {metric: mean-iou, min: 0.5}}\n", tmp_path)


def test_a_policy_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        load_policy(tmp_path / "batch.gate.yaml", environ={})


def test_a_folder_is_not_a_policy(tmp_path):
    with pytest.raises(PolicyError, match="regular file"):
        load_policy(tmp_path, environ={})


def test_a_policy_error_comes_back_whole_from_a_worker():
    with pytest.raises(PolicyError) as caught:
        load_policy(NEGATIVE[0], environ={})

    error = pickle.loads(pickle.dumps(caught.value))

    assert error.problems == caught.value.problems
    assert str(error) == str(caught.value)


def test_what_is_quoted_from_a_policy_is_safe_to_print(tmp_path):
    text = HEAD + ONTOLOGY + 'gates: {m: {metric: "\\e[31m", min: 0.5}}\n"\\e[32m": 1\n'

    with pytest.raises(PolicyError) as caught:
        load(text, tmp_path)

    assert "\x1b" not in str(caught.value)
    assert len(caught.value.problems) == 2


def test_the_policy_that_the_next_test_breaks_is_whole(tmp_path):
    loaded = load(json.dumps(WHOLE), tmp_path)

    assert [rule.id for rule in loaded.rules] == ["coverage", "a[road]", "a[car]", "b", "c[car]"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(places(WHOLE))), st.sampled_from(ODD_VALUES)),
        min_size=1,
        max_size=3,
    )
)
def test_any_value_at_any_place_is_read_or_refused_in_our_own_words(tmp_path, changes):
    policy: Any = WHOLE
    for path, new in changes:
        if path in set(places(policy)):
            policy = replaced(policy, path, new)

    try:
        problems = [str(load(json.dumps(policy), tmp_path, BATCH="b").rules[0].id)]
    except PolicyError as e:
        problems = [problem.message for problem in e.problems]

    assert problems
    assert not re.search(
        r"Input|[Vv]alid (string|number|dictionary)|should|pydantic|_kind", "; ".join(problems)
    )


def test_a_hundred_problems_are_enough(tmp_path):
    text = HEAD + ONTOLOGY + "gates: {m: {metric: mean-iou, min: 0.5}}\n"
    text += "".join(f"key{i}: 1\n" for i in range(5000))

    with pytest.raises(PolicyError) as caught:
        load(text, tmp_path)

    assert len(caught.value.problems) == 100


def test_the_number_of_rules_is_limited(tmp_path):
    classes = ", ".join(f"{{id: {i}, name: c{i}}}" for i in range(2000))
    gates = "".join(f"  g{i}: {{metric: iou, min: {{default: 0.5}}}}\n" for i in range(100))

    with pytest.raises(PolicyError) as caught:
        load(f"{HEAD}ontology: {{classes: [{classes}]}}\ngates:\n{gates}", tmp_path)

    assert [(problem.code, problem.path) for problem in caught.value.problems] == [
        ("limits.entries", "gates.g49")
    ]
