"""Rung 6 on nets with batch norm and dropout, and with every optimizer and loss of the recipes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common import recipes, tensors
from common.job import Build, spec_of
from common.recipe import Recipe
from common.updates import clipped, slot_names, update
from compare.checks import step
from compare.evidence import SIDES, STEPS, Evidence, load_steps
from compare.run import PORTS, prepare_steps, step_job
from compare.steps import step_rates, step_recipe
from compare.verdict import Verdict

HERE = Path(__file__).parent
SGD = Recipe("sgd", 1, 16, 0.1, momentum=0.9)
RECIPES = {
    "sgd": SGD,
    "weight decay": replace(SGD, weight_decay=0.01),
    "adam": Recipe("adam", 1, 16, 0.001, optimizer="adam"),
    "adam with weight decay": Recipe("adam", 1, 16, 0.001, optimizer="adam", weight_decay=0.1),
    "adamw": Recipe(
        "adamw", 1, 16, 0.001, optimizer="adam", weight_decay=0.1, decoupled=True, schedule="cosine"
    ),
    "nesterov": replace(SGD, nesterov=True),
    "sgdw": replace(SGD, weight_decay=0.1, decoupled=True, schedule="one-cycle"),
    "plain sgdw": replace(SGD, momentum=0.0, weight_decay=0.1, decoupled=True, schedule="plateau"),
    "rmsprop": Recipe("rmsprop", 1, 16, 0.01, optimizer="rmsprop", beta2=0.99, weight_decay=0.1),
    "rmsprop with momentum": Recipe(
        "rmsprop", 1, 16, 0.01, optimizer="rmsprop", momentum=0.9, weight_decay=0.1, decoupled=True
    ),
    "adagrad": Recipe("adagrad", 1, 16, 0.01, optimizer="adagrad", eps=1e-10),
    "cosine": replace(SGD, schedule="cosine"),
    "smoothing": replace(SGD, smoothing=0.1),
    "value": replace(SGD, clip="value", clip_at=0.05),
    "norm": replace(SGD, clip="norm", clip_at=0.2, weight_decay=0.1),
    "global norm": replace(SGD, clip="global-norm", clip_at=0.2, weight_decay=0.1),
}


@pytest.fixture(scope="module")
def take(workers, tmp_path_factory):
    """The steps that a pair of ports takes with a recipe, in a folder as a run leaves them.

    What was taken before is copied.
    """
    known: dict[str, Path] = {}

    def take_once(ports: dict[str, str], spec: str, recipe: Recipe) -> Path:
        key = repr((ports, spec, recipe))
        if key not in known:
            known[key] = take_steps(ports, spec, recipe)
        place = tmp_path_factory.mktemp("copy")
        shutil.copytree(known[key], place, dirs_exist_ok=True)
        return place

    def take_steps(ports: dict[str, str], spec: str, recipe: Recipe) -> Path:
        folder, scratch = tmp_path_factory.mktemp("steps"), tmp_path_factory.mktemp("scratch")
        known = spec_of(Build("", spec, ""))
        prepare_steps(known, recipe, 0, folder, scratch)
        for side in SIDES:
            given = str(folder / "initial-weights.safetensors")
            for count, dtype in [*((n, "float64") for n in STEPS), (1, "float32")]:
                build = Build(ports[side], spec, given, dtype, "nhwc", size=recipe.size)
                (folder / side).mkdir(exist_ok=True)
                workers[side].ask(step_job(build, recipe, count, 0, scratch, folder / side))
        return folder

    return take_once


def judged(folder: Path, spec: str, recipe: Recipe):
    known = spec_of(Build("", spec, ""))
    return step.judge(Evidence(known, {}, {}, {}, steps=load_steps(folder, known, recipe, 0)))


DROPPING = f"{HERE}/ports/dropping_spec.py:DROPPING"


def dropping(**instead: str) -> dict[str, str]:
    names = {side: "Dropping" for side in SIDES} | instead
    return {side: f"{HERE}/ports/dropping_{side}.py:{name}" for side, name in names.items()}


@pytest.mark.parametrize("name", RECIPES)
def test_right_ports_take_the_same_steps(take, name):
    recipe = RECIPES[name]
    check = judged(take(dropping(), DROPPING, recipe), DROPPING, recipe)
    assert check.verdict.agrees, check.detail
    assert check.measured < check.allowed / 100
    assert check.coverage == (10, 10)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("fault", "layer", "cause"),
    [
        ("ForgetsFaster", "bn1", "bn-momentum"),
        ("DropsMore", step.WHOLE, ""),
        ("FrozenNorm", "bn2", "bn-frozen"),
        ("DropsOnItsOwn", step.WHOLE, ""),
    ],
)
def test_a_fault_that_only_training_shows_is_found(take, fault, layer, cause, side):
    check = judged(take(dropping(**{side: fault}), DROPPING, SGD), DROPPING, SGD)
    assert check.verdict is Verdict.DIFFERENT
    assert layer in {culprit.layer for culprit in check.culprits}
    assert {culprit.side for culprit in check.culprits} == {side}, check.culprits
    assert {culprit.cause for culprit in check.culprits} == {cause}


@pytest.mark.parametrize("side", SIDES)
def test_the_other_frameworks_running_variance_is_a_difference(take, side):
    check = judged(take(dropping(**{side: "OtherVariance"}), DROPPING, SGD), DROPPING, SGD)
    assert check.verdict is Verdict.DIFFERENT
    assert {(culprit.layer, culprit.side) for culprit in check.culprits} == {("bn1", side)}


@pytest.mark.parametrize("fault", ["ForgetsFaster", "DropsMore", "FrozenNorm"])
def test_two_ports_with_the_same_fault_do_not_vouch_for_each_other(take, fault):
    check = judged(take(dropping(torch=fault, keras=fault), DROPPING, SGD), DROPPING, SGD)
    assert check.verdict is Verdict.DIFFERENT
    assert {culprit.side for culprit in check.culprits} == {"both"}


@pytest.mark.parametrize(
    ("name", "constant"),
    [("weight decay", "weight_decay"), ("adam", "beta2"), ("adam", "eps"), ("sgd", "momentum")],
)
def test_steps_of_another_recipe_are_not_the_recipes(take, name, constant):
    """Both sides took their steps alike, with a constant that is not the recipe's."""
    recipe = RECIPES[name]
    changed = replace(
        recipe, **{constant: getattr(recipe, constant) * (0.99 if constant != "eps" else 1e4)}
    )
    one, other = take(dropping(), DROPPING, recipe), take(dropping(), DROPPING, changed)
    for count in STEPS:  # one side of each
        path = Path("keras") / f"steps-{count}"
        for file in (other / path).iterdir():
            (one / path / file.name).write_bytes(file.read_bytes())
    check = judged(one, DROPPING, recipe)
    assert check.verdict is Verdict.DIFFERENT


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("sgdw", {"decoupled": False}),
        ("adamw", {"decoupled": False}),
        ("weight decay", {"decoupled": True}),
        ("nesterov", {"nesterov": False}),
        ("global norm", {"clip": "norm"}),
        ("value", {"clip": "", "clip_at": 0.0}),
        ("smoothing", {"smoothing": 0.0}),
        ("cosine", {"schedule": "step"}),
    ],
)
def test_a_side_that_takes_another_recipes_steps_is_named(take, name, fault, side):
    recipe = RECIPES[name]
    folder, other = (take(dropping(), DROPPING, x) for x in (recipe, replace(recipe, **fault)))
    shutil.copytree(other / side, folder / side, dirs_exist_ok=True)
    check = judged(folder, DROPPING, recipe)
    assert check.verdict is Verdict.DIFFERENT
    assert {culprit.side for culprit in check.culprits} == {side}, check.culprits


