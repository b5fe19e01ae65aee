"""Rung 6 on nets with batch norm and dropout, and with every optimizer and loss of the recipes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common import recipes, tensors
from common.job import Build, spec_of
from common.recipe import Recipe
from compare.checks import step
from compare.evidence import SIDES, STEPS, Evidence, load_steps
from compare.run import PORTS, prepare_steps, step_job
from compare.verdict import Verdict

HERE = Path(__file__).parent
SGD = Recipe("sgd", 1, 16, 0.1, momentum=0.9)
RECIPES = {
    "sgd": SGD,
    "weight decay": replace(SGD, weight_decay=0.01),
    "adam": Recipe("adam", 1, 16, 0.001, optimizer="adam"),
    "adam with weight decay": Recipe("adam", 1, 16, 0.001, optimizer="adam", weight_decay=0.1),
}


@pytest.fixture(scope="module")
def take(workers, tmp_path_factory):
    """The steps that a pair of ports takes with a recipe, in a folder as a run leaves them."""

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

    return take_steps


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
        g = tensors.load(folder / side / "steps-1/means.safetensors")["fc.weight"] / (1 - share)
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
