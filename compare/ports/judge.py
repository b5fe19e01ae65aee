"""What two ports showed, rung by rung: every part that errs on PyTorch's own numbers is a culprit.

No part is blamed for what came before it, and what all parts do right the whole does right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from compare.ports.fault import Fault, looks
from compare.ports.outputs import under_other_names
from compare.ports.rungs.coverage import blindness, covered, unseen
from compare.ports.rungs.forward import end_to_end, forward, in_float32
from compare.ports.rungs.gradients import allowed_whole, gradients, whole_gradients
from compare.ports.rungs.hidden import Shown
from compare.ports.rungs.step import own_words, step
from compare.ports.rungs.structure import is_constant, structure, unrelated, unused
from compare.ports.rungs.training import trained_otherwise_in_words, training
from compare.ports.short import resting, too_rough
from compare.ports.verify import Seen
from compare.verdict import Check, Verdict, worst

Array = NDArray[Any]


@dataclass
class Judgement:
    """All rungs' answers, and every fault."""

    checks: list[Check]
    faults: list[Fault]
    rows: dict[str, dict[str, Any]]  # by part
    coverage: dict[str, tuple[int, int]]
    residual: float  # of the model's outputs, both running freely with the same weights
    notes: list[str]

    @property
    def verdict(self) -> Verdict:
        return worst(check.verdict for check in self.checks)


def judge(seen: Seen, behind: Mapping[str, Shown]) -> Judgement:
    """Every rung, whatever the others say; none of two networks that have nothing in common.

    In float64: what errs in float32 alone is added by `rounded`. `behind`: of hidden.errors.
    """
    if said := unrelated(seen):
        check = Check("structure", 0, Verdict.NOT_COMPARABLE, said)
        return Judgement([check], [], {}, coverage_of(seen), end_to_end(seen), [])
    rows: dict[str, dict[str, Any]] = {}
    first = [structure(seen), forward(seen, rows, behind)]
    wrong = {fault.part for fault in first[1][1]}
    rungs = [*first, training(seen, wrong), gradients(seen, rows)]
    faults = [fault for _, found in rungs for fault in found]
    blind = [*blindness(seen), *unseen(seen), *too_rough(seen)]
    checks = [check for check, _ in rungs] + [step(seen)]
    checks.append(
        Check(
            "coverage",
            None,
            Verdict.NOT_PROVEN if blind else Verdict.SAME,
            blind[0] if blind else "everything that ran was seen, and the probe shows it",
        )
    )
    residual = end_to_end(seen)
    if not faults:
        check, more = whole_gradients(seen)
        faults += more
        checks.append(check)
    if not faults and residual > allowed_whole(seen):
        checks.append(
            Check("whole", 3, Verdict.DIFFERENT, "the parts agree and the whole does not", residual)
        )
    notes = [*blind, *as_built(seen), *unused(seen), *under_other_names(seen.outputs)]
    notes += [*resting(seen), *trained_otherwise_in_words(seen, wrong)]
    notes += [f"{own}; the same is up to the other side's training" for own in own_words(seen)]
    return Judgement(checks, faults, rows, coverage_of(seen), residual, notes)


def rounded(seen: Seen, found: Judgement) -> list[Fault]:
    """What errs in float32 alone; the judgement is told of it."""
    more = in_float32(seen, found.rows)
    if more:
        (check,) = [check for check in found.checks if check.id == "forward"]
        said = check.detail if check.verdict is Verdict.DIFFERENT else more[0].detail
        right, asked = check.coverage
        told = replace(
            check, verdict=Verdict.DIFFERENT, detail=said, coverage=(right - len(more), asked)
        )
        found.checks[found.checks.index(check)] = told
        found.faults += more
    return more


def as_built(seen: Seen) -> Iterator[str]:
    """Of what one port holds and never trains, and the other has not: only its numbers now."""
    for side, look in looks(seen).items():
        for holder in getattr(seen.pairs, side):
            if is_constant(look, holder):
                names = ", ".join(holder.tensors.values())
                yield f"{side}'s {names}: the other port holds none; judged as it is now"


def coverage_of(seen: Seen) -> dict[str, tuple[int, int]]:
    """What was seen, of all there is."""
    return {
        "layers": covered(seen),
        "parameters": (len(seen.moves.carried), len(seen.torch.graph.tensors)),
    }
