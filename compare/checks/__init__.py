"""The parity ladder, one file a rung: each takes the evidence and answers with a Check."""

from collections.abc import Callable

import numpy as np

from compare.checks import batches, forward, gradients, shapes, step, structure
from compare.evidence import Evidence
from compare.verdict import Check

# A check that had nothing to look at, such as the training's where nothing was trained, gives None.
LADDER: tuple[Callable[[Evidence], Check | None], ...] = (
    structure.judge,
    shapes.judge,
    forward.judge,
    gradients.judge,
    step.judge,
    batches.judge,
)


def climb(evidence: Evidence) -> list[Check]:
    """Every rung that there is evidence for, the higher ones even where a lower one failed."""
    with np.errstate(all="ignore"):  # NaN in a port's numbers is a finding, not a warning
        checks = [judge(evidence) for judge in LADDER]
    return [check for check in checks if check is not None]
