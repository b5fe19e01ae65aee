"""What two ports showed, rung by rung: every part that errs on PyTorch's own numbers is a culprit.

No part is blamed for what came before it, and what all parts do right the whole does right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Node, moved
from common.spec import Layer
from compare import known
from compare.evidence import relative_error
from compare.ports import transfer
from compare.ports.cuts import Cut, Part, part, ways_between
from compare.ports.looks import Look, Replay
from compare.ports.pairing import Holder
from compare.ports.verify import OUTPUT, Seen
from compare.thresholds import (
    FORWARD_FLOAT32,
    FORWARD_FLOAT64,
    GRADIENT_FLOAT64,
    STATISTIC_FLOAT64,
)
from compare.verdict import Check, Verdict, worst

Array = NDArray[Any]
WHOLE = 1e-6  # outputs and gradients of a whole net: deep ones multiply every rounding
NEUTRAL = {"identity", "dropout", "flatten", "reshape", "transpose", "detach"}


@dataclass(frozen=True)
class Fault:
    """What differs, where on either side, and how much; causes are found later."""

    rung: int
    torch: str  # names of the layers or operations, "" where there is none
    keras: str
    error: float | None
    detail: str
    part: str = ""  # the part of the Keras port that errs
    short: bool = False  # whether it errs in float32 alone
    cause: str = ""  # where what was found is its own proof
    after: float | None = None  # the error with that cause taken into account
    fix: Mapping[str, str] | None = None


@dataclass
class Judgement:
    """All rungs' answers, and every fault."""

    checks: list[Check]
    faults: list[Fault]
    rows: list[dict[str, Any]]  # one for each pair of values
    coverage: dict[str, tuple[int, int]]
    residual: float  # of the model's outputs, both running freely with the same weights
    notes: list[str]

    @property
    def verdict(self) -> Verdict:
        return worst(check.verdict for check in self.checks)


def judge(seen: Seen) -> Judgement:
    """Every rung, whatever the others say."""
    rows: dict[str, dict[str, Any]] = {}
    first = [structure(seen), forward(seen, rows)]
    wrong = {fault.part for fault in first[1][1]}
    rungs = [*first, training(seen, wrong), gradients(seen, rows)]
    faults = [fault for _, found in rungs for fault in found]
    blind = [*blindness(seen), *unseen(seen)]
    checks = [check for check, _ in rungs]
    checks.append(
        Check(
            "coverage",
            None,
            Verdict.NOT_PROVEN if blind else Verdict.SAME,
            blind[0] if blind else "everything that ran was seen, and the probe shows it",
        )
    )
    residual = end_to_end(seen)
    if not faults:
        check, more = whole_gradients(seen)
        faults += more
        checks.append(check)
    if not faults and residual > WHOLE:
        checks.append(
            Check("whole", 3, Verdict.DIFFERENT, "the parts agree and the whole does not", residual)
        )
    coverage = {
        "layers": covered(seen),
        "parameters": (len(seen.moves.carried), len(seen.torch.graph.tensors)),
    }
    notes = [*blind, *trained_otherwise_in_words(seen, wrong)]
    return Judgement(checks, faults, list(rows.values()), coverage, residual, notes)


def trained_otherwise_in_words(seen: Seen, wrong: Collection[str]) -> Iterator[str]:
    """What a training would show and no part that was judged does."""
    drops = {side: dropouts(look) for side, look in looks(seen).items()}
    for side, other in (("torch", "keras"), ("keras", "torch")):
        if drops[side] and not drops[other]:
            names = ", ".join(f"{n.name} ({n.settings['rate']:g})" for n in drops[side][:3])
            yield (
                f"{side} has dropout, {names}, and {other} has none at all: they are the same "
                "network and train otherwise"
            )
    for side, look in looks(seen).items():
        if found := whole_branches(look):
            yield f"{side} drops whole branches at {len(found)} places; that is not compared"
    keeps = [
        (pair.torch.node.settings.get("keep"), pair.keras.node.settings.get("keep"))
        for pair in seen.pairs.pairs
        if pair.torch.node.kind == pair.keras.node.kind == "batch_norm"
        and set(wrong) & set(pair.keras.node.writes)
    ]
    for (ours, theirs), count in Counter(keeps).items():
        if ours is not None and theirs is not None and not np.isclose(ours, theirs, rtol=1e-6):
            yield (
                f"in training, {count} norms that err in evaluation also keep {theirs:g} of their "
                f"running statistics in keras and {ours:g} in torch"
            )


# ------------------------------------------------------------------------------------- structure


