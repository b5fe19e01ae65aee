"""Why a culprit errs: the one difference that, tried on it alone, reproduces what it made.

The layer is run in the reference on the port's own recorded inputs with one thing changed at a
time (compare/variants.py). A cause is named only where that takes the error down to rounding; where
nothing does, it is unknown. Where several do, the simplest is named and the others stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from common import reference
from common.losses import wide
from common.result import Trace
from common.spec import Layer
from compare import isolate
from compare.backward_causes import explain_backward
from compare.checks import attributes, forward, gradients, shapes, step, structure
from compare.evidence import SIDES, Array, Evidence, flattened, relative_error
from compare.recipe_causes import explain_steps
from compare.thresholds import FORWARD_FLOAT32, FORWARD_FLOAT64
from compare.variants import ANYWHERE, ROUNDING, VARIANTS, WHOLE, Attempt, Case, Tries
from compare.verdict import Culprit

ROUNDED_PROOF = 1e-3  # in float32, rounding to 16 bits stands out by no more than this
AS_IT_IS = Layer("", "dropout", {"rate": 0.0})  # makes what it reads: what stands between layers
VAGUE = {"other-layer", "other-shape"}  # found, but a layer's numbers may say what it is instead


@dataclass(frozen=True)
class Explanation:
    """The cause of a culprit, its phrase for a reader, and the proof; no cause: unknown."""

    cause: str | None = None
    phrase: str = ""
    error_before: float | None = None
    error_after: float | None = None
    also: tuple[str, ...] = ()  # other causes that explain it as well
    tried: tuple[str, ...] = ()
    between: bool = False  # whether it happened between two layers, in none


@dataclass(frozen=True)
class Allowed:
    """What counts as reproduced: an error of rounding, and one far below the error before."""

    error: float
    proof: float


FLOAT64 = Allowed(FORWARD_FLOAT64, isolate.PROOF)
FLOAT32 = Allowed(FORWARD_FLOAT32, ROUNDED_PROOF)


def explain(evidence: Evidence, culprit: Culprit) -> Explanation:
    """The cause of one culprit. A fault of both sides has one where both have the same."""
    sides = SIDES if culprit.side == "both" else (culprit.side,)
    with np.errstate(all="ignore"):
        found = [explain_side(evidence, replace(culprit, side=side)) for side in sides]
    if len({each.cause for each in found}) == 1:
        return found[0]
    return Explanation(error_before=culprit.error_float64, tried=found[0].tried)


def explain_side(evidence: Evidence, culprit: Culprit) -> Explanation:
    finding = Explanation(
        culprit.cause or None,
        culprit.detail if culprit.cause else "",
        culprit.error_float64,
        culprit.error_after,
    )
    if culprit.cause and culprit.cause not in VAGUE:
        return finding  # what was found is the cause, and its own proof
    by_rung = {
        structure.RUNG: explain_forward,
        shapes.RUNG: explain_forward,
        attributes.RUNG: explain_forward,
        forward.RUNG: explain_forward,
        gradients.RUNG: explain_gradients,
        step.RUNG: explain_training,
    }
    known = {layer.name for layer in evidence.spec.layers} | {isolate.LOSS, step.WHOLE}
    if culprit.rung not in by_rung or culprit.layer not in known:
        return finding
    explained = by_rung[culprit.rung](evidence, culprit)
    if explained.cause or culprit.cause:
        return explained if explained.cause else finding
    return by_structure(evidence, culprit, explained) if culprit.rung == shapes.RUNG else explained


def by_structure(evidence: Evidence, culprit: Culprit, unknown: Explanation) -> Explanation:
    """A wrong shape of a layer that holds wrong tensors has their cause."""
    held = structure.faults(evidence, built(evidence, culprit.side))
    causes = {cause for layer, _, cause in held if layer == culprit.layer}
    if len(causes) == 1 and (cause := causes.pop()) and cause not in VAGUE:
        return replace(unknown, cause=cause, phrase=culprit.detail)
    return unknown


def built(evidence: Evidence, side: str) -> structure.Layers:
    return evidence.traces[side, "float64"].structure


def explain_training(evidence: Evidence, culprit: Culprit) -> Explanation:
    """Another recipe, or another gradient, that leads to the side's own steps."""
    cause, phrase, after, tried = explain_steps(evidence, culprit)
    return Explanation(cause, phrase, culprit.error_float64, after, (), tuple(tried))


# ------------------------------------------------------------------------------------- forward


