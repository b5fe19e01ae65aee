"""Whether both sides were fed the same batches, bit for bit, in every epoch of the training."""

from __future__ import annotations

from compare.evidence import SIDES, Evidence
from compare.verdict import Check, Verdict

ID = "batches"


def judge(evidence: Evidence) -> Check | None:
    """Digests of what each framework held, against the one computed here; None if none trained."""
    if not evidence.fed:
        return None
    epochs = len(evidence.to_be_fed)
    wrong = [
        f"{side} epoch {epoch + 1}"
        for side in SIDES
        for epoch, digest in enumerate(evidence.to_be_fed)
        if side in evidence.fed and evidence.fed[side][epoch : epoch + 1] != [digest]
    ]
    seen = min(len(evidence.fed.get(side, [])) for side in SIDES)
    detail = f"{seen}/{epochs} epochs bit-identical in torch, keras and NumPy"
    if wrong:
        detail = f"other batches than saved: {', '.join(wrong[:3])}"
    verdict = Verdict.DIFFERENT if wrong else Verdict.SAME
    if not wrong and seen < epochs:
        verdict = Verdict.NOT_PROVEN
    return Check(ID, None, verdict, detail, coverage=(seen, epochs))
