"""Rung 4: the same numbers in training mode: batch statistics, running ones, dropout, gradients."""

from __future__ import annotations

import numpy as np

from common import reference
from common.losses import wide
from compare import isolate, known
from compare.checks.gradients import error as gradient_error
from compare.checks.gradients import expected_keys, untied
from compare.evidence import SIDES, Array, Evidence, relative_error
from compare.thresholds import (
    FORWARD_FLOAT64,
    GRADIENT_FLOAT64,
    STATISTIC_FLOAT64,
    TRAINING_FLOAT64,
)
from compare.verdict import Check, Culprit, Verdict, first_of, merged

ID, RUNG = "training", 4
Finding = tuple[str, str, float | None]  # fault, cause, error that the cause leaves
KEPT = {True: "unbiased", False: "biased"}
FROZEN = {"batch_norm": "bn-frozen", "dropout": "dropout-missing"}  # the cause's id


def judge(evidence: Evidence) -> Check | None:
    """Each layer on what it read, forwards and backwards, and the statistics that it leaves.

    None where there are traces in evaluation mode only.
    """
    found = evidence.in_training
    if found is None:
        return None
    total = len(found.spec.layers)
    missing = [side for side in SIDES if (side, "float64") not in found.traces]
    if missing:
        detail = f"{' and '.join(missing)} left no trace in training mode"
        return Check(ID, RUNG, Verdict.NOT_PROVEN, detail, coverage=(0, total))
    culprits = blame(found)
    errors = {layer.name: pair_error(found, layer.name) for layer in found.spec.layers}
    gradients = gradient_errors(found)
    wrong = [name for name, error in errors.items() if error > TRAINING_FLOAT64]
    wrong += [name for name, error in gradients.items() if error > TRAINING_FLOAT64]
    seen = sum(np.isfinite(error) for error in errors.values())
    worst = max(errors, key=lambda name: errors[name])
    exact = errors[worst] == 0 and not any(gradients.values())
    agreed = Verdict.SAME if exact else Verdict.ROUNDING
    return Check(
        ID,
        RUNG,
        Verdict.DIFFERENT if culprits or wrong else agreed,
        first_of(culprits) or sentence(found, errors, worst, wrong),
        max(*errors.values(), *gradients.values()),
        TRAINING_FLOAT64,
        tuple(culprits),
        coverage=(int(seen), total),
    )


def pair_error(found: Evidence, name: str) -> float:
    """How far the two outputs of a layer are apart, or the worse of them from the reference's."""
    outputs = found.pair(f"output:{name}", "float64")
    from_reference = [relative_error(output, found.reference[name]) for output in outputs]
    return max(relative_error(*outputs), *from_reference)


def gradient_errors(found: Evidence) -> dict[str, float]:
    """Every gradient's relative error between the sides, ties and dead biases left out."""
    dead = {f"gradient:{name}" for name in known.dead_biases(found.spec)}
    keys = [key for key in expected_keys(found) if key not in dead]
    return {key: gradient_error(found, key, "float64", untied(found, key)) for key in keys}


def blame(found: Evidence) -> list[Culprit]:
    """Layers that err in training mode on what they were given, and statistics moved otherwise."""
    alone, handed = isolate.alone(found), isolate.handed_back(found)
    culprits = []
    for layer in [*(layer.name for layer in found.spec.layers), isolate.LOSS]:
        for side in SIDES:
            own = alone[side, "float64"].get(
                found.spec.outputs[0] if layer == isolate.LOSS else layer
            )
            if own is None:
                continue
            fault, error = "", own.error
            cause, after = "", None
            if layer != isolate.LOSS:
                fault = own.wiring
                if not fault and (fault := forward_fault(own)):
                    cause, after = frozen(found, side, layer)
                if not fault:
                    fault, cause, after = statistics_fault(found, side, layer)
            if not fault and own.error <= FORWARD_FLOAT64:
                error = handed[side, "float64"].get(layer, np.nan)
                fault = backward_fault(error)
            if fault:
                culprits.append(Culprit(RUNG, layer, side, error, fault, cause, after))
    return merged(culprits)


