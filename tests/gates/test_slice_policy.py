"""What a policy may say of slices and of the file of attributes, and what it may not."""

from __future__ import annotations

import pytest
from slice_scenes import cars, save

from segcore_gates.errors import PolicyError
from segcore_gates.policy_file import load_policy
from segcore_gates.rules import Level, LimitKind

GATES = """\
gates:
  class-iou: {metric: iou, classes: [car, person], min: {default: 0.1}}
  mean: {metric: mean-iou, min: 0.1}
  far: {metric: hd95, classes: [car], max: {default: 9}}
  small: {metric: f1, iou: 0.5, classes: [car], sizes: {small: {default: 0.1}}}
"""


def problems(folder, slices, *, gates=GATES, more=""):
    path = save(folder, cars(9), slices, gates=gates, more=more)
    with pytest.raises(PolicyError) as caught:
        load_policy(path, environ={})
    return [(p.code, p.path, p.message) for p in caught.value.problems]


def loaded(folder, slices, *, gates=GATES):
    policy = load_policy(save(folder, cars(9), slices, gates=gates), environ={})
    return [check for check in policy.checks if check.gate == "slice"]


def test_the_slices_of_the_example_are_read(tmp_path):
    one, two = loaded(
        tmp_path,
        "annotators: {by: annotator, of: class-iou, max_gap: 0.05, support: {images: 15}}\n"
        "night: {where: {tag: night}, of: class-iou, min: {default: 0.75}, severity: warn}",
    )

    assert (one.id, one.by, one.limits) == ("slice[annotators]", "annotator", (0.05, 0.05))
    assert (one.kind, one.severity, one.support_images) == (LimitKind.MAX_GAP, Level.WARN, 15)
    assert (two.id, str(two.where), two.limits) == ("slice[night]", "tag night", (0.75, 0.75))
    assert (two.kind, two.support_images) == (LimitKind.MIN, 1)
    assert [rule.class_name for rule in one.rules] == ["car", "person"]


def test_support_left_out_comes_from_the_defaults(tmp_path):
    (check,) = loaded(tmp_path, "a: {by: tag, of: class-iou, max_gap: 0.1, support: {instances: 9}}")

    assert (check.support_images, check.support_instances) == (1, 9)


def test_limits_may_differ_by_class(tmp_path):
    (check,) = loaded(tmp_path, "a: {by: tag, of: class-iou, min: {default: 0.7, person: 0.5}}")

    assert check.limits == (0.7, 0.5)


@pytest.mark.parametrize(
    ("written", "code", "path", "message"),
    [
        (
            "by: tag, of: clas-iou, max_gap: 0.1",
            "policy.bad_value",
            "slices.a.of",
            "no gate is called 'clas-iou', did you mean 'class-iou'? (there are class-iou, mean, far, "
            "small)",
        ),
        ("by: tag, max_gap: 0.1", "policy.missing_key", "slices.a", "the key 'of' is missing"),
        (
            "of: class-iou, max_gap: 0.1",
            "policy.bad_value",
            "slices.a",
            "a slice has either by or where",
        ),
        (
            "by: tag, where: {tag: night}, of: class-iou, max_gap: 0.1",
            "policy.bad_value",
            "slices.a",
            "a slice has either by or where",
        ),
        (
            "by: tag, of: class-iou",
            "policy.bad_value",
            "slices.a",
            "a slice has one of max_gap, min and max",
        ),
        (
            "by: tag, of: class-iou, max_gap: 0.1, min: {default: 0.5}",
            "policy.bad_value",
            "slices.a",
            "a slice has one of max_gap, min and max",
        ),
        (
            "by: tag, of: class-iou, max_gap: 50",
            "policy.threshold",
            "slices.a.max_gap",
            "50 is not a share above 0, up to 1; did you mean 0.5?",
        ),
        (
            "by: tag, of: class-iou, max_gap: 0",
            "policy.threshold",
            "slices.a.max_gap",
            "0 is not a share above 0, up to 1",
        ),
        (
            "by: tag, of: class-iou, max_gap: '0.05'",
            "policy.threshold",
            "slices.a.max_gap",
            "'0.05' is text, not a number (numbers are written without quotes); did you mean 0.05?",
        ),
        (
            "by: tag, of: far, max_gap: 0.1",
            "policy.bad_value",
            "slices.a.max_gap",
            "max_gap is how far a share may fall, and less hd95 is better: write max",
        ),
        (
            "by: tag, of: far, min: {default: 3}",
            "policy.bad_value",
            "slices.a.min",
            "less hd95 is better: write max",
        ),
        (
            "by: tag, of: class-iou, max: {default: 0.5}",
            "policy.bad_value",
            "slices.a.max",
            "more iou is better: write min",
        ),
        (
            "by: tag, of: mean, max_gap: 0.1",
            "policy.bad_value",
            "slices.a.max_gap",
            "mean-iou is a mean over the classes that occur, which are others in every part: take a "
            "gate that judges class by class, or write min",
        ),
        (
            "by: tag, of: mean, min: {default: 0.5}",
            "policy.bad_value",
            "slices.a.min",
            "mean has one limit: write min: 0.75",
        ),
        (
            "by: tag, of: class-iou, min: 0.5",
            "policy.bad_value",
            "slices.a.min",
            "class-iou has limits by class: write min: {default: 0.5}",
        ),
        (
            "by: tag, of: class-iou, min: {car: 0.5}",
            "policy.uncovered_class",
            "slices.a.min",
            "no limit for person: name them, or add default",
        ),
        (
            "by: tag, of: class-iou, min: {default: 0.5, persn: 0.5}",
            "policy.unknown_class",
            "slices.a.min.persn",
            "'persn' is no class of the gate class-iou, did you mean 'person'?",
        ),
        (
            "by: tag, of: class-iou, min: {default: 75}",
            "policy.threshold",
            "slices.a.min.default",
            "75 is not a share between 0 and 1; did you mean 0.75?",
        ),
        (
            "by: tag, of: small, min: {default: 0.5}",
            "policy.bad_value",
            "slices.a.of",
            "the gate small has limits by size only, and a slice has no sizes: write max_gap",
        ),
        (
            "where: {weather: {rain: 1}}, of: class-iou, max_gap: 0.1",
            "policy.bad_value",
            "slices.a.where.weather",
            "expected a value or a list of values, got keys and values",
        ),
        (
            "where: {not: rain}, of: class-iou, max_gap: 0.1",
            "policy.bad_value",
            "slices.a.where.not",
            "expected keys and values, such as not: {tag: test}",
        ),
        (
            "where: {}, of: class-iou, max_gap: 0.1",
            "policy.bad_value",
            "slices.a.where",
            "it is empty",
        ),
        (
            "by: tag, off: class-iou, of: class-iou, max_gap: 0.1",
            "policy.unknown_key",
            "slices.a.off",
            "unknown key 'off', did you mean 'of'?",
        ),
        (
            "by: tag, of: class-iou, max_gap: 0.1, severity: eror",
            "policy.bad_value",
            "slices.a.severity",
            "expected error or warn, got 'eror', did you mean 'error'?",
        ),
    ],
)
def test_what_is_wrong_with_a_slice_is_named(tmp_path, written, code, path, message):
    found = problems(tmp_path, f"a: {{{written}}}")

    assert found == [(code, path, message)]


