"""Drawn weights follow their law and nothing but their seed and name; recipes are their formula."""

from __future__ import annotations

import math
import re
import struct

import numpy as np
import pytest

from common import data, recipes, weights
from common.errors import UsageError
from common.recipe import Recipe
from common.spec import Spec, batch_norm, conv, dense, flatten, relu
from common.specs.lenet import LENET

# Statistical bounds are five standard errors: a right law misses one in 2 million draws.
ERRORS = 5

WIDE = Spec(
    "wide",
    "a test",
    {"image": (16, 2, 3)},
    (
        conv("conv", 2_048, (1, 2), groups=8),  # fan-in 2 x 2 = 4; 2048x2x2
        batch_norm("bn", eps=1e-5, keep=0.9),
        flatten("flatten"),
        dense("fc", 64),  # fan-in 8,192
    ),
    params=2_048 * (4 + 1) + 4_096 + 64 * (8_192 + 1),
)


def net(*layers, params: int) -> Spec:
    return Spec("net", "a test", {"image": (2, 4, 4)}, layers, params)


def equal(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    """The same names, and every number of them."""
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])


# ---- seeds and names


@pytest.mark.parametrize("law", ["lecun", "probe"])
def test_the_same_seed_draws_the_same_numbers(law):
    equal(weights.draw(LENET, 3, law), weights.draw(LENET, 3, law))


def test_another_seed_or_law_draws_other_numbers_for_every_weight():
    first = weights.draw(LENET, 0, "probe")
    for other in (weights.draw(LENET, 1, "probe"), weights.draw(LENET, 0, "lecun")):
        assert [name for name in first if np.mean(first[name] == other[name]) > 0.01] == []


def test_no_tensor_repeats_anothers_numbers():
    drawn = weights.draw(
        net(conv("a", 8, 3, padding=1), conv("b", 8, 3), params=8 * 19 + 8 * 73), 0, "probe"
    )
    firsts = [round(float(array.ravel()[0]), 6) for array in drawn.values()]
    assert len(set(firsts)) == 4


def test_a_layer_added_leaves_the_numbers_of_the_others_as_they_were():
    small = net(conv("a", 4, 3), flatten("f"), dense("d", 3), params=76 + 51)
    grown = net(
        conv("first", 2, 1),  # 2 x (2 + 1)
        conv("a", 4, 3),  # 4 x (2 x 9 + 1)
        relu("relu"),
        flatten("f"),
        dense("d", 3),  # 3 x (16 + 1)
        dense("last", 5),  # 5 x (3 + 1)
        params=6 + 76 + 51 + 20,
    )
    for law in ("lecun", "probe"):
        before, after = weights.draw(small, 7, law), weights.draw(grown, 7, law)
        equal({name: after[name] for name in before}, before)


def test_the_tensors_are_named_by_layer_and_shaped_by_the_spec():
    drawn = weights.draw(LENET, 0)
    assert {name: array.shape for name, array in drawn.items()} == {
        "conv1.weight": (6, 1, 5, 5),
        "conv1.bias": (6,),
        "conv2.weight": (16, 6, 5, 5),
        "conv2.bias": (16,),
        "fc1.weight": (120, 256),
        "fc1.bias": (120,),
        "fc2.weight": (84, 120),
        "fc2.bias": (84,),
        "fc3.weight": (10, 84),
        "fc3.bias": (10,),
    }


@pytest.mark.parametrize("law", ["lecun", "probe"])
def test_every_tensor_is_single_precision(law):
    drawn = weights.draw(WIDE, 0, law)
    assert {array.dtype for array in drawn.values()} == {np.dtype(np.float32)}
    assert set(drawn) >= {"bn.scale", "bn.shift", "bn.mean", "bn.var"}


# ---- the laws


