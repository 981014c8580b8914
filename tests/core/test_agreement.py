"""Agreement of several annotators, against hand computation and independent peers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import segcore
from segcore.agreement import Cause, agree
from segcore.agreement.alpha import Coincidences
from segcore.agreement.consensus import UNDECIDED, majority, staple
from segcore.agreement.drift import Moment, ewma
from segcore.agreement.patterns import MISSING, Patterns
from segcore.cli import main
from segcore.errors import InvalidInputError, UsageError
from segcore.kernels import dense_runs

K = 3
VOID = K + 1
"""Codes of the peers' maps: 0 to 2 are classes, 3 is nobody's, 4 is missing."""

ONTOLOGY = "classes:\n  - {id: 1, name: car}\n  - {id: 2, name: road}\nignore: 255\nunlabeled: 0\n"


def patterns_of(maps: list[np.ndarray]) -> Patterns:
    table = np.arange(256, dtype=np.int32).clip(max=VOID)
    runs = [dense_runs(np.ascontiguousarray(m, np.uint8), table) for m in maps]
    return Patterns.of_runs(runs, num_classes=K)


def noisy(seed: int, *, shape=(24, 31), errors=(0.1, 0.2, 0.35), missing: float = 0.0):
    """A scene of blobs, and what annotators of different care make of it."""
    rng = np.random.default_rng(seed)
    blobs = rng.integers(0, K + 1, (shape[0] // 4 + 1, shape[1] // 4 + 1))
    truth = blobs.repeat(4, 0).repeat(4, 1)[: shape[0], : shape[1]]
    maps = []
    for share in errors:
        drawn = np.where(rng.random(shape) < share, rng.integers(0, K + 1, shape), truth)
        maps.append(np.where(rng.random(shape) < missing, VOID, drawn).astype(np.uint8))
    return maps


def values_of(maps: list[np.ndarray]) -> np.ndarray:
    """As the package has it: annotators x units, missing data NaN."""
    values = np.array([m.ravel() for m in maps], np.float64)
    values[values == VOID] = np.nan
    return values


@pytest.fixture
def folder(tmp_path):
    """A function that writes drawn masks: ``c`` car, ``r`` road, ``.`` nobody, ``?`` void."""

    def write(name: str, **images: str) -> str:
        (tmp_path / "o.yaml").write_text(ONTOLOGY)
        (tmp_path / name).mkdir()
        for image, drawn in images.items():
            rows = drawn.split()
            values = [[{"c": 1, "r": 2, ".": 0, "?": 255}[letter] for letter in row] for row in rows]
            Image.fromarray(np.array(values, np.uint8)).save(tmp_path / name / f"{image}.png")
        return f"{name}=png:{tmp_path / name}"

    return write


# ---- Krippendorff's alpha


def test_alpha_is_that_of_the_published_example():
    """Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), example C: nominal .743."""
    observers = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    codes = [[MISSING if v == "." else int(v) for v in row.split()] for row in observers]
    patterns = Patterns(codes=np.array(codes).T, pixels=np.ones(12, np.int64))

    found = Coincidences.of(patterns, num_classes=5)

    assert found.alpha() == pytest.approx(0.743, abs=5e-4)
    assert found.units_px == 11  # the twelfth has a single value


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_alpha_is_that_of_the_krippendorff_package(missing):
    import krippendorff

    maps = noisy(1, missing=missing)

    found = Coincidences.of(patterns_of(maps), num_classes=K)

    values = values_of(maps)
    expected = krippendorff.alpha(values, level_of_measurement="nominal")
    assert found.alpha() == pytest.approx(expected, abs=1e-12)
    for index in range(K):
        one = np.where(np.isnan(values), np.nan, values == index)
        binary = krippendorff.alpha(one, level_of_measurement="nominal")
        assert found.alpha(index) == pytest.approx(binary, abs=1e-12)


@given(st.integers(0, 10_000), st.integers(2, 5), st.sampled_from([0.0, 0.5]))
def test_alpha_of_any_number_of_annotators_is_that_of_the_package(seed, annotators, missing):
    import krippendorff

    maps = noisy(seed, shape=(5, 7), errors=(0.3,) * annotators, missing=missing)

    found = Coincidences.of(patterns_of(maps), num_classes=K).alpha()

    values = values_of(maps)
    paired = values[:, (~np.isnan(values)).sum(axis=0) > 1]
    if len(np.unique(paired[~np.isnan(paired)])) < 2:
        assert found is None
    else:
        expected = krippendorff.alpha(values, level_of_measurement="nominal")
        assert found == pytest.approx(expected, abs=1e-9)


def test_images_are_summed_as_if_they_were_one():
    first, second = noisy(2), noisy(3)
    joined = [np.concatenate(both, axis=1) for both in zip(first, second, strict=True)]

    parts = [Coincidences.of(patterns_of(maps), num_classes=K) for maps in (first, second)]

    assert (parts[0] + parts[1]).alpha() == Coincidences.of(patterns_of(joined), num_classes=K).alpha()


# ---- consensus


@pytest.mark.parametrize("seed", range(4))
def test_staple_is_that_of_simpleitk(seed):
    import SimpleITK

    maps = noisy(seed)

    found = staple(patterns_of(maps).of_class(1))

    peer = SimpleITK.STAPLEImageFilter()
    peer.SetForegroundValue(1)
    masks = [SimpleITK.GetImageFromArray((m == 1).astype(np.uint8)) for m in maps]
    probabilities = SimpleITK.GetArrayFromImage(peer.Execute(masks))
    assert found.converged
    assert found.sensitivity == pytest.approx(peer.GetSensitivity(), abs=1e-6)
    assert found.specificity == pytest.approx(peer.GetSpecificity(), abs=1e-6)
    chosen = int(found.patterns.pixels[found.chosen].sum())
    assert chosen == int((probabilities >= 0.5).sum())


def test_staple_of_what_nobody_marks_and_of_what_all_mark_everywhere_is_undefined():
    nobody, everybody = np.zeros((2, 3), np.uint8), np.ones((2, 3), np.uint8)

    assert staple(patterns_of([nobody, nobody]).of_class(1)) is None
    assert staple(patterns_of([everybody, everybody]).of_class(1)) is None


def test_the_majority_is_that_of_simpleitk_and_ties_are_nobodys():
    import SimpleITK

    maps = noisy(5, errors=(0.2, 0.3, 0.4, 0.5))
    patterns = patterns_of(maps)

    found = majority(patterns, num_values=K + 1)

    voted = SimpleITK.GetArrayFromImage(
        SimpleITK.LabelVoting([SimpleITK.GetImageFromArray(m) for m in maps], 99)
    )
    for value, theirs in [*((i, i) for i in range(K + 1)), (UNDECIDED, 99)]:
        assert int(patterns.pixels[found == value].sum()) == int((voted == theirs).sum())
    assert (voted == 99).any()


# ---- the whole


def test_pairs_are_pooled_and_void_counts_for_neither(folder, tmp_path):
    """Of car they share 3 of 4 pixels of x, where the void of li is nobody's, and 1 of 2 of y."""
    maria = folder("maria", x="cc. cc.", y="cr cr")
    li = folder("li", x="ccc c?.", y=".r cr")

    found = agree([maria, li], ontology=str(tmp_path / "o.yaml"), dilation="1px")

    car, road = found.classes
    assert car.pair_iou == (4 / 6,)
    assert road.pair_iou == (1.0,)
    assert found.names == ("maria", "li")
    assert car.finding.cause is Cause.UNKNOWN  # of two nobody can say who


