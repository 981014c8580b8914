"""Student's t, against closed forms, published tables and scipy."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from segcore.student import quantile, tail

DEGREES = (1, 2, 3, 4, 7, 29, 30, 199, 200, 201, 5000, 1_000_000)

# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2
TABLE = [(0.95, 1, 6.314), (0.975, 10, 2.228), (0.95, 29, 1.699), (0.99, 60, 2.390), (0.999, 100, 3.174)]


@pytest.mark.parametrize(("probability", "degrees", "published"), TABLE)
def test_quantiles_are_those_of_the_printed_table(probability, degrees, published):
    assert round(quantile(probability, degrees), 3) == published


@pytest.mark.parametrize("t", [0.0, 1e-6, 0.3, 1.0, 6.3, 1e3, 1e9])
def test_one_degree_of_freedom_is_the_cauchy_distribution(t):
    assert tail(t, 1) == pytest.approx(math.atan2(1, t) / math.pi, rel=1e-14)


@pytest.mark.parametrize("t", [0.0, 1e-6, 0.3, 1.0, 6.3, 1e3])
def test_two_degrees_of_freedom_have_a_closed_form(t):
    root = math.sqrt(2 + t * t)

    assert tail(t, 2) == pytest.approx(1 / (root * (root + t)), rel=1e-14)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("t", [0.0, 0.01, 0.5, 1.0, 1.96, 3.0, 8.0, 30.0])
def test_tails_are_those_of_scipy(t, degrees):
    assert tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("probability", [0.6, 0.9, 0.95, 0.99, 0.999999])
def test_quantiles_are_those_of_scipy(probability, degrees):
    assert quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-10)


def test_a_sample_that_does_not_vary_has_no_tail_or_all_of_it():
    assert (tail(math.inf, 4), tail(-math.inf, 4)) == (0.0, 1.0)


@given(t=st.floats(0, 1e6), degrees=st.integers(1, 10**6))
def test_both_tails_are_all_there_is(t, degrees):
    assert tail(-t, degrees) + tail(t, degrees) == pytest.approx(1)


@given(probability=st.floats(0.5, 1 - 1e-12), degrees=st.integers(1, 10**5))
def test_a_quantile_is_exceeded_as_often_as_asked(probability, degrees):
    assert tail(quantile(probability, degrees), degrees) == pytest.approx(1 - probability, rel=1e-9)


@given(probability=st.floats(1e-6, 1 - 1e-6), degrees=st.integers(1, 1000))
def test_quantiles_are_symmetric(probability, degrees):
    assert quantile(1 - probability, degrees) == pytest.approx(-quantile(probability, degrees), abs=1e-6)