@pytest.mark.parametrize("fault", [{"nesterov": False}, {"schedule": "cosine"}])
def test_two_sides_that_take_another_recipes_steps_do_not_vouch_for_each_other(take, fault):
    recipe = RECIPES["nesterov"]
    check = judged(take(dropping(), DROPPING, replace(recipe, **fault)), DROPPING, recipe)
    assert check.verdict is Verdict.DIFFERENT
    assert {culprit.side for culprit in check.culprits} == {"both"}


@pytest.mark.parametrize("name", ["value", "norm", "global norm"])
def test_the_clipping_of_these_tests_clips_on_both_sides(take, name):
    folder = take(dropping(), DROPPING, RECIPES[name])
    for side in SIDES:
        gradients = tensors.load(folder / side / "steps-1/gradients.safetensors")
        raw = gradients["fc.weight"][0]
        velocity = tensors.load(folder / side / "steps-1/slots.safetensors")["velocity:fc.weight"]
        if name == "value":
            limit = float(np.float32(0.05))
            assert abs(raw).max() > limit
            np.testing.assert_array_equal(velocity, np.clip(raw, -limit, limit))
            continue
        given = [raw] if name == "norm" else list(gradients.values())
        norm = np.sqrt(sum(np.sum(g**2) for g in given))
        assert norm > 0.3
        start = tensors.load(folder / "initial-weights.safetensors")["fc.weight"].astype(float)
        wanted = raw * (np.float32(0.2).astype(float) / (norm + 1e-6)) + np.float32(0.1) * start
        np.testing.assert_allclose(velocity, wanted, rtol=1e-7, atol=1e-12)