def structure(seen: Seen) -> tuple[Check, list[Fault]]:
    """Rung 0: the same tensors, trained alike."""
    faults = [*without_partner(seen), *other_tensors(seen), *trained_otherwise(seen)]
    counts = {side: counted(look) for side, look in looks(seen).items()}
    detail = "; ".join(
        f"{side} {trained:,} trainable and {other:,} other parameters"
        for side, (trained, other) in counts.items()
    )
    if len(seen.torch.graph.outputs) != len(seen.keras.graph.outputs):
        sizes = [len(look.graph.outputs) for look in looks(seen).values()]
        said = f"torch returns {sizes[0]} tensors, keras {sizes[1]}"
        faults.append(Fault(0, "", "", None, said, cause="outputs"))
    verdict = Verdict.DIFFERENT if faults else Verdict.SAME
    carried = len(seen.moves.carried)
    said = faults[0].detail if faults else detail
    cover = (carried, max(len(look.graph.tensors) for look in looks(seen).values()))
    return Check("structure", 0, verdict, said, coverage=cover), faults


def looks(seen: Seen) -> dict[str, Look]:
    return {"torch": seen.torch, "keras": seen.keras}


def counted(look: Look) -> tuple[int, int]:
    """Trainable and other parameters."""
    held = look.graph.tensors.values()
    return (
        sum(prod(t.shape) for t in held if t.trainable),
        sum(prod(t.shape) for t in held if not t.trainable),
    )


def without_partner(seen: Seen) -> Iterator[Fault]:
    """Layers with tensors that the other port does not have."""
    for side, other in (("torch", "keras"), ("keras", "torch")):
        for holder in getattr(seen.pairs, side):
            if is_constant(looks(seen)[side], holder):
                continue
            count = sum(map(prod, holder.shapes.values()))
            said = f"{side}'s {holder.node.name} ({holder.node.kind}, {count:,} parameters)"
            names = {side: holder.node.name, other: ""}
            detail = f"{said} has no partner in {other}"
            yield Fault(0, names["torch"], names["keras"], None, detail, cause="layer-missing")


def is_constant(look: Look, holder: Holder) -> bool:
    """Whether nothing that it holds is ever changed: the other port may have it in its code."""
    held = [look.graph.tensors[name] for name in holder.tensors.values()]
    known = {"weight", "bias", "scale", "shift"} & holder.tensors.keys()
    return not known and not any(tensor.trainable or tensor.statistic for tensor in held)


def other_tensors(seen: Seen) -> Iterator[Fault]:
    """Tensors of pairs that the other layer does not have, or has in another shape."""
    for pair in seen.pairs.pairs:
        held = {side: getattr(pair, side) for side in ("torch", "keras")}
        for side, other in (("torch", "keras"), ("keras", "torch")):
            for role, name in held[side].tensors.items():
                why = getattr(seen.moves, side).get(name)
                if why is None or (side == "keras" and role in held["torch"].tensors):
                    continue
                lacking = role not in held[other].tensors
                cause = f"{role}-missing" if lacking else "tensor-shape"
                yield Fault(
                    0,
                    held["torch"].node.name,
                    held["keras"].node.name,
                    None,
                    f"{side}'s {name} {why}",
                    cause=cause if not lacking else lacking_cause(held[side], role, side),
                )


def lacking_cause(holder: Holder, role: str, side: str) -> str:
    """The id of a tensor that one side has and the other has not."""
    if role == "bias":
        return "bias"
    if role in ("mean", "var"):  # a norm without them takes those of the batch
        return "batch-statistics"
    return "bn-affine-flags" if holder.node.kind == "batch_norm" else "tensor-missing"


def trained_otherwise(seen: Seen) -> Iterator[Fault]:
    """Tensors that one side trains and the other does not."""
    layers = {c.torch: h for h in (p.torch for p in seen.pairs.pairs) for c in seen.moves.carried
              if c.torch in h.tensors.values()}  # fmt: skip
    for carried in seen.moves.carried:
        ours = seen.torch.graph.tensors[carried.torch]
        theirs = seen.keras.graph.tensors[carried.keras]
        if ours.trainable != theirs.trainable:
            side, other = ("torch", "keras") if ours.trainable else ("keras", "torch")
            name = layers[carried.torch].node.name if carried.torch in layers else carried.torch
            detail = f"{side} trains {carried.torch if side == 'torch' else carried.keras}, {other}"
            yield Fault(0, name, name_of_keras(seen, carried.keras), None,
                        f"{detail} does not", cause="frozen")  # fmt: skip


