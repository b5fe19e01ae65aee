"""Rung 7: the same training, step by step, for a hundred steps in float64 and in float32."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np

from common.diary import DIRECTIONS, sketch
from common.result import mean_over_samples
from common.spec import shapes
from common.updates import clipped, update
from compare import known
from compare.evidence import (
    LOCKSTEPS,
    SIDES,
    Array,
    Evidence,
    Lockstep,
    relative_error,
)
from compare.lockstep import BATCH, IMAGES, NUDGED, recipe_of
from compare.thresholds import (
    ENVELOPE,
    HORIZON,
    ROUNDINGS,
    SLACK,
    SOONER,
    TRAJECTORY_FLOAT64,
    UPDATE_FLOAT64,
)
from compare.verdict import Check, Culprit, Verdict

ID, RUNG = "trajectory", 7
WHOLE = "training"  # the culprit where no layer can be told from the others
KINDS = ("loss", "gradient", "statistic", "slot", "weight")  # in the order in which they are made


class Gap(NamedTuple):
    """How far a quantity of one step is apart."""

    step: int  # counted from 0
    kind: str
    name: str  # "conv1.weight"; "velocity:conv1.weight" of a slot; "" of the loss
    error: float
    allowed: float


def judge(evidence: Evidence) -> Check | None:
    """Every quantity of every step. None where the net is too large to be trained so long."""
    taken = evidence.lockstep
    if taken is None:
        return None
    roles = (*SIDES, "nudged")
    missing = [r for r in roles if r not in taken.diaries or r not in taken.losses]
    if missing:
        detail = f"the training of {' and '.join(missing)} left no trace of its {LOCKSTEPS} steps"
        return Check(ID, RUNG, Verdict.NOT_PROVEN, detail, coverage=(0, LOCKSTEPS))
    walk = Walk(taken)
    gaps = list(walk.gaps())
    parted = [gap for gap in gaps if not gap.error <= gap.allowed or gap.error == np.inf]
    found = culprits(walk, parted) or update_culprits(walk) or float32_culprits(taken)
    end = [gap for gap in gaps if gap.kind == "weight" and gap.step == LOCKSTEPS - 1]
    worst = max(end, key=lambda gap: gap.error)
    same = worst.error == 0
    agreed = Verdict.SAME if same else Verdict.ROUNDING
    return Check(
        ID,
        RUNG,
        Verdict.DIFFERENT if parted or found else agreed,
        found[0].detail if found else sentence(walk, worst),
        worst.error,
        worst.allowed,
        found,
        coverage=(LOCKSTEPS, LOCKSTEPS),
    )


class Walk:
    """Both sides' diaries side by side, with the known differences taken out."""

    def __init__(self, taken: Lockstep) -> None:
        self.taken, self.spec = taken, taken.spec
        self.recipe = recipe_of(taken.recipe)
        self.dead = known.dead_biases(self.spec)
        self.norms = {layer.name: layer for layer in self.spec.layers if layer.op == "batch_norm"}
        self.initial = {name: sketch(array) for name, array in taken.initial.items()}

    def gaps(self) -> Iterator[Gap]:
        """In the order in which the quantities are made, step by step."""
        errors = {key: self.errors(key, "torch", "keras") for key in self.keys}
        allowed = np.maximum(TRAJECTORY_FLOAT64, ENVELOPE * self.envelope)
        for step in range(LOCKSTEPS):
            for key in self.keys:
                kind, _, name = key.partition(":")
                yield Gap(step, kind, name, float(errors[key][step]), float(allowed[step]))

    @cached_property
    def keys(self) -> list[str]:
        """Every quantity that either side noted, but for what two right ports need not share."""
        diaries = [self.taken.diaries[side] for side in SIDES]
        noted = {key for diary in diaries for key in diary if key.partition(":")[0] in KINDS}
        left_out = {f"{kind}:{name}" for name in self.dead for kind in ("gradient", "weight")}
        left_out |= {key for key in noted if key.startswith("slot:") and self.of(key) in self.dead}
        return sorted(noted - left_out, key=lambda key: (KINDS.index(key.partition(":")[0]), key))

    @staticmethod
    def of(key: str) -> str:
        """The tensor that a quantity belongs to."""
        return key.rpartition(":")[2]

    @cached_property
    def envelope(self) -> Array:
        """How far one side has come apart from itself by each step, after a nudge: (steps,)."""
        errors = [self.errors(key, "nudged", "torch") for key in self.keys]
        return np.asarray(np.maximum.accumulate(np.max(errors, axis=0)))

    def errors(self, key: str, one: str, other: str) -> Array:
        """Each step's relative error, (steps,); infinite where a side noted nothing, or no number.

        In units of the largest that the quantity has been so far: at the end of a training a loss
        or a gradient may be nothing but its rounding.
        """
        a, b = self.rows(one, key), self.rows(other, key)
        if a is None or b is None or a.shape != b.shape:
            return np.full(LOCKSTEPS, np.inf)
        gap, scale = np.abs(a - b).max(axis=1), np.maximum.accumulate(np.abs(b).max(axis=1))
        error = np.where(gap == 0, 0.0, gap / np.where(scale > 0, scale, np.nan))
        finite = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
        return np.where(finite & np.isfinite(error), error, np.inf)

    def rows(self, role: str, key: str) -> Array | None:
        """What a side noted of a quantity, (steps, numbers); a statistic's changes, made alike."""
        noted = self.taken.diaries[role].get(key)
        if noted is None or len(noted) != LOCKSTEPS:
            return None
        layer, _, which = self.of(key).rpartition(".")
        if not key.startswith("statistic:") or layer not in self.norms:
            return noted
        keep = self.norms[layer].settings["keep"]
        before = np.concatenate([self.initial[self.of(key)][None], noted[:-1]])
        brought = noted - keep * before
        if which == "var":
            return np.asarray(brought / self.factors(role, layer)[:, None])
        return np.asarray(brought - (1 - keep) * self.shifted(role, layer))

    def factors(self, role: str, layer: str) -> Array:
        """What each step's variance was multiplied by on its way in (known.RUNNING_VARIANCE)."""
        places, side = prod(shapes(self.spec)[layer][1:]), NUDGED if role == "nudged" else role
        full, last = divmod(IMAGES, BATCH)
        sizes = [size * places for size in [*[BATCH] * full, *([last] if last else [])]]
        factors = np.array([known.variance_factor(side, size) for size in sizes])
        return np.tile(factors, LOCKSTEPS // len(sizes))

    def shifted(self, role: str, layer: str) -> Array | float:
        """The bias in front of a batch norm as each step found it: no loss depends on it."""
        source = next(x for x in self.spec.layers if x.name == layer).reads[0]
        if f"{source}.bias" not in self.dead:
            return 0.0
        noted = self.taken.diaries[role][f"weight:{source}.bias"]
        return np.concatenate([self.initial[f"{source}.bias"][None], noted[:-1]])

    def update_errors(self, side: str, name: str) -> Array:
        """How far each step's weights and slots are from the recipe's, on the side's own numbers.

        Weights in units of the largest update so far.
        """
        diary, largest = self.taken.diaries[side], 0.0
        weights, slots = diary[f"weight:{name}"], self.slots(side, name)
        before, held = self.initial[name][DIRECTIONS:], dict[str, Array]()
        errors = []
        if any(len(rows) != LOCKSTEPS for rows in diary.values()):
            return np.full(LOCKSTEPS, np.inf)
        for step, rate in enumerate(self.rates(side)):
            gradient = self.clipped(side, name, step)
            expected, after = update(self.recipe, rate, step + 1, before, gradient, held)
            weight = weights[step, DIRECTIONS:]
            largest = max(largest, float(np.abs(expected - before).max()))
            room = ROUNDINGS * np.finfo(np.float64).eps * float(np.abs(before).max())
            gap = max(0.0, float(np.abs(weight - expected).max()) - room)
            moved = gap / largest if largest > 0 else np.inf if gap > 0 else 0.0
            before, held = weight, {slot: rows[step] for slot, rows in slots.items()}
            kept = [relative_error(held.get(slot), array) for slot, array in after.items()]
            errors.append(max(moved, *kept) if kept else moved)
        return np.where(np.isnan(errors), np.inf, errors)

    def slots(self, side: str, name: str) -> dict[str, Array]:
        """What the optimizer remembered of a tensor: (steps, samples) by the slot's name."""
        noted = {key: rows for key, rows in self.taken.diaries[side].items() if "slot:" in key}
        return {
            key.split(":")[1]: rows[:, DIRECTIONS:]
            for key, rows in noted.items()
            if self.of(key) == name
        }

    def clipped(self, side: str, name: str, step: int) -> Array:
        """A step's gradient as the recipe clips it, where it was sampled."""
        diary, recipe = self.taken.diaries[side], self.recipe
        gradient = diary[f"gradient:{name}"][step, DIRECTIONS:]
        if recipe.clip == "value":
            return clipped(recipe, {name: gradient})[name]
        if not recipe.clip:
            return gradient
        norms = {key: rows[step, DIRECTIONS:] for key, rows in diary.items() if "norm:" in key}
        shares = clipped(recipe, norms)  # a norm is cut as its gradient is
        key = f"norm:{name}"
        return gradient * (shares[key] / norms[key] if norms[key] else 1.0)

    def rates(self, side: str) -> list[float]:
        """Every step's rate, by the side's own losses where the schedule asks for them."""
        losses = self.taken.diaries[side]["loss:"][:, DIRECTIONS]
        steps, found, means = LOCKSTEPS // self.recipe.epochs, list[float](), list[float]()
        for epoch in range(self.recipe.epochs):
            found += self.recipe.rates(epoch, steps, means)
            batch_losses = losses[epoch * steps : (epoch + 1) * steps]
            means.append(mean_over_samples(batch_losses, IMAGES, BATCH))
        return found

    @cached_property
    def trained(self) -> list[str]:
        """Tensors with a gradient that both sides noted."""
        keys = [set(self.taken.diaries[side]) for side in SIDES]
        noted = [self.of(key) for key in keys[0] & keys[1] if key.startswith("gradient:")]
        return [name for name in noted if name not in self.dead]


def culprits(walk: Walk, parted: list[Gap]) -> tuple[Culprit, ...]:
    """The quantity that differs first; what follows from it is no news."""
    if not parted:
        return ()
    first = parted[0]
    together = [gap for gap in parted if (gap.step, gap.kind) == (first.step, first.kind)]
    side = wrong_update(walk, first) if first.kind in ("slot", "weight") else "torch or keras"
    names = sorted({walk.of(gap.name) for gap in together if gap.name})
    layers = sorted({name.rpartition(".")[0] for name in names})
    error = max(gap.error for gap in together)
    which = f"{first.kind}s of {', '.join(names[:3])}" if names else first.kind
    detail = f"the {which} part in step {first.step + 1}, by {error:.1e}; all before agrees"
    blamed = layers[0] if len(layers) == 1 else WHOLE
    return (Culprit(RUNG, blamed, side, error, detail),)


def wrong_update(walk: Walk, first: Gap) -> str:
    """Whose step is not the recipe's, on its own gradients."""
    wrong = [
        side
        for side in SIDES
        if any(walk.update_errors(side, n)[first.step] > UPDATE_FLOAT64 for n in walk.trained)
    ]
    return wrong[0] if len(wrong) == 1 else "both" if wrong else "torch or keras"


def update_culprits(walk: Walk) -> tuple[Culprit, ...]:
    """Both sides stepped alike, and not as the recipe says."""
    found = []
    for side in SIDES:
        errors = np.max([walk.update_errors(side, name) for name in walk.trained], axis=0)
        if (wrong := ~(errors <= UPDATE_FLOAT64)).any():
            step = int(np.argmax(wrong))
            detail = f"step {step + 1} is not the recipe's, by {errors[step]:.1e}"
            found.append(Culprit(RUNG, WHOLE, side, float(errors[step]), detail))
    return tuple(found)


def float32_culprits(taken: Lockstep) -> tuple[Culprit, ...]:
    """The losses in float32 part much sooner than one side's part from its own.

    When they part is chance, once a rounding has flipped a relu; so the horizons are compared, not
    the distances.
    """
    apart, alone = horizon(taken, "keras"), horizon(taken, "nudged")
    if apart * SOONER + SLACK >= alone:
        return ()
    detail = (
        f"in float32 alone the losses part in step {apart + 1}; one side, begun a rounding apart, "
        f"agrees with itself for {alone} steps"
    )
    return (Culprit(RUNG, WHOLE, "torch or keras", None, detail),)


def horizon(taken: Lockstep, role: str) -> int:
    """For how many steps the losses in float32 are those of torch, in units of its largest yet."""
    torch, other = (taken.losses[name].astype(np.float64) for name in ("torch", role))
    apart = ~(np.abs(other - torch) <= HORIZON * np.maximum.accumulate(np.abs(torch)))
    return int(np.argmax(apart)) if apart.any() else len(apart)


def sentence(walk: Walk, worst: Gap) -> str:
    """One line on a hundred equal steps."""
    apart, alone = (horizon(walk.taken, role) for role in ("keras", "nudged"))
    dead = f"; {len(walk.dead)} {known.DEAD_BIAS.note}" if walk.dead else ""
    own = float(walk.envelope[worst.step])
    chaos = f" (one side from itself {own:.1e})" if worst.error > TRAJECTORY_FLOAT64 else ""
    return (
        f"{LOCKSTEPS} steps; weights {worst.error:.1e} apart at {worst.name}{chaos}, float64; "
        f"float32 losses equal for {apart} steps, one side's own for {alone}{dead}"
    )
