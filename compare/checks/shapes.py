"""Rung 1: the same output shape at every layer, in NCHW and in NHWC."""

from __future__ import annotations

from common.layout import nhwc_shape
from common.result import Trace
from compare.evidence import SIDES, Evidence
from compare.verdict import Check, Culprit, Verdict, first_of

ID, RUNG = "shapes", 1


def judge(evidence: Evidence) -> Check:
    """Each side's shapes, in its own axes and in canonical ones, against the spec's."""
    culprits = [
        Culprit(RUNG, layer, side, None, fault, cause)
        for side in SIDES
        for layer, fault, cause in faults(evidence, evidence.traces[side, "float64"])
    ]
    names = [layer.name for layer in evidence.spec.layers]
    ran = [{call.path for call in evidence.traces[side, "float64"].calls} for side in SIDES]
    seen = sum(all(name in paths for paths in ran) for name in names)
    return Check(
        ID,
        RUNG,
        Verdict.DIFFERENT if culprits else Verdict.SAME,
        first_of(culprits) or f"{seen}/{len(names)} layers, in NCHW and in NHWC",
        culprits=tuple(culprits),
        layers={name: measured(evidence, name) for name in names},
        coverage=(seen, len(names)),
    )


def measured(evidence: Evidence, name: str) -> dict[str, list[int] | None]:
    """What torch made as NCHW, and what keras made as NHWC; None where a layer did not run."""
    torch, keras = evidence.pair(f"output:{name}", "float64")
    return {
        "shape_nchw": None if torch is None else list(torch.shape[1:]),
        "shape_nhwc": None if keras is None else list(nhwc_shape(keras.shape[1:])),
    }


def faults(evidence: Evidence, trace: Trace) -> list[tuple[str, str, str]]:
    """(layer, what is wrong, its cause) for one side: never run, run again, or a wrong shape.

    A layer that reads a wrong shape is not blamed for making another.
    """
    calls = {call.path: call for call in trace.calls}
    wrong = {layer.name: shape_fault(evidence, trace, layer.name) for layer in evidence.spec.layers}
    found = [
        (layer.name, wrong[layer.name], "" if layer.name in calls else "layer-skipped")
        for layer in evidence.spec.layers
        if wrong[layer.name]
        and (layer.name not in calls or not any(wrong.get(source) for source in layer.reads))
    ]
    again = dict.fromkeys(path.partition("#")[0] for path in calls if "#" in path)
    return found + [(path, "was run more than once", repetition(trace, path)) for path in again]


def repetition(trace: Trace, name: str) -> str:
    """Why a layer was run again: on the next part of the batch, or on the whole of it."""
    batch = max((len(x) for k, x in trace.arrays.items() if k.startswith("input:")), default=0)
    runs = [k for k in trace.arrays if k.partition("#")[0] == f"output:{name}"]
    parts = [len(trace.arrays[key]) for key in runs]
    return "batch-split" if max(parts) < batch == sum(parts) else "layer-twice"


def shape_fault(evidence: Evidence, trace: Trace, name: str) -> str:
    """What is wrong with one layer's output; empty where nothing is."""
    made = [call.native_shape for call in trace.calls if call.path == name]
    if not made:
        return "was never run"
    canonical = evidence.shapes[name]
    native = canonical if trace.layout == "nchw" else nhwc_shape(canonical)
    if made[0] != native:
        return f"makes {by(made[0])}, the spec says {by(native)}"
    if trace.arrays[f"output:{name}"].shape[1:] != canonical:
        return f"makes {by(made[0])}, which is not {by(canonical)} in NCHW"
    return ""


def by(shape: tuple[int, ...]) -> str:
    """6x24x24."""
    return "x".join(map(str, shape))