def name_of_keras(seen: Seen, tensor: str) -> str:
    return next(
        (p.keras.node.name for p in seen.pairs.pairs if tensor in p.keras.tensors.values()), tensor
    )


# --------------------------------------------------------------------------------------- forward


def forward(seen: Seen, rows: dict[str, dict[str, Any]]) -> tuple[Check, list[Fault]]:
    """Rungs 1 and 3: every part alone makes PyTorch's numbers, in float64 and in float32."""
    faults, largest = [], 0.0
    for name, own in seen.parts.items():
        cut = seen.cut_of(name)
        row = row_of(seen, name, cut, own)
        fault = wrong_numbers(seen, name, cut, own, row)
        rows[name] = row
        if fault is not None:
            faults.append(fault)
        else:
            largest = max(largest, row["forward"]["float64"] or 0.0)
    faults += [*other_outputs(seen)]
    verdict = Verdict.DIFFERENT if faults else Verdict.ROUNDING if largest else Verdict.SAME
    detail = f"{len(seen.parts)} parts, each alone on the same numbers: at most {largest:.1e} apart"
    said = faults[0].detail if faults else detail
    cover = (len(seen.parts) - len(faults), len(seen.parts))
    check = Check("forward", 3, verdict, said, largest, FORWARD_FLOAT64, coverage=cover)
    return check, faults


def wrong_numbers(seen: Seen, name: str, cut: Cut, own: Part, row: dict[str, Any]) -> Fault | None:
    """What is wrong with one part; None where nothing is."""
    titles = title(seen, cut, own)
    reason = seen.replayed.failed.get(name)
    held = {t for node in own.nodes for t in node.tensors.values()}
    if any(not_finite(seen, source) for source in own.sources) or any(
        seen.moves.keras.get(t, "").startswith("has the shape") for t in held
    ):
        row["forward"]["float64"] = None
        return None  # what makes it is to blame
    unfed = [source for source in own.sources if source not in seen.cuts.by_keras]
    if unfed:
        said = f"reads {unfed[0]}, which nothing in torch stands for"
        return Fault(3, *titles, None, said, name)
    if reason is not None:
        return Fault(1, *titles, None, f"cannot run on what torch's reads: {reason}", name)
    made, due = seen.replayed.value(name, seen.target(name)), seen.torch.value(cut.torch)
    error = apart(made, due, cut)
    row["forward"]["float64"] = error
    if made is not None and prod(made.shape) != prod(due.shape):
        detail = f"makes {by(in_torchs_axes(made, cut))}, torch's {by(due.shape[1:])}"
        return Fault(1, *titles, error, detail, name)
    if not error <= FORWARD_FLOAT64 and any(is_short(seen, s, "float64") for s in own.sources):
        row["forward"]["float64"] = None
        return None  # what makes it is to blame
    if not error <= FORWARD_FLOAT64:
        return Fault(3, *titles, error, f"errs by {error:.1e} on torch's own numbers", name)
    rounded = seen.replayed_float32.value(name, seen.target(name))
    short = apart(rounded, float32_due(seen, cut), cut)
    row["forward"]["float32"] = short
    if not short <= FORWARD_FLOAT32:
        if any(elsewhere_in_float32(seen, source) for source in own.sources):
            return None  # what makes it is to blame
        if cut.torch not in seen.torch_float32.graph.shapes or name in seen.replayed_float32.failed:
            detail = "runs other operations in float32 than in float64"
            return Fault(3, *titles, None, detail, name, short=True)
        if any(is_short(seen, source, "float32") for source in own.sources):
            return None  # what makes it is to blame
        detail = f"errs by {short:.1e} in float32, and not in float64"
        return Fault(3, *titles, short, detail, name, short=True)
    return None


def elsewhere_in_float32(seen: Seen, source: str) -> bool:
    """Whether a port makes a value by other operations in float32, under other names."""
    cut = seen.cuts.by_keras.get(source)
    ours = cut is None or cut.torch in seen.torch_float32.graph.shapes
    return not ours or source not in seen.keras_float32.graph.shapes


def in_torchs_axes(made: Array, cut: Cut) -> tuple[int, ...]:
    """The shape of a Keras value, without the batch, as PyTorch orders axes where that is known."""
    try:
        return moved(made, cut.moves).shape[1:]
    except ValueError:
        return made.shape[1:]


BITS = {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}


