"""Rung 6: the same parameters after one optimizer step and after ten, in float64."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from common import losses, reference, updates
from common.draws import draws, dropout_shapes
from common.recipe import Recipe
from common.spec import Layer, shapes
from common.spec import tensors as tensors_of
from compare import isolate, known
from compare.evidence import SIDES, STEPS, Array, Evidence, Steps, relative_error
from compare.steps import step_rates, step_recipe
from compare.thresholds import STEP_CLOSEST
from compare.verdict import Check, Culprit, Verdict, merged

ID, RUNG = "step", 6
FLOAT32_ALONE = "the first update in float32 alone is off by at least"
WHOLE = "training step"  # the culprit where every parameter moves otherwise
Key = tuple[int, str]  # after how many steps, which parameter


def judge(evidence: Evidence) -> Check | None:
    """Every tensor's change since the start, and what the optimizers remember of it.

    Of torch, keras, and the recipe's formula on their own gradients. The ten steps are two epochs,
    with a change of the rate between them. None where there are only traces to judge.
    """
    taken = evidence.steps
    if taken is None:
        return judged_before(evidence)
    missing = [
        side
        for side in SIDES
        if side not in taken.rounded
        or (side, 1) not in taken.gradients
        or any((side, n) not in left for n in STEPS for left in (taken.weights, taken.slots))
    ]
    if missing:
        detail = f"{' and '.join(missing)} did not take all of the steps"
        return Check(ID, RUNG, Verdict.NOT_PROVEN, detail, coverage=(0, max(STEPS)))
    steps = Witness(taken)
    names = [name for name in taken.initial if name not in steps.apart(1)]
    errors = {
        (count, name): steps.update_error(count, name)
        for count in STEPS
        for name in names
        if name not in steps.apart(count)
    }
    errors |= {
        (count, slot): steps.slot_error(count, slot) for count in STEPS for slot in steps.slots
    }
    wrong = [key for key, error in errors.items() if error > steps.allowed]
    found = culprits(steps, wrong, errors) or alike(steps) or float32_alone(steps, names)
    worst = max(errors, key=lambda key: errors[key])
    return Check(
        ID,
        RUNG,
        verdict(wrong, found, errors[worst]),
        sentence(steps, worst, errors[worst], wrong, found, len(names)),
        errors[worst],
        steps.allowed,
        found,
        coverage=(max(STEPS), max(STEPS)),
    )


def judged_before(evidence: Evidence) -> Check | None:
    """What was measured when the arrays were there, held against what is allowed today."""
    row = evidence.step_row
    if row is None:
        return None
    measured, allowed = float(row["measured"]), float(row["allowed"])
    today = known.allowed_in_a_step(str(row["optimizer"]))
    agreed = Verdict.SAME if measured == 0 else Verdict.ROUNDING
    verdict = agreed if measured <= min(today, allowed) else Verdict.DIFFERENT
    detail = f"{row['detail']} (measured when it was run; the arrays were not kept)"
    seen, total = row["coverage"]
    return Check(ID, RUNG, verdict, detail, measured, today, coverage=(seen, total))


class Witness:
    """What the recipe's formula and the reference say of the steps that were taken.

    What right ports show all the same is looked at as compare/known.py has it: a bias without a
    gradient, and the running variance of either framework.
    """

    def __init__(self, taken: Steps, changed: Mapping[str, Any] | None = None) -> None:
        """`changed`: fields of the recipe by which the steps are supposed to have been taken."""
        self.taken, self.spec, self.changed = taken, taken.spec, dict(changed or {})
        self.recipe = replace(taken.recipe, **self.changed)
        self.allowed = known.allowed_in_a_step(self.recipe.optimizer)
        self.dead = known.dead_biases(self.spec)
        self.kept_gradients: dict[tuple[str, int], list[dict[str, Array]]] = {}

    def apart(self, steps: int) -> set[str]:
        """Tensors that two right ports need not agree on after so many steps."""
        if self.recipe.optimizer == "sgd":
            return set()
        return self.dead | (known.led_by_dead_biases(self.spec) if steps > 1 else set())

    def change(self, side: str, steps: int, name: str) -> Array | None:
        """What a tensor moved by; None where it is missing or has another shape."""
        start, moved = self.taken.initial[name], self.taken.weights[side, steps].get(name)
        if moved is None or moved.shape != start.shape:
            return None
        return np.asarray(moved - start.astype(np.float64))

    def update_error(self, steps: int, name: str) -> float:
        """How far the two changes of a tensor are apart; infinite where one is missing."""
        torch, keras = (self.change(side, steps, name) for side in SIDES)
        if torch is None or keras is None:
            return float("inf")
        if not (np.isfinite(torch).all() and np.isfinite(keras).all()):
            return float("inf")
        if name in self.dead:
            return max(self.liveliness(x, steps, name) for x in (torch, keras))
        if name in self.variances:
            return self.variance_error(torch, keras, steps, name)
        return self.distance(torch, keras, steps, name)

    def distance(self, one: Array, other: Array, steps: int, name: str) -> float:
        """How far two changes of a tensor are apart, beyond rounding."""
        gap, scale = np.abs(one - other).max(), np.abs(other).max()
        # each step's sum is rounded to the weight's own last place, however short the step
        weight = np.abs(self.taken.initial[name]).max() + scale
        gap = max(0.0, gap - steps * np.finfo(np.float64).eps * weight)
        return float(gap / scale) if scale > 0 else float("inf") if gap else 0.0

    @cached_property
    def slots(self) -> list[str]:
        """What an optimizer of this recipe remembers of the parameters that have a gradient."""
        kinds = updates.slot_names(self.recipe)
        return [f"{kind}:{name}" for name in self.trained for kind in kinds]

    def slot_error(self, steps: int, slot: str) -> float:
        """How far the two sides' slots are apart; infinite where one is missing."""
        torch, keras = (self.taken.slots[side, steps].get(slot) for side in SIDES)
        return relative_error(torch, keras)

    def liveliness(self, moved: Array, steps: int, name: str) -> float:
        """How far a bias without a gradient moved, in units of its layer's weight."""
        weight = f"{name.rpartition('.')[0]}.weight"
        scales = [self.change(side, steps, weight) for side in SIDES]
        scale = max(np.abs(x).max() for x in scales if x is not None)
        return float(np.abs(moved).max() / scale) if scale > 0 else float("inf")

    @cached_property
    def variances(self) -> dict[str, Layer]:
        """The running variances, and whose they are."""
        return {f"{x.name}.var": x for x in self.spec.layers if x.op == "batch_norm"}

    def variance_error(self, torch: Array, keras: Array, steps: int, name: str) -> float:
        """The running variances' distance beyond what known.RUNNING_VARIANCE says of each batch."""
        layer, initial = self.variances[name], self.taken.initial[name].astype(np.float64)
        faded = initial * (layer.settings["keep"] ** steps - 1)
        brought = {"torch": torch - faded, "keras": keras - faded}  # by the batches
        factors = {
            side: [known.variance_factor(side, n) for n in self.batch_values(layer, steps)]
            for side in SIDES
        }
        ratios = [a / b for a, b in zip(factors["torch"], factors["keras"], strict=True)]
        ends = [brought["keras"] * ratio for ratio in (min(ratios), max(ratios))]
        short = np.minimum(*ends) - brought["torch"]
        beyond = brought["torch"] - np.maximum(*ends)
        gap = np.maximum(0, np.maximum(short, beyond)).max()
        scale = np.abs(keras).max()
        return float(gap / scale) if scale > 0 else float("inf") if gap else 0.0

    def batch_values(self, layer: Layer, steps: int) -> list[int]:
        """How many values a channel's statistics are of: a whole batch's, and the last one's."""
        places = prod(shapes(self.spec)[layer.name][1:])
        size = len(self.taken.batch["labels"])
        sizes = [size] if steps == 1 else [size, 3 * size // 4]
        return [n * places for n in sizes]

    @cached_property
    def drawn(self) -> dict[str, Array]:
        """What dropout drew in the first step."""
        size = len(self.taken.batch["labels"])
        return draws(dropout_shapes(self.spec), self.taken.seed, 0, size)

    @cached_property
    def trained(self) -> list[str]:
        """Tensors with a gradient that is not zero by construction."""
        return [
            f"{layer}.{name}"
            for layer, own in tensors_of(self.spec).items()
            for name, tensor in own.items()
            if tensor.trainable and f"{layer}.{name}" not in self.dead
        ]

    def formula_error(self, side: str, names: list[str]) -> float:
        """How far a side's first step is from the recipe's formula, for these tensors."""
        parameters = [name for name in names if name in self.trained]
        statistics = [name for name in names if name.rpartition(".")[2] in ("mean", "var")]
        errors = [self.statistic_error(side, name) for name in statistics]
        if parameters:
            errors.append(self.descent_error(side, parameters))
            errors.append(self.replay_error(side, 1, parameters))
        return largest(errors)

    def descent_error(self, side: str, names: list[str]) -> float:
        """Whether a side's first gradient is the loss's, along one direction in these parameters.

        The derivative is the reference's complex step.
        """
        gradient = self.first_gradient(side, names)
        directions = {n: isolate.draw_direction(self.taken.initial[n], n, 0) for n in names}
        along = np.concatenate([directions[n].ravel() for n in names])
        return isolate.adjoint_error(gradient, along, self.derivative(directions))

    def first_gradient(self, side: str, names: list[str]) -> Array | None:
        """A side's gradients of the first step in one row; None where one is missing."""
        gradients = [self.taken.gradients[side, 1].get(name) for name in names]
        kept = [x[0].ravel() for x in gradients if x is not None]
        return np.concatenate(kept) if len(kept) == len(names) else None

    def gradient_factor(self, side: str) -> float | None:
        """By what a side's first gradient is the loss's; None where no one factor explains it."""
        gradient, factors = self.first_gradient(side, self.trained), []
        for trial in range(2 if gradient is not None else 0):
            initial = self.taken.initial
            directions = {n: isolate.draw_direction(initial[n], n, trial) for n in self.trained}
            along = np.concatenate([directions[n].ravel() for n in self.trained])
            slope = self.derivative(directions)
            factors.append(float(np.vdot(gradient, along)) / slope if slope else np.nan)
        if len(factors) < 2 or not np.isclose(factors[0], factors[1], rtol=isolate.PROOF, atol=0):
            return None
        return factors[0]

    def replay_error(self, side: str, steps: int, names: list[str]) -> float:
        """How far a side's changes and slots are from the formula on its own gradients."""
        return largest([self.replayed_error(side, steps, name) for name in names])

    def replayed_error(self, side: str, steps: int, name: str) -> float:
        """The same of one parameter; zero where the gradients of so many steps were not kept."""
        if (side, steps) not in self.taken.gradients:
            return 0.0
        gradients = [given[name] for given in self.clipped(side, steps) if name in given]
        moved = self.change(side, steps, name)
        if moved is None or [g.shape for g in gradients] != [moved.shape] * steps:
            return float("inf")
        start = self.taken.initial[name].astype(np.float64)
        weight, slots = start, dict[str, Array]()
        recipe = self.recipe_of(steps)
        for number, (rate, g) in enumerate(zip(step_rates(recipe), gradients, strict=True), 1):
            weight, slots = updates.update(recipe, rate, number, weight, g, slots)
        found = self.taken.slots[side, steps]
        errors = [relative_error(found.get(f"{x}:{name}"), slots[x]) for x in slots]
        finite = np.isfinite(moved).all() and np.isfinite(weight).all()
        errors.append(self.distance(moved, weight - start, steps, name) if finite else np.inf)
        return largest(errors)

    def recipe_of(self, steps: int) -> Recipe:
        """The recipe by which so many steps were taken."""
        recipe = step_recipe(self.recipe, steps, len(self.taken.batch["labels"]))
        return replace(recipe, **self.changed)

    def clipped(self, side: str, steps: int) -> list[dict[str, Array]]:
        """The gradients of every step as the recipe clips them, kept for whoever asks again."""
        if (side, steps) not in self.kept_gradients:
            stacks = self.taken.gradients[side, steps]
            taken = min(len(stack) for stack in stacks.values())  # other than asked for, perhaps
            self.kept_gradients[side, steps] = [
                updates.clipped(self.recipe, {name: stack[at] for name, stack in stacks.items()})
                for at in range(taken)
            ]
        return self.kept_gradients[side, steps]

    def derivative(self, directions: dict[str, Array]) -> float:
        """The first batch's loss at the initial weights, differentiated along a direction."""
        weights = {
            name: start + 1j * reference.STEP * directions[name] if name in directions else start
            for name, start in self.taken.initial.items()
        }
        made = reference.run(self.spec, weights, self.taken.batch, self.drawn)
        outputs = [made[name] for name in self.spec.outputs]
        recipe, labels = self.recipe, self.taken.batch["labels"]
        smoothing = recipe.float32("smoothing")
        loss = losses.total(recipe.loss, recipe.shares, outputs, labels, smoothing)
        return float(loss.imag / reference.STEP)

    @cached_property
    def values(self) -> dict[str, Array]:
        """Every layer's output for the first batch in training mode, by the reference."""
        return reference.run(self.spec, self.taken.initial, self.taken.batch, self.drawn)

    def statistic_error(self, side: str, name: str) -> float:
        """A running mean or variance after one step, against the reference's."""
        owner, _, which = name.rpartition(".")
        layer, moved = self.spec[owner], self.change(side, 1, name)
        x = self.values[layer.reads[0]]
        axes = (0, *range(2, x.ndim))
        found, n = (x.mean(axes) if which == "mean" else x.var(axes)), x.size // x.shape[1]
        share = 1 - layer.settings["keep"]
        initial = self.taken.initial[name].astype(np.float64)
        factor = 1.0 if which == "mean" else known.variance_factor(side, n)
        return relative_error(moved, share * (found * factor - initial))

    def kept(self, side: str, layer: Layer) -> tuple[float, float] | None:
        """The share of its running mean that a batch norm kept, and what it leaves unexplained.

        None where one share does not explain it.
        """
        moved = self.change(side, 1, f"{layer.name}.mean")
        x = self.values[layer.reads[0]]
        initial = self.taken.initial[f"{layer.name}.mean"].astype(np.float64)
        whole = x.mean((0, *range(2, x.ndim))) - initial
        if moved is None or not np.any(whole):
            return None
        share = float(np.vdot(whole, moved) / np.vdot(whole, whole))
        gap = np.abs(moved - share * whole).max() / np.abs(whole).max()
        return (1 - share, float(gap)) if gap <= self.allowed else None

    def rounding(self, side: str, name: str) -> float:
        """How far a tensor's first change in float32 is from that in float64, relatively."""
        start = self.taken.initial[name].astype(np.float64)
        moved = self.taken.rounded[side].get(name)
        return relative_error(None if moved is None else moved - start, self.change(side, 1, name))


def largest(errors: Iterable[float]) -> float:
    """The largest error; one that is no number is infinite."""
    return max((float("inf") if np.isnan(error) else error for error in errors), default=0.0)


def verdict(wrong: list[Key], found: tuple[Culprit, ...], error: float) -> Verdict:
    if wrong or found:
        return Verdict.DIFFERENT
    return Verdict.SAME if error == 0 else Verdict.ROUNDING


def culprits(steps: Witness, wrong: list[Key], errors: dict[Key, float]) -> tuple[Culprit, ...]:
    """The layer whose tensors part first; the training step as a whole where several do."""
    if not wrong:
        return ()
    first = min(count for count, _ in wrong)
    parted = [name for count, name in wrong if count == first]
    if first == 1 and (norms := wrong_norms(steps)):
        return norms
    side = wrong_side(steps, parted, first)
    error = max(errors[first, name] for name in parted)
    layers = {parameter(name).rpartition(".")[0] for name in parted}
    if len(layers) > 1:  # a layer that trains wrongly is named by rung 4
        which = "update" if set(steps.trained) & set(parted) else "optimizer's memory"
        many = "every parameter" if every(steps, parted) else f"{len(layers)} layers"
        detail = f"the {which} of {many} is off, by up to {error:.1e} {after(first)}"
        return (Culprit(RUNG, WHOLE, side, error, detail),)
    return tuple(
        Culprit(
            RUNG,
            parameter(name).rpartition(".")[0],
            side,
            errors[first, name],
            f"{what(name)} is off by {errors[first, name]:.1e} {after(first)}",
        )
        for name in parted
        if name == parameter(name) or parameter(name) not in parted
    )


def every(steps: Witness, parted: list[str]) -> bool:
    """Whether no parameter is left that is not among them, itself or by a slot."""
    return set(steps.trained) <= {parameter(name) for name in parted}


def parameter(name: str) -> str:
    """Whose slot it is; a tensor's own name stays."""
    return name.rpartition(":")[2]


def what(name: str) -> str:
    """A tensor's update, or a slot of the optimizer, in words."""
    slot, _, tensor = name.rpartition(":")
    return f"the optimizer's {slot} of {tensor}" if slot else f"the update of {tensor}"


def wrong_norms(steps: Witness) -> tuple[Culprit, ...]:
    """Batch norms that keep another share of their running statistics than the spec says.

    What they moved by is then the right change, times one factor; the change that a fault before
    them makes is none.
    """
    found = [
        wrong_norm(steps, layer, side, *kept)
        for layer in steps.variances.values()
        for side in SIDES
        if (kept := steps.kept(side, layer)) is not None
        and abs(kept[0] - layer.settings["keep"]) > steps.allowed
    ]
    return tuple(merged(found))


def wrong_norm(steps: Witness, layer: Layer, side: str, share: float, gap: float) -> Culprit:
    """A batch norm that keeps this share; one that keeps all of it is not in training mode."""
    detail = f"keeps {share:.4g} of its running mean, the spec says {layer.settings['keep']:g}"
    cause = "bn-frozen" if abs(share - 1) <= steps.allowed else "bn-momentum"
    error = steps.statistic_error(side, f"{layer.name}.mean")
    return Culprit(RUNG, layer.name, side, error, detail, cause, gap)


def alike(steps: Witness) -> tuple[Culprit, ...]:
    """Both sides moved alike, and not as the recipe says."""
    error = max(steps.formula_error(side, list(steps.taken.initial)) for side in SIDES)
    if error > steps.allowed:
        detail = f"the first update is not the recipe's: off by {error:.1e}"
        return (Culprit(RUNG, WHOLE, "both", error, detail),)
    count = max(STEPS)
    error = max(steps.replay_error(side, count, steps.trained) for side in SIDES)
    if error > steps.allowed:
        detail = f"{count} updates are not the recipe's: off by {error:.1e}"
        return (Culprit(RUNG, WHOLE, "both", error, detail),)
    return ()


def float32_alone(steps: Witness, names: list[str]) -> tuple[Culprit, ...]:
    """A side whose first step in float32 is not its own float64 step, rounded.

    In a net with relus it may be further off in some tensors (known.FLIPPED_RELU).
    """
    judged = [name for name in names if name not in steps.dead]
    gaps = {side: [steps.rounding(side, name) for name in judged] for side in SIDES}
    left = {side: known.flipped_in_float32(own) for side, own in gaps.items()}
    return tuple(
        Culprit(RUNG, WHOLE, side, max(own), f"{FLOAT32_ALONE} {left[side]:.1e} in every tensor")
        for side, own in gaps.items()
        if max(own) == np.inf or left[side] > STEP_CLOSEST
    )


def wrong_side(steps: Witness, parted: list[str], count: int) -> str:
    """Whose first step is not the recipe's, or whose later ones are not on its own gradients."""
    names = list(dict.fromkeys(parameter(name) for name in parted))

    def error(side: str, name: str) -> float:
        if count == 1:
            return steps.formula_error(side, [name])
        return steps.replay_error(side, count, [name] if name in steps.trained else [])

    wrong = [side for side in SIDES if any(error(side, name) > steps.allowed for name in names)]
    return wrong[0] if len(wrong) == 1 else "both" if wrong else "torch or keras"


def sentence(
    steps: Witness,
    worst: Key,
    error: float,
    wrong: list[Key],
    found: tuple[Culprit, ...],
    total: int,
) -> str:
    """One line: from which step on which tensors part, or the worst of all."""
    if wrong:
        first = min(count for count, _ in wrong)
        parted = [name for count, name in wrong if count == first]
        which = "every parameter" if every(steps, parted) else ", ".join(parted[:3])
        moved = "moved" if any(":" not in name for name in parted) else "is remembered"
        return f"{after(first)}, {which} {moved} otherwise"
    if found:
        return found[0].detail
    counts = " and ".join(str(count) for count in STEPS)
    text = f"{total}/{total} tensors after {counts} steps; worst {error:.1e} at {worst[1]}"
    notes = []
    if steps.variances:
        notes.append(known.RUNNING_VARIANCE.note)
    if apart := steps.apart(1):
        notes.append(f"{len(apart)} {known.DEAD_BIAS.note}")
    return "; ".join([text, *notes])


def after(steps: int) -> str:
    return f"after {steps} step{'s' if steps > 1 else ''}"
