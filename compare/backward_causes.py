"""Why a right layer hands back wrong gradients, from the adjoint identities that they break.

Each identity says that <gradient, d> is what the readers hand back along d. A cause is a change of
one layer's share in it, one number at most, that restores all of its broken identities along every
direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from common import losses, reference
from common.losses import wide
from common.result import Trace
from common.spec import Layer
from compare import isolate, known
from compare.evidence import Array, Evidence
from compare.thresholds import GRADIENT_FLOAT64
from compare.variants import short

DIRECTIONS = 3  # one to fit a factor along, the others to verify it


@dataclass(frozen=True)
class Identity:
    """<gradient, direction> = others + share, the share being the judged layer's."""

    of: str  # what the gradient is of
    gradient: Array | None
    direction: Array
    others: float
    share: float
    straight: float  # the share of a layer that hands its gradient back as it is; NaN: it cannot

    def error(self, share: float) -> float:
        gradient = np.zeros_like(self.direction) if self.gradient is None else self.gradient
        return isolate.adjoint_error(gradient, self.direction, self.others + share)

    @property
    def before(self) -> float:
        return isolate.adjoint_error(self.gradient, self.direction, self.others + self.share)


@dataclass(frozen=True)
class Backward:
    """The cause, the phrase, the errors without and with it, and what was tried."""

    cause: str | None
    phrase: str
    before: float | None
    after: float | None
    tried: tuple[str, ...]


def explain_backward(evidence: Evidence, name: str, side: str) -> Backward:
    """The change of one layer's share that restores every identity it breaks."""
    trace = evidence.traces[side, "float64"]
    broken = broken_identities(evidence, trace, name)
    if not broken:
        return Backward(None, "", None, None, ())
    before = isolate.largest(each.before for each in broken)
    if frozen(trace, name, broken):
        return Backward("frozen", "is not trained", before, None, ("frozen",))
    tried = []
    for cause, phrase, share in candidates(broken):
        tried.append(cause)
        after = max(each.error(share(each)) for each in broken)
        if after <= min(GRADIENT_FLOAT64, isolate.PROOF * before):
            return Backward(cause, phrase, before, after, tuple(tried))
    return Backward(None, "", before, None, tuple(tried))


def candidates(
    broken: list[Identity],
) -> Iterator[tuple[str, str, Callable[[Identity], float]]]:
    """What a layer may make of its share: nothing, what it got, a multiple."""
    yield "gradient-detached", "hands no gradient back", lambda each: 0.0
    phrase = "hands its gradient back as it is, straight through"
    yield "gradient-straight-through", phrase, lambda each: each.straight
    first = broken[0]
    if first.gradient is not None and first.share:
        factor = (
            float(np.vdot(wide(first.gradient), first.direction)) - first.others
        ) / first.share
        phrase = f"hands back {short(factor)} times the gradient"
        yield "gradient-scaled", phrase, lambda each: factor * each.share


def broken_identities(evidence: Evidence, trace: Trace, name: str) -> list[Identity]:
    """All directions of every gradient that this layer takes part in and that is wrong."""
    everything: Iterable[Identity]
    if name == isolate.LOSS:
        everything = loss_identities(evidence, trace)
    else:
        layer = evidence.spec[name]
        everything = [
            *source_identities(evidence, trace, layer),
            *own_identities(evidence, trace, layer),
        ]
    judged = [each for each in everything if not np.isnan(each.before)]
    wrong = {each.of for each in judged if each.before > GRADIENT_FLOAT64}
    return [each for each in judged if each.of in wrong]


def frozen(trace: Trace, name: str, broken: list[Identity]) -> bool:
    """Whether no gradient is missing but those of tensors that the port does not train."""
    held = trace.structure[name].tensors if name in trace.structure else {}
    fixed = {f"{name}.{short}" for short, entry in held.items() if not entry["trainable"]}
    return all(each.gradient is None and each.of in fixed for each in broken)


def source_identities(evidence: Evidence, trace: Trace, layer: Layer) -> Iterator[Identity]:
    """One for each source and direction, ties left out."""
    for source in dict.fromkeys(layer.reads):
        kind = "input" if source in evidence.spec.inputs else "output"
        value = trace.arrays.get(f"{kind}:{source}")
        if value is None or source in evidence.spec.outputs:
            continue
        readers = [reader for reader in evidence.spec.layers if source in reader.reads]
        free = known.untied(readers, value)
        for trial in range(DIRECTIONS):
            direction = free * isolate.draw_direction(value, source, trial)
            shares = {
                reader.name: isolate.pulled(
                    evidence,
                    trace,
                    reader,
                    [direction if name == source else None for name in reader.reads],
                    {},
                )
                for reader in readers
            }
            share = shares.pop(layer.name)
            gradient = trace.arrays.get(f"gradient-of-{kind}:{source}")
            through = straight(trace, layer, direction)
            yield Identity(source, gradient, direction, sum(shares.values()), share, through)


def straight(trace: Trace, layer: Layer, direction: Array) -> float:
    """<gradient of the output, d>, where the layer keeps the shape of the one thing it reads."""
    gradient = trace.arrays.get(f"gradient-of-output:{layer.name}")
    if gradient is None or gradient.shape != direction.shape or len(layer.reads) != 1:
        return float("inf")
    return float(np.vdot(wide(gradient), direction))


def own_identities(evidence: Evidence, trace: Trace, layer: Layer) -> Iterator[Identity]:
    """One for each trained tensor of the layer and direction."""
    for short_name, tensor in reference.owned(layer, evidence.weights).items():
        name = f"{layer.name}.{short_name}"
        if not evidence.tensors[layer.name][short_name].trainable:
            continue
        for trial in range(DIRECTIONS):
            direction = isolate.draw_direction(tensor, name, trial)
            nothing = [None] * len(layer.reads)
            share = isolate.pulled(evidence, trace, layer, nothing, {short_name: direction})
            gradient = trace.arrays.get(f"gradient:{name}")
            yield Identity(name, gradient, direction, 0.0, share, float("inf"))


def loss_identities(evidence: Evidence, trace: Trace) -> Iterator[Identity]:
    """One for each output and direction: the loss's own gradient."""
    loss, labels = losses.LOSSES[evidence.loss], evidence.probe["labels"]
    for name in evidence.spec.outputs:
        logits = trace.arrays.get(f"output:{name}")
        if logits is None or logits.shape != evidence.reference[name].shape:
            continue
        for trial in range(DIRECTIONS):
            direction = isolate.draw_direction(logits, name, trial)
            moved = wide(logits) + 1j * reference.STEP * direction
            share = float(loss(moved, labels).imag) / reference.STEP * evidence.share(name)
            gradient = trace.arrays.get(f"gradient-of-output:{name}")
            yield Identity(name, gradient, direction, 0.0, share, float("inf"))