@pytest.mark.parametrize("law", ["lecun", "probe"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "name, fan_in",
    [("conv.weight", 4), ("fc.weight", 8_192)],  # 8,192 and 524,288 numbers
)
def test_weights_are_normal_with_variance_one_over_fan_in(law, seed, name, fan_in):
    drawn = weights.draw(WIDE, seed, law)[name].astype(float).ravel()
    std, count = math.sqrt(1 / fan_in), drawn.size
    # The standard errors of a normal sample's mean, std and share within one std (0.6827).
    assert abs(drawn.mean()) < ERRORS * std / math.sqrt(count)
    assert abs(drawn.std() / std - 1) < ERRORS / math.sqrt(2 * count)
    within = math.erf(math.sqrt(1 / 2))
    bound = ERRORS * math.sqrt(within * (1 - within) / count)
    assert abs(np.mean(np.abs(drawn) < std) - within) < bound


def test_a_training_starts_with_zero_biases_and_batch_norm_as_the_identity():
    drawn = weights.draw(WIDE, 0)
    constants = {"conv.bias": 0, "fc.bias": 0}
    constants |= {"bn.scale": 1, "bn.shift": 0, "bn.mean": 0, "bn.var": 1}
    for name, value in constants.items():
        assert set(drawn[name].tolist()) == {value}, name


@pytest.mark.parametrize("seed", range(5))
def test_a_probe_holds_no_zero_and_no_number_twice_in_a_row(seed):
    for spec in (LENET, WIDE):
        for name, array in weights.draw(spec, seed, "probe").items():
            assert np.all(array != 0), name
            assert np.all(np.diff(array.ravel()[:50]) != 0), name


@pytest.mark.parametrize("seed", range(5))
def test_a_probes_variances_are_positive_and_its_other_vectors_take_both_signs(seed):
    drawn = weights.draw(WIDE, seed, "probe")
    assert drawn["bn.var"].min() > 0.1  # far above any eps, so that both can be told apart
    assert np.abs(drawn["bn.var"] - 1).max() > 0.5
    for name in ("conv.bias", "fc.bias", "bn.scale", "bn.shift", "bn.mean"):
        # 64 numbers and more: all of one sign once in 2**63.
        assert drawn[name].min() < 0 < drawn[name].max(), name
    assert np.abs(drawn["bn.scale"]).min() > 0.1  # a scale near 0 would hide what it scales


# ---- the probe's inputs and labels


def test_inputs_are_standard_normal_single_precision_and_named_by_seed_and_input():
    spec = Spec(
        "two", "a test", {"a": (3, 32, 32), "b": (3, 32, 32)}, (relu("x"), relu("y", reads=("a",))),
        0, ("x", "y"),
    )  # fmt: skip
    drawn = weights.probe_inputs(spec, 0, 8, scaled=False)
    for array in drawn.values():
        assert (array.shape, array.dtype) == ((8, 3, 32, 32), np.float32)
        count = array.size  # 24,576
        assert abs(array.mean(dtype=float)) < ERRORS / math.sqrt(count)
        assert abs(array.std(dtype=float) - 1) < ERRORS / math.sqrt(2 * count)
    assert np.mean(drawn["a"] == drawn["b"]) < 0.01
    equal(weights.probe_inputs(spec, 0, 8, scaled=False), drawn)
    other = weights.probe_inputs(spec, 1, 8, scaled=False)["a"]
    assert np.mean(other == drawn["a"]) < 0.01


def test_a_probe_holds_images_of_many_sizes_so_that_no_cut_off_hides():
    spec = Spec("one", "a test", {"image": (1, 28, 28)}, (relu("x"),), 0)
    plain, scaled = (weights.probe_inputs(spec, 0, 9, on)["image"] for on in (False, True))
    sizes = np.array([1, 64, 4, 1, 16, 1, 1, 1, 1], np.float32)
    np.testing.assert_array_equal(scaled, plain * sizes[:, None, None, None])
    assert np.abs(scaled).max() > 100


def test_labels_are_whole_numbers_of_every_class():
    labels = weights.probe_labels(10, 0, 1_000)
    assert labels.dtype == np.int64
    assert sorted(set(labels.tolist())) == list(range(10))  # none missing but once in 10**45
    assert labels.tolist() == weights.probe_labels(10, 0, 1_000).tolist()
    assert labels.tolist() != weights.probe_labels(10, 1, 1_000).tolist()


# ---- recipes


def single(x: float) -> float:
    """The nearest float32, by the standard library."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


DECAYING = Recipe(
    "decaying", epochs=10, batch_size=1, learning_rate=0.5, decay=0.25, decay_after=(3, 6)
)


def test_the_rate_falls_by_the_decay_from_each_stated_epoch_on():
    rates = [DECAYING.rate(epoch) for epoch in range(8)]
    assert rates == [0.5, 0.5, 0.5, 0.125, 0.125, 0.125, 0.03125, 0.03125]


def test_the_rate_is_rounded_once_when_every_decay_is_multiplied_in():
    recipe = Recipe("r", epochs=3, batch_size=1, learning_rate=0.1, decay=0.1, decay_after=(1, 2))
    # float32(0.1) x float32(0.1) would be 0.010000000707805157.
    wanted = [0.10000000149011612, 0.009999999776482582, 0.0010000000474974513]
    assert [recipe.rate(epoch) for epoch in range(3)] == wanted
    assert wanted == [single(0.1), single(0.01), single(0.001)]


def test_without_decay_the_rate_stays():
    steady = Recipe("steady", epochs=100, batch_size=1, learning_rate=0.25)
    assert {steady.rate(epoch) for epoch in range(100)} == {0.25}


def test_lenets_rate_is_what_float32_holds_of_a_hundredth_then_of_a_tenth_of_it():
    recipe = recipes.get("lenet")
    rates = [recipe.rate(epoch) for epoch in range(recipe.epochs)]
    assert rates == [single(0.01)] * 12 + [single(0.01 * 0.1)] * 4
    # Written out: 24 bits for each, found by rounding 0.01 x 2**30 and 0.001 x 2**33.
    assert rates[0] == 10_737_418 / 2**30 == 0.009999999776482582
    assert rates[-1] == 8_589_935 / 2**33 == 0.0010000000474974513


def test_the_momentum_is_what_float32_holds_of_nine_tenths():
    assert recipes.get("lenet").float32("momentum") == 15_099_494 / 2**24 == 0.8999999761581421


def test_a_recipe_is_changed_where_a_value_is_given_and_nowhere_else():
    default = recipes.get("lenet", "default")
    changed = recipes.get("lenet", epochs=3, learning_rate=0.5)
    assert (changed.epochs, changed.learning_rate) == (3, 0.5)
    assert changed.rate(0) == 0.5
    kept = ["name", "batch_size", "momentum", "decay", "decay_after", "mean", "std"]
    assert [getattr(changed, field) for field in kept] == [
        getattr(default, field) for field in kept
    ]
    assert recipes.get("lenet", batch_size=7).batch_size == 7
    assert recipes.get("lenet") == default


def test_zero_epochs_are_a_value_that_is_given():
    assert recipes.get("lenet", epochs=0).epochs == 0


def test_an_unknown_recipe_is_refused_with_the_nearest_and_all_that_are_known():
    wanted = "lenet has no recipe 'defualt': did you mean default? recipes: default, paper"
    with pytest.raises(UsageError, match=re.escape(wanted)):
        recipes.get("lenet", "defualt")
    with pytest.raises(UsageError, match=re.escape("lenet has no recipe 'xyz': recipes: default")):
        recipes.get("lenet", "xyz")


def test_mnists_mean_and_std_are_those_in_use_and_fit_the_images():
    # pytorch/examples, mnist/main.py: transforms.Normalize((0.1307,), (0.3081,)).
    recipe = recipes.get("lenet")
    assert (recipe.mean, recipe.std) == ((0.1307,), (0.3081,))
    images = data.load("mnist-5k")
    pixels = np.concatenate([images.x_train, images.x_test]) / 255
    means = pixels.mean(axis=(1, 2, 3))
    # 5,000 of the 60,000 images, so known to one standard error of an image's mean.
    assert abs(means.mean() - 0.1307) < ERRORS * means.std() / math.sqrt(5_000)
    np.testing.assert_allclose(pixels.std(), 0.3081, rtol=0.01, atol=0)
