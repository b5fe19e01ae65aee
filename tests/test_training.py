"""Rungs 4 and 7: right ports in training mode and over a hundred steps, and faults that show there.

The ports are those of tests/ports/dropping_*.py: batch norm behind biases, and dropout.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common import tensors, weights
from common.draws import draws, dropout_shapes
from common.job import Build, TraceJob, spec_of
from common.recipe import Recipe
from common.result import Trace
from compare import lockstep
from compare.checks import training, trajectory
from compare.evidence import LOCKSTEPS, SIDES, Evidence, load_lockstep
from compare.verdict import Verdict

HERE = Path(__file__).parent
DROPPING = f"{HERE}/ports/dropping_spec.py:DROPPING"
SPEC = spec_of(Build("", DROPPING, ""))
SGD = Recipe("sgd", 1, 16, 0.05, momentum=0.9)
RECIPES = {
    "sgd": SGD,
    "weight decay": replace(SGD, weight_decay=0.01),
    "adam": Recipe("adam", 1, 16, 0.001, optimizer="adam"),
}


def ports(**instead: str) -> dict[str, str]:
    names = {side: "Dropping" for side in SIDES} | instead
    return {side: f"{HERE}/ports/dropping_{side}.py:{name}" for side, name in names.items()}


@pytest.fixture(scope="module")
def in_training(workers, tmp_path_factory):
    """A pair of ports, traced in training mode."""

    def ask(ports: dict[str, str]) -> Evidence:
        room, traces = tmp_path_factory.mktemp("training"), {}
        given = weights.draw(SPEC, 0, "probe")
        probe = weights.probe_inputs(SPEC, 0, 6, scaled=False)
        probe["labels"] = weights.probe_labels(5, 0, 6)
        tensors.save(room / "weights", given)
        tensors.save(room / "probe", probe)
        for side in SIDES:
            build = Build(ports[side], DROPPING, str(room / "weights"), "float64", "nhwc")
            job = TraceJob(build, str(room / "probe"), str(room / side), training=True)
            workers[side].ask(job)
            traces[side, "float64"] = Trace.load(room / side)
        drawn = draws(dropout_shapes(SPEC), 0, 0, 6)
        found = Evidence(SPEC, given, probe, traces, draws=drawn)
        return Evidence(SPEC, given, probe, {}, in_training=found)

    return ask


def test_right_ports_are_the_same_in_training_mode(in_training):
    check = training.judge(in_training(ports()))
    assert check.verdict.agrees, check.detail
    assert check.measured < check.allowed / 1e4
    assert check.coverage == (11, 11)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("fault", "layer", "words"),
    [
        ("ForgetsFaster", "bn1", "keeps 0.89 of its running mean, the spec says 0.9"),
        ("DropsMore", "drop1", "in training mode"),
        ("FrozenNorm", "bn2", "in training mode"),
        ("OtherVariance", "bn1", "biased running variance"),
        ("DropsOnItsOwn", "pool", "reads something no layer wrote"),
    ],
)
def test_what_training_mode_alone_shows_is_found_at_its_layer(
    in_training, side, fault, layer, words
):
    check = training.judge(in_training(ports(**{side: fault})))
    assert check.verdict is Verdict.DIFFERENT
    first = check.culprits[0]
    assert (first.layer, first.side) == (layer, side), check.culprits
    assert words in first.detail


@pytest.mark.parametrize("fault", ["ForgetsFaster", "DropsMore", "FrozenNorm"])
def test_a_fault_on_both_sides_is_one_on_both(in_training, fault):
    check = training.judge(in_training(ports(torch=fault, keras=fault)))
    assert check.verdict is Verdict.DIFFERENT
    assert {culprit.side for culprit in check.culprits} == {"both"}, check.culprits


def test_keras_hands_a_layers_training_flag_on_to_the_layers_after_it(in_training):
    """Its Layer.__call__ keeps what it was told for whoever is called next."""
    check = training.judge(in_training(ports(keras="FrozenFromHere")))
    assert [culprit.layer for culprit in check.culprits] == ["bn2", "drop1", "drop2"]


def test_a_side_without_a_trace_proves_nothing(in_training):
    found = in_training(ports())
    assert found.in_training is not None
    half = {key: trace for key, trace in found.in_training.traces.items() if key[0] == "torch"}
    check = training.judge(replace(found, in_training=replace(found.in_training, traces=half)))
    assert check.verdict is Verdict.NOT_PROVEN
    assert "keras left no trace" in check.detail


@pytest.fixture(scope="module")
def walked(workers, tmp_path_factory):
    """The folder of a pair of ports that took a hundred steps; each question is asked once."""
    known: dict[tuple[str, str, float], Path] = {}

    def ask(side: str, port: str, recipe: Recipe) -> Path:
        key = (side, port, repr(recipe))
        if key not in known:
            folder, scratch = tmp_path_factory.mktemp("walk"), tmp_path_factory.mktemp("scratch")
            initial = weights.draw(SPEC, 0, recipe.initial)
            tensors.save(folder / "initial-weights.safetensors", initial)
            lockstep.prepare(SPEC, 0, initial, folder, scratch)
            for leg in lockstep.legs(side):
                given = folder / f"{leg.weights}.safetensors"
                build = Build(port, DROPPING, str(given), leg.dtype, "nhwc")
                out = folder / side
                out.mkdir(exist_ok=True)
                workers[side].ask(lockstep.job(build, leg, recipe, 0, scratch, out))
            known[key] = folder
        return known[key]

    def together(recipe: Recipe, ports: dict[str, str], **taken: Recipe) -> Evidence:
        """`taken` is what a side took, where that is not the recipe."""
        room = tmp_path_factory.mktemp("both")
        for side in SIDES:
            folder = ask(side, ports[side], taken.get(side, recipe))
            for path in folder.iterdir():
                if not (room / path.name).exists():
                    (room / path.name).symlink_to(path)
        return Evidence(SPEC, {}, {}, {}, lockstep=load_lockstep(room, SPEC, recipe))

    return together


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "adam" else pytest.mark.slow) for n in RECIPES]
)
def test_right_ports_take_the_same_hundred_steps(walked, name):
    check = trajectory.judge(walked(RECIPES[name], ports()))
    assert check.verdict.agrees, check.detail
    assert check.measured < 1e-11
    assert check.coverage == (LOCKSTEPS, LOCKSTEPS)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("name", "changes", "quantity", "step"),
    [
        ("sgd", {"momentum": 0.89}, "slots", 2),
        ("sgd", {"learning_rate": 0.05 * (1 + 1e-6)}, "weights", 1),
        ("weight decay", {"weight_decay": 0.0}, "slots", 1),
        ("adam", {"beta2": 0.99}, "slots", 1),
        ("adam", {"eps": 1e-6}, "weights", 1),
    ],
)
def test_the_first_quantity_that_differs_is_named(walked, side, name, changes, quantity, step):
    recipe = RECIPES[name]
    check = trajectory.judge(walked(recipe, ports(), **{side: replace(recipe, **changes)}))
    assert check.verdict is Verdict.DIFFERENT
    assert f"the {quantity} of " in check.detail and f"in step {step}," in check.detail
    assert {culprit.side for culprit in check.culprits} == {side}, check.detail


def test_two_sides_that_step_alike_and_otherwise_are_both_wrong(walked):
    other = replace(SGD, momentum=0.8)
    check = trajectory.judge(walked(SGD, ports(), torch=other, keras=other))
    assert check.verdict is Verdict.DIFFERENT
    assert {culprit.side for culprit in check.culprits} == set(SIDES)


@pytest.mark.parametrize("side", SIDES)
def test_a_norm_that_forgets_faster_is_named_by_its_statistic(walked, side):
    check = trajectory.judge(walked(SGD, ports(**{side: "ForgetsFaster"})))
    assert check.verdict is Verdict.DIFFERENT
    assert "the statistics of bn1.mean" in check.detail
    assert check.culprits[0].layer == "bn1"


@pytest.mark.parametrize("side", SIDES)
def test_the_other_frameworks_running_variance_is_a_difference(walked, side):
    check = trajectory.judge(walked(SGD, ports(**{side: "OtherVariance"})))
    assert check.verdict is Verdict.DIFFERENT
    assert "the statistics of bn1.var" in check.detail


@pytest.mark.parametrize("spoilt", ["gradient:conv2.weight", "statistic:bn2.var", "loss:"])
def test_a_number_that_is_none_is_never_agreement(walked, spoilt):
    found = walked(SGD, ports()).lockstep
    diaries = {r: {k: v.copy() for k, v in rows.items()} for r, rows in found.diaries.items()}
    for side in SIDES:  # on both alike
        diaries[side][spoilt][7, 0] = np.nan
    changed = replace(found, diaries=diaries)
    check = trajectory.judge(Evidence(SPEC, {}, {}, {}, lockstep=changed))
    assert check.verdict is Verdict.DIFFERENT
    assert "in step 8," in check.detail


def test_bfloat16_in_a_float32_training_shortens_its_horizon(walked):
    found = walked(SGD, ports()).lockstep
    losses = {role: array.copy() for role, array in found.losses.items()}
    losses["keras"][20:] *= 1.02
    check = trajectory.judge(Evidence(SPEC, {}, {}, {}, lockstep=replace(found, losses=losses)))
    assert check.verdict is Verdict.DIFFERENT
    assert "in float32 alone the losses part in step 21" in check.detail


def test_a_missing_leg_proves_nothing(walked):
    found = walked(SGD, ports()).lockstep
    one = replace(found, diaries={k: v for k, v in found.diaries.items() if k != "keras"})
    check = trajectory.judge(Evidence(SPEC, {}, {}, {}, lockstep=one))
    assert check.verdict is Verdict.NOT_PROVEN
    assert check.coverage == (0, LOCKSTEPS)