def forward_fault(own: isolate.Isolated) -> str:
    """What is wrong with what a layer makes; empty where nothing is."""
    if own.error == np.inf:
        return f"in training mode {own.fault}"
    if own.error > FORWARD_FLOAT64:
        return f"errs by {own.error:.1e} on its own inputs in training mode"
    return ""


def backward_fault(error: float) -> str:
    """What is wrong with what a layer hands back; empty where nothing is."""
    if error == np.inf:
        return "hands no gradient back in training mode, or one that is not finite"
    if error > GRADIENT_FLOAT64:
        return f"hands back gradients that are off by {error:.1e} in training mode"
    return ""


def frozen(found: Evidence, side: str, name: str) -> tuple[str, float | None]:
    """The cause, and the error that it leaves, where the layer did what it does in evaluation."""
    layer, trace = found.spec[name], found.traces[side, "float64"]
    sources, made = isolate.given(layer, trace), trace.arrays.get(f"output:{name}")
    if sources is None or layer.op not in FROZEN:
        return "", None
    still = reference.apply(layer, sources, reference.owned(layer, found.weights))
    after = relative_error(made, still)
    return (FROZEN[layer.op], after) if after <= FORWARD_FLOAT64 else ("", None)


def statistics_fault(found: Evidence, side: str, name: str) -> Finding:
    """What is wrong with a batch norm's running statistics, the cause, the error left by it.

    Each framework keeps its own running variance (known.RUNNING_VARIANCE); the other's is a fault.
    """
    layer, trace = found.spec[name], found.traces[side, "float64"]
    if layer.op != "batch_norm":
        return "", "", None
    sources = isolate.given(layer, trace)
    if sources is None or not isolate.all_finite(sources):
        return "", "", None
    x, keep = wide(sources[0]), layer.settings["keep"]
    axes, n = (0, *range(2, x.ndim)), x.size // x.shape[1]
    for which, batch, factor, other in (
        ("mean", x.mean(axes), 1.0, 1.0),
        ("var", x.var(axes), known.variance_factor(side, n), known.other_variance_factor(side, n)),
    ):
        before = wide(found.weights[f"{name}.{which}"])
        after = trace.arrays.get(f"statistic:{name}.{which}")
        if after is None:
            return f"has no running {which}", "", None
        brought, own = after - keep * before, (1 - keep) * batch
        if relative_error(brought, own * factor) > STATISTIC_FLOAT64:
            left = relative_error(brought, own * other)
            if left <= STATISTIC_FLOAT64:
                return (
                    f"keeps the {KEPT[other > 1]} running variance",
                    "bn-running-var-biased",
                    left,
                )
            return moved_otherwise(which, keep, after - before, batch * factor - before)
    return "", "", None


def moved_otherwise(which: str, keep: float, moved: Array, whole: Array) -> Finding:
    """In words, and the cause, where one share that was kept explains it."""
    share = float(np.vdot(whole, moved) / np.vdot(whole, whole)) if np.any(whole) else np.nan
    after = relative_error(moved, share * whole)
    if after <= STATISTIC_FLOAT64:
        fault = f"keeps {1 - share:.4g} of its running {which}, the spec says {keep:g}"
        return fault, "bn-momentum" if share else "bn-frozen", after
    return f"moves its running {which} to another number", "", None


def sentence(found: Evidence, errors: dict[str, float], worst: str, wrong: list[str]) -> str:
    """One line: the first that differs, or how little all of them do."""
    if wrong:
        name = wrong[0].replace("gradient-of-", "").replace("gradient:", "")
        return f"first at {name}; no layer errs by itself"
    norms = sum(layer.op == "batch_norm" for layer in found.spec.layers)
    drops = sum(layer.op == "dropout" for layer in found.spec.layers)
    held = [
        f"{norms} batch norms' statistics" if norms else "",
        f"{drops} dropouts" if drops else "",
    ]
    also = "".join(f", {text}" for text in held if text)
    apart = f"; {known.RUNNING_VARIANCE.note}" if norms else ""
    return f"{len(errors)}/{len(errors)} layers{also}; worst {errors[worst]:.1e} at {worst}{apart}"
