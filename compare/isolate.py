"""Judges one layer of one port by itself, on what that port fed it, against the reference.

A layer after a fault is right about its wrong inputs, so it is not blamed; two faults in one port
are both found. The backward pass is judged the same way, by the adjoint identity: for any
direction d, <gradient of x, d> must equal <gradient of y, J d> summed over every y that reads x,
with J d from the reference's complex step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from common import losses, reference
from common.result import Trace
from common.spec import Layer, Spec
from common.weights import generator
from compare import known
from compare.evidence import Array, Evidence, relative_error
from compare.thresholds import FORWARD_FLOAT64

T = TypeVar("T")

PROOF = 1e-6  # an explanation takes the error down by this factor at least
LOSS = "loss"  # what reads the output, and hands the first gradient back
FEW = 1000  # numbers: so short a wrong gradient can be nearly orthogonal to one drawn direction


@dataclass(frozen=True)
class Isolated:
    """A layer's own error (NaN: it could not be judged), and whether it read its sources."""

    error: float
    wiring: str = ""  # what is wrong with what the layer was given; empty where nothing is
    fault: str = ""  # why the error is infinite, in words


Key = tuple[str, str]  # side, dtype


def alone(evidence: Evidence) -> dict[Key, dict[str, Isolated]]:
    """Every layer of every trace by itself; worked out once."""
    if "alone" not in evidence.judged:
        evidence.judged["alone"] = at_once(
            {key: partial(forward, evidence, trace) for key, trace in evidence.traces.items()}
        )
    found: dict[Key, dict[str, Isolated]] = evidence.judged["alone"]
    return found


def handed_back(evidence: Evidence) -> dict[Key, dict[str, float]]:
    """Every layer's backward error in every trace."""
    faulty = {
        side: {
            name for name, own in judged.items() if own.wiring or not own.error <= FORWARD_FLOAT64
        }
        for (side, dtype), judged in alone(evidence).items()
        if dtype == "float64"
    }
    return at_once(
        {
            (side, dtype): partial(backward, evidence, trace, faulty[side])
            for (side, dtype), trace in evidence.traces.items()
        }
    )


def at_once(work: Mapping[Key, Callable[[], T]]) -> dict[Key, T]:
    """Two traces at a time: NumPy lets go of the interpreter, and large nets take minutes."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        # in a copy of this context, which holds NumPy's error state
        futures = {key: pool.submit(copy_context().run, judge) for key, judge in work.items()}
        return {key: future.result() for key, future in futures.items()}


def forward(evidence: Evidence, trace: Trace) -> dict[str, Isolated]:
    """Every recorded layer of the spec, on its own recorded inputs."""
    calls = {call.path: call for call in trace.calls}
    found = {}
    for layer in evidence.spec.layers:
        if layer.name not in calls:
            continue
        wiring = wiring_fault(layer, trace)
        if layer.name in evidence.spec.outputs:
            wiring = wiring or return_fault(evidence.spec, layer, trace)
        error, fault = by_itself(evidence, layer, trace)
        found[layer.name] = Isolated(error, wiring, fault)
    return found


def by_itself(evidence: Evidence, layer: Layer, trace: Trace) -> tuple[float, str]:
    """The error of one layer on what it was given, and why where that is infinite."""
    sources = given(layer, trace)
    if sources is None or unusable(layer, trace) or not all_finite(sources):
        return float("nan"), ""  # it cannot be judged by what it made of these
    made = trace.arrays[f"output:{layer.name}"]
    try:
        expected = reference.apply(layer, sources, evidence.owned(layer), evidence.is_training)
    except (ValueError, IndexError, KeyError):
        return float("nan"), ""  # the op cannot take what the layer was given
    if not all_finite([expected.astype(made.dtype)]):
        return float("nan"), ""  # these overflow in any right layer
    if not all_finite([made]):
        return float("inf"), "makes numbers that are not finite"
    if made.shape != expected.shape:
        shapes = ("x".join(map(str, x.shape[1:])) for x in (made, expected))
        return float("inf"), "makes {}, where the reference makes {}".format(*shapes)
    return relative_error(made, expected), ""


def all_finite(arrays: Sequence[Array]) -> bool:
    return all(bool(np.isfinite(array).all()) for array in arrays)


def unusable(layer: Layer, trace: Trace) -> bool:
    """Whether the layer's own weights are not the ones it should have been given."""
    return any(name.rpartition(".")[0] == layer.name for name in trace.not_loaded)