def test_the_human_ceiling_is_the_mean_of_the_pairs_with_jackknife_bounds(folder, tmp_path):
    """IoU of the pairs: a ~ b (2 + 4) / (4 + 4), a ~ c 1, b ~ c .75; the mean is 5/6.

    Without x the mean is 1 and without y (.5 + 1 + .5) / 3 = 2/3, so that the variance is
    1/2 ((1/6)^2 + (1/6)^2) = 1/36; Student's t at .95 with one degree is 6.313752.
    """
    whole, half = "cc cc", "cc .."
    specs = [
        folder("a", x=whole, y=whole),
        folder("b", x=half, y=whole),
        folder("c", x=whole, y=whole),
    ]

    ceiling = agree(specs, ontology=str(tmp_path / "o.yaml")).classes[0].ceiling

    assert ceiling.iou == pytest.approx(5 / 6)
    assert ceiling.lower == 0.0  # 5/6 - 6.31/6 lies below
    assert ceiling.upper == 1.0
    assert (ceiling.images, ceiling.pairs) == (2, 3)


def test_bounds_lie_where_hand_computation_puts_them(folder, tmp_path):
    """Three images with IoU 9/10, 8/10 and 9/10 of ten pixels: pooled 26/30.

    Without each: 17/20, 18/20, 17/20; variance 2/3 (2/3 x .05^2) = 1/900; t at .95 of 2 is 2.919986.
    """
    full = "c" * 10
    one = folder("a", x=full, y=full, z=full)
    other = folder("b", x="c" * 9 + ".", y="c" * 8 + "..", z="c" * 9 + ".")

    ceiling = agree([one, other], ontology=str(tmp_path / "o.yaml")).classes[0].ceiling

    reach = 2.919986 * math.sqrt(1 / 900)
    assert ceiling.iou == pytest.approx(26 / 30)
    assert ceiling.lower == pytest.approx(26 / 30 - reach, abs=1e-6)
    assert ceiling.upper == pytest.approx(26 / 30 + reach, abs=1e-6)


