"""Rung 0: the same layers and the same parameters, tensor by tensor, on both sides and the spec."""

from __future__ import annotations

from math import prod

from common.result import Structure, digest
from common.spec import count_parameters, layer_parameters, tensors
from compare.checks.shapes import shape_fault
from compare.evidence import SIDES, Evidence
from compare.verdict import Check, Culprit, Verdict, first_of

ID, RUNG = "structure", 0
ROOT = "the model itself"  # whose own tensors belong to none of its layers
Layers = dict[str, Structure]


def judge(evidence: Evidence) -> Check:
    """Ops, tensors, shapes, trainability and totals; that the weights given are held bit by bit."""
    built = {side: evidence.traces[side, "float64"].structure for side in SIDES}
    found = [
        Culprit(RUNG, layer, side, None, fault, cause)
        for side in SIDES
        for layer, fault, cause in faults(evidence, built[side])
    ]
    expected = [f"{layer}.{name}" for layer, own in tensors(evidence.spec).items() for name in own]
    seen = sum(all(holds(built[side], name) for side in SIDES) for name in expected)
    totals = [totals_of(built[side]) for side in SIDES]
    return Check(
        ID,
        RUNG,
        Verdict.DIFFERENT if found else Verdict.SAME,
        first_of(found) or f"{sentence(totals, evidence)}; {seen}/{len(expected)} tensors",
        culprits=tuple(fault for fault in found if not is_consequence(evidence, fault)),
        layers=rows(evidence, built),
        coverage=(seen, len(expected)),
    )


def is_consequence(evidence: Evidence, fault: Culprit) -> bool:
    """Whether a layer has other tensors only because what it reads has another shape."""
    layer = next((x for x in evidence.spec.layers if x.name == fault.layer), None)
    trace = evidence.traces[fault.side, "float64"]
    return layer is not None and any(
        shape_fault(evidence, trace, source)
        for source in layer.reads
        if source not in evidence.spec.inputs
    )


def faults(evidence: Evidence, built: Layers) -> list[tuple[str, str, str]]:
    """(layer, what is wrong, its cause) for one side, in the spec's order, then what it lacks."""
    found = []
    for layer in evidence.spec.layers:
        if layer.name not in built:
            fault = f"there is no layer called {layer.name!r}"
            found.append((layer.name, fault, "layer-missing"))
        elif built[layer.name].kind != layer.op:
            fault = f"is a {built[layer.name].kind}, the spec says {layer.op}"
            found.append((layer.name, fault, "other-layer"))
        else:
            found += [(layer.name, *f) for f in tensor_faults(evidence, layer.name, built)]
    known = {layer.name for layer in evidence.spec.layers}
    extra = [name for name in built if name not in known]
    return found + [(name or ROOT, "is not in the spec", "layer-extra") for name in extra]


def tensor_faults(evidence: Evidence, layer: str, built: Layers) -> list[tuple[str, str]]:
    """What is wrong with the tensors of one layer, and why."""
    expected, held = tensors(evidence.spec)[layer], built[layer].tensors
    found = [
        (f"has no {name}", presence_cause(evidence, layer, name, "missing"))
        for name in expected
        if name not in held
    ]
    found += [
        (f"has a {name}, the spec none", presence_cause(evidence, layer, name, "extra"))
        for name in held
        if name not in expected
    ]
    for name in expected.keys() & held.keys():
        shape, trainable = tuple(held[name]["shape"]), held[name]["trainable"]
        if shape != expected[name].shape:
            fault = f"{name} is {shape}, the spec says {expected[name].shape}"
            found.append((fault, shape_cause(shape, expected[name].shape)))
        elif trainable != expected[name].trainable:
            fault = f"{name} is {'' if trainable else 'not '}trained, the spec says otherwise"
            found.append((fault, "not-frozen" if trainable else "frozen"))
        elif held[name]["digest"] != digest(evidence.weights[f"{layer}.{name}"].astype("float64")):
            found.append((f"{name} does not hold the numbers it was given", ""))
    return sorted(found)


def presence_cause(evidence: Evidence, layer: str, tensor: str, what: str) -> str:
    """The name for a tensor that is missing, or one too many."""
    known = {"scale": "bn-affine-flags", "shift": "bn-affine-flags"}
    known |= {"mean": "bn-track-running-stats", "var": "bn-track-running-stats"}
    readers = {reader.op for reader in evidence.spec.layers if layer in reader.reads}
    if tensor == "bias" and readers == {"batch_norm"}:
        return "conv-bias-before-bn"
    return known.get(tensor, f"{tensor}-{what}")


def shape_cause(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Why a tensor (out, in, h, w) has another shape, where the shape alone says it."""
    if len(shape) != len(expected):
        return "other-shape"
    other = [
        axis for axis, pair in enumerate(zip(shape, expected, strict=True)) if len({*pair}) > 1
    ]
    if other == [0]:
        return "layer-width"
    return "kernel-size" if min(other) >= 2 else "other-shape"


def holds(built: Layers, tensor: str) -> bool:
    layer, _, name = tensor.rpartition(".")
    return layer in built and name in built[layer].tensors


def totals_of(built: Layers) -> tuple[int, int]:
    """(trainable, non-trainable) numbers of one side."""
    sizes = [(prod(t["shape"]), t["trainable"]) for x in built.values() for t in x.tensors.values()]
    trainable = sum(size for size, trained in sizes if trained)
    return trainable, sum(size for size, _ in sizes) - trainable


def sentence(totals: list[tuple[int, int]], evidence: Evidence) -> str:
    """`44,426 = 44,426 = spec`, and the running statistics where there are any."""
    text = f"{totals[0][0]:,} = {totals[1][0]:,} = spec trainable"
    if count_parameters(evidence.spec)[1]:
        text += f", {totals[0][1]:,} = {totals[1][1]:,} = spec not"
    return text


def rows(evidence: Evidence, built: dict[str, Layers]) -> dict[str, dict[str, object]]:
    """Trainable numbers of every layer: the spec's, and each side's."""
    return {
        name: {"parameters": count}
        | {
            f"parameters_{side}": totals_of({name: built[side][name]})[0]
            if name in built[side]
            else None
            for side in SIDES
        }
        for name, count in layer_parameters(evidence.spec).items()
    }
