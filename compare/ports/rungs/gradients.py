"""Rung 5: every part hands back what PyTorch's does, and so do both ports whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

import numpy as np

from common.graph import moved
from common.spec import Layer
from compare import known
from compare.evidence import relative_error
from compare.ports.at_once import at_once
from compare.ports.cuts import Cut, Part
from compare.ports.fault import Fault, title
from compare.ports.gaps import handed_back, trained
from compare.ports.looks import Array
from compare.ports.verify import Seen
from compare.thresholds import (
    FORWARD_FLOAT64,
    GRADIENT_FLOAT64,
    SHORT_WHOLE,
    SHORT_WHOLE_BACK,
)
from compare.verdict import Check, Verdict

WHOLE = 1e-6  # outputs and gradients of a whole net: deep ones multiply every rounding


def gradients(seen: Seen, rows: dict[str, dict[str, Any]]) -> tuple[Check, list[Fault]]:
    """Rung 5: every part hands back what PyTorch's does, to what it reads and to what it holds."""
    wrong_forward = {
        name
        for name, row in rows.items()
        if row["forward"]["float64"] is None
        or not row["forward"]["float64"] <= seen.short.forward(name, FORWARD_FLOAT64)
    }
    faults, largest = [], 0.0
    wrong_nodes = {n.name for name in wrong_forward for n in seen.parts[name].nodes}
    asked = [
        name
        for name in seen.parts
        if name not in wrong_forward
        and seen.same_size(seen.cut_of(name))
        and can_be_asked(seen, name, wrong_nodes)
    ]
    found = at_once(partial(part_gradient, seen), asked)
    for name, (error, what) in zip(asked, found, strict=True):
        rows[name]["gradient"]["float64"] = error
        if error <= seen.short.gradient(name, GRADIENT_FLOAT64):
            largest = max(largest, error)
        else:
            titles = title(seen, seen.cut_of(name), seen.parts[name])
            faults.append(Fault(5, *titles, error, f"hands back another gradient of {what}", name))
    verdict = Verdict.DIFFERENT if faults else Verdict.ROUNDING if largest else Verdict.SAME
    detail = f"{len(asked)} parts hand back the same: at most {largest:.1e} apart"
    if wrong_forward:
        detail += f"; {len(wrong_forward)} that err forward were not asked"
    said = faults[0].detail if faults else detail
    cover = (len(asked), len(seen.parts) - len(wrong_forward))
    return Check("gradients", 5, verdict, said, largest, GRADIENT_FLOAT64, coverage=cover), faults


def can_be_asked(seen: Seen, name: str, wrong: Collection[str]) -> bool:
    """Whether what a part hands back can be told from what others do.

    A part that reads other values than PyTorch's is made longer, until both read the same ones: not
    over what errs forward, and not where that has no end; both ports whole are compared as well.
    """
    if seen.only_routes(name):
        return False
    if name not in seen.out_of_step:
        return True
    ours, theirs = seen.in_step(name)
    read = {seen.cuts.by_keras[s].torch for s in theirs.sources if s in seen.cuts.by_keras}
    return read == set(ours.sources) and not {n.name for n in theirs.nodes} & set(wrong)


def whole_gradients(seen: Seen) -> tuple[Check, list[Fault]]:
    """Both ports back from their outputs to every tensor, freely: what no part can show.

    A hook between two operations is in none of them.
    """
    ours, theirs = seen.whole
    errors: dict[str, float] = {}
    factors: dict[str, float] = {}
    largest = max((float(np.abs(x).max(initial=0.0)) for x in ours.arrays.values()), default=0.0)
    for carried in seen.moves.carried:
        due = ours.arrays.get(f"gradient-of:{carried.torch}")
        got = theirs.arrays.get(f"gradient-of:{carried.keras}")
        if not trained(seen, carried) or (due is None and got is None):
            continue
        if due is None or got is None:
            errors[carried.torch] = float("inf") if np.any(due if got is None else got) else 0.0
            continue
        if np.abs(due).max(initial=0.0) > (1e-3 if seen.short.parts else 1e-9) * largest:
            mine = moved(got, carried.moves)
            factor = float(np.vdot(due, mine) / np.vdot(due, due))
            factors[carried.torch] = factor
            in_bulk = abs(1 - factor)  # where a rounding flips a ReLU, single numbers move far
            errors[carried.torch] = in_bulk if seen.short.parts else relative_error(mine, due)
    allowed = allowed_whole(seen, back=True)
    wrong = [name for name, error in errors.items() if not error <= allowed]
    largest_error = max(errors.values(), default=0.0)
    detail = f"of {len(errors)} tensors, both ports whole: at most {largest_error:.1e} apart"
    if not wrong:
        verdict = Verdict.ROUNDING if largest_error else Verdict.SAME
        return Check("whole", 5, verdict, detail, largest_error, allowed), []
    last = max(wrong, key=lambda name: place_in(seen, name))
    pair = next(p for p in seen.pairs.pairs if last in p.torch.tensors.values())
    titles = pair.torch.node.name, pair.keras.node.name
    said = f"hands back another gradient of {last} than its parts do"
    known = [factors[name] for name in wrong if name in factors]
    found: dict[str, Any] = {}
    if not known:  # one side has none at all
        found = {"cause": "gradient-detached", "after": 0.0}
    elif len(known) == len(wrong) and np.ptp(known) < allowed_whole(seen):
        found = {"cause": "gradient-scaled", "after": 0.0}
    return Check("whole", 5, Verdict.DIFFERENT, said, largest_error, allowed), [
        Fault(5, *titles, errors[last], said, **found)
    ]


