"""Rung 5: the same loss, and the same gradient of it for every parameter, output and input."""

from __future__ import annotations

from typing import Any

import numpy as np

from common import losses
from common.rules import Tensor
from common.spec import tensors
from compare import isolate, known
from compare.evidence import DTYPES, SIDES, Array, Evidence, relative_error
from compare.thresholds import (
    FORWARD_FLOAT64,
    GRADIENT_FLOAT32,
    GRADIENT_FLOAT64,
)
from compare.verdict import Check, Culprit, Verdict, first_of, merged, worst

ID, RUNG = "gradients", 5


def judge(evidence: Evidence) -> Check:
    """Every gradient against the twin's; each layer's backward pass by the adjoint identity."""
    keys = expected_keys(evidence)
    free = {key: untied(evidence, key) for key in keys}
    errors = {dtype: {k: error(evidence, k, dtype, free[k]) for k in keys} for dtype in DTYPES}
    culprits = blame(evidence)
    layers = {
        layer.name: row(evidence, layer.name, errors, culprits) for layer in evidence.spec.layers
    }
    loss = loss_error(evidence)
    verdict = worst(
        [row["verdict"] for row in layers.values()]
        + [judged(errors["float64"][k], errors["float32"][k], zero(evidence, k)) for k in keys]
        + [Verdict.DIFFERENT if loss > FORWARD_FLOAT64 else Verdict.SAME]
        + [Verdict.DIFFERENT for _ in culprits]
    )
    measured = max(loss, *errors["float64"].values())
    seen = sum(bool(np.isfinite(errors["float64"][k])) for k in keys)
    tied = sum(int((~mask).sum()) for mask in free.values())
    return Check(
        ID,
        RUNG,
        verdict,
        detail(evidence, errors["float64"], culprits, verdict, loss, tied),
        measured,
        GRADIENT_FLOAT64,
        tuple(culprits),
        layers,
        (seen, len(keys)),
    )


def expected_keys(evidence: Evidence) -> list[str]:
    """Every gradient that a full trace holds."""
    spec = evidence.spec
    keys = [f"gradient-of-input:{name}" for name in spec.inputs]
    for layer in spec.layers:
        keys.append(f"gradient-of-output:{layer.name}")
        keys += [f"gradient:{layer.name}.{n}" for n in trained(tensors(spec)[layer.name])]
    return keys


def trained(own: dict[str, Tensor]) -> list[str]:
    return [name for name, tensor in own.items() if tensor.trainable]


def untied(evidence: Evidence, key: str) -> Array:
    """Where a gradient has one right value: not at the ties of a pooling window or a kink."""
    kind, _, name = key.partition(":")
    value, _ = evidence.pair(kind.removeprefix("gradient-of-") + ":" + name, "float64")
    if value is None:
        return np.ones((), dtype=bool)
    return known.untied([x for x in evidence.spec.layers if name in x.reads], value)


def error(evidence: Evidence, key: str, dtype: str, free: Array) -> float:
    """Relative error of a gradient, ties left out."""
    torch, keras = evidence.pair(key, dtype)
    if torch is None or keras is None or torch.shape != keras.shape:
        return float("inf")
    if free.shape != torch.shape:
        return relative_error(torch, keras)
    return relative_error(np.where(free, torch, 0), np.where(free, keras, 0))


def zero(evidence: Evidence, key: str) -> bool:
    """Whether a gradient is zero everywhere on both sides, so that nothing could show in it."""
    pair = evidence.pair(key, "float64")
    return all(x is not None and not np.any(x) for x in pair)


def judged(float64: float, float32: float, is_zero: bool) -> Verdict:
    """One gradient's verdict; float64 decides."""
    if float64 > GRADIENT_FLOAT64:
        return Verdict.DIFFERENT
    if is_zero:
        return Verdict.NOT_PROVEN
    return Verdict.SAME if float64 == float32 == 0 else Verdict.ROUNDING


def loss_error(evidence: Evidence) -> float:
    """The worst gap among both sides' losses and the reference's, in float64."""
    outputs = [evidence.reference[name] for name in evidence.spec.outputs]
    shares = [evidence.share(name) for name in evidence.spec.outputs]
    expected = losses.total(evidence.loss, shares, outputs, evidence.probe["labels"])
    torch, keras = evidence.pair("loss", "float64")
    return max(
        relative_error(torch, keras),
        relative_error(torch, expected),
        relative_error(keras, expected),
    )


def blame(evidence: Evidence) -> list[Culprit]:
    """Layers whose forward pass is right and whose backward pass is not."""
    order = [*(layer.name for layer in evidence.spec.layers), isolate.LOSS]
    culprits = []
    alone, handed = isolate.alone(evidence), isolate.handed_back(evidence)
    for side in SIDES:
        right = alone[side, "float64"]
        exact, rounded = handed[side, "float64"], handed[side, "float32"]
        for name in order:
            own = right.get(evidence.spec.outputs[0] if name == isolate.LOSS else name)
            if own is None or own.wiring or not own.error <= FORWARD_FLOAT64:
                continue
            fault = fault_of(exact.get(name, np.nan), rounded.get(name, np.nan))
            if fault:
                culprits.append(Culprit(RUNG, name, side, exact[name], fault))
    return sorted(merged(culprits), key=lambda culprit: order.index(culprit.layer))


def fault_of(exact: float, rounded: float) -> str:
    """What is wrong with a layer's backward pass; empty where nothing is."""
    if exact == np.inf:
        return "hands no gradient back, or one that is not finite"
    if exact > GRADIENT_FLOAT64:
        return f"hands back gradients that are off by {exact:.1e} in float64"
    if rounded > GRADIENT_FLOAT32:
        return f"hands back gradients that are off by {rounded:.1e}, in float32 only"
    return ""


def row(
    evidence: Evidence,
    name: str,
    errors: dict[str, dict[str, float]],
    culprits: list[Culprit],
) -> dict[str, Any]:
    """A layer's worst gradient, of its parameters and its output."""
    own = [f"gradient:{name}.{n}" for n in trained(tensors(evidence.spec)[name])]
    keys = [f"gradient-of-output:{name}", *own]
    worst_of = {dtype: max(errors[dtype][key] for key in keys) for dtype in DTYPES}
    verdicts = [judged(errors["float64"][k], errors["float32"][k], zero(evidence, k)) for k in keys]
    if name in {culprit.layer for culprit in culprits}:
        verdicts.append(Verdict.DIFFERENT)
    return {**worst_of, "verdict": worst(verdicts)}


def detail(
    evidence: Evidence,
    errors: dict[str, float],
    culprits: list[Culprit],
    verdict: Verdict,
    loss: float,
    tied: int,
) -> str:
    """One line: the culprits where there are any, else the worst gradient."""
    if culprits:
        return first_of(culprits)
    if loss > FORWARD_FLOAT64:
        return f"the losses differ by {loss:.1e}"
    if verdict is Verdict.NOT_PROVEN:
        blind = next(key for key in errors if zero(evidence, key))
        return f"{blind} is zero everywhere: the probe could show no fault there"
    key = max(errors, key=lambda k: errors[k])
    text = f"{len(errors)}/{len(errors)} gradients; worst {errors[key]:.1e} at {key}, float64"
    text = text.replace("gradient-of-", "").replace("gradient:", "")
    return text + (f"; {tied} {known.TIES.note}" if tied else "")