def test_boundaries_are_those_of_an_evaluation_of_two(tmp_path):
    (tmp_path / "o.yaml").write_text(ONTOLOGY)
    for name, shift in (("a", 0), ("b", 3), ("c", 5)):
        (tmp_path / name).mkdir()
        for image in range(2):
            drawn = np.zeros((60, 80), np.uint8)
            top, left = 5 + 10 * image, 8 + shift
            drawn[top : top + 30, left : left + 40] = 1
            drawn[50:, : 60 + shift] = 2
            Image.fromarray(drawn).save(tmp_path / name / f"{image}.png")
    specs = [f"png:{tmp_path / name}" for name in "abc"]
    ontology = str(tmp_path / "o.yaml")

    found = agree(specs, ontology=ontology, dilation="4px")

    for at, (one, other) in enumerate(found.table.pairs):
        expected = segcore.evaluate(specs[one], specs[other], ontology=ontology, dilation="4px")
        for ours, theirs in zip(found.classes, expected.classes, strict=True):
            assert ours.pair_iou[at] == theirs.iou
            assert ours.pair_boundary_iou[at] == theirs.boundary_iou


def twelve(drawn) -> dict[str, str]:
    """Twelve images, each as the function draws it."""
    return {f"image{i:02}": drawn(i) for i in range(12)}


def test_one_annotator_against_an_agreeing_rest_is_named(folder, tmp_path):
    right = twelve(lambda i: "ccccc..... cccc......")
    wrong = twelve(lambda i: "cc........ cc........" if i % 2 else "ccc....... c.........")
    specs = [folder("maria", **right), folder("li", **wrong), folder("tom", **right)]

    finding = agree(specs, ontology=str(tmp_path / "o.yaml")).classes[0].finding

    assert finding.cause is Cause.ANNOTATOR
    assert finding.annotator == 1
    assert (finding.own, finding.rest) == (pytest.approx(48 / 108), 1.0)


def test_everybody_against_everybody_is_the_guideline(folder, tmp_path):
    specs = [
        folder(name, **twelve(lambda i, at=at: "." * at + "cccc" + "." * (12 - at)))
        for name, at in (("maria", 0), ("li", 3), ("tom", 6))
    ]

    finding = agree(specs, ontology=str(tmp_path / "o.yaml")).classes[0].finding

    assert finding.cause is Cause.GUIDELINE
    assert finding.annotator is None


def test_two_camps_are_neither(folder, tmp_path):
    left, right = twelve(lambda i: "cccc...."), twelve(lambda i: "....cccc")
    drawn = {"maria": left, "li": left, "tom": right, "ann": right}
    specs = [folder(name, **images) for name, images in drawn.items()]

    finding = agree(specs, ontology=str(tmp_path / "o.yaml")).classes[0].finding

    assert finding.cause is Cause.MIXED


def test_a_chart_alarms_at_the_image_the_formula_gives():
    """Baseline .9 and .8 in turn: mean .85, s = sqrt(10 / 9 x .0025 ) = .0527; then .5 at each image.

    The first average is .85 - .2 x .35 = .78; its limit is 3 s sqrt(.2 / 1.8 x (1 - .64)) = .0316.
    """
    values = [0.9, 0.8] * 5 + [0.85] * 5 + [0.5] * 15
    moments = [
        Moment(at=f"2026-01-{day:02}", image=f"i{day:02}", value=value)
        for day, value in enumerate(values, start=1)
    ]

    found = ewma(list(reversed(moments)))

    assert (found.baseline, found.images) == (10, 30)
    assert found.deviation == pytest.approx(math.sqrt(0.025 / 9))
    assert found.alarm == "i16"
    assert found.falling is True