def is_short(seen: Seen, source: str, dtype: str) -> bool:
    """Whether either port holds a value in fewer bits than it is to compute in."""
    looks_at = {
        "float64": (seen.torch, seen.keras),
        "float32": (seen.torch_float32, seen.keras_float32),
    }
    ours, theirs = looks_at[dtype]
    cut = seen.cuts.by_keras.get(source)
    held = [theirs.graph.dtypes.get(source, dtype)]
    held += [ours.graph.dtypes.get(cut.torch, dtype)] if cut else []
    return any(BITS.get(d, 64) < BITS[dtype] for d in held)


def not_finite(seen: Seen, source: str) -> bool:
    """Whether what PyTorch has there is not all numbers."""
    if source not in seen.cuts.by_keras:
        return False
    return not np.isfinite(seen.torch.value(seen.cuts.by_keras[source].torch)).all()


def float32_due(seen: Seen, cut: Cut) -> Array | None:
    """PyTorch's value in float32; None where it runs otherwise there."""
    return seen.torch_float32.arrays.get(f"value:{cut.torch}")


def apart(made: Array | None, due: Array | None, cut: Cut) -> float:
    """Of a Keras value from PyTorch's; infinite where it cannot be compared."""
    if made is None or due is None:
        return float("inf")
    try:
        return relative_error(moved(made, cut.moves), due)
    except ValueError:
        return float("inf")


def row_of(seen: Seen, name: str, cut: Cut, own: Part) -> dict[str, Any]:
    torch, keras = title(seen, cut, own)
    shape = seen.torch.graph.shapes[cut.torch]
    return {
        "torch": torch,
        "keras": keras,
        "kind": seen.torch.net.maker[cut.torch].kind if cut.torch in seen.torch.net.maker else "",
        "shape_nchw": list(shape),
        "shape_nhwc": list(seen.keras.graph.shapes[seen.target(name)]),
        "evidence": cut.why,
        "forward": {"float32": None, "float64": float("inf")},
        "gradient": {"float64": None},
    }


def title(seen: Seen, cut: Cut, own: Part) -> tuple[str, str]:
    """What a part is called on either side: the layer that ends it."""
    net = seen.torch.net
    ours = net.maker[cut.torch].name if cut.torch in net.maker else cut.torch
    theirs = seen.keras.net.maker[cut.keras].name if own.nodes else cut.keras
    return ours, theirs


def other_outputs(seen: Seen) -> Iterator[Fault]:
    """Outputs that are cuts already, of another value than the partner returns."""
    for ours, theirs in seen.outputs:
        t, k = seen.torch.graph.outputs[ours], seen.keras.graph.outputs[theirs]
        cut = seen.cuts.by_keras.get(k)
        if cut is None or cut.torch == t:
            continue
        shapes = seen.torch.value(cut.torch).shape, seen.torch.value(t).shape
        same = shapes[0] == shapes[1] and np.array_equal(
            seen.torch.value(cut.torch), seen.torch.value(t)
        )
        if not same:
            names = [net.maker[v].name if v in net.maker else v
                     for net, v in ((seen.torch.net, t), (seen.keras.net, k))]  # fmt: skip
            detail = f"keras returns what is torch's {cut.torch}, torch returns {t}"
            error = relative_error(seen.torch.value(cut.torch), seen.torch.value(t))
            swapped = cut.torch in seen.torch.graph.outputs.values()
            cause, after = ("outputs-swapped", 0.0) if swapped else ("", None)
            place = f"{OUTPUT}{theirs}"
            yield Fault(3, names[0], names[1], error, detail, place, cause=cause, after=after)


def end_to_end(seen: Seen) -> float:
    """How far the outputs are apart when both run freely; infinite where they cannot be."""
    values = {seen.keras.graph.outputs[k] for _, k in seen.outputs}
    return end_to_end_of(seen, {value: seen.keras.value(value) for value in values})


def end_to_end_of(seen: Seen, made: Mapping[str, Array | None]) -> float:
    """The same for values that Keras made otherwise."""
    errors = [0.0]
    for ours, theirs in seen.outputs:
        t, k = seen.torch.graph.outputs[ours], seen.keras.graph.outputs[theirs]
        found = seen.cuts.by_keras.get(k)
        cut = found if found and found.torch == t else output_cut(seen, t, k)
        errors.append(apart(made[k], seen.torch.value(t), cut))
    return max(errors)


def output_cut(seen: Seen, t: str, k: str) -> Cut:
    """The likeliest way between what both return."""
    shapes = seen.keras.graph.shapes[k], seen.torch.graph.shapes[t]
    return Cut(t, k, next(ways_between(*shapes, seen.keras.graph), ()), "output")


