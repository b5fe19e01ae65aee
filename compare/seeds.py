"""What several seeds say: accuracies pair by pair, their equivalence, classes, the control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from compare.evidence import CONTROL_SIDE, SIDES, Training
from compare.statistics import Equivalence, accuracy_by_class, churn, equivalence

Document = dict[str, Any]
EQUIVALENT = {"equivalent": True, "different": False, "not enough runs": None}


def paired(trainings: Mapping[int, Training]) -> dict[int, Training]:
    """The seeds in which both sides ended in numbers."""
    return {
        seed: training
        for seed, training in trainings.items()
        if all(s in training.logits and np.isfinite(training.logits[s]).all() for s in SIDES)
    }


def judged(pairs: Mapping[int, Training], margin: float) -> Equivalence:
    """The differences keras - torch of the test accuracies; at least one pair."""
    differences = [t.accuracy("keras") - t.accuracy("torch") for t in pairs.values()]
    images = {len(training.labels) for training in pairs.values()}
    return equivalence(np.array(differences), margin, 1 / min(images))


def comparison(
    trainings: Mapping[int, Training], control: Training | None, margin: float
) -> Document:
    """What the JSON says of all seeds; empty without a single pair. `margin` is a share, as 0.005.

    Without every pair that was asked for nothing is called equivalent, or different: the seeds
    that a side did not finish may be the ones that matter.
    """
    pairs = paired(trainings)
    if not pairs:
        return {}
    found = judged(pairs, margin)
    rows = [row(seed, training) for seed, training in trainings.items()]
    agreements = [1 - churn(*both(training)) for training in pairs.values()]
    first = next(iter(trainings))
    return {
        "accuracy_difference": found.mean,
        "agreement": float(np.mean(agreements)),
        "churn": 1 - float(np.mean(agreements)),
        "interval": found.interval and list(found.interval),
        "equivalent": EQUIVALENT[found.answer] if len(pairs) == len(trainings) else None,
        "margin": margin,
        "pairs": len(pairs),
        "p_value": found.p_value,
        "standard_deviation": found.deviation,
        "standard_deviation_counted": found.spread,
        "power": found.power,
        "seeds_needed": found.seeds_needed,
        "seeds": rows,
        "per_class": per_class(pairs),
        "control": self_agreement(first, trainings[first], control),
    }


def both(training: Training) -> list[Any]:
    return [training.classes(side) for side in SIDES]


def row(seed: int, training: Training) -> Document:
    """One seed; a side that did not finish it has no accuracy."""
    known = {side: training.accuracy(side) for side in SIDES if side in training.logits}
    whole = len(known) == len(SIDES)
    return {
        "seed": seed,
        **{side: known.get(side) for side in SIDES},
        "accuracy_difference": known["keras"] - known["torch"] if whole else None,
        "agreement": 1 - churn(*both(training)) if whole else None,
    }


def per_class(pairs: Mapping[int, Training]) -> list[Document]:
    """Each class's test images, and the share that each side gets right: the mean of all seeds."""
    labels = next(iter(pairs.values())).labels
    shares = {
        side: [accuracy_by_class(t.classes(side), t.labels) for t in pairs.values()]
        for side in SIDES
    }
    return [
        {
            "class": int(label),
            "images": int(np.sum(labels == label)),
            **{s: float(np.mean([found[int(label)] for found in shares[s]])) for s in SIDES},
        }
        for label in np.unique(labels)
    ]


def self_agreement(seed: int, first: Training, control: Training | None) -> Document | None:
    """One side against itself, one weight apart by its last bit; None where it has not finished."""
    if control is None or CONTROL_SIDE not in control.logits or CONTROL_SIDE not in first.logits:
        return None
    apart = churn(first.classes(CONTROL_SIDE), control.classes(CONTROL_SIDE))
    return {
        "side": CONTROL_SIDE,
        "seed": seed,
        "change": "the largest element of the first weight moved to the next floating-point number",
        "accuracy_difference": control.accuracy(CONTROL_SIDE) - first.accuracy(CONTROL_SIDE),
        "agreement": 1 - apart,
        "churn": apart,
    }
