"""The lints of a policy: what rejects a batch, what only warns, and what a policy cannot mean."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from lint_gate_scenes import CLEAN, HEAD, judged, loaded, only, save, square

import segcore.lints
from segcore.cli import main
from segcore.lints import Lint
from segcore_gates.errors import PolicyError
from segcore_gates.lints.judge import lint_record
from segcore_gates.records import FOUND, LimitKind, Record, Verdict
from segcore_gates.rules import Metric

EXAMPLE = """
lints:
  unknown-class: error
  undecodable-mask: error
  empty-mask: error
  out-of-bounds: error
  duplicate-instance: {severity: error, iou: 0.95}
  overlap: {severity: error, max_pixels: 0}
  speck: {severity: warn, max_area: 16}
  self-intersection: warn
  hole: off
"""
RUNS = {"size": [40, 40], "counts": [1600]}  # not one pixel
BLOCKS = {"size": [40, 40], "counts": [0, 1, 1599]}


def batch(*annotations, first=CLEAN[0]):
    """Four images, the first with these as well."""
    return [[*first, *annotations], *CLEAN[1:]]


def row(value):
    """A row of pixels as uncompressed runs of a 40 x 40 image, from column-major positions."""
    counts, last = [], 0
    for start, end in value:
        counts += [start - last, end - start]
        last = end
    return {"segmentation": {"size": [40, 40], "counts": [*counts, 1600 - last]}}


HOLED = row([(0, 5), (40, 42), (43, 45), (80, 85)])
SPECKED = row([(400, 430), (500, 501)])
STAIRS = row([(40 * x + 8 * (x // 4), 40 * x + 8 * (x // 4) + 8) for x in range(8, 20)])


def enlarged():
    """A round of 12 x 12 pixels, three times as large."""
    runs = []
    for x in range(36):
        reach = int((30 - (x // 3 - 5.5) ** 2) ** 0.5 + 0.5) if (x // 3 - 5.5) ** 2 < 30 else 0
        if reach:
            runs.append((40 * x + 3 * (6 - reach), 40 * x + 3 * (6 + reach)))
    return row(runs)


SHIFTED = [[{"segmentation": [square(4 + i + 3)]}] for i in range(4)]
MIRRORED = [[{"segmentation": [square(40 - 12 - (4 + i))]}] for i in range(4)]
SWAPPED = [[{**image[0], "category_id": 2}] for image in CLEAN]

FAILING = {
    "empty-mask": ("empty-mask: error", batch({"segmentation": RUNS})),
    "tiny-mask": ("tiny-mask: error", batch({"segmentation": BLOCKS})),
    "speck": ("speck: {severity: error, max_area: 1}", batch(SPECKED)),
    "hole": ("hole: error", batch(HOLED)),
    "overlap": ("overlap: error", batch({"segmentation": [square(10, 10)]})),
    "uncovered": ("uncovered: {severity: error, max_pixels: 1400}", CLEAN),
    "duplicate-instance": ("duplicate-instance: error", batch({"segmentation": [square()]})),
    "self-intersection": (
        "self-intersection: error", batch({"segmentation": [[20, 20, 30, 30, 30, 20, 20, 30]]}),
    ),
    "too-few-vertices": ("too-few-vertices: {severity: error, min_vertices: 5}", CLEAN),
    "too-many-vertices": ("too-many-vertices: {severity: error, max_vertices: {car: 3}}", CLEAN),
    "out-of-bounds": ("out-of-bounds: error", batch({"segmentation": [square(34, 20)]})),
    "bbox-mismatch": (
        "bbox-mismatch: error", batch({"segmentation": [square(20, 20)], "bbox": [0, 0, 4, 4]}),
    ),
    "area-mismatch": ("area-mismatch: error", batch({"segmentation": [square(20, 20)], "area": 999})),
    "whole-image-mask": (
        "whole-image-mask: error", batch({"segmentation": [square(0, 0, 40)]}),
    ),
    "blocky-mask": ("blocky-mask: error", batch(enlarged())),
    "shifted": ("shifted: error", SHIFTED),
    "mirrored": ("mirrored: error", MIRRORED),
    "swapped-class": ("swapped-class: error", SWAPPED),
}  # fmt: skip
"""A delivery that breaks each lint, with as much of the policy."""

PASSING = {
    "too-few-vertices": "too-few-vertices: {severity: error, min_vertices: 4}",
    "too-many-vertices": "too-many-vertices: {severity: error, max_vertices: {car: 4}}",
    "uncovered": "uncovered: {severity: error, max_pixels: 1456}",
}
"""What a clean delivery keeps, where it is not the policy that it breaks otherwise."""
STATED = [[{**image[0], "bbox": [4 + i, 4, 12, 12], "area": 144}] for i, image in enumerate(CLEAN)]


def test_every_lint_that_does_not_refuse_the_input_has_a_delivery_that_breaks_it():
    assert set(FAILING) == {name.value for name in Lint if not name.always_refused}


@pytest.mark.parametrize("name", FAILING)
def test_a_delivery_that_breaks_a_lint_is_rejected_with_what_was_found(tmp_path, name):
    section, delivery = FAILING[name]

    found = only(save(tmp_path, f"lints: {{{section}}}", delivery=delivery), "lint")

    assert (found.id, found.gate, found.metric) == (f"lint[{name}]", "lint", Metric.LINT)
    assert (found.verdict, found.blocks) == (Verdict.FAIL, True)
    assert found.value == found.details_total >= 1
    assert (found.unit, found.limit_kind, found.limit) == (FOUND, LimitKind.MAX, 0.0)
    assert list(found.details[0]) == ["image", "annotation", "class", "what", "expected", "got"]
    assert Record.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize("name", FAILING)
def test_a_clean_delivery_keeps_every_lint(tmp_path, name):
    section = PASSING.get(name, FAILING[name][0])

    found = only(save(tmp_path, f"lints: {{{section}}}", delivery=STATED), "lint")

    assert (found.verdict, found.blocks, found.value, found.details) == (Verdict.PASS, False, 0.0, ())


@pytest.mark.parametrize("name", FAILING)
def test_the_same_findings_only_warn_where_the_policy_says_so(tmp_path, name):
    section, delivery = FAILING[name]
    path = save(tmp_path, f"lints: {{{section.replace('error', 'warn')}}}", delivery=delivery)

    found = only(path, "lint")

    assert (found.verdict, found.blocks) == (Verdict.WARN, False)
    assert only(path, "lint", strict=True).blocks


def test_lints_come_before_everything_that_is_measured_in_one_order(tmp_path):
    path = save(tmp_path, "lints: {speck: warn, mirrored: error, empty-mask: error}")

    ids = [check.id for check in loaded(path).checks]

    assert ids == ["lint[empty-mask]", "lint[speck]", "lint[mirrored]", "coverage", "mean"]


def test_ids_do_not_change_with_what_a_lint_is_told(tmp_path):
    few = loaded(save(tmp_path, "lints: {speck: {severity: warn, max_area: 4}}")).checks[0]
    many = loaded(save(tmp_path, "lints: {speck: {severity: error, max_area: 40}}")).checks[0]

    assert few.id == many.id == "lint[speck]"
    assert (few.line, many.line) == (6, 6)


def test_a_lint_without_a_severity_takes_that_of_the_defaults(tmp_path):
    section = "lints: {tiny-mask: {max_area: 144}}\ndefaults: {severity: warn}"

    assert only(save(tmp_path, section), "lint").verdict is Verdict.WARN


def test_a_lint_that_is_off_is_no_check(tmp_path):
    section = "lints: {hole: off, speck: {severity: off, max_area: 4}}"

    assert [check.id for check in loaded(save(tmp_path, section)).checks] == ["coverage", "mean"]


def test_the_lints_of_the_example_load_as_they_are(tmp_path):
    policy = loaded(save(tmp_path, EXAMPLE))

    assert [(check.id, check.severity.value) for check in policy.checks[:-2]] == [
        ("lint[unknown-class]", "error"),
        ("lint[undecodable-mask]", "error"),
        ("lint[empty-mask]", "error"),
        ("lint[speck]", "warn"),
        ("lint[overlap]", "error"),
        ("lint[duplicate-instance]", "error"),
        ("lint[self-intersection]", "warn"),
        ("lint[out-of-bounds]", "error"),
    ]
    lints = [record for own, record in judged(policy.path).items() if own.startswith("lint")]
    assert {record.verdict for record in lints} == {Verdict.PASS}


# ---- what reading refuses


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("unknown-class", {"category_id": 9, "segmentation": [square()]}),
        ("undecodable-mask", {"segmentation": [[1, 2, 3]]}),
    ],
)
def test_what_reading_refuses_fails_its_lint_and_the_batch_is_invalid(tmp_path, name, bad, capsys):
    path = save(tmp_path, f"lints: {{{name}: error, speck: error}}", delivery=batch(bad))

    code = main(["gate", str(path), "--json", str(tmp_path / "out.json")])

    report = json.loads((tmp_path / "out.json").read_text())
    by_id = {record["id"]: record for record in report["gates"]}
    assert code == 3
    assert report["outcome"] == "invalid"
    assert by_id[f"lint[{name}]"]["verdict"] == "FAIL"
    assert by_id[f"lint[{name}]"]["details"]["rows"][0][1] == 101
    assert by_id["mean"]["verdict"] == "ERROR"


def test_what_cannot_be_read_is_said_where_another_lint_finds_nothing(tmp_path):
    path = save(tmp_path, "lints: {speck: error}", delivery=batch({"segmentation": [[1, 2, 3]]}))
    policy = loaded(path)

    from segcore_gates.evaluations import Evaluations
    from segcore_gates.judging import judge
    from segcore_gates.policy_batch import PolicyBatch

    found = judge(policy.checks[0], PolicyBatch(policy, Evaluations(None)))

    assert found.reason == "1 annotation could not be read and was not looked at"


# ---- what a format cannot show


def test_what_a_delivery_cannot_show_is_no_pass_and_blocks_nothing(tmp_path):
    runs = [[row([(100, 130)])], *[[row([(200, 240)])]] * 3]
    path = save(tmp_path, "lints: {self-intersection: error}", delivery=runs, gold=runs)

    for strict in (False, True):
        found = only(path, "lint", strict=strict)
        assert (found.verdict, found.blocks, found.value) == (Verdict.THIN, False, None)
        assert found.reason.startswith(
            "skipped: not applicable: the delivery cannot show it, as none of"
        )


# ---- policies


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{unknown-class: warn}", "6: lints.unknown-class: unknown-class can only be error"),
        ("{undecodable-mask: off}", "6: lints.undecodable-mask: undecodable-mask can only be error"),
        (
            "{unknown-class: {severity: warn}}",
            "6: lints.unknown-class.severity: unknown-class can only be error",
        ),
        ("{specks: error}", "6: lints.specks: unknown key 'specks', did you mean 'speck'?"),
        ("{speck: eror}", "expected error or warn or off, got 'eror', did you mean 'error'?"),
        ("{speck: {severity: warn, max_aera: 4}}", "unknown key 'max_aera', did you mean 'max_area'?"),
        ("{speck: {max_area: 0}}", "6: lints.speck.max_area: expected a whole number, 1 or more"),
        ("{speck: {max_area: 1.5}}", "6: lints.speck.max_area: "),
        ("{duplicate-instance: {iou: 95}}", "95 is not a share above 0, up to 1; did you mean 0.95?"),
        ("{too-few-vertices: warn}", "needs a number: write {severity: warn, min_vertices: 4}"),
        (
            "{too-few-vertices: {min_vertices: {cra: 4}}}",
            "lints.too-few-vertices.min_vertices.cra: class 'cra' is not in the ontology, "
            "did you mean 'car'?",
        ),
        ("{overlap: [error]}", "6: lints.overlap: expected text or keys and values, got a list"),
        ("[speck]", "6: lints: expected keys and values, got a list"),
    ],
)
def test_a_section_that_cannot_be_meant_is_refused_with_its_line(tmp_path, section, problem):
    with pytest.raises(PolicyError) as caught:
        loaded(save(tmp_path, f"lints: {section}"))

    assert problem in str(caught.value)


def test_a_gate_cannot_be_called_like_the_lints(tmp_path):
    head = HEAD.replace("mean:", "lint:")

    with pytest.raises(PolicyError, match="'lint' is the name of a built-in rule"):
        loaded(save(tmp_path, "", head=head))


# ---- how often the delivery is read


def test_the_delivery_is_read_once_for_all_lints(tmp_path, monkeypatch):
    calls = []
    real = segcore.lints.lint
    monkeypatch.setattr(
        segcore.lints, "lint", lambda *args, **more: calls.append(args[1]) or real(*args, **more)
    )
    path = save(tmp_path, EXAMPLE + "  swapped-class: warn\n  mirrored: warn\n")

    judged(path)

    assert len(calls) == 1
    assert Lint.SWAPPED_CLASS not in calls[0]


def test_what_comes_from_the_input_is_cut_in_the_reason(tmp_path):
    path = save(tmp_path, "lints: {tiny-mask: {severity: error, max_area: 200}}")
    rule = loaded(path).checks[0]
    result = segcore.lints.lint(f"coco:{tmp_path}/delivery.json", ["tiny-mask"])[Lint.TINY_MASK]
    hostile = replace(result, found=1, findings=(segcore.lints.LintFinding(what="\x1b[2J" + "x" * 999),))

    record = lint_record(rule, hostile, strict=False)

    assert "\x1b" not in record.reason
    assert len(record.reason) < 200
