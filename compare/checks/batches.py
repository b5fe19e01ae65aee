"""Whether both sides were fed the same images, bit for bit, in every epoch and in every test."""

from __future__ import annotations

from compare.evidence import SIDES, Evidence, Training
from compare.verdict import Check, Verdict

ID = "batches"


def judge(evidence: Evidence) -> Check | None:
    """Digests of what lay on each device, against those computed here; None without training."""
    if not evidence.trainings:
        return None
    several = len(evidence.trainings) > 1
    wrong, seen, epochs = [], 0, 0
    for seed, training in evidence.trainings.items():
        place = f"seed {seed}, " if several else ""
        wrong += [f"{place}{s} epoch {n}" for s in SIDES for n in wrong_epochs(training, s)]
        seen += min(len(training.histories.get(side, [])) for side in SIDES)
        epochs += len(training.to_be_fed["train"])
    if evidence.control is not None:
        control = evidence.control
        wrong += [f"control, {s} epoch {n}" for s in SIDES for n in wrong_epochs(control, s)]
    detail = f"{seen}/{epochs} epochs and tests bit-identical in torch, keras and NumPy"
    if wrong:
        detail = f"fed otherwise than saved: {', '.join(wrong[:3])}"
    verdict = Verdict.DIFFERENT if wrong else Verdict.SAME
    if not wrong and seen < epochs:
        verdict = Verdict.NOT_PROVEN
    return Check(ID, None, verdict, detail, coverage=(seen, epochs))


def wrong_epochs(training: Training, side: str) -> list[int]:
    """The epochs, counted from 1, whose batches or test images were others."""
    expected, test = training.to_be_fed["train"], training.to_be_fed["test"]
    rows = training.histories.get(side, [])
    return [
        number
        for number, (row, digest) in enumerate(zip(rows, expected, strict=False), start=1)
        if (row["batches_sha256"], row["test_sha256"]) != (digest, test)
    ]