# ---- faults that no recipe can state, made of a side's own gradients

Rule = Callable[..., tuple[np.ndarray, dict[str, np.ndarray]]]


def rewrite(folder: Path, side: str, recipe: Recipe, rule: Rule, late: int = 0) -> None:
    """The side's parameters and slots as `rule` makes them, its rates `late` steps behind."""
    initial = tensors.load(folder / "initial-weights.safetensors")
    for count in STEPS:
        taken, place = step_recipe(recipe, count, 16), folder / side / f"steps-{count}"
        rates = step_rates(taken)
        rates = rates[:1] * min(late, count - 1) + rates[: len(rates) - min(late, count - 1)]
        stacks = tensors.load(place / "gradients.safetensors")
        made = {name: (initial[name].astype(float), {}) for name in stacks}
        for at, rate in enumerate(rates):
            given = clipped(taken, {name: stack[at] for name, stack in stacks.items()})
            for name, (weight, slots) in made.items():
                made[name] = rule(taken, rate, at + 1, weight, given[name], slots)
        weights = tensors.load(place / "weights.safetensors")
        tensors.save(place / "weights.safetensors", weights | {n: w for n, (w, _) in made.items()})
        known = {f"{x}:{n}": slots[x] for n, (_, slots) in made.items() for x in slot_names(recipe)}
        tensors.save(place / "slots.safetensors", known)


def eps_under_the_root(recipe, rate, number, weight, g, slots):
    """Keras' own RMSprop."""
    g = g + recipe.float32("weight_decay") * weight
    beta2, eps = recipe.float32("beta2"), recipe.float32("eps")
    square = beta2 * slots.get("square", 0.0) + (1 - beta2) * g**2
    return weight - rate * g / np.sqrt(square + eps), {"square": square}


def rate_in_the_velocity(recipe, rate, number, weight, g, slots):
    """Keras' own SGD; what it remembers, made ours by the rate."""
    moved = recipe.float32("momentum") * slots.get("moved", 0.0) + rate * g
    return weight - moved, {"moved": moved, "velocity": moved / rate}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("name", "rule", "late", "steps"),
    [
        ("rmsprop", eps_under_the_root, 0, "1 step"),
        ("sgd", rate_in_the_velocity, 0, "10 steps"),
        ("cosine", rate_in_the_velocity, 0, "10 steps"),
        ("sgd", update, 1, "10 steps"),
        ("cosine", update, 1, "10 steps"),
        ("sgdw", update, 1, "10 steps"),
        ("adagrad", update, 1, "10 steps"),
    ],
)
def test_a_side_with_another_formula_or_late_rates_is_named(take, name, rule, late, steps, side):
    recipe = RECIPES[name]
    folder = take(dropping(), DROPPING, recipe)
    rewrite(folder, side, recipe, rule, late)
    check = judged(folder, DROPPING, recipe)
    assert check.verdict is Verdict.DIFFERENT
    assert {culprit.side for culprit in check.culprits} == {side}, check.culprits
    assert f"after {steps}" in check.culprits[0].detail