def test_a_slice_is_named_like_a_gate(tmp_path):
    ((code, path, _),) = problems(tmp_path, "'Night shift': {by: tag, of: class-iou, max_gap: 0.1}")

    assert (code, path) == ("policy.bad_key", "slices.Night shift")


def test_a_limit_of_nothing_is_refused(tmp_path):
    found = problems(tmp_path, "a: {by: tag, of: class-iou, max_gap: }")

    assert ("policy.bad_value", "slices.a.max_gap", "the key has no value") in found


# ---- the file of attributes

SLICE = "a: {by: tag, of: class-iou, max_gap: 0.1}"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("", 1, "the file is empty: its first line names the columns"),
        ("imge,tag\n", 1, "no column is called 'image', did you mean 'imge'? (there are imge, tag)"),
        ("image\n000\n", 1, "there is no column beside 'image'"),
        ("image;tag\n", 1, "the columns are separated by semicolons: save the file with commas"),
        ("image,tag,tags\n", 1, "the column 'tag' is there twice"),
        ("image,\n", 1, "column 2 has no name"),
        ("image,tag\n000\n", 2, "1 cells, and there are 2 columns"),
        ("image,tag\n000,night,rain\n", 2, "3 cells, and there are 2 columns"),
        ("image,tag\n000,night\n000,day\n", 3, "image '000' stands in line 2 already"),
        ("image,tag\n,night\n", 2, "the column 'image' is empty"),
        ('image,tag\n000,"ni"ght\n', 2, "not a line of CSV: ',' expected after '\"'"),
        ('image,tag\n001,"a\nb"\n000,x,y\n', 4, "3 cells, and there are 2 columns"),
    ],
)
def test_what_is_wrong_with_the_file_of_attributes_names_its_line(tmp_path, content, line, message):
    (tmp_path / "images.csv").write_text(content)
    path = save(tmp_path, cars(9), SLICE, more="attributes: images.csv\n", gates=GATES)

    with pytest.raises(PolicyError) as caught:
        load_policy(path, environ={})

    (found,) = caught.value.problems
    assert (found.file, found.line, found.message) == (str(tmp_path / "images.csv"), line, message)


def test_all_lines_that_are_wrong_are_named_up_to_a_number(tmp_path):
    (tmp_path / "images.csv").write_text("image,tag\n" + "a,b,c\n" * 100)
    path = save(tmp_path, cars(9), SLICE, more="attributes: images.csv\n", gates=GATES)

    with pytest.raises(PolicyError) as caught:
        load_policy(path, environ={})

    assert len(caught.value.problems) == 21
    assert str(caught.value).count("3 cells") == 20
    assert "and 80 more problems" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"image,tag\n\xff,\xfe\n", "the file is not UTF-8 text"), (None, r"images\.csv: no such file$")],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, data, message):
    if data is not None:
        (tmp_path / "images.csv").write_bytes(data)
    path = save(tmp_path, cars(9), SLICE, more="attributes: images.csv\n", gates=GATES)

    with pytest.raises(PolicyError, match=message):
        load_policy(path, environ={})


def test_a_file_with_the_mark_of_a_spreadsheet_and_its_line_ends_is_read(tmp_path):
    (tmp_path / "images.csv").write_bytes(b"\xef\xbb\xbfimage,tag\r\n000,night; rain\r\n\r\n")
    path = save(tmp_path, cars(9), SLICE, more="attributes: images.csv\n", gates=GATES)

    found = load_policy(path, environ={}).attributes

    assert found is not None
    assert (found.columns, dict(found.rows)) == (("tag",), {"000": {"tag": ("night", "rain")}})


def test_the_path_of_the_file_may_hold_a_variable(tmp_path):
    (tmp_path / "images.csv").write_text("image,tag\n000,night\n")
    path = save(tmp_path, cars(9), SLICE, more="attributes: ${WHO}.csv\n", gates=GATES)

    assert load_policy(path, environ={"WHO": "images"}).attributes is not None
    with pytest.raises(PolicyError, match="the environment variable WHO is not set"):
        load_policy(path, environ={})
