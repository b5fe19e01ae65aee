"""Could the probe have seen a fault? Small ones are planted in every layer, on what it recorded.

A verdict of `same` is worth as much as the probe behind it. Each layer is run by itself on what
the port fed it, once as it is and once with each of its mutants; one whose output is not further
off than a right port's may be has survived: that fault would have passed. A mutant that a second
net does not show either, with weights and inputs drawn for it alone, is no fault: a flipped 1x1
kernel, a padding of zeros in front of which every number is positive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common import losses, reference, weights
from common.losses import wide
from common.spec import Layer
from compare import isolate
from compare.evidence import SIDES, Array, Evidence, flattened
from compare.mutants import Mutant, of_case, part, sampled, seen, whole
from compare.thresholds import FORWARD_FLOAT64
from compare.variants import Case
from compare.verdict import Check, Verdict

ID = "probe"
WITNESS_SEED = 2**31  # of the second net; no probe is drawn from it by accident
WITNESS_SAMPLES = 2


@dataclass
class Tally:
    """Mutants of one layer: how many there were, and those that nothing showed."""

    mutants: int = 0
    survivors: list[str] = field(default_factory=list)

    def count(self, phrase: str, killed: bool) -> None:
        self.mutants += 1
        if not killed:
            self.survivors.append(phrase)


def judge(evidence: Evidence) -> Check:
    """Every mutant that is a fault must show in what was recorded."""
    witness = Witness(evidence)
    tallies = {
        layer.name: tally(evidence, witness, layer, index)
        for index, layer in enumerate(evidence.spec.layers)
    }
    tallies[isolate.LOSS] = of_loss(evidence)
    if evidence.in_training is not None:
        for name, own in in_training(evidence.in_training):
            tallies[name].mutants += own.mutants
            tallies[name].survivors += own.survivors
    mutants = sum(own.mutants for own in tallies.values())
    left = [(name, phrase) for name, own in tallies.items() for phrase in own.survivors]
    killed = mutants - len(left)
    return Check(
        ID,
        None,
        Verdict.NOT_PROVEN if left or not mutants else Verdict.SAME,
        sentence(evidence, left, killed, mutants),
        killed / mutants if mutants else None,
        1.0,
        layers={
            name: {"mutants": own.mutants, "survivors": own.survivors}
            for name, own in tallies.items()
        },
        coverage=(killed, mutants),
    )


class Witness:
    """A second net of the same spec, run once, where a mutant asks for it."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.drawn: dict[str, Array] | None = None
        self.values: dict[str, Array] = {}

    def case(self, layer: Layer, **more: Any) -> Case:
        spec = self.evidence.spec
        if self.drawn is None:
            self.drawn = weights.draw(spec, WITNESS_SEED, "probe")
            inputs = weights.probe_inputs(spec, WITNESS_SEED, WITNESS_SAMPLES)
            self.values = reference.run(spec, self.drawn, inputs)
        sources = [self.values[name] for name in layer.reads]
        return part(layer, sources, reference.owned(layer, self.drawn), **more)


def tally(evidence: Evidence, witness: Witness, layer: Layer, index: int) -> Tally:
    """One layer's mutants, on what was recorded of it; none where nothing was."""
    found, recorded = Tally(), read_and_made(evidence, layer)
    if recorded is None:
        return found
    (sources, made), own = recorded, evidence.owned(layer)
    more = {"maps": flattened(evidence, layer) if layer.op == "dense" else None}
    try:
        case = part(layer, sources, own, **more)
    except (ValueError, IndexError, KeyError):
        return found  # it cannot read what it was given, which is a fault
    scale = float(np.abs(made).max(initial=0.0))
    mutants = of_case(case)
    if not set(layer.reads) & set(evidence.spec.inputs):
        mutants = sampled(mutants, index)
    hidden = []
    for mutant in mutants:
        error = seen(case, mutant, scale)
        if error > FORWARD_FLOAT64:
            found.count(mutant.phrase, killed=True)
        elif not np.isnan(error):
            hidden.append(mutant.key)
    if not hidden:
        return found
    faults = shown(witness.case(layer, **more), hidden)
    if faults:
        complete = whole(layer, sources, own, **more)
        again = by_key(of_case(complete))
        for key in faults:
            killed = key in again and seen(complete, again[key], scale) > FORWARD_FLOAT64
            found.count(key[1], killed)
    return found


