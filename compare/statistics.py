"""Are paired accuracies equivalent: t interval, two one-sided t tests, power, seeds needed.

Every function takes numbers or arrays; scipy, which takes a second to import, is imported inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from compare.thresholds import ALPHA, FEWEST_SEEDS, POWER

Array = NDArray[np.float64]
Classes = NDArray[np.int64]
Answer = Literal["equivalent", "different", "not enough runs"]
QUANTILES = (np.arange(2048) + 0.5) / 2048  # over which the power averages the unknown spread


@dataclass(frozen=True)
class Equivalence:
    """What paired differences say of their true mean, and whether it lies within the margin.

    `None` is what so few pairs leave unknown: a single one has no spread.
    """

    answer: Answer
    mean: float
    deviation: float | None  # standard deviation of the differences, as observed
    spread: float | None  # the same as it was counted: no less than one grain
    interval: tuple[float, float] | None  # 95%, of the true mean
    p_value: float | None  # of the two one-sided tests: the larger of both
    power: float | None  # to find equivalence with so many pairs, the true mean being 0
    seeds_needed: int | None  # for a power of 0.8, the true mean being 0


def equivalence(differences: Array, margin: float, grain: float) -> Equivalence:
    """Judges N paired differences against +-margin; `grain` is the smallest step between two.

    equivalent: both one-sided t tests reject, at 5% each, that the true mean lies at or beyond the
    margin (Schuirmann 1987); it may all the same be another mean than 0.
    different: the 95% t interval lies wholly beyond the margin, on one side of it.
    Anything else, and fewer than three differences whatever they are: not enough runs.
    """
    seeds, mean = len(differences), float(np.mean(differences))
    if seeds < 2:
        return Equivalence("not enough runs", mean, *[None] * 6)
    spread = spread_of(differences, grain)
    error = spread / sqrt(seeds)
    half = quantile(1 - ALPHA / 2, seeds - 1) * error
    p_value = share_below((abs(mean) - margin) / error, seeds - 1)
    return Equivalence(
        answer(seeds, p_value, abs(mean) - half, margin),
        mean,
        float(np.std(differences, ddof=1)),
        spread,
        (mean - half, mean + half),
        p_value,
        power(seeds, spread, margin) if seeds >= FEWEST_SEEDS else 0.0,
        seeds_needed(spread, margin),
    )


def answer(seeds: int, p_value: float, nearest: float, margin: float) -> Answer:
    """`nearest` is the end of the interval that lies nearest to 0, negative where 0 is inside."""
    if seeds < FEWEST_SEEDS:
        return "not enough runs"
    if p_value < ALPHA:
        return "equivalent"
    return "different" if nearest > margin else "not enough runs"


def spread_of(differences: Array, grain: float) -> float:
    """Standard deviation, but at least one grain: what lies below cannot be told on such a scale.

    Equal differences in particular are no proof of a spread of 0, which would make any test
    certain. Accuracies counted in 450 images, truly 0.5 points apart, would be called equivalent
    within 0.5 points by 10% of eight seeds without this floor, and by under 5% with it.
    """
    return max(float(np.std(differences, ddof=1)), grain)


def power(seeds: int, spread: float, margin: float) -> float:
    """Probability that `seeds` pairs of this true spread are found equivalent; true mean 0."""
    return power_of_tests(seeds - 1, spread / sqrt(seeds), margin)


def power_of_tests(freedom: int, error: float, margin: float, true_mean: float = 0.0) -> float:
    """Of two one-sided t tests with so many degrees of freedom and this true standard error.

    Both reject where |mean| < margin - t * s, with s the estimated error. Given s the mean is
    normal; s^2 / error^2 * freedom is chi-square, over whose quantiles the average is taken
    (Phillips 1990, "Power of the two one-sided tests procedure in bioequivalence").
    """
    from scipy.special import gammaincinv, ndtr

    s = error * np.sqrt(2 * gammaincinv(freedom / 2, QUANTILES) / freedom)
    room = margin - quantile(1 - ALPHA, freedom) * s
    passes = ndtr((room - true_mean) / error) - ndtr((-room - true_mean) / error)
    return float(np.mean(np.where(room > 0, passes, 0.0)))


def seeds_needed(spread: float, margin: float) -> int:
    """The fewest pairs with a power of 0.8 if this is the true spread and the true mean is 0."""
    enough = FEWEST_SEEDS
    while power(enough, spread, margin) < POWER:
        enough *= 2
    few = max(FEWEST_SEEDS, enough // 2)
    while few < enough:  # bisection: power grows with the number of pairs
        middle = (few + enough) // 2
        if power(middle, spread, margin) < POWER:
            few = middle + 1
        else:
            enough = middle
    return enough


def quantile(share: float, freedom: int) -> float:
    """The number that `share` of Student's t distribution lies below."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


def share_below(t: float, freedom: int) -> float:
    """How much of Student's t distribution lies below t."""
    from scipy.special import stdtr

    return float(stdtr(freedom, t))


# ---- test images


def churn(classes: Classes, others: Classes) -> float:
    """Share of the images that two nets give different classes."""
    return float(np.mean(classes != others))


def accuracy_by_class(classes: Classes, labels: Classes) -> dict[int, float]:
    """Share of each class's images that were given it; of the classes that there are images of."""
    present = np.unique(labels)
    return {int(label): float(np.mean(classes[labels == label] == label)) for label in present}
