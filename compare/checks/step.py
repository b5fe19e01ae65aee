"""Rung 6: the same parameters after one optimizer step and after ten, in float64."""

from __future__ import annotations

import numpy as np

from common import reference
from compare import isolate
from compare.evidence import SIDES, STEPS, Array, Evidence
from compare.thresholds import STEP_FLOAT64
from compare.verdict import Check, Culprit, Verdict

ID, RUNG = "step", 6
WHOLE = "training step"  # the culprit where every parameter moves otherwise
Key = tuple[int, str]  # after how many steps, which parameter


def judge(evidence: Evidence) -> Check | None:
    """Every parameter's change since the start: torch, keras and, for one step, the formula.

    None where nothing was trained.
    """
    if not evidence.stepped:
        return None
    missing = [s for s in SIDES if any((s, steps) not in evidence.stepped for steps in STEPS)]
    if missing:
        detail = f"{' and '.join(missing)} did not take all of the steps"
        unseen = (0, len(STEPS) * len(evidence.initial))
        return Check(ID, RUNG, Verdict.NOT_PROVEN, detail, coverage=unseen)
    names = list(evidence.initial)
    errors = {(steps, n): update_error(evidence, steps, n) for steps in STEPS for n in names}
    wrong = [key for key, error in errors.items() if error > STEP_FLOAT64]
    found = culprits(evidence, wrong, errors) or alike(evidence)
    worst = max(errors, key=lambda key: errors[key])
    seen = sum(bool(np.isfinite(error)) for error in errors.values())
    return Check(
        ID,
        RUNG,
        verdict(wrong, found, errors[worst]),
        sentence(worst, errors[worst], wrong, found, len(names)),
        errors[worst],
        STEP_FLOAT64,
        found,
        coverage=(seen, len(errors)),
    )


def verdict(wrong: list[Key], found: tuple[Culprit, ...], error: float) -> Verdict:
    if wrong or found:
        return Verdict.DIFFERENT
    return Verdict.SAME if error == 0 else Verdict.ROUNDING


def update_error(evidence: Evidence, steps: int, name: str) -> float:
    """The two changes of one parameter: max |a - b| / max |b|; infinite where one is missing."""
    changes = [change(evidence, side, steps, name) for side in SIDES]
    there = [x for x in changes if x is not None and bool(np.isfinite(x).all())]
    if len(there) < 2:
        return float("inf")
    gap, scale = np.abs(there[0] - there[1]).max(), np.abs(there[1]).max()
    return float(gap / scale) if scale > 0 else (0.0 if gap == 0 else float("inf"))


def change(evidence: Evidence, side: str, steps: int, name: str) -> Array | None:
    """What a parameter moved by; None where it is missing or has another shape."""
    moved = evidence.stepped.get((side, steps), {}).get(name)
    if moved is None or moved.shape != evidence.initial[name].shape:
        return None
    return np.asarray(moved - evidence.initial[name].astype(np.float64))


def culprits(evidence: Evidence, wrong: list[Key], errors: dict[Key, float]) -> tuple[Culprit, ...]:
    """The layers whose parameters part first; the training step as a whole where all of them do."""
    if not wrong:
        return ()
    first = min(count for count, _ in wrong)
    parted = [name for count, name in wrong if count == first]
    side = wrong_side(evidence, parted) if first == 1 else "torch or keras"
    error = max(errors[first, name] for name in parted)
    if len(parted) == len(evidence.initial):
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


def alike(evidence: Evidence) -> tuple[Culprit, ...]:
    """Both sides moved alike, and not as the recipe says."""
    error = max(formula_error(evidence, side, list(evidence.initial)) for side in SIDES)
    if not error > STEP_FLOAT64:
        return ()
    detail = f"the first update is not -rate * gradient: off by {error:.1e}"
    return (Culprit(RUNG, WHOLE, "both", error, detail),)


def wrong_side(evidence: Evidence, parted: list[str]) -> str:
    """Whose first step is not the recipe's."""
    wrong = [
        side
        for side in SIDES
        if any(formula_error(evidence, side, [name]) > STEP_FLOAT64 for name in parted)
    ]
    return wrong[0] if len(wrong) == 1 else "torch and keras" if wrong else "torch or keras"


def formula_error(evidence: Evidence, side: str, names: list[str]) -> float:
    """How far <update, d> is from -rate times the loss's derivative along d, for one step.

    The derivative is the reference's complex step along one direction of all these parameters.
    The reference runs in evaluation mode: NaN, no witness, for a net that trains in another one.
    """
    if any(layer.op == "batch_norm" for layer in evidence.spec.layers):
        return float("nan")
    changes = [change(evidence, side, 1, name) for name in names]
    moved = [x.ravel() for x in changes if x is not None]
    if len(moved) < len(names):
        return float("inf")
    directions = {name: isolate.draw_direction(evidence.initial[name], name, 0) for name in names}
    along = np.concatenate([directions[name].ravel() for name in names])
    expected = -float(evidence.first_batch["rate"]) * derivative(evidence, directions)
    return isolate.adjoint_error(np.concatenate(moved), along, expected)


def derivative(evidence: Evidence, directions: dict[str, Array]) -> float:
    """The first batch's loss at the initial weights, differentiated along a direction."""
    weights = {
        name: start + 1j * reference.STEP * directions.get(name, np.zeros_like(start))
        for name, start in evidence.initial.items()
    }
    logits = reference.run(evidence.spec, weights, evidence.first_batch)[evidence.spec.outputs[0]]
    loss = reference.cross_entropy(logits, evidence.first_batch["labels"])
    return float(loss.imag / reference.STEP)


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
