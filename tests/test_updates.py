"""What recipes state: formulas, clipping and rates, against arithmetic written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from common.errors import UsageError
from common.recipe import Recipe
from common.updates import clipped, slot_names, update

# Numbers that float32 holds exactly, so that none is rounded on its way.
SGD = Recipe("sgd", 4, 1, 0.5, momentum=0.5)
HALVES = {"beta1": 0.5, "beta2": 0.75, "eps": 0.25}


def walk(recipe: Recipe, gradients: list[float], rates: list[float], weight: float = 2.0):
    """The weight after each step, and the slots after the last."""
    w, slots, found = np.array(weight), {}, []
    for number, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        w, slots = update(recipe, rate, number, w, np.array(g), slots)
        found.append(float(w))
    return found, {name: float(slot) for name, slot in slots.items()}


def test_the_rate_stands_outside_of_sgds_velocity():
    # v: 1, 0.5 + 1 = 1.5, 0.75 + 1 = 1.75. w: 2 - 0.5, less 0.5 x 1.5, less 0.125 x 1.75.
    found, slots = walk(SGD, [1, 1, 1], [0.5, 0.5, 0.125])
    assert found == [1.5, 0.75, 0.53125]
    assert slots == {"velocity": 1.75}


def test_nesterov_takes_the_gradient_and_half_of_the_new_velocity():
    # v: 1, 2.5. w: 2 - 0.5 (1 + 0.5), less 0.25 (2 + 0.5 x 2.5).
    found, slots = walk(replace(SGD, nesterov=True), [1, 2], [0.5, 0.25])
    assert found == [1.25, 1.25 - 0.25 * 3.25]
    assert slots == {"velocity": 2.5}


def test_plain_sgd_remembers_nothing():
    assert walk(replace(SGD, momentum=0.0), [1, -2], [0.5, 0.25]) == ([1.5, 2.0], {})


def test_coupled_decay_enters_the_velocity_and_decoupled_decay_does_not():
    # Coupled: v = 1 + 0.25 x 2 = 1.5, w = 1.25; v = 0.75 + 1 + 0.3125, w = 1.25 - 0.5 x 2.0625.
    found, _ = walk(replace(SGD, weight_decay=0.25), [1, 1], [0.5, 0.5])
    assert found == [1.25, 0.21875]
    # Decoupled: w = 2 - 0.125 x 2 - 0.5 = 1.25; w = 1.25 - 0.125 x 1.25 - 0.5 x 1.5.
    found, slots = walk(replace(SGD, weight_decay=0.25, decoupled=True), [1, 1], [0.5, 0.5])
    assert found == [1.25, 0.34375]
    assert slots == {"velocity": 1.5}


def test_adam_adds_eps_to_the_root_of_the_corrected_square():
    adam = replace(SGD, optimizer="adam", momentum=0.0, **HALVES)
    # Step 1: m / (1 - b1) = 3, s / (1 - b2) = 9. Step 2, with g = 1: m = 0.75 + 0.5 = 1.25 of
    # 0.75; s = 0.75 x 2.25 + 0.25 = 1.9375 of 1 - 0.5625.
    first = 2 - 0.5 * 3 / (3 + 0.25)
    second = first - 0.5 * (1.25 / 0.75) / (math.sqrt(1.9375 / 0.4375) + 0.25)
    found, slots = walk(adam, [3, 1], [0.5, 0.5])
    np.testing.assert_allclose(found, [first, second], rtol=1e-15, atol=0)
    assert slots == {"mean": 1.25, "square": 1.9375}


def test_adamw_leaves_the_moments_without_the_decay():
    adamw = replace(
        SGD, optimizer="adam", momentum=0.0, weight_decay=0.25, decoupled=True, **HALVES
    )
    found, slots = walk(adamw, [3], [0.5])
    np.testing.assert_allclose(found, [2 - 0.5 * 0.25 * 2 - 1.5 / 3.25], rtol=1e-15, atol=0)
    assert slots == {"mean": 1.5, "square": 2.25}


def test_rmsprop_adds_eps_to_the_root_and_keeps_the_rate_outside_its_velocity():
    rmsprop = replace(SGD, optimizer="rmsprop", momentum=0.0, **HALVES)
    # s = 0.25 x 16 = 4, its root 2; then 3 + 0.25 x 4 = 4 again.
    steps = [4 / 2.25, 2 / 2.25]
    found, slots = walk(rmsprop, [4, 2], [0.5, 0.25])
    wanted = [2 - 0.5 * steps[0], 2 - 0.5 * steps[0] - 0.25 * steps[1]]
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=0)
    assert slots == {"square": 4.0}
    found, slots = walk(replace(rmsprop, momentum=0.5), [4, 2], [0.5, 0.25])
    velocity = 0.5 * steps[0] + steps[1]
    np.testing.assert_allclose(found[1], 2 - 0.5 * steps[0] - 0.25 * velocity, rtol=1e-15)
    np.testing.assert_allclose(slots["velocity"], velocity, rtol=1e-15)


def test_adagrad_adds_up_squares_from_zero():
    adagrad = replace(SGD, optimizer="adagrad", momentum=0.0, **HALVES)
    found, slots = walk(adagrad, [3, 4], [0.5, 0.5])  # roots 3 and 5
    np.testing.assert_allclose(found, [2 - 1.5 / 3.25, 2 - 1.5 / 3.25 - 2 / 5.25], rtol=1e-15)
    assert slots == {"sum": 25.0}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, ["velocity"]),
        ({"momentum": 0.0}, []),
        ({"optimizer": "adam"}, ["mean", "square"]),
        ({"optimizer": "rmsprop"}, ["square", "velocity"]),
        ({"optimizer": "rmsprop", "momentum": 0.0}, ["square"]),
        ({"optimizer": "adagrad"}, ["sum"]),
    ],
)
def test_every_optimizer_names_what_it_remembers(change, wanted):
    assert slot_names(replace(SGD, **change)) == wanted


# ---- clipping

GRADIENTS = {"a": np.array([3.0, -4.0]), "b": np.array([[0.0, 12.0]])}  # norms 5 and 12, of all 13


def clip(how: str, at: float) -> dict[str, list]:
    recipe = replace(SGD, clip=how, clip_at=at)
    return {name: g.tolist() for name, g in clipped(recipe, GRADIENTS).items()}


def test_clipping_by_value_cuts_each_number_off():
    assert clip("value", 3.5) == {"a": [3.0, -3.5], "b": [[0.0, 3.5]]}


def test_clipping_by_norm_scales_each_tensor_by_its_own():
    share = 6 / (12 + 1e-6)
    assert clip("norm", 6.0) == {"a": [3.0, -4.0], "b": [[0.0, 12 * share]]}


def test_clipping_by_the_global_norm_scales_all_alike():
    share = 6.5 / (13 + 1e-6)
    assert clip("global-norm", 6.5) == {"a": [3 * share, -4 * share], "b": [[0.0, 12 * share]]}
    assert clip("global-norm", 13.5) == {"a": [3.0, -4.0], "b": [[0.0, 12.0]]}


# ---- rates


def test_cosine_goes_from_the_rate_towards_zero_step_by_step():
    recipe = replace(SGD, epochs=3, schedule="cosine")
    found = [rate for epoch in range(3) for rate in recipe.rates(epoch, 2)]
    # cos of 0, 30, 60, 90, 120 and 150 degrees.
    root = math.sqrt(3) / 2
    wanted = [0.25 * (1 + x) for x in (1, root, 0.5, 0, -0.5, -root)]
    np.testing.assert_allclose(found, wanted, rtol=6e-8, atol=0)
    assert found == [float(np.float32(rate)) for rate in wanted]


def test_one_cycle_rises_from_a_25th_and_ends_at_a_ten_thousandth_of_that():
    recipe = replace(SGD, epochs=2, schedule="one-cycle")
    found = [rate for epoch in range(2) for rate in recipe.rates(epoch, 5)]
    low, last = 0.5 / 25, 0.5 / 25 / 1e4
    # Ten steps: the top is step 0.3 x 10 - 1 = 2, and seven more lead down.
    rising = [low, (low + 0.5) / 2, 0.5]
    falling = [last + (0.5 - last) * (1 + math.cos(math.pi * k / 7)) / 2 for k in range(1, 8)]
    np.testing.assert_allclose(found, rising + falling, rtol=6e-8, atol=0)


@pytest.mark.parametrize(
    ("losses", "drops"),
    [
        ([], 0),
        ([1.0, 1.0], 0),
        ([1.0, 1.0, 1.0], 1),  # twice not lower
        ([1.0, 2.0, 0.5, 0.6, 0.4], 0),  # never twice in a row
        ([1.0, 1.1, 0.9, 0.9, 0.95], 1),
        ([1.0, 1.0, 1.0, 1.0, 1.0], 2),  # counted anew
        ([math.nan, math.nan], 1),
        ([1.0, math.nan, 0.5, 0.7], 0),
    ],
)
def test_a_plateau_is_patience_epochs_in_a_row_without_a_lower_loss(losses, drops):
    recipe = replace(SGD, schedule="plateau", decay=0.25, patience=2)
    assert recipe.rates(len(losses), 3, losses) == [0.5 * 0.25**drops] * 3


def test_a_step_schedule_gives_every_step_of_an_epoch_its_rate():
    recipe = replace(SGD, decay=0.25, decay_after=(1,))
    assert [recipe.rates(epoch, 2) for epoch in (0, 1, 2)] == [[0.5] * 2, [0.125] * 2, [0.125] * 2]


# ---- recipes that contradict themselves


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"nesterov": True, "momentum": 0.0}, "nesterov"),
        ({"nesterov": True, "optimizer": "rmsprop"}, "nesterov"),
        ({"clip": "value"}, "clip_at"),
        ({"clip_at": 1.0}, "clip_at"),
        ({"smoothing": 0.1, "loss": "maximum-a-posteriori"}, "smoothing"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(change, word):
    with pytest.raises(UsageError, match=word):
        replace(SGD, **change)
