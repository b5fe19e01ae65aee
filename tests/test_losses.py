"""The losses of recipes: closed forms written out, and derivatives found another way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from common.losses import (
    LOSSES,
    binary_cross_entropy,
    cross_entropy,
    maximum_a_posteriori,
    scores,
    total,
)

RNG = np.random.default_rng(20261122)
LABELS = np.array([1, 2, 0])


def probabilities(*shape: int) -> np.ndarray:
    """Each row positive, with sum 1."""
    drawn = RNG.uniform(0.1, 1.0, shape)
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


INPUTS = {  # what each loss reads, of three samples and four classes
    "cross-entropy": 2 * RNG.standard_normal((3, 4)),
    "binary-cross-entropy": probabilities(3, 4),
    "maximum-a-posteriori": RNG.uniform(0.0, 9.0, (3, 4)),
}


# ---- closed forms


def test_cross_entropy_is_the_mean_of_minus_log_of_the_labels_share():
    logits = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 3.0, 6.0]]))
    # Shares 2/8 and 6/12.
    wanted = (math.log(8 / 2) + math.log(12 / 6)) / 2
    found = cross_entropy(logits, np.array([1, 2]))
    assert found.shape == ()
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=0)


def test_smoothing_gives_every_class_its_part_of_the_label():
    logits = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 3.0, 6.0]]))
    # Shares 1/8, 2/8, 5/8 and 1/4, 1/4, 1/2; targets 0.1, 0.8, 0.1 and 0.1, 0.1, 0.8.
    first = 0.1 * math.log(8) + 0.8 * math.log(4) + 0.1 * math.log(8 / 5)
    second = 0.2 * math.log(4) + 0.8 * math.log(2)
    found = cross_entropy(logits, np.array([1, 2]), 0.3)
    np.testing.assert_allclose(found, (first + second) / 2, rtol=1e-15, atol=0)
    np.testing.assert_allclose(
        total("cross-entropy", (0.5,), [logits], np.array([1, 2]), 0.3), found / 2, rtol=1e-15
    )


def test_an_impossible_class_costs_nothing_unless_labels_are_smoothed():
    logits = np.array([[0.0, -np.inf, 0.0]])
    np.testing.assert_allclose(cross_entropy(logits, np.array([0])), math.log(2), rtol=1e-15)
    assert cross_entropy(logits, np.array([0]), 0.3) == np.inf


def test_the_gradient_of_smoothed_cross_entropy_is_the_share_less_the_target():
    x = INPUTS["cross-entropy"]
    wanted = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) - 0.2 / 4
    wanted[[0, 1, 2], LABELS] -= 0.8
    direction = RNG.standard_normal(x.shape)
    found = cross_entropy(x + 1e-30j * direction, LABELS, 0.2).imag / 1e-30
    np.testing.assert_allclose(found, np.sum(wanted * direction) / 3, rtol=1e-13, atol=0)


def test_cross_entropy_does_not_change_when_all_logits_of_a_sample_move():
    logits, labels = RNG.standard_normal((4, 6)), np.array([0, 5, 2, 2])
    moved = logits + np.array([[10.0], [-3.0], [0.5], [100.0]])
    # Adding 100 rounds the logits themselves, by 1.4e-14 at most.
    found, wanted = cross_entropy(moved, labels), cross_entropy(logits, labels)
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=0)


def test_binary_cross_entropy_is_the_mean_over_every_class_of_every_sample():
    p = np.array([[0.2, 0.3, 0.5], [0.7, 0.1, 0.2]])
    # Labels 2 and 1: their own p, and 1 - p of the others.
    wanted = -sum(map(math.log, (0.8, 0.7, 0.5, 0.3, 0.1, 0.8))) / 6
    found = binary_cross_entropy(p, np.array([2, 1]))
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=0)


def test_binary_cross_entropy_takes_no_logarithm_of_less_than_1e_37():
    p = np.array([[1.0, 0.0]])
    # Label 1: p of it is 0, and 1 - p of the other too.
    wanted = 37 * math.log(10)
    np.testing.assert_allclose(binary_cross_entropy(p, np.array([1])), wanted, rtol=1e-15)
    assert binary_cross_entropy(p, np.array([0])) == 0


def test_maximum_a_posteriori_is_equation_9_with_its_rubbish_class_at_1():
    y = np.array([[0.5, 2.0, 3.0], [4.0, 1.5, 0.25]])
    each = [
        row[label] + math.log(math.exp(-1) + math.fsum(math.exp(-v) for v in row))
        for row, label in zip(y.tolist(), (0, 1), strict=True)
    ]
    found = maximum_a_posteriori(y, np.array([0, 1]))
    np.testing.assert_allclose(found, sum(each) / 2, rtol=1e-15, atol=0)


def test_distances_far_beyond_the_range_of_exp_do_not_overflow():
    # exp(-2000) is 0: of the sum, the rubbish class alone is left, and its log is -1.
    far = np.array([[2000.0, 3000.0, 5000.0]])
    assert maximum_a_posteriori(far, np.array([0])) == 1999.0
    assert maximum_a_posteriori(far, np.array([2])) == 4999.0
    # A distance of 0 outweighs them: log(1 + exp(-1)).
    near = np.array([[0.0, 3000.0]])
    wanted = math.log(1 + math.exp(-1))
    np.testing.assert_allclose(maximum_a_posteriori(near, np.array([0])), wanted, rtol=1e-15)
    # No distance, but a faulty port may hand it over.
    assert maximum_a_posteriori(np.array([[-2000.0, 0.0]]), np.array([0])) == 0


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("at", [(0, 1), (0, 0), (2, 3)])
def test_the_loss_of_nan_is_nan(name, at):
    x = INPUTS[name].copy()
    x[at] = np.nan  # of the label, and of others
    assert math.isnan(LOSSES[name](x, LABELS))


# ---- derivatives


@pytest.mark.parametrize("name", LOSSES)
def test_the_complex_step_agrees_with_central_differences(name):
    x, d, loss = INPUTS[name], RNG.standard_normal((3, 4)), LOSSES[name]
    found = loss(x + 1e-30j * d, LABELS).imag / 1e-30
    wanted = (loss(x + 1e-6 * d, LABELS) - loss(x - 1e-6 * d, LABELS)) / 2e-6
    assert abs(wanted) > 0.01
    # Truncation and rounding of the differences: 1e-12 and 1e-10 of values near 1.
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=0)


def gradient(name: str, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Every partial derivative, one complex step each."""
    found = np.empty_like(x)
    for at in np.ndindex(*x.shape):
        moved = x.astype(complex)
        moved[at] += 1e-30j
        found[at] = LOSSES[name](moved, labels).imag / 1e-30
    return found


