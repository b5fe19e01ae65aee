"""Why a side's steps are not the recipe's: the change of the recipe that reproduces them.

What a side did to its own gradients is held against the formula with one constant or rule changed;
and its first gradient against the loss's own, changed by one factor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from common.errors import UsageError
from common.recipe import Recipe
from compare.checks.step import Witness
from compare.evidence import STEPS, Evidence
from compare.verdict import Culprit

Change = tuple[str, dict[str, Any]]  # id of the cause, and the fields that it changes
Found = tuple[str | None, str, float | None, list[str]]
EPS = (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)
MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
SQUARES = (0.9, 0.95, 0.98, 0.99, 0.999, 0.9999)


def changes(recipe: Recipe) -> Iterator[Change]:
    """What people get wrong, each by itself."""
    if recipe.optimizer == "sgd" and recipe.momentum:
        yield ("nesterov", {"nesterov": not recipe.nesterov})
    if recipe.weight_decay:
        yield ("decay-coupling", {"decoupled": not recipe.decoupled})
        yield ("decay-missing", {"weight_decay": 0.0})
    if recipe.clip:
        yield ("clip-missing", {"clip": "", "clip_at": 0.0})
        for kind in ("value", "norm", "global-norm"):
            yield ("clip-rule", {"clip": kind})
    if recipe.optimizer != "sgd":
        for eps in EPS:
            yield ("optimizer-eps", {"eps": eps})
        for beta2 in SQUARES:
            yield ("beta2", {"beta2": beta2})
    for beta1 in MOMENTA if recipe.optimizer == "adam" else ():
        yield ("beta1", {"beta1": beta1})
    for momentum in MOMENTA if recipe.optimizer in ("sgd", "rmsprop") else ():
        yield ("momentum", {"momentum": momentum})
    for schedule in ("step", "cosine", "one-cycle"):
        yield ("schedule", {"schedule": schedule})
    yield ("schedule-late", {"decay_after": (2,)})
    yield ("schedule-missing", {"decay_after": ()})


def explain_steps(evidence: Evidence, culprit: Culprit) -> Found:
    """The cause, what it is in words, the error that it leaves, and the ids that were tried."""
    taken = evidence.steps
    if taken is None or culprit.side not in ("torch", "keras"):
        return None, "", None, []
    witness, tried = Witness(taken), list[str]()
    if replayed(witness, culprit.side, {}) <= witness.allowed:
        return explain_first_gradient(witness, culprit.side)
    fits = []
    for cause, changed in changes(taken.recipe):
        if all(getattr(taken.recipe, key) == value for key, value in changed.items()):
            continue
        tried += [] if cause in tried else [cause]
        if (after := replayed(witness, culprit.side, changed)) <= witness.allowed:
            fits.append((cause, changed, after))
    if len({cause for cause, *_ in fits}) != 1:
        return None, "", None, tried
    cause, changed, after = fits[0]
    words = ", ".join(f"{key} is {value!r}" for key, value in changed.items())
    recipe = ", ".join(f"{getattr(taken.recipe, key)!r}" for key in changed)
    return cause, f"{words}, the recipe says {recipe}", after, tried


def replayed(witness: Witness, side: str, changed: dict[str, Any]) -> float:
    """How far its weights and slots are from where its gradients lead, by a changed recipe."""
    try:
        other = Witness(witness.taken, changed)
        errors = [other.replay_error(side, count, other.trained) for count in STEPS]
    except (UsageError, ValueError, KeyError):  # of a recipe that contradicts itself
        return float("inf")
    return max(errors)


def explain_first_gradient(witness: Witness, side: str) -> Found:
    """The steps are right, on another gradient than the loss's: a factor of it, or none."""
    factor = witness.gradient_factor(side)
    tried = ["loss-reduction"]
    size = len(witness.taken.batch["labels"])
    if factor is None or not np.isclose(factor, size, rtol=1e-9):
        return None, "", None, tried
    phrase = f"the gradient is {size} times the loss's, the sum of the batch"
    return "loss-reduction", phrase, abs(factor / size - 1), tried