# ------------------------------------------------------------------------------------- gradients


def gradients(seen: Seen, rows: dict[str, dict[str, Any]]) -> tuple[Check, list[Fault]]:
    """Rung 5: every part hands back what PyTorch's does, to what it reads and to what it holds."""
    wrong_forward = {
        name
        for name, row in rows.items()
        if row["forward"]["float64"] is None or not row["forward"]["float64"] <= FORWARD_FLOAT64
    }
    faults, largest, compared = [], 0.0, 0
    wrong_nodes = {n.name for name in wrong_forward for n in seen.parts[name].nodes}
    for name, own in seen.parts.items():
        if name in wrong_forward or not seen.same_size(seen.cut_of(name)):
            continue
        if not can_be_asked(seen, name, wrong_nodes):
            continue
        error, what = part_gradient(seen, name, own)
        rows[name]["gradient"]["float64"] = error
        compared += 1
        if error <= GRADIENT_FLOAT64:
            largest = max(largest, error)
        else:
            titles = title(seen, seen.cut_of(name), own)
            faults.append(Fault(5, *titles, error, f"hands back another gradient of {what}", name))
    verdict = Verdict.DIFFERENT if faults else Verdict.ROUNDING if largest else Verdict.SAME
    detail = f"{compared} parts hand back the same: at most {largest:.1e} apart"
    if wrong_forward:
        detail += f"; {len(wrong_forward)} that err forward were not asked"
    said = faults[0].detail if faults else detail
    cover = (compared, len(seen.parts) - len(wrong_forward))
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
        if np.abs(due).max(initial=0.0) > 1e-9 * largest:
            mine = moved(got, carried.moves)
            errors[carried.torch] = relative_error(mine, due)
            factors[carried.torch] = float(np.vdot(due, mine) / np.vdot(due, due))
    wrong = [name for name, error in errors.items() if not error <= WHOLE]
    largest_error = max(errors.values(), default=0.0)
    detail = f"of {len(errors)} tensors, both ports whole: at most {largest_error:.1e} apart"
    if not wrong:
        verdict = Verdict.ROUNDING if largest_error else Verdict.SAME
        return Check("whole", 5, verdict, detail, largest_error, WHOLE), []
    last = max(wrong, key=lambda name: place_in(seen, name))
    pair = next(p for p in seen.pairs.pairs if last in p.torch.tensors.values())
    titles = pair.torch.node.name, pair.keras.node.name
    said = f"hands back another gradient of {last} than its parts do"
    scaled = np.ptp([factors.get(name, 0.0) for name in wrong]) < WHOLE
    found: dict[str, Any] = {"cause": "gradient-scaled", "after": 0.0} if scaled else {}
    return Check("whole", 5, Verdict.DIFFERENT, said, largest_error, WHOLE), [
        Fault(5, *titles, errors[last], said, **found)
    ]


def place_in(seen: Seen, tensor: str) -> int:
    """Where in its network a tensor is used."""
    holders = [p.torch for p in seen.pairs.pairs if tensor in p.torch.tensors.values()]
    return holders[0].place if holders else -1


def part_gradient(seen: Seen, name: str, own: Part) -> tuple[float, str]:
    """The largest error of what one part hands back of random numbers, and of what."""
    worst_error, worst_name = 0.0, ""
    for what, ours, theirs in part_gradients(seen, name):
        error = gradient_error(seen, what, ours, theirs, own)
        if error > worst_error:
            worst_error, worst_name = error, what
    return worst_error, worst_name


def part_gradients(seen: Seen, name: str) -> Iterator[tuple[str, Array | None, Array | None]]:
    """Of all that a part reads and holds: PyTorch's, and Keras' in PyTorch's axes."""
    due, got = (replay.by_unit.get(name, {}) for replay in seen.both_ways(name))
    told = set()
    for key, theirs in got.items():
        word, _, value = key.partition(":")
        if word == "gradient" and value in seen.cuts.by_keras:
            cut = seen.cuts.by_keras[value]
            ours, moves = f"gradient:{cut.torch}", cut.moves
        elif word == "gradient-of" and value in seen.carried and trained(seen, seen.carried[value]):
            ours, moves = f"gradient-of:{seen.carried[value].torch}", seen.carried[value].moves
        else:
            continue
        told.add(ours)
        yield ours.partition(":")[2], due.get(ours), moved(theirs, moves)
    for key, array in due.items():
        word, _, value = key.partition(":")
        if key in told or word not in ("gradient", "gradient-of"):
            continue
        if word == "gradient" and value in seen.cuts.by_torch:
            yield value, array, None
        carried = seen.carried_from.get(value) if word == "gradient-of" else None
        if carried is not None and trained(seen, carried):
            yield value, array, None


