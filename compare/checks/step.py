"""Rung 6: the same parameters after one optimizer step and after ten, in float64."""

from __future__ import annotations

import numpy as np

from compare.evidence import STEPS, Array, Evidence
from compare.thresholds import STEP_FLOAT64
from compare.verdict import Check, Culprit, Verdict

ID, RUNG = "step", 6


def judge(evidence: Evidence) -> Check | None:
    """Every parameter's change since the start, torch against keras; None without training."""
    if not evidence.stepped:
        return None
    errors = {
        (steps, name): update_error(evidence, steps, name)
        for steps in STEPS
        for name in evidence.initial
    }
    key = max(errors, key=lambda k: errors[k])
    wrong = [k for k, error in errors.items() if error > STEP_FLOAT64]
    seen = sum(bool(np.isfinite(error)) for error in errors.values())
    return Check(
        ID,
        RUNG,
        Verdict.DIFFERENT if wrong else worst_of_agreeing(errors[key]),
        sentence(key, errors[key], wrong, len(evidence.initial)),
        errors[key],
        STEP_FLOAT64,
        culprits(wrong, errors, len(evidence.initial)),
        coverage=(seen, len(errors)),
    )


def worst_of_agreeing(error: float) -> Verdict:
    return Verdict.SAME if error == 0 else Verdict.ROUNDING


def update_error(evidence: Evidence, steps: int, name: str) -> float:
    """The two changes of one parameter: max |a - b| / max |b|; infinite where one is missing."""
    start = evidence.initial[name].astype(np.float64)
    moved = [evidence.stepped.get((side, steps), {}).get(name) for side in ("torch", "keras")]
    changes: list[Array] = [x - start for x in moved if x is not None and x.shape == start.shape]
    if len(changes) < 2 or not all(np.isfinite(change).all() for change in changes):
        return float("inf")
    gap, scale = np.abs(changes[0] - changes[1]).max(), np.abs(changes[1]).max()
    return float(gap / scale) if scale > 0 else (0.0 if gap == 0 else float("inf"))


def sentence(key: tuple[int, str], error: float, wrong: list[tuple[int, str]], total: int) -> str:
    """One line: from which step on which parameters part, or the worst of all."""
    if not wrong:
        steps = " and ".join(str(count) for count in STEPS)
        return f"{total}/{total} parameters after {steps} steps; worst {error:.1e} at {key[1]}"
    first = min(count for count, _ in wrong)
    parted = [name for count, name in wrong if count == first]
    which = "every parameter" if len(parted) == total else ", ".join(parted[:3])
    return f"{after(first)}, {which} moved otherwise"


def after(steps: int) -> str:
    return f"after {steps} step{'s' if steps > 1 else ''}"


def culprits(
    wrong: list[tuple[int, str]], errors: dict[tuple[int, str], float], total: int
) -> tuple[Culprit, ...]:
    """The layers whose parameters part first; the optimizer where all of them do."""
    if not wrong:
        return ()
    first = min(count for count, _ in wrong)
    parted = [name for count, name in wrong if count == first]
    if len(parted) == total:
        worst = max(errors[first, name] for name in parted)
        detail = f"the update of every parameter is off, by up to {worst:.1e} {after(first)}"
        return (Culprit(RUNG, "optimizer", "torch or keras", worst, detail),)
    return tuple(
        Culprit(
            RUNG,
            name.rpartition(".")[0],
            "torch or keras",
            errors[first, name],
            f"the update of {name} is off by {errors[first, name]:.1e} {after(first)}",
        )
        for name in parted
    )
