"""Why a part hands back another gradient, though it makes the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from common.graph import fed, noise
from compare.evidence import relative_error
from compare.known import SIXTH
from compare.ports.causes.cause import KNOWN, Cause
from compare.ports.fault import Fault
from compare.ports.looks import Array
from compare.ports.rungs.gradients import gradient_error, part_gradients
from compare.ports.verify import Seen
from compare.thresholds import GRADIENT_FLOAT64


def gradient_cause(seen: Seen, fault: Fault) -> Cause:
    """What one side's part does to the gradient that the other's does not."""
    cut = seen.cut_of(fault.part)
    reached = fed({}, noise(cut.torch, seen.torch.value(cut.torch).shape))
    for name, ours, theirs in part_gradients(seen, fault.part):
        short = fault.part in seen.short.parts
        error = gradient_error(seen, name, ours, theirs, seen.parts[fault.part], short)
        if error <= seen.short.gradient(fault.part, GRADIENT_FLOAT64):
            continue
        found = against(name, ours, theirs, reached)
        if found.id is not None:
            return replace(found, before=fault.error)
    return Cause(before=fault.error)


def against(name: str, a: Array | None, b: Array | None, reached: Array) -> Cause:
    """One gradient of PyTorch, `a`, and of Keras, `b`; `reached`: what came back to the part."""
    for side, x, other in (("keras", b, a), ("torch", a, b)):
        if (x is None or not np.any(x)) and other is not None and np.any(other):
            call = "stop_gradient" if side == "keras" else "detach"
            fix = {side: f"hand the gradient of {name} back: no {call}"}
            phrase = f"{side} hands nothing back to {name}"
            return Cause("gradient-detached", phrase, None, 0.0, (), ("gradient-detached",), fix)
    if a is None or b is None or a.shape != b.shape:
        return Cause()
    tried = ("gradient-detached", "gradient-scaled", "gradient-straight-through")
    square = float(np.vdot(a, a))
    if square > 0:
        factor = float(np.vdot(a, b)) / square
        after = relative_error(b, factor * a)
        if after <= GRADIENT_FLOAT64:
            if min(abs(factor - SIXTH), abs(factor - 1 / SIXTH)) <= GRADIENT_FLOAT64:
                phrase = "PyTorch's backward pass of a hard sigmoid holds 1/6 in float32"
                return Cause(KNOWN, phrase, None, 0.0)
            phrase = f"keras' gradient of {name} is {factor:.6g} times torch's"
            return Cause("gradient-scaled", phrase, None, after, (), tried)
    for side, x in (("keras", b), ("torch", a)):
        if x.size == reached.size:
            after = relative_error(x.reshape(reached.shape), reached)
            if after <= GRADIENT_FLOAT64:
                phrase = f"{side} hands back to {name} what reached it, unchanged"
                return Cause("gradient-straight-through", phrase, None, after, (), tried)
    return Cause(tried=tried)