def test_a_chart_of_few_images_says_nothing():
    moments = [Moment(at=f"{i}", image=f"{i}", value=0.5) for i in range(19)]

    assert ewma(moments).baseline == 0


# ---- inputs


def test_images_of_one_annotator_are_counted_and_left_out(folder, tmp_path):
    specs = [folder("a", x="c", y="c"), folder("b", x="c")]

    found = agree(specs, ontology=str(tmp_path / "o.yaml"))

    assert found.images == ("x",)
    assert found.single_images == 1


def test_one_annotator_is_not_enough(folder, tmp_path):
    with pytest.raises(UsageError, match="two annotators or more, found 1"):
        agree([folder("a", x="c")], ontology=str(tmp_path / "o.yaml"))


def test_two_of_one_name_are_refused(folder, tmp_path):
    spec = folder("a", x="c")

    with pytest.raises(UsageError, match="two annotators are called 'a'"):
        agree([spec, spec], ontology=str(tmp_path / "o.yaml"))


def test_sizes_that_differ_refuse_the_input(folder, tmp_path):
    specs = [folder("a", x="cc"), folder("b", x="ccc")]

    with pytest.raises(InvalidInputError) as refused:
        agree(specs, ontology=str(tmp_path / "o.yaml"))

    assert [fault.code for fault in refused.value.faults] == ["delivery.size_mismatch"]


def test_a_damaged_mask_refuses_the_input_and_is_named(folder, tmp_path):
    specs = [folder("a", x="cc"), folder("b", x="cc")]
    (tmp_path / "b" / "x.png").write_bytes((tmp_path / "b" / "x.png").read_bytes()[:40])

    with pytest.raises(InvalidInputError) as refused:
        agree(specs, ontology=str(tmp_path / "o.yaml"))

    assert [fault.code for fault in refused.value.faults] == ["mask.truncated"]


def test_a_value_that_is_no_class_refuses_the_input(folder, tmp_path):
    specs = [folder("a", x="cc"), folder("b", x="cc")]
    Image.fromarray(np.full((1, 2), 7, np.uint8)).save(tmp_path / "b" / "x.png")

    with pytest.raises(InvalidInputError) as refused:
        agree(specs, ontology=str(tmp_path / "o.yaml"))

    assert {fault.code for fault in refused.value.faults} == {"mask.unknown_value"}


def test_one_folder_under_two_names_agrees_with_itself(folder, tmp_path):
    folder("a", x="cc. rr.")
    spec = f"png:{tmp_path / 'a'}"

    found = agree({"maria": spec, "li": spec}, ontology=str(tmp_path / "o.yaml"))

    assert [c.pair_iou for c in found.classes] == [(1.0,), (1.0,)]
    assert {role: counts.read for role, counts in found.counts.items()} == {"maria": 1, "li": 1}


def test_the_command_writes_the_same_bytes_each_time_and_the_table(folder, tmp_path, capsys):
    specs = [folder("maria", x="cc. rr."), folder("li", x="c.. rr.")]
    call = ["agree", *specs, "--ontology", str(tmp_path / "o.yaml")]
    files = [tmp_path / name for name in ("1.json", "2.json", "1.html")]

    assert main([*call, "--json", str(files[0]), "--html", str(files[2])]) == 0
    assert main([*call, "--json", str(files[1])]) == 0

    assert files[0].read_bytes() == files[1].read_bytes()
    document = json.loads(files[0].read_text())
    car = document["classes"][0]
    assert document["schema"] == 1
    assert car["pair_iou"] == [0.5]
    assert [row["iou"] for row in document["per_image"]] == [0.5, 1.0]
    assert "car" in files[2].read_text()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["class", "human", "IoU"]
    assert lines[2].split()[:2] == ["car", "0.5000"]


def test_the_command_says_what_refuses_an_input(folder, tmp_path, capsys):
    specs = [folder("a", x="cc"), folder("b", x="ccc")]
    target = tmp_path / "agree.json"
    call = ["agree", *specs, "--ontology", str(tmp_path / "o.yaml"), "--json", str(target)]

    assert main(call) == 3

    assert json.loads(target.read_text())["outcome"] == "invalid"
    assert "delivery.size_mismatch" in capsys.readouterr().err