def test_the_gradient_of_cross_entropy_is_the_share_less_one_for_the_label():
    x = INPUTS["cross-entropy"]
    wanted = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    wanted[[0, 1, 2], LABELS] -= 1
    found = gradient("cross-entropy", x, LABELS)
    np.testing.assert_allclose(found, wanted / 3, rtol=0, atol=1e-15)


def test_the_gradient_of_binary_cross_entropy_is_one_over_p():
    p = INPUTS["binary-cross-entropy"]
    wanted = 1 / (1 - p)
    wanted[[0, 1, 2], LABELS] = -1 / p[[0, 1, 2], LABELS]
    found = gradient("binary-cross-entropy", p, LABELS)
    np.testing.assert_allclose(found, wanted / 12, rtol=1e-14, atol=0)


def test_where_the_logarithm_is_cut_off_nothing_flows_back():
    found = gradient("binary-cross-entropy", np.array([[1.0, 0.0]]), np.array([1]))
    assert found.tolist() == [[0.0, 0.0]]


def test_maximum_a_posteriori_pulls_the_labels_unit_near_and_pushes_the_others_away():
    y = INPUTS["maximum-a-posteriori"]
    shares = np.exp(-y) / (math.exp(-1) + np.exp(-y).sum(axis=1, keepdims=True))
    wanted = -shares
    wanted[[0, 1, 2], LABELS] += 1
    found = gradient("maximum-a-posteriori", y, LABELS)
    np.testing.assert_allclose(found, wanted / 3, rtol=0, atol=1e-15)


# ---- several outputs, and what an output says


def test_several_outputs_count_once_each_or_by_their_shares():
    first, second = INPUTS["cross-entropy"], RNG.standard_normal((3, 4))
    a, b = (float(cross_entropy(x, LABELS)) for x in (first, second))
    both = [first, second]
    np.testing.assert_allclose(total("cross-entropy", (), [first], LABELS), a, rtol=1e-15)
    np.testing.assert_allclose(total("cross-entropy", (), both, LABELS), a + b, rtol=1e-15)
    found = total("cross-entropy", (1.0, 0.3), both, LABELS)
    np.testing.assert_allclose(found, a + 0.3 * b, rtol=1e-15)


@pytest.mark.parametrize("shares", [(1.0,), (1.0, 0.3, 0.3)])
def test_shares_of_other_outputs_are_refused(shares):
    outputs = [INPUTS["cross-entropy"]] * 2
    with pytest.raises(ValueError, match="argument 2"):
        total("cross-entropy", shares, outputs, LABELS)


def test_the_class_is_the_largest_score_and_so_the_smallest_distance():
    output = np.array([[3.0, 1.0, 2.0]])
    found = {name: scores(name, output).argmax(axis=1).tolist() for name in LOSSES}
    assert found == {
        "cross-entropy": [0],
        "binary-cross-entropy": [0],
        "maximum-a-posteriori": [1],
    }
