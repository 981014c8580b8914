"""Plans against published figures, scipy, enumeration and simulated batches."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from segcore.errors import UsageError
from segcore_gates.cli.plan import plan
from segcore_gates.planning.gold import (
    SPREADS,
    fewest_perfect,
    fewest_whatever,
    images_until,
    plan_gold,
)
from segcore_gates.planning.sampling import (
    SamplingPlan,
    half_width,
    plan_by_aql,
    smallest_plan,
    unseen,
)
from segcore_gates.statistics import Sample

# -- samples by attributes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "sample"), [(0.01, 299), (0.02, 149), (0.03, 99), (0.05, 59), (0.10, 29)]
)
def test_zero_failure_plans_are_those_of_the_textbook(limit, sample):
    assert smallest_plan(limit=limit, risk=0.05) == SamplingPlan(sample=sample, accept=0)
    assert (1 - limit) ** sample <= 0.05 < (1 - limit) ** (sample - 1)


@pytest.mark.parametrize("accept", [0, 1, 3, 7])
@pytest.mark.parametrize("limit", [0.01, 0.05, 0.2])
def test_the_smallest_plan_keeps_the_risk_and_one_unit_less_does_not(limit, accept):
    found = smallest_plan(limit=limit, risk=0.1, accept=accept)

    assert stats.binom.cdf(accept, found.sample, limit) <= 0.1
    assert stats.binom.cdf(accept, found.sample - 1, limit) > 0.1


@pytest.mark.parametrize("accept", [0, 2])
@pytest.mark.parametrize("lot", [60, 400])
def test_in_a_lot_with_an_end_the_smallest_plan_is_the_hypergeometric_one(lot, accept):
    found = smallest_plan(limit=0.1, risk=0.05, accept=accept, lot=lot)

    bad = lot // 10
    assert stats.hypergeom.cdf(accept, lot, bad, found.sample) <= 0.05
    assert stats.hypergeom.cdf(accept, lot, bad, found.sample - 1) > 0.05
    assert found.accepts(0.1) == pytest.approx(stats.hypergeom.cdf(accept, lot, bad, found.sample))


def test_a_tiny_lot_is_enumerated():
    bad_of_six = [
        sum(unit < 2 for unit in drawn) for drawn in itertools.combinations(range(6), 3)
    ]  # 2 of 6 are bad, 3 are looked at

    plan_of_three = SamplingPlan(sample=3, accept=0, lot=6)

    assert plan_of_three.accepts(2 / 6) == pytest.approx(bad_of_six.count(0) / len(bad_of_six))


def test_a_lot_that_cannot_break_the_limit_has_no_plan():
    assert smallest_plan(limit=0.1, risk=0.05, accept=1, lot=10) is None


PUBLISHED = {  # LQ10 in per cent of the plans of ISO 2859-1
    (1.0, 400): (50, 1, 7.6), (2.5, 400): (50, 3, 12.9), (4.0, 400): (50, 5, 17.8),
    (1.0, 1000): (80, 2, 6.5), (2.5, 1000): (80, 5, 11.3), (4.0, 1000): (80, 7, 14.3),
    (1.0, 2000): (125, 3, 5.3), (2.5, 2000): (125, 7, 9.2), (4.0, 2000): (125, 10, 12.1),
    (1.0, 5000): (200, 5, 4.6), (2.5, 5000): (200, 10, 7.6), (4.0, 5000): (200, 14, 9.9),
    (1.0, 20000): (315, 7, 3.7), (2.5, 20000): (315, 14, 6.3),
}  # fmt: skip


@pytest.mark.parametrize(("aql", "lot"), PUBLISHED)
def test_plans_by_aql_have_the_limiting_quality_of_the_chart(aql, lot):
    sample, accept, lq10 = PUBLISHED[aql, lot]

    _, found = plan_by_aql(lot=lot, aql=aql)

    assert (found.sample, found.accept) == (sample, accept)
    assert 100 * found.limiting_share(0.10) == pytest.approx(lq10, abs=0.05)
    assert found.producer_risk(aql / 100) == pytest.approx(
        stats.binom.sf(accept, sample, aql / 100), abs=1e-12
    )


def test_code_letters_begin_and_end_where_the_chart_says():
    assert [plan_by_aql(lot=n, aql=1.0)[0] for n in (281, 500, 501, 1200, 1201, 3200)] == [*"HHJJKK"]
    assert plan_by_aql(lot=280, aql=1.0) is None
    assert plan_by_aql(lot=1000, aql=1.5) is None


def test_spot_checks_see_nothing_as_often_as_published():
    assert unseen(20, 0.08) == pytest.approx(0.19, abs=0.005)
    assert unseen(10, 0.08) == pytest.approx(0.43, abs=0.005)
    assert [round(100 * half_width(n, 0.05), 1) for n in (50, 100, 300, 500)] == [6.0, 4.3, 2.5, 1.9]


# -- gold images ----------------------------------------------------------------------------------


def test_fewest_images_are_those_published():
    floors = (0.5, 0.7, 0.8, 0.85, 0.9, 0.95)

    assert [fewest_perfect(t, 0.95) for t in floors] == [6, 9, 13, 18, 27, 53]
    assert [fewest_whatever(t, 0.95) for t in (0.5, 0.7, 0.8, 0.9, 0.95)] == [5, 9, 14, 29, 59]


@pytest.mark.parametrize("floor", [0.5, 0.8, 0.9])
def test_fewest_perfect_images_are_those_the_judge_takes(floor):
    n = fewest_perfect(floor, 0.95)

    assert Sample([7] * n, [7] * n).certifies(_fraction(floor), 0.95)
    assert not Sample([7] * (n - 1), [7] * (n - 1)).certifies(_fraction(floor), 0.95)


def test_the_closed_form_is_the_one_that_is_written():
    wanted = {"floor": 0.8, "above": 0.1, "spread": 0.37, "size": 2.05, "confidence": 0.95, "power": 0.8}

    n = images_until(**wanted)

    def slack(n):  # with scipy's quantiles
        sd = np.sqrt((n + 1) * 0.37**2 + (0.1 + 0.8 * 2.05) ** 2)
        chance = stats.norm.ppf(0.8) * np.sqrt(n) * 0.37
        return n * 0.1 - 0.8 * 2.05 - stats.t.ppf(0.95, n) * sd - chance

    assert slack(n) >= 0 > slack(n - 1)


@pytest.mark.parametrize("floor", [0.5, 0.7, 0.8, 0.85, 0.9, 0.95])
def test_perfect_images_of_one_size_take_what_the_judge_takes(floor):
    n = images_until(floor=floor, above=1 - floor, spread=0, size=1, confidence=0.95, power=0.8)

    assert n == max(fewest_perfect(floor, 0.95), fewest_whatever(floor, 0.95))


@pytest.fixture
def acceptance(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))
    from benchmarks import acceptance

    return acceptance


@pytest.mark.parametrize("name", ["tight", "typical", "blunder"])
def test_as_many_images_as_planned_certify_about_as_often_as_asked(acceptance, name):
    """With the spread of the simulated batches themselves; 300 batches, a standard error of .023."""
    population = acceptance.POPULATIONS[name]
    offset = acceptance.offset_for(population, 0.9)
    both, either = acceptance.draw(np.random.default_rng(1), population, offset, (40_000, 5))
    spread = float((both - 0.8 * either).std() / either.mean())
    size = float(np.sqrt((either**2).mean()) / either.mean())
    planned = images_until(floor=0.8, above=0.1, spread=spread, size=size, confidence=0.95, power=0.8)

    drawn = acceptance.samples(np.random.default_rng(2), population, offset, (300, planned))
    certified = sum(sample.certifies(_fraction(0.8), 0.95) for sample in drawn) / 300

    assert 0.7 <= certified <= 1.0
    assert SPREADS[name].size == pytest.approx(size, rel=0.1)


@pytest.mark.parametrize(("floor", "expected"), [(0.9, 0.9), (0.9, 0.8), (0.0, 0.5), (0.9, 1.1)])
def test_a_floor_that_is_not_below_what_is_expected_has_no_plan(floor, expected):
    with pytest.raises(ValueError, match="below what is expected"):
        plan_gold(floor=floor, expected=expected, spread=SPREADS["tight"], confidence=0.95, power=0.8)


# -- segcore plan ---------------------------------------------------------------------------------


def told(capsys, **options):
    assert plan(options.pop("gold", None), options.pop("delivery", None), **options, json="-") == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_tells_both_risks_of_every_plan(capsys):
    found = told(capsys, bad_share=0.05)

    first = found["plans"][0]
    assert (first["accept"], first["sample"]) == (0, 59)
    assert first["consumer_risk"] == pytest.approx(0.95**59)
    assert first["producer_risk"] == pytest.approx(1 - 0.99**59)
    assert [p["sample"] for p in found["plans"]][:3] == [59, 93, 124]


def test_the_command_measures_a_pilot(capsys, tmp_path, write_batch):
    write_batch(
        tmp_path,
        gold=[{"car": (0, 10)}] * 40 + [{"person": (0, 10)}] * 3,
        delivery=[{"car": (0, 9)}] * 40 + [{"person": (0, 10)}] * 3,
    )

    found = told(
        capsys,
        gold=f"coco:{tmp_path / 'gold.json'}",
        delivery=f"coco:{tmp_path / 'delivery.json'}",
        floor=0.8,
    )

    by_class = {entry["class"]: entry for entry in found["classes"]}
    assert by_class["car"]["certified"] is True
    assert by_class["car"]["iou"] == 0.9
    assert by_class["person"]["images_needed"] is None  # three images do not tell how much they differ
    assert by_class["person"]["images_least"] == 13


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "say one of --floor, --bad-share and --aql"),
        ({"floor": 0.8, "bad_share": 0.1}, "say one of"),
        ({"floor": 85, "expected": 0.9}, "--floor must be between 0 and 1, not 85; did you mean 0.85?"),
        ({"floor": 0.8}, "--floor needs --expected, or a pilot"),
        ({"floor": 0.8, "expected": 0.7}, "below what is expected"),
        ({"floor": 0.8, "expected": 0.9, "spread": "typicl"}, "did you mean 'typical'?"),
        ({"aql": 1.0}, "--aql needs --lot"),
        ({"aql": 1.0, "lot": 100}, "no plan here"),
        ({"bad_share": 0.01, "good_share": 0.02}, "--good-share 0.02 must be below"),
        ({"bad_share": 0.05, "lot": 10}, "look at all of it"),
        ({"gold": "coco:g.json", "floor": 0.8}, "a pilot is GOLD and DELIVERY"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(options, problem):
    with pytest.raises(UsageError) as caught:
        plan(options.pop("gold", None), None, **options)

    assert problem in str(caught.value)


def test_every_table_says_where_its_figures_come_from(capsys):
    for options in (
        {"bad_share": 0.05},
        {"bad_share": 0.05, "lot": 400},
        {"aql": 2.5, "lot": 4000},
        {"floor": 0.8, "expected": 0.9, "spread": "all"},
    ):
        assert plan(None, None, **options) == 0
        assert "source: " in capsys.readouterr().out


def _fraction(value):
    from fractions import Fraction

    return Fraction(str(value))
