"""The judge on batches exactly at the threshold: it accepts and condemns as rarely as is stated.

A small version of ``python -m benchmarks --only n``.  With 400 batches each a share of .12 has a
standard error of .016; the margins are three of them.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

BATCHES = 400
STATED, MARGIN = 0.12, 0.05


@pytest.fixture
def acceptance(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))
    from benchmarks import acceptance

    return acceptance


@pytest.mark.parametrize(
    "name", ["typical", "heavy", "blunder", "cluster", "5 % of the largest fifth missed"]
)
def test_a_delivery_at_the_threshold_is_seldom_accepted_or_condemned(acceptance, name):
    population = acceptance.POPULATIONS[name]
    offset = acceptance.offset_for(population, 0.9)
    limit = Fraction(9, 10)

    drawn = list(acceptance.samples(np.random.default_rng(9), population, offset, (BATCHES, 100)))
    accepted = sum(sample.certifies(limit, 0.95) for sample in drawn) / BATCHES
    condemned = sum(acceptance.condemned(sample, limit) for sample in drawn) / BATCHES
    by_point = sum(sample.value >= limit for sample in drawn) / BATCHES

    assert accepted <= STATED + MARGIN
    assert condemned <= 0.05 + MARGIN
    assert by_point > 0.4, "the population is not at the threshold, so nothing was tested"


def test_a_good_delivery_is_accepted_and_a_bad_one_condemned(acceptance):
    population = acceptance.POPULATIONS["typical"]
    limit = Fraction(8, 10)
    good, bad = (acceptance.offset_for(population, pooled) for pooled in (0.96, 0.6))

    rng = np.random.default_rng(9)
    passed = sum(s.certifies(limit, 0.95) for s in acceptance.samples(rng, population, good, (200, 100)))
    failed = sum(
        acceptance.condemned(s, limit) for s in acceptance.samples(rng, population, bad, (200, 100))
    )

    assert passed / 200 > 0.8
    assert failed / 200 > 0.8
