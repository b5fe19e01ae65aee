"""Rung 8: what both trainings ended in, from the logits that they left for the test images."""

from __future__ import annotations

import numpy as np

from common import losses
from compare.evidence import SIDES, Evidence, Training
from compare.thresholds import OUTCOME_GAP, REPORTED_LOSS
from compare.verdict import Check, Verdict

ID, RUNG = "outcome", 8


def judge(evidence: Evidence) -> Check | None:
    """Finite numbers, the accuracies that the logits really give, and no gap that asks why.

    One seed cannot show that two accuracies are equal; it can show that they are far apart.
    """
    training = evidence.training
    if training is None:
        return None
    missing = [s for s in SIDES if s not in training.logits or not training.histories.get(s)]
    if missing:
        return answer(Verdict.NOT_PROVEN, f"{' and '.join(missing)} did not finish its training")
    wild = [side for side in SIDES if not np.isfinite(training.logits[side]).all()]
    if wild:
        verdict = Verdict.DIFFERENT if len(wild) == 1 else Verdict.NOT_PROVEN
        return answer(verdict, f"{' and '.join(wild)} diverged: the test logits are not finite")
    for side in SIDES:
        if fault := misreported(training, side):
            return answer(Verdict.DIFFERENT, f"{side} {fault}")
    return compared(training)


def answer(verdict: Verdict, detail: str) -> Check:
    return Check(ID, RUNG, verdict, detail)


def misreported(training: Training, side: str) -> str:
    """What a side's own last numbers say that its saved logits do not; empty where they agree."""
    said, found = training.histories[side][-1], accuracy(training, side)
    if said["test_accuracy"] != found:
        return f"reports an accuracy of {said['test_accuracy']:.2%}, its logits give {found:.2%}"
    loss = float(losses.LOSSES[training.loss](training.logits[side], training.labels))
    if not abs(said["test_loss"] - loss) <= REPORTED_LOSS * max(loss, 1e-3):
        return f"reports a test loss of {said['test_loss']:.4f}, its logits give {loss:.4f}"
    return ""


def accuracy(training: Training, side: str) -> float:
    """Share of the test images whose largest logit is their label's."""
    scores = losses.scores(training.loss, training.logits[side])
    hits = scores.argmax(axis=1) == training.labels
    return int(hits.sum()) / len(hits)


def compared(training: Training) -> Check:
    """The two accuracies; a gap that no seed explains leaves the comparison unproven."""
    torch, keras = (accuracy(training, side) for side in SIDES)
    detail = f"torch {torch:.2%}, keras {keras:.2%}; one seed says no more"
    gap, allowed = abs(torch - keras), max(OUTCOME_GAP, 3 * sampling_error(training))
    if gap > allowed:
        detail = f"torch {torch:.2%}, keras {keras:.2%}: too far apart for rounding alone"
        return Check(ID, RUNG, Verdict.NOT_PROVEN, detail, gap, allowed)
    same = np.array_equal(training.logits["torch"], training.logits["keras"])
    return Check(ID, RUNG, Verdict.SAME if same else Verdict.ROUNDING, detail, gap, allowed)


def sampling_error(training: Training) -> float:
    """Standard deviation of the gap between two nets of these accuracies on so few test images."""
    shares = [accuracy(training, side) for side in SIDES]
    return float(np.sqrt(sum(p * (1 - p) for p in shares) / len(training.labels)))
