"""Rung 1: the same output shape at every layer, in NCHW and in NHWC."""

from __future__ import annotations

from common.layout import nhwc_shape
from common.result import Trace
from compare.checks.structure import culprits_first
from compare.evidence import SIDES, Evidence
from compare.verdict import Check, Culprit, Verdict

ID, RUNG = "shapes", 1


def judge(evidence: Evidence) -> Check:
    """Each side's shapes, in its own axes and in canonical ones, against the spec's."""
    culprits = [
        Culprit(RUNG, layer, side, None, fault)
        for side in SIDES
        for layer, fault in faults(evidence, evidence.traces[side, "float64"])
    ]
    names = [layer.name for layer in evidence.spec.layers]
    ran = [{call.path for call in evidence.traces[side, "float64"].calls} for side in SIDES]
    seen = sum(all(name in paths for paths in ran) for name in names)
    return Check(
        ID,
        RUNG,
        Verdict.DIFFERENT if culprits else Verdict.SAME,
        culprits_first(culprits) or f"{seen}/{len(names)} layers, in NCHW and in NHWC",
        culprits=tuple(culprits),
        layers={
            name: {"shape_nchw": shape, "shape_nhwc": nhwc_shape(shape)}
            for name, shape in evidence.shapes.items()
            if name in names
        },
        coverage=(seen, len(names)),
    )


def faults(evidence: Evidence, trace: Trace) -> list[tuple[str, str]]:
    """(layer, what is wrong) for one side: never run, run again, or the wrong shape."""
    calls = {call.path: call for call in trace.calls}
    found = []
    for layer in evidence.spec.layers:
        if layer.name not in calls:
            found.append((layer.name, "was never run"))
            continue
        canonical = evidence.shapes[layer.name]
        native = canonical if trace.layout == "nchw" else nhwc_shape(canonical)
        got = calls[layer.name].native_shape
        if got != native:
            found.append((layer.name, f"makes {got}, the spec says {native}"))
        elif trace.arrays[f"output:{layer.name}"].shape[1:] != canonical:
            found.append((layer.name, f"makes {got}, which is not {canonical} in NCHW"))
    again = [path for path in calls if "#" in path]
    return found + [(p.partition("#")[0], "was run more than once") for p in again]