def explain_forward(evidence: Evidence, culprit: Culprit) -> Explanation:
    """A layer that was given something else, or made something else of it."""
    layer = evidence.spec[culprit.layer]
    exact, rounded = (evidence.traces[culprit.side, d] for d in ("float64", "float32"))
    own = isolate.alone(evidence)[culprit.side, "float64"].get(layer.name)
    if own is None or layer.name not in {call.path for call in exact.calls}:
        return Explanation()
    if own.wiring:
        explained = explain_wiring(evidence, layer, exact)
        # a layer that also errs by itself has two faults, and one cause would be half the truth
        right = np.isnan(own.error) or own.error <= FORWARD_FLOAT64 or layer.op == "flatten"
        if right:
            return replace(explained, between=True)
        return Explanation(error_before=own.error, tried=explained.tried)
    if own.error <= FORWARD_FLOAT64:
        case = case_of(evidence, layer, rounded)
        return proven(case, ROUNDING, FLOAT32) if case else Explanation()
    case = case_of(evidence, layer, exact)
    if case is None:
        return Explanation()
    if not np.isfinite(case.made).all():
        return explain_not_finite(case)
    return proven(case, (*VARIANTS.get(layer.op, ()), *ANYWHERE, *ROUNDING), FLOAT64)


def case_of(evidence: Evidence, layer: Layer, trace: Trace) -> Case | None:
    """A layer with what the port gave it; None where it was not recorded."""
    sources = isolate.given(layer, trace)
    if sources is None or isolate.unusable(layer, trace) or not isolate.all_finite(sources):
        return None
    return make_case(evidence, layer, trace, sources, trace.arrays[f"output:{layer.name}"])


def make_case(
    evidence: Evidence, layer: Layer, trace: Trace, sources: Iterable[Array], made: Array
) -> Case:
    own = reference.owned(layer, evidence.weights)
    return Case(
        layer,
        tuple(wide(source) for source in sources),
        {name: wide(tensor) for name, tensor in own.items()},
        wide(made),
        trace.dtype,
        flattened(evidence, layer),
        layer.name in evidence.spec.outputs and evidence.loss == "cross-entropy",
    )


def proven(case: Case, candidates: Iterable[tuple[str, Tries]], allowed: Allowed) -> Explanation:
    """The first candidate that reproduces what was made, and the others that do."""
    try:
        before = relative_error(case.made, case.right)
    except (ValueError, IndexError, KeyError):
        before = float("inf")
    first = case.first()  # most attempts cost as much as the layer: one sample rules them out
    tried, found = [], []
    for id, tries in candidates:
        tried.append(id)
        if id not in WHOLE and not any(
            reproduced(first, attempt) <= allowed.error for attempt in made(first, tries)
        ):
            continue
        for attempt in made(case, tries):
            after = reproduced(case, attempt)
            if after <= min(allowed.error, allowed.proof * before):
                found.append((id, attempt[0], after))
                break
    if not found:
        return Explanation(error_before=before, tried=tuple(tried))
    (id, phrase, after), *others = found
    also = tuple(dict.fromkeys(other for other, _, _ in others if other != id))
    return Explanation(id, phrase, before, after, also, tuple(tried))


def made(case: Case, tries: Tries) -> Iterator[Attempt]:
    """A candidate's attempts, up to one that this layer's shapes do not allow."""
    try:
        yield from tries(case)
    except (ValueError, IndexError, KeyError, np.linalg.LinAlgError):
        return


def reproduced(case: Case, attempt: Attempt) -> float:
    """How far an attempt is from what the port made."""
    try:
        return relative_error(case.made, attempt[1]())
    except (ValueError, IndexError, KeyError, TypeError):
        return float("inf")


def explain_not_finite(case: Case) -> Explanation:
    """Numbers that are not finite, where all the others are right."""
    finite = np.isfinite(case.made)
    unknown = Explanation(error_before=float("inf"), tried=("nan",))
    if not finite.any() or case.made.shape != case.right.shape:
        return unknown
    after = relative_error(case.made[finite], case.right[finite])
    if after > FORWARD_FLOAT64:
        return unknown
    phrase = f"{(~finite).sum():,} of {finite.size:,} numbers are not finite; the others are right"
    return Explanation("nan", phrase, float("inf"), after, (), ("nan",))


# -------------------------------------------------------------------------------------- wiring


def explain_wiring(evidence: Evidence, layer: Layer, trace: Trace) -> Explanation:
    """What happened to a layer's inputs on their way, or to the model's output behind it."""
    if not isolate.wiring_fault(layer, trace):
        return explain_return(evidence, layer, trace)
    made = trace.arrays[f"output:{layer.name}"]
    try:
        sources = [due(evidence, trace, name) for name in layer.reads]
    except (ValueError, IndexError, KeyError):
        return Explanation()
    if layer.op == "flatten":  # whoever turns the maps at a flatten wants another order of it
        case = make_case(evidence, layer, trace, sources, made)
        explained = proven(case, VARIANTS["flatten"], FLOAT64)
        if explained.cause:
            return explained
    (reads,) = (call.reads for call in trace.calls if call.path == layer.name)
    if len(reads) != len(sources):
        return Explanation()
    names = names_of(trace)
    wrong = [i for i, mark in enumerate(reads) if names.get(mark) != layer.reads[i]]
    if all(mark in names for mark in reads):
        return explain_misread(evidence, layer, trace, [names[mark] for mark in reads], sources)
    read = trace.arrays.get(f"read:{layer.name}:{wrong[0]}")
    if len(wrong) != 1 or read is None:
        return Explanation()
    return explain_between(sources[wrong[0]], read, trace.dtype)