@pytest.mark.parametrize("name", ["sgd", "cosine", "rmsprop", "adagrad", "global norm", "adamw"])
def test_a_side_rewritten_by_the_formula_itself_still_agrees(take, name):
    recipe = RECIPES[name]
    folder = take(dropping(), DROPPING, recipe)
    rewrite(folder, "keras", recipe, update)
    check = judged(folder, DROPPING, recipe)
    assert check.verdict.agrees, check.detail


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("steps", STEPS)
def test_a_velocity_of_another_convention_is_found_though_every_weight_agrees(take, steps, side):
    folder = take(dropping(), DROPPING, SGD)
    path = folder / side / f"steps-{steps}/slots.safetensors"
    slots = {key: array.copy() for key, array in tensors.load(path).items()}
    slots["velocity:fc.weight"] *= -0.1  # as Keras keeps it
    tensors.save(path, slots)
    check = judged(folder, DROPPING, SGD)
    assert check.verdict is Verdict.DIFFERENT
    (culprit,) = check.culprits
    assert (culprit.layer, culprit.side) == ("fc", side)
    assert "the optimizer's velocity of fc.weight" in culprit.detail


@pytest.mark.parametrize("file", ["slots", "gradients"])
def test_steps_without_their_slots_or_gradients_prove_nothing(take, file):
    folder = take(dropping(), DROPPING, SGD)
    (folder / f"keras/steps-1/{file}.safetensors").unlink()
    assert judged(folder, DROPPING, SGD).verdict is Verdict.NOT_PROVEN


SMALL = [
    "lenet",
    "lenet-sigmoid",
    "lenet5",
    "digits-cnn",
    "keras-cnn",
    "two-branch",
    pytest.param("resnet20-cifar", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("model", SMALL)
def test_the_small_networks_take_the_steps_of_their_default_recipe(take, model):
    recipe = recipes.get(model)
    port = spec_of(Build("", model, "")).port
    ports = {side: f"{PORTS[side]}.{port}" for side in SIDES}
    check = judged(take(ports, model, recipe), model, recipe)
    assert check.verdict.agrees, check.detail


def test_adams_first_update_is_the_formula_written_out(take):
    """-rate * g / (|g| + eps): at step 1 both moments' corrections take beta1 and beta2 away."""
    recipe = RECIPES["adam"]
    folder = take(dropping(), DROPPING, recipe)
    initial = tensors.load(folder / "initial-weights.safetensors")["fc.weight"]
    rate, eps, share = (np.float32(x).astype(float) for x in (0.001, 1e-8, 0.9))
    for side in SIDES:
        moved = tensors.load(folder / side / "steps-1/weights.safetensors")["fc.weight"] - initial
        slots = tensors.load(folder / side / "steps-1/slots.safetensors")
        g = slots["mean:fc.weight"] / (1 - share)
        np.testing.assert_allclose(moved, -rate * g / (abs(g) + eps), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "file", "sides"),
    [
        ("conv1.bias", "steps-1", ("torch",)),  # it has no gradient
        ("bn1.var", "steps-1", ("torch",)),
        ("fc.weight", "steps-1", ("torch",)),
        ("fc.weight", "steps-1", SIDES),
        ("bn1.var", "steps-1-float32", SIDES),
        ("fc.weight", "steps-1-float32", SIDES),
    ],
)
def test_a_step_to_no_number_is_never_agreement(take, name, file, sides):
    folder = take(dropping(), DROPPING, SGD)
    for side in sides:
        path = folder / side / file / "weights.safetensors"
        arrays = {key: array.copy() for key, array in tensors.load(path).items()}
        arrays[name].flat[0] = np.nan
        tensors.save(path, arrays)
    check = judged(folder, DROPPING, SGD)
    assert check.verdict is Verdict.DIFFERENT, check.detail


@pytest.mark.parametrize("sides", [("torch",), ("keras",), SIDES])
def test_a_float32_step_of_bfloat16_numbers_is_found_on_one_side_and_on_both(take, sides):
    folder = take(dropping(), DROPPING, SGD)
    initial = tensors.load(folder / "initial-weights.safetensors")
    for side in sides:
        path = folder / side / "steps-1-float32/weights.safetensors"
        moved = {name: array - initial[name] for name, array in tensors.load(path).items()}
        cut = {name: x.view(np.uint32) & 0xFFFF0000 for name, x in moved.items()}  # 8 bits stay
        short = {name: initial[name] + bits.view(np.float32) for name, bits in cut.items()}
        tensors.save(path, short)
    check = judged(folder, DROPPING, SGD)
    assert check.verdict is Verdict.DIFFERENT, check.detail
    assert {culprit.side for culprit in check.culprits} == set(sides)
