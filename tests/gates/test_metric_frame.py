"""What it takes to add a metric: its gate, its entry; here one of which less is better, in pixels."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import TypeAdapter, ValidationError

import segcore_gates.metrics as metrics
from segcore.documents import parse_yaml
from segcore.evaluation import Evaluation, Images
from segcore.ontology import LabelClass, Ontology
from segcore.tally import TallyTable
from segcore_gates.gate_base import CeilingGate
from segcore_gates.metrics import Finding, How
from segcore_gates.policy import Coverage, Defaults
from segcore_gates.records import Record, Verdict
from segcore_gates.report import PolicyReport
from segcore_gates.resolution import resolve_rules
from segcore_gates.rules import Metric
from segcore_gates.text import explain, headline, table
from segcore_gates.verdict import verdict
from segcore_gates.views import SEMANTIC

ONTOLOGY = Ontology((LabelClass(id=1, name="car"), LabelClass(id=2, name="person")))


class Distance(CeilingGate):
    """The farthest an outline is off; it borrows the name of a metric there is."""

    metric: Literal["f1"]


@pytest.fixture
def distance(monkeypatch):
    """A function that judges a distance of so many pixels by a gate."""

    def judge(value, gate, **found) -> list[Record]:
        how = How(
            title="distance",
            view=lambda _: SEMANTIC,
            find=lambda rule, evaluation: Finding(value=value, images=40, **found),
            no_bound="a maximum has no bound",
            unit="px",
        )
        monkeypatch.setitem(metrics.METRICS, Metric.F1, how)
        return [verdict(rule, nothing()) for rule in rules(gate)[1:]]

    return judge


def rules(gate):
    problems = []
    document = parse_yaml(f"gates: {{d: {gate}}}".encode(), file="batch.gate.yaml")
    found = resolve_rules(
        {"d": TypeAdapter(Distance).validate_python(document.value["gates"]["d"])},
        coverage=Coverage(),
        defaults=Defaults(),
        ontology=ONTOLOGY,
        document=document,
        refuse=lambda code, path, message: problems.append((code, path[-1], message)),
    )
    return problems or found


def nothing() -> Evaluation:
    return Evaluation(
        ontology=ONTOLOGY,
        images=Images(gold=0, paired=(), missing_in_delivery=(), extra_in_delivery=()),
        tallies=TallyTable.from_tallies([], num_classes=2),
        inputs=(),
        counts={},
        faults=(),
        conventions={},
    )


GATE = "{metric: f1, max: {default: 10, person: 5}, warn_above: {default: 8}, support: {images: 40}}"


def test_less_is_better_at_a_ceiling(distance):
    below, between, at, above = (distance(value, GATE)[0] for value in (7.5, 8.25, 10.0, 10.000001))

    assert (below.verdict, below.limit_kind, below.limit) == (Verdict.PASS, "max", 10.0)
    assert (between.verdict, between.limit_kind, between.limit) == (Verdict.WARN, "warn_above", 8.0)
    assert between.reason == "above 8 px"
    assert at.verdict is Verdict.WARN
    assert (above.verdict, above.limit) == (Verdict.FAIL, 10.0)
    assert above.reason == "above the ceiling of 10 px"


def test_a_class_passes_at_its_ceiling(distance):
    assert distance(10.0, "{metric: f1, max: {default: 10}}")[0].verdict is Verdict.PASS


def test_a_default_warning_above_a_classes_own_ceiling_is_off(distance):
    _, person = distance(4.0, GATE)

    assert (person.id, person.verdict) == ("d[person]", Verdict.PASS)


def test_what_only_one_side_has_fails_without_a_value(distance):
    record = distance(None, GATE, settled="car is nowhere in the delivery")[0]

    assert (record.verdict, record.value) == (Verdict.FAIL, None)
    assert record.reason == "car is nowhere in the delivery"


def test_thin_evidence_is_asked_for_below_a_ceiling_too(distance):
    assert distance(1.0, GATE.replace("40", "41"))[0].reason == "40 gold images < 41"


def test_a_distance_is_said_in_pixels(distance):
    record = distance(14.5, GATE)[0]

    said = headline(record)
    rows = table(PolicyReport(path="p", rules=1, records=(record,)), width=120)

    assert said == "distance 14.50 px > 10 px  (car, over by 4.50 px)"
    assert explain(record, policy="p", node_id="p::d[car]").startswith(said)
    assert rows[1][0].split() == ["d[car]", "14.50", "px", "10", "px", "40", "FAIL"]


def test_a_warning_above_the_ceiling_would_never_warn():
    assert rules("{metric: f1, max: {default: 5}, warn_above: {car: 6}}") == [
        ("policy.threshold", "car", "warn_above 6 lies above max 5 and would never warn")
    ]


@pytest.mark.parametrize("limit", ["-1", "'5'", ".inf", "true"])
def test_a_ceiling_is_a_number_of_pixels(limit):
    document = (
        parse_yaml(f"{{metric: f1, max: {{default: {limit}}}}}".encode(), file="p")
        if limit != ".inf"
        else None
    )
    value = {"metric": "f1", "max": {"default": float("inf")}} if document is None else document.value

    with pytest.raises(ValidationError):
        TypeAdapter(Distance).validate_python(value)