def read_and_made(evidence: Evidence, layer: Layer) -> tuple[list[Array], Array] | None:
    """What a side's layer read and made, of the first side that recorded both, finite."""
    traces = [evidence.traces.get((side, "float64")) for side in SIDES]
    for trace in [trace for trace in traces if trace is not None]:
        sources, made = isolate.given(layer, trace), trace.arrays.get(f"output:{layer.name}")
        if sources is not None and made is not None and isolate.all_finite([*sources, made]):
            return sources, made
    return None


def shown(case: Case, keys: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Which of these mutants the case shows."""
    mutants, scale = by_key(of_case(case)), float(np.abs(case.made).max(initial=0.0))
    return [k for k in keys if k in mutants and seen(case, mutants[k], scale) > FORWARD_FLOAT64]


def by_key(mutants: list[Mutant]) -> dict[tuple[str, str], Mutant]:
    return {mutant.key: mutant for mutant in mutants}


def of_loss(evidence: Evidence) -> Tally:
    """A loss that is summed, not averaged, and one that takes another sample's label."""
    found, labels = Tally(), evidence.probe["labels"]
    outputs = [evidence.pair(f"output:{name}", "float64")[0] for name in evidence.spec.outputs]
    made = [output for output in outputs if output is not None]
    if len(made) < len(outputs) or not isolate.all_finite(made):
        return found
    shares = [evidence.share(name) for name in evidence.spec.outputs]
    try:
        right = float(losses.total(evidence.loss, shares, made, labels))
        rolled = float(losses.total(evidence.loss, shares, made, np.roll(labels, 1)))
    except (ValueError, IndexError):
        return found
    mutants = {
        "is the sum over the samples, not the mean": right * len(labels),
        "takes each sample with another one's label": rolled,
    }
    for phrase, other in mutants.items():
        found.count(phrase, abs(other - right) > FORWARD_FLOAT64 * abs(right))
    return found


def in_training(evidence: Evidence) -> Iterator[tuple[str, Tally]]:
    """Batch norms that take each sample's own statistics, and dropouts that drop nothing."""
    for layer in evidence.spec.layers:
        recorded = read_and_made(evidence, layer)
        if recorded is None or layer.op not in ("batch_norm", "dropout"):
            continue
        sources, made = recorded
        x, own, found = wide(sources[0]), evidence.owned(layer), Tally()
        if layer.op == "batch_norm":
            phrase = "takes each sample's own statistics in training"
            alone = [reference.apply(layer, [x[i : i + 1]], own, True) for i in range(len(x))]
            other = np.concatenate(alone)
        else:
            phrase, other = "drops nothing in training", x
        scale = np.abs(made).max(initial=0.0)
        found.count(phrase, bool(np.abs(other - made).max() > FORWARD_FLOAT64 * scale))
        yield layer.name, found


def sentence(evidence: Evidence, left: list[tuple[str, str]], killed: int, mutants: int) -> str:
    """One line: what the probe could not have seen, and why, where that is plain."""
    if not mutants:
        return "no layer was recorded in which a fault could be planted"
    counted = f"{killed:,} of {mutants:,} planted faults would have shown"
    if not left:
        return counted
    name, phrase = left[0]
    more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
    why = "; ".join(natures(evidence))
    because = f"; {why}" if why else ""
    return f"the probe could not have seen that {name} {phrase}{more}; {counted}{because}"


def natures(evidence: Evidence) -> Iterator[str]:
    """What makes an input blind, in words."""
    for name in evidence.spec.inputs:
        x = evidence.probe[name]
        flat = bool(np.all(x == x.flat[0]))
        turned = x.swapaxes(2, 3)
        blind = {
            "is zero everywhere": not np.any(x),
            "is one number everywhere": flat and np.any(x),
            "is symmetric in height and width": not flat and np.array_equal(x, turned),
            "is a single sample": len(x) == 1,
            "is the same sample again and again": not flat and len(x) > 1 and np.all(x == x[:1]),
        }
        yield from (f"{name} {words}" for words, so in blind.items() if so)
