"""Rung 8: what both trainings ended in, from the logits that they left for the test images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from common import losses
from compare import seeds
from compare.evidence import SIDES, Evidence, Training
from compare.thresholds import OUTCOME_GAP, REPORTED_LOSS
from compare.verdict import Check, Verdict, worst

ID, RUNG = "outcome", 8


def judge(evidence: Evidence) -> Check | None:
    """Finite numbers, the accuracies that the logits really give, and no gap that asks why.

    One seed cannot show that two accuracies are equal; it can show that they are far apart.
    Several are held against the margin that was asked for.
    """
    trainings = evidence.trainings
    if not trainings:
        return None
    faults = {seed: found for seed, each in trainings.items() if (found := fault(each))}
    if len(trainings) > 1:
        return worst_fault(faults) if faults else over_seeds(evidence)
    return next(iter(faults.values()), None) or compared(next(iter(trainings.values())))


def fault(training: Training) -> Check | None:
    """What leaves nothing to compare: no end, no numbers, or others than were reported."""
    missing = [s for s in SIDES if s not in training.logits or not training.histories.get(s)]
    if missing:
        return answer(Verdict.NOT_PROVEN, f"{' and '.join(missing)} did not finish its training")
    wild = [side for side in SIDES if not np.isfinite(training.logits[side]).all()]
    if wild:
        verdict = Verdict.DIFFERENT if len(wild) == 1 else Verdict.NOT_PROVEN
        return answer(verdict, f"{' and '.join(wild)} diverged: the test logits are not finite")
    for side in SIDES:
        if found := misreported(training, side):
            return answer(Verdict.DIFFERENT, f"{side} {found}")
    return None


def worst_fault(faults: dict[int, Check]) -> Check:
    """The first of the worst, and in how many seeds there is one."""
    verdict = worst(check.verdict for check in faults.values())
    seed, check = next((s, c) for s, c in faults.items() if c.verdict is verdict)
    more = f" (and {len(faults) - 1} more seeds)" if len(faults) > 1 else ""
    return replace(check, detail=f"seed {seed}: {check.detail}{more}")


def over_seeds(evidence: Evidence) -> Check:
    """Equivalent within the margin, different beyond it, or not enough runs to tell."""
    trainings, margin = evidence.trainings, evidence.margin
    found = seeds.judged(trainings, margin)
    assert found.interval is not None
    low, high = (100 * end for end in found.interval)
    detail = (
        f"{len(trainings)} seeds: {100 * found.mean:+.2f} points (95%: {low:+.2f} to {high:+.2f}), "
        f"margin {100 * margin:g}: {found.answer}"
    )
    verdict = {
        "equivalent": Verdict.ROUNDING,
        "different": Verdict.DIFFERENT,
        "not enough runs": Verdict.NOT_PROVEN,
    }[found.answer]
    logits = [training.logits for training in trainings.values()]
    if verdict is Verdict.ROUNDING and all(np.array_equal(x["torch"], x["keras"]) for x in logits):
        verdict = Verdict.SAME
    return Check(ID, RUNG, verdict, detail, abs(found.mean), margin)


def answer(verdict: Verdict, detail: str) -> Check:
    return Check(ID, RUNG, verdict, detail)


def misreported(training: Training, side: str) -> str:
    """What a side's own last numbers say that its saved logits do not; empty where they agree."""
    said, found = training.histories[side][-1], training.accuracy(side)
    if said["test_accuracy"] != found:
        return f"reports an accuracy of {said['test_accuracy']:.2%}, its logits give {found:.2%}"
    loss = float(losses.LOSSES[training.loss](training.logits[side], training.labels))
    if not abs(said["test_loss"] - loss) <= REPORTED_LOSS * max(loss, 1e-3):
        return f"reports a test loss of {said['test_loss']:.4f}, its logits give {loss:.4f}"
    return ""


def compared(training: Training) -> Check:
    """The two accuracies; a gap that no seed explains leaves the comparison unproven."""
    torch, keras = (training.accuracy(side) for side in SIDES)
    detail = f"torch {torch:.2%}, keras {keras:.2%}; one seed says no more"
    gap, allowed = abs(torch - keras), max(OUTCOME_GAP, 3 * sampling_error(training))
    if gap > allowed:
        detail = f"torch {torch:.2%}, keras {keras:.2%}: too far apart for rounding alone"
        return Check(ID, RUNG, Verdict.NOT_PROVEN, detail, gap, allowed)
    same = np.array_equal(training.logits["torch"], training.logits["keras"])
    return Check(ID, RUNG, Verdict.SAME if same else Verdict.ROUNDING, detail, gap, allowed)


def sampling_error(training: Training) -> float:
    """Standard deviation of the gap between two nets of these accuracies on so few test images."""
    shares = [training.accuracy(side) for side in SIDES]
    return float(np.sqrt(sum(p * (1 - p) for p in shares) / len(training.labels)))
