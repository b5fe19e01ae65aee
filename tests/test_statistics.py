"""Equivalence over seeds: textbook answers, simulation, and the small samples that lie in wait."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import log, sqrt

import numpy as np
import pytest
from scipy import stats

from compare.statistics import (
    accuracy_by_class,
    churn,
    equivalence,
    power,
    power_of_tests,
    seeds_needed,
    share_below,
    spread_of,
)

POINT = 0.01


def test_students_own_example_gives_students_interval():
    # Student 1908, "The probable error of a mean", extra hours of sleep under two drugs; the
    # interval is the one that R prints for its data set `sleep`, paired.
    gained = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    found = equivalence(gained, margin=1.0, grain=0.1)
    assert found.mean == pytest.approx(1.58)
    assert found.interval == pytest.approx((0.7001142, 2.4598858), abs=1e-7)
    assert equivalence(gained, margin=0.7, grain=0.1).answer == "different"
    assert equivalence(gained, margin=0.71, grain=0.1).answer == "not enough runs"


def test_an_example_worked_by_hand():
    # mean 0.1; squared deviations 0, 0.04, 0.04, 0; variance 0.08 / 3; error sqrt(0.08 / 3 / 4)
    found = equivalence(np.array([0.1, 0.3, -0.1, 0.1]), margin=0.5, grain=0.1)
    error = sqrt(0.08 / 12)
    assert found.mean == pytest.approx(0.1)
    assert found.deviation == pytest.approx(2 * error)
    # Student's t, 3 degrees of freedom: 2.5% lie above 3.182, 1% above 4.541, 0.5% above 5.841
    assert found.interval == pytest.approx((0.1 - 3.182 * error, 0.1 + 3.182 * error), abs=1e-4)
    t = (0.5 - 0.1) / error  # to the nearer margin: 4.899
    assert 4.541 < t < 5.841
    assert 0.005 < found.p_value < 0.01
    assert found.answer == "equivalent"


@pytest.mark.parametrize("seed", range(5))
def test_the_tests_are_those_of_scipy(seed):
    rng = np.random.default_rng(seed)
    torch, keras = rng.normal(0.97, 0.004, (2, 6 + seed))
    found = equivalence(keras - torch, margin=0.005, grain=1e-6)
    above = stats.ttest_rel(keras + 0.005, torch, alternative="greater")
    below = stats.ttest_rel(keras - 0.005, torch, alternative="less")
    assert found.p_value == pytest.approx(max(above.pvalue, below.pvalue), rel=1e-9)
    interval = stats.ttest_rel(keras, torch).confidence_interval(0.95)
    assert found.interval == pytest.approx((interval.low, interval.high), rel=1e-9)


@pytest.mark.parametrize(
    ("differences", "answer"),
    [
        ([0.0010, -0.0010, 0.0000, 0.0010, -0.0010], "equivalent"),
        ([0.0020, 0.0030, 0.0020, 0.0030, 0.0020], "equivalent"),  # and not 0
        ([0.0200, 0.0210, 0.0190, 0.0200, 0.0210], "different"),
        ([-0.020, -0.021, -0.019, -0.020, -0.021], "different"),
        ([0.0050, 0.0050, 0.0050, 0.0050, 0.0050], "not enough runs"),  # at the margin itself
        ([0.0200, -0.020, 0.0300, -0.010, 0.0100], "not enough runs"),
    ],
)
def test_there_are_three_answers(differences, answer):
    assert equivalence(np.array(differences), 0.5 * POINT, 0.001).answer == answer


def test_a_small_real_difference_is_still_equivalent():
    found = equivalence(np.array([0.002, 0.003, 0.002, 0.003, 0.002]), 0.5 * POINT, 0.001)
    assert found.interval[0] > 0
    assert found.answer == "equivalent"


# ---- few seeds, no spread


@pytest.mark.parametrize("difference", [0.0, 0.5])
@pytest.mark.parametrize("seeds", [1, 2])
def test_neither_one_seed_nor_two_show_anything(seeds, difference):
    found = equivalence(np.full(seeds, difference), 0.5 * POINT, 0.001)
    assert found.answer == "not enough runs"
    json.dumps(asdict(found), allow_nan=False)
    assert (found.interval is None) == (seeds == 1)


@pytest.mark.parametrize("seeds", [3, 5, 50])
def test_equal_differences_are_no_spread_of_zero(seeds):
    found = equivalence(np.zeros(seeds), margin=0.005, grain=0.001)
    json.dumps(asdict(found), allow_nan=False)
    assert (found.deviation, found.spread) == (0, 0.001)
    t = stats.t.ppf(0.975, seeds - 1)
    assert found.interval == pytest.approx((-t * 0.001 / sqrt(seeds), t * 0.001 / sqrt(seeds)))


@pytest.mark.parametrize("seeds", [3, 8])
@pytest.mark.parametrize("deviation", [0.0001, 0.0005, 0.001, 0.003])
@pytest.mark.parametrize("images", [450, 1000])
def test_a_difference_as_large_as_the_margin_is_seldom_called_equivalent(images, deviation, seeds):
    """By 5% of 4,000 runs, and three standard errors more for luck.

    Accuracies are counted in images: rounded up or down at random, so that the mean stays.
    """
    rng = np.random.default_rng(seeds)
    shape = (4000, seeds)
    hits = np.floor(rng.normal(0.005, deviation, shape) * images + rng.uniform(size=shape))
    spreads = np.array([spread_of(row, 1 / images) for row in hits / images])
    t = (np.abs(hits.mean(axis=1)) / images - 0.005) / (spreads / sqrt(seeds))
    wrong = np.mean([share_below(one, seeds - 1) < 0.05 for one in t])
    assert wrong <= 0.05 + 3 * sqrt(0.05 * 0.95 / 4000)


# ---- power


@pytest.mark.parametrize(
    ("variation", "subjects", "published"),
    [(0.20, 20, 0.834680), (0.25, 28, 0.807439), (0.30, 40, 0.815845)],
)
def test_the_power_is_that_of_powertost(variation, subjects, published):
    # R package PowerTOST, sampleN.TOST(CV = ...), its default: a 2x2 crossover on the logarithmic
    # scale, limits 0.8 and 1.25, true ratio 0.95; error sqrt(2 / n) * sqrt(log(1 + CV^2)).
    error = sqrt(2 / subjects * log(1 + variation**2))
    found = power_of_tests(subjects - 2, error, log(1.25), log(0.95))
    assert found == pytest.approx(published, abs=2e-5)


@pytest.mark.parametrize(("seeds", "spread"), [(3, 0.002), (5, 0.003), (10, 0.005), (30, 0.011)])
def test_the_power_is_that_of_a_simulation(seeds, spread):
    rng = np.random.default_rng(7)
    drawn = rng.normal(0, spread, (40_000, seeds))
    error = drawn.std(axis=1, ddof=1) / sqrt(seeds)
    passed = np.abs(drawn.mean(axis=1)) + stats.t.ppf(0.95, seeds - 1) * error < 0.005
    assert power(seeds, spread, 0.005) == pytest.approx(passed.mean(), abs=0.01)


@pytest.mark.parametrize("ratio", [0.2, 0.5, 1.0, 3.0])
def test_the_seeds_needed_are_the_fewest_of_that_power(ratio):
    needed = seeds_needed(ratio * 0.005, 0.005)
    assert power(needed, ratio * 0.005, 0.005) >= 0.8
    assert needed == 3 or power(needed - 1, ratio * 0.005, 0.005) < 0.8


def test_many_seeds_are_needed_as_the_normal_distribution_says():
    # (z of 5% + z of 10%)^2 = (1.6449 + 1.2816)^2 = 8.564 times (spread / margin)^2
    assert seeds_needed(0.05, 0.005) == pytest.approx(856, abs=3)
    assert seeds_needed(1.0, 1e-5) == pytest.approx(8.564e10, rel=1e-3)


# ---- test images


def test_churn_counts_images_and_not_accuracy():
    labels, torch, keras = (np.array(x) for x in ([0, 1, 2, 3], [0, 1, 0, 0], [0, 0, 2, 0]))
    assert np.mean(torch == labels) == np.mean(keras == labels)
    assert churn(torch, keras) == 0.5


def test_accuracy_by_class_knows_only_classes_that_there_are():
    labels, classes = np.array([0, 0, 0, 2, 2]), np.array([0, 0, 2, 2, 1])
    assert accuracy_by_class(classes, labels) == {0: 2 / 3, 2: 1 / 2}