def trained(seen: Seen, carried: transfer.Carried) -> bool:
    """Whether both ports train a tensor; where one alone does, rung 0 says so."""
    ours, theirs = seen.torch.graph.tensors[carried.torch], seen.keras.graph.tensors[carried.keras]
    return ours.trainable and theirs.trainable


def gradient_error(seen: Seen, what: str, due: Array | None, got: Array | None, own: Part) -> float:
    """Of one gradient, of a value or a tensor. One that does not exist is zero."""
    if due is None or got is None:
        other = due if due is not None else got
        return 0.0 if other is None or not np.any(other) else float("inf")
    if due.dtype != np.float64 or got.dtype != np.float64:
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
    whole = {"global_max_pool", "adaptive_max_pool", "max"}
    if x.ndim >= 3 and any(node.kind in whole for node in (*own.nodes, *read)):
        return known.tied_maxima(x)
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


# -------------------------------------------------------------------------------------- training


def training(seen: Seen, wrong: Collection[str]) -> tuple[Check, list[Fault]]:
    """Rung 4: norms and dropout in training mode, each alone on the same numbers.

    A part that is `wrong` in evaluation already is not asked.
    """
    modal = [name for name in modal_parts(seen) if name not in wrong]
    drops = {side: dropouts(look) for side, look in looks(seen).items()}
    asked = len(modal_parts(seen))
    if not modal and not any(drops.values()):
        said = "nothing does otherwise in training"
        if asked:
            said = f"not asked: all {asked} norms err in evaluation already"
        return Check("training", 4, Verdict.SAME, said, coverage=(0, asked)), []
    faults: list[Fault] = []
    largest, compared = 0.0, 0
    ours, theirs = in_training(seen, modal) if modal else (Replay({}, {}), Replay({}, {}))
    for name in modal:
        error, found = part_in_training(seen, name, ours, theirs)
        faults += found
        largest = max(largest, error)
        compared += not found
    if all(drops.values()):  # a port without any leaves it to whoever trains: see `in_words`
        faults += other_drops(seen, drops)
    verdict = Verdict.DIFFERENT if faults else Verdict.ROUNDING if largest else Verdict.SAME
    detail = f"{compared} norms, {len(drops['torch'])} dropouts: at most {largest:.1e} apart"
    said = faults[0].detail if faults else detail
    if asked > len(modal):
        detail += f"; {asked - len(modal)} norms that err in evaluation were not asked"
    said = faults[0].detail if faults else detail
    cover = (compared, asked)
    return Check("training", 4, verdict, said, largest, STATISTIC_FLOAT64, coverage=cover), faults


def modal_parts(seen: Seen) -> list[str]:
    """Parts with a norm in them that keeps statistics, and no dropout."""
    found = []
    for name, own in seen.parts.items():
        ours = part(seen.torch.net, seen.cut_of(name).torch, seen.cuts.by_torch)
        kinds = {node.kind for node in (*own.nodes, *ours.nodes)}
        fed = all(source in seen.cuts.by_keras for source in own.sources)
        if "batch_norm" in kinds and fed and name not in seen.replayed.failed:
            found.append(name)
    return found


def in_training(seen: Seen, modal: list[str]) -> tuple[Replay, Replay]:
    """Those parts of both ports, on the numbers that PyTorch has in evaluation."""
    source = seen.room.path("torch", "look-float64")
    for side in ("torch", "keras"):
        kept: dict[str, Any] = {
            "tensors": False,
            "values": False,
            "given": seen.given.get(side, ""),
        }
        seen.room.look(side, "training-look", training=True, **kept)
    units = seen.torch_units(False, modal)
    ours = seen.room.replay("torch", "training-replay", units, source, training=True)
    parts = seen.units(gradients=False, only=frozenset(modal))
    theirs = seen.room.replay("keras", "training-replay", parts, source, training=True)
    return ours, theirs