def wiring_fault(layer: Layer, trace: Trace) -> str:
    """Compares the digests of what the layer read with those of what its sources wrote."""
    wrote = {call.path: call.writes for call in trace.calls} | trace.input_digests
    (reads,) = (call.reads for call in trace.calls if call.path == layer.name)
    expected = tuple(wrote.get(source) for source in layer.reads)
    if reads == expected:
        return ""
    names = {mark: name for name, mark in reversed(wrote.items())}
    got = ", ".join(names.get(mark, "something no layer wrote") for mark in reads)
    return f"reads {got or 'nothing'}; the spec says {', '.join(layer.reads)}"


def return_fault(spec: Spec, layer: Layer, trace: Trace) -> str:
    """Whether the model gives back something else than its output layer made."""
    made = [call.writes for call in trace.calls if call.path == layer.name]
    place = spec.outputs.index(layer.name)
    if trace.returned[place : place + 1] == made[-1:]:
        return ""
    return "the model returns something else than this"


def given(layer: Layer, trace: Trace) -> list[Array] | None:
    """What the layer was given, in canonical axes; None where it was not recorded."""
    wrote = {call.writes: f"output:{call.path}" for call in reversed(trace.calls)}
    wrote |= {mark: f"input:{name}" for name, mark in trace.input_digests.items()}
    reads = next((call.reads for call in trace.calls if call.path == layer.name), ())
    found = [
        trace.arrays.get(wrote.get(mark, f"read:{layer.name}:{index}"))
        for index, mark in enumerate(reads)
    ]
    complete = [array for array in found if array is not None]
    return complete if len(complete) == len(found) == len(layer.reads) else None


def backward(evidence: Evidence, trace: Trace, faulty: Collection[str] = ()) -> dict[str, float]:
    """Every layer's own backward error: what it hands to its parameters and to its sources.

    It says something of a layer whose forward pass is right; the others have no derivative to
    hold theirs against. A missing gradient is an infinite error of the layer that should have
    handed it back. NaN: it could not be judged.
    """
    judged: dict[str, float] = {}
    for source in [*evidence.spec.inputs, *(layer.name for layer in evidence.spec.layers)]:
        error, readers = source_error(evidence, trace, source)
        # Whoever is wrong forwards is wrong backwards too, and the other readers are not to blame.
        for reader in [r for r in readers if r in faulty] or readers:
            judged[reader] = largest([judged.get(reader, np.nan), error])
    for layer in evidence.spec.layers:
        error = own_error(evidence, trace, layer)
        judged[layer.name] = largest([judged.get(layer.name, np.nan), error])
    return judged


def largest(errors: Iterable[float]) -> float:
    """The largest that could be judged; NaN where none could."""
    return max((error for error in errors if not np.isnan(error)), default=float("nan"))


def source_error(evidence: Evidence, trace: Trace, source: str) -> tuple[float, list[str]]:
    """How far the recorded gradient of `source` is from what its readers hand back."""
    spec = evidence.spec
    readers = [layer for layer in spec.layers if source in layer.reads]
    kind = "input" if source in spec.inputs else "output"
    value = trace.arrays.get(f"{kind}:{source}")
    gradient = trace.arrays.get(f"gradient-of-{kind}:{source}")
    if value is None:
        return 0.0, []
    if source in spec.outputs:
        return logits_error(evidence, value, gradient, source), [LOSS]
    free = known.untied(readers, value)
    errors, blamed = [], {reader.name for reader in readers}
    for trial in trials(value):
        direction = free * draw_direction(value, source, trial)
        handed_back = {
            reader.name: pulled(
                evidence,
                trace,
                reader,
                [direction if name == source else None for name in reader.reads],
                {},
            )
            for reader in readers
        }
        errors.append(adjoint_error(gradient, direction, sum(handed_back.values())))
        blamed &= silent(gradient, direction, handed_back) or blamed
    return largest(errors), [reader.name for reader in readers if reader.name in blamed]


