"""Rung 6: the same parameters after one optimizer step and after ten, in float64."""

from __future__ import annotations

from functools import cached_property
from math import prod

import numpy as np

from common import losses, reference
from common.draws import draws, dropout_shapes
from common.spec import Layer, Spec, shapes
from common.spec import tensors as tensors_of
from compare import isolate
from compare.evidence import SIDES, STEPS, Array, Evidence, Steps, relative_error
from compare.thresholds import STEP_ADAM, STEP_CLOSEST, STEP_FLOAT32, STEP_FLOAT64, STEP_NOISE
from compare.verdict import Check, Culprit, Verdict, merged

ID, RUNG = "step", 6
WHOLE = "training step"  # the culprit where every parameter moves otherwise
Key = tuple[int, str]  # after how many steps, which parameter


def judge(evidence: Evidence) -> Check | None:
    """Every tensor's change since the start: torch, keras and, for one step, the formula.

    The ten steps are two epochs, with a decay of the rate between them. None where there are only
    traces to judge.
    """
    taken = evidence.steps
    if taken is None:
        return None
    missing = [
        side
        for side in SIDES
        if side not in taken.rounded or any((side, n) not in taken.weights for n in STEPS)
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


class Witness:
    """What the recipe's formula and the reference say of the steps that were taken.

    Two differences between right ports are known, and looked at as such. A bias that only a batch
    norm reads has the gradient zero, since the norm takes the mean away again: its recorded one
    is rounding, which SGD leaves at rounding and Adam turns into whole steps; the running mean
    follows them. And PyTorch keeps the unbiased running variance, n / (n - 1) times the batch's,
    Keras the batch's own.
    """

    def __init__(self, taken: Steps) -> None:
        self.taken, self.spec, self.recipe = taken, taken.spec, taken.recipe
        self.allowed = STEP_ADAM if self.recipe.optimizer == "adam" else STEP_FLOAT64
        self.dead = dead_biases(self.spec)

    def apart(self, steps: int) -> set[str]:
        """Tensors that two right ports need not agree on after so many steps."""
        if self.recipe.optimizer != "adam":
            return set()
        owners = {name.rpartition(".")[0] for name in self.dead}
        readers = {f"{x.name}.mean" for x in self.spec.layers if owners & set(x.reads)}
        return self.dead | (readers if steps > 1 else set())

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
        gap, scale = np.abs(torch - keras).max(), np.abs(keras).max()
        # each step's sum is rounded to the weight's own last place, however short the step
        weight = np.abs(self.taken.initial[name]).max() + scale
        gap = max(0.0, gap - steps * np.finfo(np.float64).eps * weight)
        return float(gap / scale) if scale > 0 else float("inf") if gap else 0.0

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
        """The running variances' distance beyond n / (n - 1), n the values of each batch."""
        plain = relative_error(torch, keras)
        layer, initial = self.variances[name], self.taken.initial[name].astype(np.float64)
        faded = initial * (layer.settings["keep"] ** steps - 1)
        unbiased, biased = torch - faded, keras - faded  # what the batches brought
        ratios = [n / (n - 1) for n in self.batch_values(layer, steps)]
        ends = [biased * ratio for ratio in (min(ratios), max(ratios))]
        short, beyond = np.minimum(*ends) - unbiased, unbiased - np.maximum(*ends)
        gap = np.maximum(0, np.maximum(short, beyond))
        scale = np.abs(keras).max()
        return min(plain, float(gap.max() / scale) if scale > 0 else float("inf"))

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
        return max((float("inf") if np.isnan(error) else error for error in errors), default=0.0)

    def descent_error(self, side: str, names: list[str]) -> float:
        """Whether the gradient that moved these parameters is the loss's, along one direction.

        The derivative is the reference's complex step; SGD's first update is -rate times the
        gradient, Adam's first moment 1 - beta1 times it.
        """
        gradients = [self.gradient(side, name) for name in names]
        if any(x is None for x in gradients):
            return float("inf")
        joined = np.concatenate([x.ravel() for x in gradients if x is not None])
        initial = self.taken.initial
        directions = {n: isolate.draw_direction(initial[n], n, 0) for n in names}
        along = np.concatenate([directions[n].ravel() for n in names])
        starts = np.concatenate([initial[n].ravel() for n in names]).astype(np.float64)
        decay = self.recipe.float32("weight_decay") * float(np.vdot(starts, along))
        error = isolate.adjoint_error(joined, along, self.derivative(directions) + decay)
        return max(error, *(self.adam_error(side, name) for name in names))

    def gradient(self, side: str, name: str) -> Array | None:
        """The gradient behind the first step, weight decay included."""
        if self.recipe.optimizer == "adam":
            mean = self.taken.means.get(side, {}).get(name)
            return None if mean is None else mean / (1 - self.recipe.float32("beta1"))
        moved = self.change(side, 1, name)
        return None if moved is None else -moved / self.recipe.rate(0)

    def adam_error(self, side: str, name: str) -> float:
        """How far the first update is from -rate * g / (|g| + eps); zero for SGD."""
        if self.recipe.optimizer != "adam":
            return 0.0
        g = self.gradient(side, name)
        if g is None:
            return float("inf")
        expected = -self.recipe.rate(0) * g / (np.abs(g) + self.recipe.float32("eps"))
        return relative_error(self.change(side, 1, name), expected)

    def derivative(self, directions: dict[str, Array]) -> float:
        """The first batch's loss at the initial weights, differentiated along a direction."""
        weights = {
            name: start + 1j * reference.STEP * directions[name] if name in directions else start
            for name, start in self.taken.initial.items()
        }
        made = reference.run(self.spec, weights, self.taken.batch, self.drawn)
        outputs = [made[name] for name in self.spec.outputs]
        recipe, labels = self.recipe, self.taken.batch["labels"]
        return float(
            losses.total(recipe.loss, recipe.shares, outputs, labels).imag / reference.STEP
        )

    @cached_property
    def values(self) -> dict[str, Array]:
        """Every layer's output for the first batch in training mode, by the reference."""
        return reference.run(self.spec, self.taken.initial, self.taken.batch, self.drawn)

    def statistic_error(self, side: str, name: str) -> float:
        """A running mean or variance after one step, against the reference's; biased or not."""
        owner, _, which = name.rpartition(".")
        layer, moved = self.spec[owner], self.change(side, 1, name)
        x = self.values[layer.reads[0]]
        axes = (0, *range(2, x.ndim))
        found, n = (x.mean(axes) if which == "mean" else x.var(axes)), x.size // x.shape[1]
        share = 1 - layer.settings["keep"]
        initial = self.taken.initial[name].astype(np.float64)
        factors = [1.0] if which == "mean" else [1.0, n / (n - 1)]
        return min(relative_error(moved, share * (found * f - initial)) for f in factors)

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


def dead_biases(spec: Spec) -> set[str]:
    """Biases that nothing but batch norm reads."""
    readers = {
        layer.name: {reader.op for reader in spec.layers if layer.name in reader.reads}
        for layer in spec.layers
    }
    return {
        f"{name}.bias"
        for name, own in tensors_of(spec).items()
        if "bias" in own and readers[name] == {"batch_norm"} and name not in spec.outputs
    }


def verdict(wrong: list[Key], found: tuple[Culprit, ...], error: float) -> Verdict:
    if wrong or found:
        return Verdict.DIFFERENT
    return Verdict.SAME if error == 0 else Verdict.ROUNDING


def culprits(steps: Witness, wrong: list[Key], errors: dict[Key, float]) -> tuple[Culprit, ...]:
    """The layers whose tensors part first; the training step as a whole where all of them do."""
    if not wrong:
        return ()
    first = min(count for count, _ in wrong)
    parted = [name for count, name in wrong if count == first]
    if first == 1 and (norms := wrong_norms(steps)):
        return norms
    side = wrong_side(steps, parted) if first == 1 else "torch or keras"
    error = max(errors[first, name] for name in parted)
    if set(steps.trained) <= set(parted):
        detail = f"the update of every parameter is off, by up to {error:.1e} {after(first)}"
        return (Culprit(RUNG, WHOLE, side, error, detail),)
    return tuple(
        Culprit(
            RUNG,
            name.rpartition(".")[0],
            side,
            errors[first, name],
            f"the update of {name} is off by {errors[first, name]:.1e} {after(first)}",
        )
        for name in parted
    )


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
    if not error > steps.allowed:
        return ()
    detail = f"the first update is not the recipe's: off by {error:.1e}"
    return (Culprit(RUNG, WHOLE, "both", error, detail),)


def float32_alone(steps: Witness, names: list[str]) -> tuple[Culprit, ...]:
    """A side whose first step in float32 is not its own float64 step, rounded.

    In a deep net a rounding that flips a relu moves whole gradients, on either side: so the
    other side's largest gap is the unit. No flip reaches every tensor: the last biases and the
    running means keep to float32's rounding, whatever the other side does.
    """
    judged = [name for name in names if name not in steps.dead]
    gaps = {side: [steps.rounding(side, name) for name in judged] for side in SIDES}
    noise = STEP_NOISE * min(max(own) for own in gaps.values())
    return tuple(
        Culprit(RUNG, WHOLE, side, max(own), f"the first update in float32 alone is off by {x:.1e}")
        for side, own in gaps.items()
        if (x := max(own)) == np.inf or x > max(STEP_FLOAT32, noise) or min(own) > STEP_CLOSEST
    )


def wrong_side(steps: Witness, parted: list[str]) -> str:
    """Whose first step is not the recipe's."""
    wrong = [
        side
        for side in SIDES
        if any(steps.formula_error(side, [name]) > steps.allowed for name in parted)
    ]
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
        which = "every parameter" if set(steps.trained) <= set(parted) else ", ".join(parted[:3])
        return f"{after(first)}, {which} moved otherwise"
    if found:
        return found[0].detail
    counts = " and ".join(str(count) for count in STEPS)
    text = f"{total}/{total} tensors after {counts} steps; worst {error:.1e} at {worst[1]}"
    notes = []
    if steps.variances:
        notes.append("running variances n/(n-1) apart, as known")
    if apart := steps.apart(1):
        notes.append(f"{len(apart)} biases without a gradient left out")
    return "; ".join([text, *notes])


def after(steps: int) -> str:
    return f"after {steps} step{'s' if steps > 1 else ''}"