def due(evidence: Evidence, trace: Trace, name: str) -> Array:
    """What a layer made, or would have made of what the port has, had it been run."""
    recorded = trace.arrays.get(key_of(evidence, name))
    if recorded is not None:
        return recorded
    layer = evidence.spec[name]
    sources = [due(evidence, trace, source) for source in layer.reads]
    return reference.apply(layer, sources, reference.owned(layer, evidence.weights))


def key_of(evidence: Evidence, name: str) -> str:
    return f"{'input' if name in evidence.spec.inputs else 'output'}:{name}"


def names_of(trace: Trace) -> Mapping[str, str]:
    """Whose numbers a digest stands for."""
    wrote = {call.path: call.writes for call in trace.calls} | trace.input_digests
    return {mark: name for name, mark in reversed(wrote.items())}


def explain_between(source: Array, read: Array, dtype: str) -> Explanation:
    """What turns one array into another on the way between two layers, by no layer."""
    case = Case(AS_IT_IS, (wide(source),), {}, wide(read), dtype)
    return proven(case, (*ANYWHERE, *ROUNDING), FLOAT64)


def explain_misread(
    evidence: Evidence, layer: Layer, trace: Trace, reads: list[str], sources: list[Array]
) -> Explanation:
    """A layer that reads other layers than it should; which ones is the finding itself."""
    made, own = trace.arrays[f"output:{layer.name}"], reference.owned(layer, evidence.weights)
    before = relative_error(made, reference.apply(layer, sources, own))
    after = isolate.by_itself(evidence, layer, trace)[0]
    if not after <= min(FORWARD_FLOAT64, isolate.PROOF * before):
        return Explanation(error_before=before)
    cause, phrase = misread(evidence, layer, reads)
    return Explanation(cause, phrase, before, after, (), (cause,))


def misread(evidence: Evidence, layer: Layer, reads: list[str]) -> tuple[str, str]:
    """The name for reading these instead of what the spec says."""
    wrong = [(got, due) for got, due in zip(reads, layer.reads, strict=True) if got != due]
    if sorted(reads) == sorted(layer.reads):
        return f"{layer.op}-order", f"reads {', '.join(reads)} in this order"
    if len(wrong) == 1:
        got, due = wrong[0]
        if got.partition("#")[0] == due:
            return "layer-twice", f"reads what {due} made in another of its runs"
        if left_out := between(evidence, got, due):
            return "layer-skipped", f"reads {got}: {', '.join(left_out)} is left out"
    return "wrong-source", f"reads {', '.join(reads)}"


def between(evidence: Evidence, got: str, due: str) -> list[str]:
    """The layers that lead from one to the other, each reading one source; empty: they do not."""
    by_name, passed = {layer.name: layer for layer in evidence.spec.layers}, []
    while due != got:
        if due not in by_name or len(by_name[due].reads) > 1:
            return []
        passed.append(due)
        due = by_name[due].reads[0]
    return passed[::-1]


def explain_return(evidence: Evidence, layer: Layer, trace: Trace) -> Explanation:
    """What the model gives back in the place of its output."""
    place = evidence.spec.outputs.index(layer.name)
    names, output = names_of(trace), trace.arrays[f"output:{layer.name}"]
    if place >= len(trace.returned):
        return Explanation()
    name = names.get(trace.returned[place])
    if name is not None:
        before = relative_error(trace.arrays.get(key_of(evidence, name)), output)
        swapped = name in evidence.spec.outputs
        cause = "outputs-swapped" if swapped else "layer-skipped"
        if not swapped and not between(evidence, name, layer.name):
            cause = "wrong-source"
        return Explanation(cause, f"the model returns {name}", before, 0.0, (), (cause,))
    returned = trace.arrays.get(f"returned:{place}")
    if returned is None:
        return Explanation()
    logits = evidence.loss == "cross-entropy"
    case = Case(AS_IT_IS, (wide(output),), {}, wide(returned), trace.dtype, None, logits)
    explained = proven(case, (*ANYWHERE, *ROUNDING), FLOAT64)
    if explained.cause is None and len(output) < len(returned):
        # the other way round: what was recorded of the layer is the first of several runs
        case = Case(AS_IT_IS, (wide(returned),), {}, wide(output), trace.dtype)
        explained = proven(case, [("batch-split", dict(ANYWHERE)["batch-split"])], FLOAT64)
    return explained


# ------------------------------------------------------------------------------------ backward


def explain_gradients(evidence: Evidence, culprit: Culprit) -> Explanation:
    """What a layer did to the gradient that it handed back."""
    found = explain_backward(evidence, culprit.layer, culprit.side)
    return Explanation(found.cause, found.phrase, found.before, found.after, (), tuple(found.tried))