def part_in_training(
    seen: Seen, name: str, ours: Replay, theirs: Replay
) -> tuple[float, list[Fault]]:
    """The outputs and the running statistics of one part."""
    cut, own = seen.cut_of(name), seen.parts[name]
    titles = title(seen, cut, own)
    for side, replay in (("torch", ours), ("keras", theirs)):
        if name in replay.failed:
            said = f"{side}'s cannot be run alone in training mode: {replay.failed[name]}"
            return 0.0, [Fault(4, *titles, None, said, name)]
    largest, faults = 0.0, []
    due, made = ours.value(name, cut.torch), theirs.value(name, seen.target(name))
    error = apart(made, due, cut)
    known = apart(seen.replayed.value(name, seen.target(name)), seen.torch.value(cut.torch), cut)
    if not error <= 1e-9 and known <= FORWARD_FLOAT64:
        detail = f"errs by {error:.1e} in training mode, and not in evaluation"
        faults.append(
            Fault(4, *titles, error, detail, name, **frozen_norm(seen, name, ours, theirs))
        )
    elif error <= 1e-9:
        largest = error
    if faults and faults[0].cause:
        return largest, faults  # a norm that is frozen leaves its statistics alone, too
    for pair in seen.pairs.pairs:
        if (
            pair.keras.node.name in {n.name for n in own.nodes}
            and pair.torch.node.kind == "batch_norm"
        ):
            found, fault = statistics(seen, name, pair.torch, pair.keras, ours, theirs)
            largest = max(largest, found)
            if fault is not None:
                ours_name, theirs_name = pair.torch.node.name, pair.keras.node.name
                faults.append(replace(fault, torch=ours_name, keras=theirs_name))
    return largest, faults


def frozen_norm(seen: Seen, name: str, ours: Replay, theirs: Replay) -> dict[str, Any]:
    """Named where a side's part makes in training what it makes in evaluation."""
    cut = seen.cut_of(name)
    for side, now, before in (
        ("keras", theirs.value(name, cut.keras), seen.replayed.value(name, cut.keras)),
        ("torch", ours.value(name, cut.torch), seen.torch.value(cut.torch)),
    ):
        still = relative_error(now, before)
        if still <= FORWARD_FLOAT64:
            call = "training=False" if side == "keras" else "eval()"
            fix = {side: f"normalise with the batch's statistics in training: no {call}"}
            return {"cause": "bn-frozen", "after": still, "fix": fix}
    return {}


def statistics(
    seen: Seen, name: str, t: Holder, k: Holder, ours: Replay, theirs: Replay
) -> tuple[float, Fault | None]:
    """What one batch brings into the running mean and variance.

    PyTorch keeps the variance over n - 1, Keras the one over n: a known difference, exact.
    """
    keep_t, keep_k = t.node.settings.get("keep"), k.node.settings.get("keep")
    if not isinstance(keep_t, float) or not {"mean", "var"} <= t.tensors.keys() & k.tensors.keys():
        return 0.0, None
    count = prod(seen.torch.value(t.node.reads[0]).shape) // t.shapes["mean"][0]
    errors = {}
    for keep in dict.fromkeys((keep_t, keep_k)):
        if not isinstance(keep, float):
            continue
        worst_error = 0.0
        for role in ("mean", "var"):
            old = seen.held["torch"][t.tensors[role]].astype(np.float64)
            new = ours.by_unit[name].get(f"statistic:{t.tensors[role]}")
            got = theirs.by_unit[name].get(f"statistic:{k.tensors[role]}")
            if new is None or got is None:
                return float("inf"), Fault(4, "", "", None, f"keeps no running {role}", name)
            batch = (new - keep_t * old) / (1 - keep_t)
            if role == "var":
                batch = batch * (count - 1) / count
            brought = got - keep * old
            worst_error = max(worst_error, relative_error(brought, (1 - keep) * batch))
        errors[keep] = worst_error
    error = errors[keep_t]
    if error <= STATISTIC_FLOAT64 or (
        np.isclose(keep_t, keep_k or 0.0, rtol=1e-7) and error <= 1e-6
    ):
        return (error if error <= STATISTIC_FLOAT64 else 0.0), None
    after = errors.get(keep_k) if isinstance(keep_k, float) else None
    proven = after is not None and after <= 1e-6 and keep_k != keep_t
    detail = f"keeps {keep_k} of its running statistics, torch's {keep_t}"
    if not proven:
        detail = f"brings another share into its running statistics ({error:.1e})"
    fix = {
        "torch": f"momentum={1 - (keep_k or 0):.10g}",
        "keras": f"momentum={keep_t:.10g}",
    }
    known: dict[str, Any] = {"cause": "bn-momentum", "after": after, "fix": fix} if proven else {}
    return error, Fault(4, "", "", error, detail, name, **known)


def dropouts(look: Look) -> list[Node]:
    """What drops single numbers, or whole maps."""
    drops = [n for n in look.graph.nodes if n.kind == "dropout" and n.settings.get("rate", 0)]
    return [n for n in drops if n.settings.get("noise_shape") in (None, "maps")]