def silent(gradient: Array | None, direction: Array, handed_back: Mapping[str, float]) -> set[str]:
    """The one reader without whose share the gradient is right: it handed nothing back."""
    total = sum(handed_back.values())
    error = adjoint_error(gradient, direction, total)
    explained = {
        name
        for name, share in handed_back.items()
        if adjoint_error(gradient, direction, total - share) < PROOF * error
    }
    return explained if len(explained) == 1 else set()


def logits_error(evidence: Evidence, logits: Array, gradient: Array | None, name: str) -> float:
    """The loss's own gradient for one output, against the complex step of the formula."""
    if logits.shape != evidence.reference[name].shape:
        return float("inf")
    direction = draw_direction(logits, name, 0)
    moved = losses.wide(logits) + 1j * reference.STEP * direction
    change = losses.LOSSES[evidence.loss](moved, evidence.probe["labels"]).imag / reference.STEP
    return adjoint_error(gradient, direction, float(change) * evidence.share(name))


def own_error(evidence: Evidence, trace: Trace, layer: Layer) -> float:
    """How far the gradients of the layer's own trainable tensors are from its output's."""
    errors = []
    dead = known.dead_biases(evidence.spec) if evidence.is_training else set()
    for name, tensor in reference.owned(layer, evidence.weights).items():
        if not evidence.tensors[layer.name][name].trainable or f"{layer.name}.{name}" in dead:
            continue
        gradient = trace.arrays.get(f"gradient:{layer.name}.{name}")
        for trial in trials(tensor):
            direction = draw_direction(tensor, f"{layer.name}.{name}", trial)
            change = pulled(evidence, trace, layer, [None] * len(layer.reads), {name: direction})
            errors.append(adjoint_error(gradient, direction, change))
    return largest(errors)


def pulled(
    evidence: Evidence,
    trace: Trace,
    layer: Layer,
    source_steps: Sequence[Array | None],
    own_steps: dict[str, Array],
) -> float:
    """<gradient of the layer's output, J d>, in float64."""
    gradient = trace.arrays.get(f"gradient-of-output:{layer.name}")
    sources = given(layer, trace)
    if gradient is None or sources is None:
        return float("nan")
    own, training = evidence.owned(layer), evidence.is_training
    try:
        change = reference.push_forward(layer, sources, own, source_steps, own_steps, training)
    except (ValueError, IndexError, KeyError):
        return float("nan")
    if change.shape != gradient.shape:
        return float("nan")
    return float(np.vdot(losses.wide(gradient), change))


def adjoint_error(gradient: Array | None, direction: Array, change: float) -> float:
    """|<gradient, d> - change| in units of the gradient's norm. NaN where it cannot be judged."""
    if np.isnan(change):
        return float("nan")
    if gradient is None or gradient.shape != direction.shape:
        return float("inf")
    gradient = losses.wide(gradient)
    if not np.isfinite(gradient).all():
        return float("inf")
    gap = abs(float(np.vdot(gradient, direction)) - change)
    scale = max(float(np.linalg.norm(gradient)), abs(change))
    return gap / scale if scale > 0 else 0.0


def trials(array: Array) -> range:
    """How many directions a gradient of this shape is judged along."""
    return range(2 if array.size < FEW else 1)


def draw_direction(like: Array, name: str, trial: int) -> Array:
    """A normal direction, the same on every machine."""
    return generator(trial, f"direction:{name}").standard_normal(like.shape)