def allowed_whole(seen: Seen, back: bool = False) -> float:
    """What outputs of both ports whole, or gradients, may be apart."""
    short = SHORT_WHOLE_BACK if back else SHORT_WHOLE
    return short if seen.short.parts else WHOLE


def place_in(seen: Seen, tensor: str) -> int:
    """Where in its network a tensor is used."""
    holders = [p.torch for p in seen.pairs.pairs if tensor in p.torch.tensors.values()]
    return holders[0].place if holders else -1


def part_gradient(seen: Seen, name: str) -> tuple[float, str]:
    """The largest error of what one part hands back of random numbers, and of what."""
    if name in seen.replayed.gradients and name not in seen.out_of_step:
        return seen.replayed.gradients[name]
    worst_error, worst_name = 0.0, ""
    for what, ours, theirs in part_gradients(seen, name):
        own, short = seen.parts[name], name in seen.short.parts
        error = gradient_error(seen, what, ours, theirs, own, short)
        if error > worst_error:
            worst_error, worst_name = error, what
    return worst_error, worst_name


def part_gradients(seen: Seen, name: str) -> Iterator[tuple[str, Array | None, Array | None]]:
    """Of all that a part reads and holds: PyTorch's, and Keras' in PyTorch's axes."""
    due, got = (replay.by_unit.get(name, {}) for replay in seen.both_ways(name))
    return handed_back(seen, due, got)


def gradient_error(
    seen: Seen, what: str, due: Array | None, got: Array | None, own: Part, short: bool
) -> float:
    """Of one gradient, of a value or a tensor. One that does not exist is zero."""
    if due is None or got is None:
        other = due if due is not None else got
        return 0.0 if other is None or not np.any(other) else float("inf")
    if not short and (due.dtype != np.float64 or got.dtype != np.float64):
        return 0.0  # held in fewer bits: judged where that is told
    error = relative_error(got, due)
    if error > GRADIENT_FLOAT64 and got.shape == due.shape:
        if what in seen.cuts.by_torch:
            tied = ties(seen, own, seen.cuts.by_torch[what])
            if tied is not None:
                error = relative_error(np.where(tied, 0, got), np.where(tied, 0, due))
        elif nothing_depends(seen, what, due, got):
            return 0.0
    return error


def ties(seen: Seen, own: Part, origin: Cut) -> Array | None:
    """Places whose gradient is one of several right answers: equal numbers under one maximum."""
    pools = [node for node in own.nodes if node.kind == "max_pool"]
    read = seen.torch.net.readers.get(origin.torch, [])
    relus = [node for node in (*own.nodes, *read) if node.kind in ("relu", "leaky_relu")]
    x = seen.torch.value(origin.torch)
    if relus and not pools:
        return np.asarray(x == 0)
    along = [n.settings["axes"] for n in read if n.kind == "max" and "axes" in n.settings]
    whole = {"global_max_pool", "adaptive_max_pool"} | (set() if along else {"max"})
    if x.ndim >= 3 and any(node.kind in whole for node in (*own.nodes, *read)):
        along.append(range(2, x.ndim))
    if along:
        return np.asarray(np.any([known.tied_maxima(x, tuple(a)) for a in along], axis=0))
    pool = next((node for node in read if node.kind == "max_pool"), None)
    if pool is None or x.ndim != 4:
        return None
    layer = Layer("", "max_pool", {"dilation": (1, 1), **pool.settings}, ("x",))
    return ~known.untied([layer], x)


def nothing_depends(seen: Seen, name: str, due: Array, got: Array) -> bool:
    """Whether a gradient is rounding on both sides: that of a bias before a softmax's shift."""
    layer = name.rpartition(".")[0]
    others = [
        float(np.abs(array).max(initial=0.0))
        for left in seen.torch_replayed.by_unit.values()
        for key, array in left.items()
        if key.startswith(f"gradient-of:{layer}.")
    ]
    largest = max(others, default=0.0)
    return max(float(np.abs(x).max(initial=0.0)) for x in (due, got)) < 1e-12 * largest