def whole_branches(look: Look) -> list[Node]:
    """What drops all of a sample: stochastic depth."""
    drops = [n for n in look.graph.nodes if n.kind == "dropout" and n.settings.get("rate", 0)]
    return [n for n in drops if n not in dropouts(look)]


def other_drops(seen: Seen, drops: Mapping[str, list[Node]]) -> Iterator[Fault]:
    """Dropout that one side has and the other has not, or at another rate."""
    places = {side: [place_of(seen, side, n) for n in found] for side, found in drops.items()}
    left = {side: list(zip(places[side], found, strict=True)) for side, found in drops.items()}
    for place, node in left["torch"][:]:
        same = [entry for entry in left["keras"] if entry[0] == place]
        if same:
            left["keras"].remove(same[0])
            left["torch"].remove((place, node))
            a, b = float(node.settings["rate"]), float(same[0][1].settings["rate"])
            if abs(a - b) > 1e-6:
                fix = {"torch": f"nn.Dropout({b:g})", "keras": f"layers.Dropout({a:g})"}
                both, detail = (node.name, same[0][1].name), f"drops {b:g}, torch's {a:g}"
                found = Fault(4, *both, abs(a - b), detail)
                yield replace(found, cause="dropout-rate", after=0.0, fix=fix)
    if len(left["torch"]) == len(left["keras"]):  # behind a fault nothing says which is which
        return
    for side, other in (("torch", "keras"), ("keras", "torch")):
        for _, node in left[side]:
            names = {side: node.name, other: ""}
            detail = f"{side} drops {node.settings['rate']:g} here, {other} nothing"
            yield Fault(4, names["torch"], names["keras"], None, detail, cause="dropout-missing")


def place_of(seen: Seen, side: str, node: Node) -> str:
    """The PyTorch value that a dropout acts on, through what keeps every number."""
    look = looks(seen)[side]
    value = node.reads[0]
    while value in look.net.maker and look.net.maker[value].kind in NEUTRAL:
        value = look.net.maker[value].reads[0]
    if side == "torch":
        return value
    cut = seen.cuts.by_keras.get(value)
    if cut is None:
        return f"keras {value}"
    value = cut.torch
    while value in seen.torch.net.maker and seen.torch.net.maker[value].kind in NEUTRAL:
        value = seen.torch.net.maker[value].reads[0]
    return value


# -------------------------------------------------------------------------------------- coverage


def covered(seen: Seen) -> tuple[int, int]:
    """Operations of both ports that lie in a part, of those that lead to an output."""
    total, inside = 0, 0
    for side, look in looks(seen).items():
        needed = {
            node.name
            for value in look.graph.outputs.values()
            for node in part(look.net, value, {}).nodes
        }
        total += len(needed)
        if side == "keras":
            inside += len({n.name for own in seen.parts.values() for n in own.nodes} & needed)
        else:
            parts = [part(look.net, cut.torch, seen.cuts.by_torch) for cut in seen.cuts.found]
            parts += [
                part(look.net, look.graph.outputs[ours], seen.cuts.by_torch, itself=False)
                for ours, _ in seen.outputs
            ]
            inside += len({n.name for own in parts for n in own.nodes} & needed)
    return inside, total


def unseen(seen: Seen) -> Iterator[str]:
    """What ran and was not recorded."""
    for side, look in looks(seen).items():
        for words in look.graph.unseen:
            yield f"{side}: {words}"


def blindness(seen: Seen) -> Iterator[str]:
    """What the probe could not have shown."""
    for name in (name for name in seen.torch.graph.shapes if name.startswith("input:")):
        x = seen.torch.value(name)
        if len(x) < 2:
            yield "the probe holds one sample: give two or more with --batch"
        elif x.size and x.min() == x.max():
            yield f"the probe's {name} is {x.flat[0]:g} everywhere"
        elif x.ndim == 4 and x.shape[2] == x.shape[3] > 1 and np.array_equal(x, x.swapaxes(2, 3)):
            yield f"the probe's {name} is the same with height and width exchanged"
    for ours, _ in seen.outputs:
        y = seen.torch.value(seen.torch.graph.outputs[ours])
        if y.size > 1 and y.min() == y.max():
            yield f"torch's output {ours} is {y.flat[0]:g} everywhere"


def by(shape: tuple[int, ...]) -> str:
    """6x24x24."""
    return "x".join(map(str, shape)) or "one number"
