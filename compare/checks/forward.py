"""Rung 3: the same numbers at every layer, in evaluation mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from compare import isolate
from compare.evidence import DTYPES, SIDES, Array, Evidence, relative_error
from compare.thresholds import FORWARD_FLOAT32, FORWARD_FLOAT64
from compare.verdict import Check, Culprit, Verdict, first_of, merged, worst

ID, RUNG = "forward", 3


def judge(evidence: Evidence) -> Check:
    """Every output against the twin's, against the reference, and each layer by itself."""
    alone = isolate.alone(evidence)
    layers = {layer.name: row(evidence, layer.name) for layer in evidence.spec.layers}
    culprits = blame(evidence, alone)
    for name, columns in layers.items():
        columns["verdict"] = layer_verdict(columns, name, culprits)
    verdict = worst([row["verdict"] for row in layers.values()])
    if culprits:
        verdict = Verdict.DIFFERENT
    measured = max(max(row["float64"], row["reference"]) for row in layers.values())
    seen = sum(np.isfinite(row["float64"]) for row in layers.values())
    return Check(
        ID,
        RUNG,
        verdict,
        detail(layers, culprits, verdict),
        measured,
        FORWARD_FLOAT64,
        tuple(culprits),
        layers,
        (int(seen), len(layers)),
    )


def row(evidence: Evidence, name: str) -> dict[str, Any]:
    """A layer's errors: torch against keras in both precisions, the worse of them to the spec."""
    key = f"output:{name}"
    pairs = {dtype: evidence.pair(key, dtype) for dtype in DTYPES}
    return {
        **{dtype: relative_error(*pairs[dtype]) for dtype in DTYPES},
        "reference": max(relative_error(x, evidence.reference[name]) for x in pairs["float64"]),
        "blind": any(is_blind(x) for x in pairs["float64"]),
    }


def is_blind(x: Array | None) -> bool:
    """Whether an output is one number everywhere, so that nothing could show in it."""
    return x is not None and x.size > 1 and bool(np.all(x == x.flat[0]))


def blame(evidence: Evidence, alone: dict[tuple[str, str], dict[str, Any]]) -> list[Culprit]:
    """The layers that err on what they were given, or were not given what they should be."""
    culprits = []
    for layer in evidence.spec.layers:
        for side in SIDES:
            exact = alone[side, "float64"].get(layer.name)
            rounded = alone[side, "float32"].get(layer.name)
            if exact is None or rounded is None:
                continue
            fault = fault_of(exact, rounded)
            if fault:
                culprits.append(Culprit(RUNG, layer.name, side, exact.error, fault))
    return merged(culprits)


def fault_of(exact: isolate.Isolated, rounded: isolate.Isolated) -> str:
    """What is wrong with a layer by itself; empty where nothing is."""
    if exact.wiring:
        return exact.wiring
    if exact.error == np.inf:
        return exact.fault
    if exact.error > FORWARD_FLOAT64:
        return f"errs by {exact.error:.1e} on its own inputs in float64"
    if rounded.error > FORWARD_FLOAT32:
        return f"errs by {rounded.error:.1e} on its own inputs, in float32 only"
    return ""


def layer_verdict(columns: dict[str, Any], name: str, culprits: list[Culprit]) -> Verdict:
    """A layer's own word: what it says of the two outputs, faults before it included."""
    if name in {culprit.layer for culprit in culprits}:
        return Verdict.DIFFERENT
    if max(columns["float64"], columns["reference"]) > FORWARD_FLOAT64:
        return Verdict.DIFFERENT
    if columns["blind"]:
        return Verdict.NOT_PROVEN
    return Verdict.SAME if columns["float64"] == columns["float32"] == 0 else Verdict.ROUNDING


def detail(
    layers: dict[str, dict[str, Any]],
    culprits: list[Culprit],
    verdict: Verdict,
) -> str:
    """One line: the culprits where there are any, else the worst layer and what was allowed."""
    if culprits:
        return first_of(culprits)
    if verdict is Verdict.DIFFERENT:
        name = next(n for n, columns in layers.items() if columns["verdict"] is Verdict.DIFFERENT)
        return f"first at {name}: {layers[name]['float64']:.1e}; no layer errs by itself"
    if verdict is Verdict.NOT_PROVEN:
        blind = [n for n, columns in layers.items() if columns["verdict"] is Verdict.NOT_PROVEN]
        return f"{blind[0]} gives one number everywhere: the probe could show no fault there"
    name = max(layers, key=lambda n: layers[n]["float64"])
    return (
        f"{len(layers)}/{len(layers)} layers; worst {layers[name]['float64']:.1e} at {name}, "
        f"float64, allowed {FORWARD_FLOAT64:.0e}"
    )
