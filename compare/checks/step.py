"""Rung 6: the same parameters after one optimizer step and after ten, in float64."""

from __future__ import annotations

import numpy as np

from common import reference
from common.spec import Spec
from compare import isolate
from compare.evidence import SIDES, STEPS, Array, Evidence, Steps, relative_error
from compare.thresholds import STEP_FLOAT32, STEP_FLOAT64
from compare.verdict import Check, Culprit, Verdict

ID, RUNG = "step", 6
WHOLE = "training step"  # the culprit where every parameter moves otherwise
Key = tuple[int, str]  # after how many steps, which parameter


def judge(evidence: Evidence) -> Check | None:
    """Every parameter's change since the start: torch, keras and, for one step, the formula.

    The ten steps are two epochs, with the recipe's decay between them. None where there are only
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
    names = list(taken.initial)
    errors = {(steps, n): update_error(taken, steps, n) for steps in STEPS for n in names}
    wrong = [key for key, error in errors.items() if error > STEP_FLOAT64]
    found = culprits(evidence.spec, taken, wrong, errors) or alike(evidence.spec, taken)
    found = found or float32_alone(taken)
    worst = max(errors, key=lambda key: errors[key])
    return Check(
        ID,
        RUNG,
        verdict(wrong, found, errors[worst]),
        sentence(worst, errors[worst], wrong, found, len(names)),
        errors[worst],
        STEP_FLOAT64,
        found,
        coverage=(max(STEPS), max(STEPS)),
    )


def verdict(wrong: list[Key], found: tuple[Culprit, ...], error: float) -> Verdict:
    if wrong or found:
        return Verdict.DIFFERENT
    return Verdict.SAME if error == 0 else Verdict.ROUNDING


def update_error(taken: Steps, steps: int, name: str) -> float:
    """The two changes of one parameter, relatively; infinite where one is missing."""
    return relative_error(*(change(taken, side, steps, name) for side in SIDES))


def change(taken: Steps, side: str, steps: int, name: str) -> Array | None:
    """What a parameter moved by; None where it is missing or has another shape."""
    start, moved = taken.initial[name], taken.weights[side, steps].get(name)
    if moved is None or moved.shape != start.shape:
        return None
    return np.asarray(moved - start.astype(np.float64))


def culprits(
    spec: Spec, taken: Steps, wrong: list[Key], errors: dict[Key, float]
) -> tuple[Culprit, ...]:
    """The layers whose parameters part first; the training step as a whole where all of them do."""
    if not wrong:
        return ()
    first = min(count for count, _ in wrong)
    parted = [name for count, name in wrong if count == first]
    side = wrong_side(spec, taken, parted) if first == 1 else "torch or keras"
    error = max(errors[first, name] for name in parted)
    if len(parted) == len(taken.initial):
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


def alike(spec: Spec, taken: Steps) -> tuple[Culprit, ...]:
    """Both sides moved alike, and not as the recipe says."""
    error = max(formula_error(spec, taken, side, list(taken.initial)) for side in SIDES)
    if not error > STEP_FLOAT64:
        return ()
    detail = f"the first update is not -rate * gradient: off by {error:.1e}"
    return (Culprit(RUNG, WHOLE, "both", error, detail),)


def float32_alone(taken: Steps) -> tuple[Culprit, ...]:
    """A side whose first step in float32 is not its own float64 step, rounded."""
    errors = {side: max(rounding(taken, side, name) for name in taken.initial) for side in SIDES}
    return tuple(
        Culprit(
            RUNG, WHOLE, side, error, f"the first update in float32 alone is off by {error:.1e}"
        )
        for side, error in errors.items()
        if error > STEP_FLOAT32
    )


def rounding(taken: Steps, side: str, name: str) -> float:
    """How far a parameter's first change in float32 is from that in float64, relatively."""
    start, moved = taken.initial[name].astype(np.float64), taken.rounded[side].get(name)
    return relative_error(None if moved is None else moved - start, change(taken, side, 1, name))


def wrong_side(spec: Spec, taken: Steps, parted: list[str]) -> str:
    """Whose first step is not the recipe's."""
    wrong = [
        side
        for side in SIDES
        if any(formula_error(spec, taken, side, [name]) > STEP_FLOAT64 for name in parted)
    ]
    return wrong[0] if len(wrong) == 1 else "torch and keras" if wrong else "torch or keras"


def formula_error(spec: Spec, taken: Steps, side: str, names: list[str]) -> float:
    """How far <update, d> is from -rate times the loss's derivative along d, for one step.

    The derivative is the reference's complex step along one direction of all these parameters.
    The reference runs in evaluation mode: NaN, no witness, for a net that trains in another one.
    """
    if any(layer.op == "batch_norm" for layer in spec.layers):
        return float("nan")
    changes = [change(taken, side, 1, name) for name in names]
    moved = [x.ravel() for x in changes if x is not None]
    if len(moved) < len(names):
        return float("inf")
    directions = {name: isolate.draw_direction(taken.initial[name], name, 0) for name in names}
    along = np.concatenate([directions[name].ravel() for name in names])
    expected = -float(taken.batch["rate"]) * derivative(spec, taken, directions)
    return isolate.adjoint_error(np.concatenate(moved), along, expected)


def derivative(spec: Spec, taken: Steps, directions: dict[str, Array]) -> float:
    """The first batch's loss at the initial weights, differentiated along a direction."""
    weights = {
        name: start + 1j * reference.STEP * directions.get(name, np.zeros_like(start))
        for name, start in taken.initial.items()
    }
    logits = reference.run(spec, weights, taken.batch)[spec.outputs[0]]
    return float(reference.cross_entropy(logits, taken.batch["labels"]).imag / reference.STEP)


def sentence(
    worst: Key, error: float, wrong: list[Key], found: tuple[Culprit, ...], total: int
) -> str:
    """One line: from which step on which parameters part, or the worst of all."""
    if wrong:
        first = min(count for count, _ in wrong)
        parted = [name for count, name in wrong if count == first]
        which = "every parameter" if len(parted) == total else ", ".join(parted[:3])
        return f"{after(first)}, {which} moved otherwise"
    if found:
        return found[0].detail
    steps = " and ".join(str(count) for count in STEPS)
    return f"{total}/{total} parameters after {steps} steps; worst {error:.1e} at {worst[1]}"


def after(steps: int) -> str:
    return f"after {steps} step{'s' if steps > 1 else ''}"
