"""The parity ladder, one file a rung: each takes the evidence and answers with a Check."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from compare.checks import (
    attributes,
    batches,
    forward,
    gradients,
    outcome,
    probe,
    shapes,
    step,
    structure,
    training,
    trajectory,
)
from compare.evidence import Evidence
from compare.verdict import Check

# A check that had nothing to look at, such as the training's where nothing was trained, gives None.
LADDER: tuple[Callable[[Evidence], Check | None], ...] = (
    structure.judge,
    shapes.judge,
    attributes.judge,
    forward.judge,
    training.judge,
    gradients.judge,
    step.judge,
    trajectory.judge,
    probe.judge,
    outcome.judge,
    batches.judge,
)


def climb(evidence: Evidence) -> list[Check]:
    """Every rung that there is evidence for, the higher ones even where a lower one failed."""
    with np.errstate(all="ignore"):  # NaN in a port's numbers is a finding, not a warning
        answers = [judge(evidence) for judge in LADDER]
    checks = [without_echo(check, answers) for check in answers if check is not None]
    # A setting that only training shows, such as a rate of dropout, is for the steps to confirm.
    numeric = [check for check in checks if check.id != attributes.ID]
    below = [check for check in numeric if check.rung is not None and check.rung < step.RUNG]
    if all(check.verdict.agrees for check in below):
        return checks
    # Steps along other gradients lead elsewhere; that is no fault of the optimizer.
    led = (step.ID, trajectory.ID)
    return [replace(check, culprits=()) if check.id in led else check for check in checks]


def without_echo(check: Check, checks: Iterable[Check | None]) -> Check:
    """Training mode shows a layer's fault of evaluation mode once more: that is no news."""
    if check.id != training.ID:
        return check
    told = {
        (culprit.layer, culprit.side)
        for other in checks
        if other is not None and other.id in (forward.ID, gradients.ID)
        for culprit in other.culprits
    }
    news = [culprit for culprit in check.culprits if (culprit.layer, culprit.side) not in told]
    return replace(check, culprits=tuple(news))
