"""Why a part errs: what differs between the two ports there, proven on that part alone.

First the part is narrowed down: what it makes on the way is compared with what PyTorch's makes, and
its end is run on PyTorch's numbers from in between. Of the operation that is left, the settings of
both sides are tried: only those without which the error stays are causes. Where no setting differs,
the catalogue of variants is tried (compare/variants.py). What nothing explains stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Moves, Node, back, fed, moved, noise
from common.job import Repair, Unit
from common.operations import DEFAULTS, computable, compute, in_float32
from common.spec import Layer
from compare import fixes
from compare.causes import FLOAT64, proven
from compare.evidence import relative_error
from compare.known import KEPT_IN_FLOAT32, SIXTH
from compare.ports.cuts import Cut, Part, by_rank, part, way_by_value, ways_between
from compare.ports.judge import Fault, gradient_error, part_gradients
from compare.ports.looks import Look
from compare.ports.verify import OUTPUT, Seen
from compare.thresholds import FORWARD_FLOAT64, GRADIENT_FLOAT64
from compare.variants import ANYWHERE, ROUNDING, VARIANTS, Case

Array = NDArray[Any]
KNOWN = "float32-constants"  # a known difference, which is no fault
RIGHT = 1e-9  # a reference this close to a port computes what it computes
STILL = {"identity", "dropout"}  # do nothing in evaluation
PADDED = {"conv", "max_pool", "avg_pool"}
ACTIVATIONS_OF_KIND = {
    "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign",
    "sigmoid", "hard_sigmoid", "hard_swish", "tanh", "softmax", "log_softmax",
}  # fmt: skip
LAYER_KINDS = {
    *(ACTIVATIONS_OF_KIND - {"softmax"}),
    "conv",
    "dense",
    "batch_norm",
    "max_pool",
    "avg_pool",
}
UNHEARD = {
    "compute_dtype",
    "dtype",
    "keep",
    "bias_",
    "axis",
    "rate",
    "keepdims",
    "fill_",
    "activation",
}


@dataclass(frozen=True)
class Cause:
    """One difference, its proof, and what to write instead."""

    id: str | None = None
    phrase: str = ""
    before: float | None = None
    after: float | None = None
    also: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    fix: Mapping[str, str] | None = None
    torch: str = ""  # the operations themselves, where the part was narrowed down
    keras: str = ""
    repairs: tuple[Repair, ...] = ()  # of the Keras port, so that it does what PyTorch's does


@dataclass
class Middle:
    """What is left of a part: the nodes of either side, what they read, and what they make."""

    torch: list[Node]
    keras: list[Node]
    local: Mapping[str, Cut]  # every value of Keras that is known to stand for one of PyTorch's
    cut: Cut  # what they make
    due: Array  # by PyTorch, in its axes
    made: Array | None  # by Keras on PyTorch's numbers, in PyTorch's axes
    error: float
    after: float | None = None  # of the part's end, run on PyTorch's numbers
    reader: Node | None = None  # of Keras, which reads what PyTorch first does something to


def explain(seen: Seen, fault: Fault, number: int) -> list[Cause]:
    """Every cause of one fault; one without an id where nothing explains it."""
    if fault.cause:
        return [Cause(fault.cause, fault.detail, fault.error, fault.after, fix=fault.fix)]
    if fault.short:
        return [in_few_bits(seen, fault)]
    if fault.part.startswith(OUTPUT) and fault.part not in seen.parts:
        return returned(seen, fault)
    if fault.part in seen.parts and fault.rung == 5:
        return [gradient_cause(seen, fault)]
    if fault.rung not in (1, 3) or fault.part not in seen.parts:
        return [Cause(before=fault.error)]
    with np.errstate(all="ignore"):
        middle = narrowed(seen, fault, number)
        if middle is None:
            return [Cause(before=fault.error)]
        found = causes_of(seen, middle)
        if found[0].id is None:
            works = merged(middle.torch), merged(middle.keras)
            found = behind_preprocessing(seen, middle, *works, number) or found
    names = ", ".join(n.name for n in middle.torch), ", ".join(n.name for n in middle.keras)
    return [replace(cause, torch=names[0], keras=names[1]) for cause in found]


def in_few_bits(seen: Seen, fault: Fault) -> Cause:
    """For what is right in float64 alone: a side that holds fewer bits there."""
    ends = {"torch": seen.cut_of(fault.part).torch, "keras": seen.target(fault.part)}
    for side, exact, short in (
        ("keras", seen.keras, seen.keras_float32),
        ("torch", seen.torch, seen.torch_float32),
    ):
        maker = exact.net.maker.get(ends[side])
        layer = maker.layer if maker else ""
        nodes = [
            n for n in short.graph.nodes if maker and (n.layer == layer or n.name == maker.name)
        ]
        held = {short.graph.dtypes.get(v, "") for n in nodes for v in n.writes}
        few = sorted(held & {"float16", "bfloat16"})
        if few:
            fix = {side: "compute in float32, as the other port does"}
            phrase = f"{side} computes here in {few[0]}"
            return Cause(
                "mixed-precision", phrase, fault.error, None, (), ("mixed-precision",), fix
            )
    return Cause(before=fault.error, tried=("mixed-precision",))


def returned(seen: Seen, fault: Fault) -> list[Cause]:
    """A model that gives back another of its values than the other one does."""
    theirs = fault.part.removeprefix(OUTPUT)
    ours = next(t for t, k in seen.outputs if k == theirs)
    value, due = seen.keras.graph.outputs[theirs], seen.torch.graph.outputs[ours]
    end = Cut(due, value, seen.cuts.by_keras[value].moves, "output")
    with np.errstate(all="ignore"):
        middle = misread(seen, seen.cuts.by_keras, Part((), (value,)), end, 0.0)
        found = causes_of(seen, middle) if middle else [Cause(before=fault.error)]
    return [replace(cause, repairs=()) for cause in found]


def gradient_cause(seen: Seen, fault: Fault) -> Cause:
    """What one side's part does to the gradient that the other's does not."""
    cut = seen.cut_of(fault.part)
    reached = fed({}, noise(cut.torch, seen.torch.value(cut.torch).shape))
    for name, ours, theirs in part_gradients(seen, fault.part):
        if gradient_error(seen, name, ours, theirs, seen.parts[fault.part]) <= GRADIENT_FLOAT64:
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


# ------------------------------------------------------------------------------- narrowing it down


def narrowed(seen: Seen, fault: Fault, number: int) -> Middle | None:
    """The smallest pair of pieces of both parts that still differs."""
    cut, own = seen.cut_of(fault.part), seen.parts[fault.part]
    mine = part(seen.torch.net, cut.torch, seen.cuts.by_torch)
    if any(source not in seen.cuts.by_keras for source in own.sources):
        return None
    local = dict(seen.cuts.by_keras)
    made = seen.replayed.value(fault.part, cut.keras)
    if len(own.nodes) == len(mine.nodes) == 1 and alike_sources(seen, mine, own):
        return piece(seen, local, mine.nodes, own.nodes, cut, made)
    inside = inner_values(seen, fault, number)
    for value in [v for node in own.nodes for v in node.writes if v != cut.keras]:
        for candidate in [v for node in mine.nodes for v in node.writes if v != cut.torch]:
            moves = equal_way(inside.get(value), seen.torch.value(candidate), seen)
            if moves is not None:
                local[value] = Cut(candidate, value, moves, "values")
    final = ending(seen, fault, number, cut, local)
    if final is None:
        theirs = {c.torch: c for c in local.values()}
        torch = part(seen.torch.net, cut.torch, theirs).nodes
        return piece(seen, local, torch, part(seen.keras.net, cut.keras, local).nodes, cut, made)
    value, candidate, after = final
    end = Cut(candidate, value, last_way(seen, value, candidate), "")
    if value in local:
        return misread(seen, local, own, end, after)
    theirs = {c.torch: c for c in local.values()}
    torch = part(seen.torch.net, candidate, theirs, itself=False).nodes
    keras = part(seen.keras.net, value, local).nodes
    return piece(seen, local, torch, keras, end, inside.get(value), after)


def alike_sources(seen: Seen, ours: Part, theirs: Part) -> bool:
    """Whether both read the same values."""
    return set(ours.sources) == {seen.cuts.by_keras[s].torch for s in theirs.sources}


def misread(
    seen: Seen, local: Mapping[str, Cut], own: Part, end: Cut, after: float
) -> Middle | None:
    """Keras reads one value where PyTorch reads another: what leads from one to the other."""
    got = local[end.keras].torch
    reader = next((n for n in own.nodes if end.keras in n.reads), None)
    on_the_way = part(seen.torch.net, end.torch, {got: local[end.keras]})
    beyond = part(seen.torch.net, got, {end.torch: local[end.keras]})
    made = back_moved(seen, end, got)
    error = relative_error(made, seen.torch.value(end.torch))
    middle = Middle([], [], local, end, seen.torch.value(end.torch), made, error, after, reader)
    if on_the_way.sources == (got,):
        middle.torch = [n for n in on_the_way.nodes if not is_still(seen.torch, n)]
    elif beyond.sources == (end.torch,):
        middle.keras = [
            n for n in beyond.nodes if not is_still(seen.torch, n)
        ]  # by PyTorch's names
    return middle


def is_still(look: Look, node: Node) -> bool:
    """Whether a node hands on what it reads, as dropout does in evaluation."""
    if len(node.reads) == 1 and node.kind == "concat":
        return True  # joins one
    if node.kind not in STILL or not node.reads:
        return False
    before, after = (look.arrays.get(f"value:{v}") for v in (node.reads[0], node.writes[0]))
    return before is None or after is None or np.array_equal(before, after)


def back_moved(seen: Seen, end: Cut, got: str) -> Array | None:
    """What Keras reads, as PyTorch has it, in the shape of what it should read."""
    x, due = seen.torch.value(got), seen.torch.value(end.torch)
    return x.reshape(due.shape) if x.size == due.size else None


def piece(
    seen: Seen,
    local: Mapping[str, Cut],
    torch: Sequence[Node],
    keras: Sequence[Node],
    cut: Cut,
    made: Array | None,
    after: float | None = None,
) -> Middle:
    """What is left, with its numbers."""
    due = seen.torch.value(cut.torch)
    try:
        ours = moved(made, cut.moves) if made is not None else None
    except ValueError:
        ours = None
    return Middle(
        [n for n in torch if not is_still(seen.torch, n)],
        [n for n in keras if not is_still(seen.keras, n)],
        local,
        cut,
        due,
        ours,
        relative_error(ours, due),
        after,
    )


def inner_values(seen: Seen, fault: Fault, number: int) -> dict[str, Array]:
    """What a part of Keras makes on its way, on PyTorch's numbers."""
    (unit,) = seen.units(False, frozenset([fault.part]))
    own = seen.parts[fault.part]
    values = tuple(v for node in own.nodes for v in node.writes)
    wanted = replace(unit, targets=values, gradients={})
    replay = seen.room.replay("keras", f"inside-{number}", [wanted], source_of(seen))
    left = replay.by_unit.get(unit.name, {})
    return {k.removeprefix("value:"): x for k, x in left.items() if k.startswith("value:")}


def source_of(seen: Seen) -> Any:
    return seen.room.path("torch", "look-float64")


def equal_way(keras: Array | None, torch: Array, seen: Seen) -> Moves | None:
    """The moves after which both are equal to rounding."""
    if keras is None or keras.size != torch.size:
        return None
    moves = way_by_value(keras, torch, seen.keras.graph, list(seen.torch.graph.shapes.values()))
    if moves is None or relative_error(moved(keras, moves), torch) > FORWARD_FLOAT64:
        return None
    return moves


def last_way(seen: Seen, keras: str, torch: str) -> Moves:
    shapes = seen.keras.graph.shapes[keras], seen.torch.graph.shapes[torch]
    found = next(ways_between(*shapes, seen.keras.graph), None)
    return found if found is not None else by_rank(*shapes, seen.keras.graph) or ()


def ending(
    seen: Seen, fault: Fault, number: int, cut: Cut, local: Mapping[str, Cut]
) -> tuple[str, str, float] | None:
    """The earliest value from which on the part is right, PyTorch's there, and the error left."""
    own = part(seen.keras.net, cut.keras, local)
    theirs = {c.torch: c for c in local.values()}
    mine = part(seen.torch.net, cut.torch, theirs)
    inner = [v for node in own.nodes[:-1] for v in node.writes] + [
        s for s in own.sources if s in local
    ]
    outer = [v for node in mine.nodes for v in node.writes if v != cut.torch] + list(mine.sources)
    units, tries = [], {}
    for value in inner:
        for candidate in outer:
            if value in local and local[value].torch == candidate:
                continue
            shapes = seen.keras.graph.shapes[value], seen.torch.graph.shapes[candidate]
            if np.prod(shapes[0]) != np.prod(shapes[1]) and len(shapes[0]) != len(shapes[1]):
                continue
            moves = last_way(seen, value, candidate)
            known = {**local, value: Cut(candidate, value, moves, "")}
            piece = part(seen.keras.net, cut.keras, known)
            if any(s not in known for s in piece.sources):
                continue
            name = f"{value} as {candidate}"
            feeds = {}
            for s in piece.sources:
                way = back(known[s].moves, (-1, *seen.keras.graph.shapes[s]))
                if seen.keras.graph.shapes[s] != shape_of(seen, known[s]):
                    way = turned(known[s].moves)
                feeds[s] = (f"value:{known[s].torch}", way)
            units.append(Unit(name, piece.names, feeds, (cut.keras,), {}))
            tries[name] = (value, candidate)
    if not units or len(units) > 60:
        return None
    replay = seen.room.replay("keras", f"ending-{number}", units, source_of(seen))
    due = seen.torch.value(cut.torch)
    for name, (value, candidate) in tries.items():
        made = replay.value(name, cut.keras)
        if made is None or prod_of(made) != prod_of(due):
            continue
        error = relative_error(moved(made, cut.moves), due)
        if error <= FORWARD_FLOAT64:
            return value, candidate, error
    return None


def shape_of(seen: Seen, cut: Cut) -> tuple[int, ...]:
    """The shape that a Keras value has when it stands for PyTorch's."""
    x = np.empty((1, *seen.torch.graph.shapes[cut.torch]))
    try:
        return moved(x, back(cut.moves, (-1, *seen.keras.graph.shapes[cut.keras]))).shape[1:]
    except (ValueError, AssertionError):
        return ()


def turned(moves: Moves) -> Moves:
    """The way back of transposes alone, for maps of another size."""
    return tuple(
        ("transpose", tuple(int(i) for i in np.argsort(axes)))
        for word, axes in reversed(moves)
        if word == "transpose"
    )


def prod_of(x: Array) -> int:
    return int(np.prod(x.shape))


# ---------------------------------------------------------------------------------- what differs


def causes_of(seen: Seen, middle: Middle) -> list[Cause]:
    """By the pieces that are left: something missing, something extra, or one thing otherwise."""
    torch, keras = merged(middle.torch), merged(middle.keras)
    if torch and not keras:
        return [missing(seen, middle, torch)]
    if keras and not torch:
        return [extra(seen, middle, keras)]
    if not torch and not keras:
        phrase = f"reads what is torch's {middle.local[middle.cut.keras].torch}, torch's reads "
        phrase += middle.cut.torch
        return [Cause("wrong-source", phrase, middle.error, middle.after, (), ("wrong-source",))]
    return between_both(seen, middle, torch, keras)


def between_both(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work]
) -> list[Cause]:
    """One operation of each side on the same numbers; or a few that stand for one."""
    spoilt = not_all_numbers(middle)
    if spoilt is not None:
        return [spoilt]
    constants = known_constants(seen, middle, keras)
    if constants is not None:
        return [constants]
    if len(torch) == len(keras) == 1:
        found = one(seen, middle, torch[0], keras[0])
        if found[0].id is not None and found[0].id != "other-layer":
            return found
    known = in_short_format(seen, middle)
    if known is not None:
        return [known]
    if len(torch) == 1:
        cause = by_catalogue(seen, middle, torch[0], "torch")
        if cause.id is not None:
            ways = repaired(seen, middle, torch[0], keras[-1]) if len(keras) == 1 else ()
            return [replace(cause, repairs=ways)]
    if len(keras) == 1:  # PyTorch's is the odd one: what it does, said of Keras' layer
        cause = by_catalogue(seen, middle, keras[0], "keras")
        if cause.id is not None:
            return [replace(cause, phrase=f"torch's {cause.phrase}")]
    if len(torch) == len(keras) == 1:
        return one(seen, middle, torch[0], keras[0])
    return [Cause(before=middle.error)]


def behind_preprocessing(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work], number: int
) -> list[Cause]:
    """Keras does something to its input first, and the layer behind it may differ as well."""
    first = [work for work in keras[:-1] if work.node.kind in ("rescale", "normalise")]
    if not first or len(torch) != 1 or len(keras) != 1 + len(first):
        return []
    rest, last = keras[-1], first[-1].node
    reads = (torch[0].pad or torch[0].node).reads
    if len(reads) != 1 or torch[0].node.kind != rest.node.kind:
        return []
    value = last.writes[0]
    stands = Cut(reads[0], value, last_way(seen, value, reads[0]), "")
    local = {**middle.local, value: stands}
    own = part(seen.keras.net, middle.cut.keras, local)
    way = back(stands.moves, (-1, *seen.keras.graph.shapes[value]))
    feeds = {value: (f"value:{reads[0]}", way)}
    unit = Unit("rest", own.names, feeds, (middle.cut.keras,), {})
    made = seen.room.replay("keras", f"rest-{number}", [unit], source_of(seen))
    left = piece(
        seen, local, [torch[0].node], own.nodes, middle.cut, made.value("rest", middle.cut.keras)
    )
    found = [] if left.error <= FORWARD_FLOAT64 else one(seen, left, torch[0], rest)
    if any(cause.id is None for cause in found):
        return []
    names = " and ".join(f"{w.node.name} ({w.node.kind})" for w in first)
    after = max([cause.after or 0.0 for cause in found], default=left.error)
    fix = {"torch": f"do the same before the model: {names}", "keras": f"remove {names}"}
    repairs = tuple(Repair(n, "identity", reads=((),)) for w in first for n in w.node.ran)
    phrase = f"keras does {names} inside the model"
    id = "preprocessing-inside"
    own_cause = Cause(id, phrase, middle.error, after, (), (id,), fix, repairs=repairs)
    return [own_cause, *found]


def known_constants(seen: Seen, middle: Middle, keras: Sequence[Work]) -> Cause | None:
    """What TensorFlow holds in float32 in a float64 net: some constants, and all of a resize."""
    if len(keras) != 1 or middle.made is None or middle.error > KEPT_IN_FLOAT32:
        return None
    node, settings = keras[0].node, keras[0].settings
    if node.kind == "upsample" and np.array_equal(middle.made, middle.made.astype(np.float32)):
        return Cause(KNOWN, "tf.image.resize works in float32", middle.error, 0.0)
    values = [way_to_torch(seen, middle, value, "keras") for value in node.reads]
    sources = [seen.torch.value(value) for value in values if value is not None]
    if len(sources) != 1 or len(values) != 1:
        return None
    meant = numbers(node.kind, settings, sources, {}, middle.due)
    try:
        held = in_float32(node.kind, settings, sources)
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    if meant is None or held is None or relative_error(meant, middle.due) > 10 * FORWARD_FLOAT64:
        return None
    after = relative_error(middle.made, held.reshape(middle.due.shape))
    phrase = "TensorFlow keeps its constants in float32"
    found = after <= min(10 * FORWARD_FLOAT64, 1e-2 * middle.error)
    return Cause(KNOWN, phrase, middle.error, after) if found else None


def not_all_numbers(middle: Middle) -> Cause | None:
    """One side makes numbers that are not finite, and all others right."""
    if middle.made is None or middle.made.shape != middle.due.shape:
        return None
    for side, x, other in (
        ("keras", middle.made, middle.due),
        ("torch", middle.due, middle.made),
    ):
        finite = np.isfinite(x)
        if finite.all() or not finite.any() or not np.isfinite(other).all():
            continue
        after = relative_error(x[finite], other[finite])
        if after <= FORWARD_FLOAT64:
            phrase = f"{(~finite).sum():,} of {finite.size:,} of {side}'s numbers are not finite"
            return Cause("nan", phrase, middle.error, after, (), ("nan",))
    return None


def in_short_format(seen: Seen, middle: Middle) -> Cause | None:
    """Numbers held in fewer bits than the port is to compute in, where the part's are."""
    for side, nodes in (("torch", middle.torch), ("keras", middle.keras)):
        dtypes = (seen.torch if side == "torch" else seen.keras).graph.dtypes
        held = [dtypes.get(value, "") for node in nodes for value in node.writes]
        bits = [d for d in held if d in ("float32", "float16", "bfloat16")]
        if bits and middle.error <= 2e-2:
            id = "float32-inside" if bits[0] == "float32" else "mixed-precision"
            fix = {side: "compute in the model's dtype, as the other port does"}
            return Cause(
                id, f"{side} computes here in {bits[0]}", middle.error, None, (), (id,), fix
            )
    return None


@dataclass(frozen=True)
class Work:
    """One operation with the padding that goes before it."""

    node: Node
    settings: dict[str, Any]
    pad: Node | None = None


def merged(nodes: Sequence[Node]) -> list[Work]:
    """Padding layers taken into what reads them."""
    found: list[Work] = []
    for node in nodes:
        before = found[-1].node if found else None
        sides = before.settings.get("sides", before.settings.get("padding")) if before else None
        if before is None or before.kind != "pad" or node.kind not in PADDED or sides is None:
            found.append(Work(node, dict(node.settings)))
            continue
        around = node.settings.get("padding", ((0, 0), (0, 0)))
        both = tuple((a + c, b + d) for (a, b), (c, d) in zip(sides, around, strict=True))
        more: dict[str, Any] = {"padding": both}
        if node.kind == "max_pool":
            more["fill"] = float(before.settings.get("value") or 0.0)
        if node.kind == "avg_pool":
            more["count_border"] = True
        found[-1] = Work(node, {**node.settings, **more}, before)
    return found


def missing(seen: Seen, middle: Middle, torch: Sequence[Work]) -> Cause:
    """Keras goes on with what PyTorch first does something to."""
    kinds = [work.node.kind for work in torch]
    id = "activation-missing" if set(kinds) <= ACTIVATIONS_OF_KIND else "layer-skipped"
    names = " and ".join(f"{w.node.name} ({w.node.kind})" for w in torch)
    fix = {"keras": f"add {', '.join(kinds)}", "torch": f"remove {names}"}
    phrase = f"keras leaves out what torch does in {names}"
    if not set(kinds) <= LAYER_KINDS:
        happened = what_happened(seen, middle, middle.made, middle.due)
        if happened.id is not None:
            id, phrase = happened.id, f"torch's {names}: what it reads {happened.phrase}"
    repairs: tuple[Repair, ...] = ()
    if middle.reader is not None and all(computable(kind) for kind in kinds):
        ways = tuple(way_of(seen, middle, value) for value in middle.reader.reads)
        before = tuple((w.node.kind, w.settings) for w in torch)
        repairs = (Repair(middle.reader.name, reads=ways, before=before),)
    return Cause(id, phrase, middle.error, middle.after, (), (id,), fix, repairs=repairs)


def way_of(seen: Seen, middle: Middle, value: str) -> Moves:
    """What takes a value that Keras reads to PyTorch's axes."""
    if value in middle.local:
        return middle.local[value].moves
    sources = [
        middle.local[s].moves for s in seen.keras.net.maker[value].reads if s in middle.local
    ]
    return sources[0] if sources else ()


def extra(seen: Seen, middle: Middle, keras: Sequence[Work]) -> Cause:
    """Keras does something to what PyTorch hands on as it is."""
    kinds = [work.node.kind for work in keras]
    id = "activation-extra" if set(kinds) <= ACTIVATIONS_OF_KIND else "layer-extra"
    ends = {seen.keras.graph.outputs[name] for _, name in seen.outputs}
    if kinds == ["softmax"] and set(keras[-1].node.writes) & ends:
        id = "softmax-or-logits"
    if kinds[0] in ("rescale", "normalise"):
        id = "preprocessing-inside"
    names = " and ".join(f"{w.node.name} ({w.node.kind})" for w in keras)
    after = middle.after
    read = next((middle.local[v].torch for v in keras[0].node.reads if v in middle.local), None)
    if after is None and read is not None and seen.torch.value(read).size == middle.due.size:
        after = relative_error(seen.torch.value(read).reshape(middle.due.shape), middle.due)
    fix = {"torch": f"add {', '.join(kinds)}", "keras": f"remove {names}"}
    repairs = tuple(Repair(n, "identity", reads=((),)) for w in keras for n in w.node.ran)
    phrase = f"keras does {names}, torch nothing here"
    if not set(kinds) <= LAYER_KINDS and read is not None:
        same = seen.torch.value(read)
        happened = what_happened(
            seen, middle, same.reshape(middle.due.shape) if same.size == middle.due.size else None,
            middle.made,
        )  # fmt: skip
        if happened.id is not None:
            id, phrase = happened.id, f"keras' {names}: what it reads {happened.phrase}"
    return Cause(id, phrase, middle.error, after, (), (id,), fix, repairs=repairs)


def one(seen: Seen, middle: Middle, ours: Work, theirs: Work) -> list[Cause]:
    """One operation of each side on the same numbers."""
    t, k = ours.node, theirs.node
    sources = [seen.torch.value(name) for name in (ours.pad or t).reads]
    own_t, own_k = owned(seen, t, "torch"), owned(seen, k, "keras")
    right = numbers(t.kind, ours.settings, sources, own_t, middle.due)
    if right is None or relative_error(right, middle.due) > RIGHT:
        return [other_kind(middle, t, k, None)]
    repairs = repaired(seen, middle, ours, theirs)
    if t.kind != k.kind:
        return [
            replace(other_kind(middle, t, k, relative_error(right, middle.due)), repairs=repairs)
        ]
    found = by_settings(seen, middle, ours, theirs, sources, own_t, own_k)
    found = found or [by_catalogue(seen, middle, ours, "torch")]
    if found[0].id is None:
        return found
    return [replace(found[0], repairs=repairs), *found[1:]]


def repaired(seen: Seen, middle: Middle, ours: Work, theirs: Work) -> tuple[Repair, ...]:
    """The Keras operation done as PyTorch does it, in NumPy."""
    ways = tuple(way_of(seen, middle, value) for value in theirs.node.reads)
    held = {role: seen.tensor_file("torch", name) for role, name in ours.node.tensors.items()}
    makes = back(middle.cut.moves, (-1, *seen.keras.graph.shapes[middle.cut.keras]))
    if seen.keras.graph.shapes[middle.cut.keras] != shape_of(seen, middle.cut):
        makes = turned(middle.cut.moves)
    first, *others = theirs.node.ran  # the first computes it all, and the rest hand it on
    own = Repair(first, ours.node.kind, ours.settings, held, ways, makes)
    after = [Repair(name, "identity", reads=((),)) for name in others]
    pad = [Repair(theirs.pad.name, "identity", reads=((),))] if theirs.pad else []
    return (own, *after, *pad)


def owned(seen: Seen, node: Node, side: str) -> dict[str, Array]:
    """The tensors of a node by role, in PyTorch's axes."""
    held = seen.held[side]
    moves = {c.keras: c.moves for c in seen.moves.carried} if side == "keras" else {}
    return {
        role: moved(held[name], moves.get(name, ()))
        for role, name in node.tensors.items()
        if name in held
    }


def numbers(
    kind: str,
    settings: Mapping[str, Any],
    sources: Sequence[Array],
    own: Mapping[str, Array],
    like: Array,
) -> Array | None:
    """What the operation makes with these settings, in the shape of `like` where it has as many."""
    try:
        made = compute(kind, settings, sources, own)
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return made.reshape(like.shape) if made.size == like.size else made


def by_settings(
    seen: Seen,
    middle: Middle,
    ours: Work,
    theirs: Work,
    sources: Sequence[Array],
    own_t: Mapping[str, Array],
    own_k: Mapping[str, Array],
) -> list[Cause]:
    """Settings that differ: together they explain the error, and each of them is needed."""
    kind = ours.node.kind
    keys = [
        key
        for key in ours.settings.keys() | theirs.settings.keys()
        if key not in UNHEARD and ours.settings.get(key) != theirs.settings.get(key)
        and ((key in ours.settings and key in theirs.settings) or key == "fill")
    ]  # fmt: skip
    own = {**own_t, **own_k}
    if not keys:
        return []
    if middle.made is not None:
        every = {**ours.settings, **{key: set_to(theirs, key) for key in keys}}
        as_set = numbers(kind, every, sources, own, middle.made)
        if as_set is None or relative_error(middle.made, as_set) > 1e-9:
            return []  # it does otherwise than its settings say
    keys.sort(key=lambda key: (WEIGHTIEST.index(key) if key in WEIGHTIEST else 99, key))
    needed, after = smallest(ours, theirs, sources, own, middle, keys)
    if after > max(FORWARD_FLOAT64, 1e-6 * min(middle.error, 1.0)):
        return []
    fix = code(ours, theirs, sources)
    return [
        Cause(
            setting_cause(kind, key, ours, theirs),
            f"{key}: torch {shown(set_to(ours, key))}, keras {shown(set_to(theirs, key))}",
            middle.error,
            after,
            (),
            tuple(sorted(keys)),
            fix,
        )
        for key in needed
    ]


WEIGHTIEST = ("kernel", "size", "stride", "dilation", "groups", "bias", "eps", "padding", "sides")


def smallest(
    ours: Work,
    theirs: Work,
    sources: Sequence[Array],
    own: Mapping[str, Array],
    middle: Middle,
    keys: Sequence[str],
) -> tuple[tuple[str, ...], float]:
    """The fewest settings that, taken from PyTorch, make of Keras' operation PyTorch's numbers."""
    as_keras = {**ours.settings, **{key: set_to(theirs, key) for key in keys}}
    for count in range(1, min(len(keys), 4) + 1):
        for chosen in combinations(keys, count):
            settings = {**as_keras, **{key: set_to(ours, key) for key in chosen}}
            made = numbers(ours.node.kind, settings, sources, own, middle.due)
            after = relative_error(made, middle.due) if made is not None else np.inf
            if after <= FORWARD_FLOAT64:
                return chosen, after
    return (), np.inf


def set_to(work: Work, key: str) -> Any:
    """A setting; what pads a maximum is below every number, unless a padding layer says so."""
    return work.settings.get(key, -np.inf if key == "fill" else None)


def setting_cause(kind: str, key: str, ours: Work, theirs: Work) -> str:
    """The catalogue's id of a setting that differs."""
    a, b = ours.settings.get(key, ()), theirs.settings.get(key, ())
    if key == "bias":
        return "bias-missing" if a else "bias-extra"
    if key == "padding":
        return padding_cause(a, b, max(ours.settings.get("stride", (1,))))
    if key == "sides":
        return padding_cause(a, b, 1)
    named = {
        "eps": "bn-eps" if kind == "batch_norm" else f"{kind}-eps",
        "slope": "leaky-relu-slope",
        "cut": "relu6",
        "approximate": "gelu",
        "count_border": "avgpool-padding",
        "ceil": "ceil-mode",
        "fill": "maxpool-padding",
    }
    return named.get(key, key)


def padding_cause(torch: Any, keras: Any, stride: int) -> str:
    """The id of paddings that differ: Keras' "same", as much on other sides, none, or another."""
    odd = all(b - a in (0, 1) for a, b in keras) and any(a != b for a, b in keras)
    if keras and torch and odd and all(a == b for a, b in torch):
        return {2: "same-vs-symmetric-stride2", 4: "same-stride4"}.get(stride, "same-padding")
    total = [[sum(side) for side in sides] for sides in (torch or (), keras or ())]
    if total[0] == total[1]:
        return "padding-side"
    return "padding-missing" if not any(total[1]) else "padding"


def shown(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def code(ours: Work, theirs: Work, sources: Sequence[Array]) -> dict[str, str] | None:
    """Either side's layer with the other's settings."""
    shapes = [x.shape[1:] for x in sources]
    kind = ours.node.kind
    try:
        common = settings_of_spec(kind, ours.settings)
        keras = fixes.made(Layer("", kind, common), shapes, "keras")
        torch = fixes.made(
            Layer("", kind, settings_of_spec(kind, theirs.settings)), shapes, "torch"
        )
    except (KeyError, ValueError, TypeError, IndexError):
        return None
    return {"torch": torch, "keras": keras}


def settings_of_spec(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {**DEFAULTS.get(kind, {}), **settings}


def other_kind(middle: Middle, t: Node, k: Node, after: float | None) -> Cause:
    """Another operation in the place of one; unknown where they are called alike."""
    if t.kind == k.kind or "block" in (t.kind, k.kind):
        return Cause(before=middle.error)
    both = {t.kind, k.kind} <= ACTIVATIONS_OF_KIND
    pools = {t.kind, k.kind} <= {"max_pool", "avg_pool", "global_avg_pool", "global_max_pool"}
    id = "other-activation" if both else "max-for-mean" if pools else "other-layer"
    phrase = f"keras computes {k.kind} ({k.name}), torch {t.kind} ({t.name})"
    fix = {"keras": f"use {t.kind}", "torch": f"use {k.kind}"}
    return Cause(id, phrase, middle.error, after, (), (id,), fix)


def by_catalogue(seen: Seen, middle: Middle, work: Work, side: str) -> Cause:
    """The variants of one side's operation, as compare/causes.py tries them: the other's numbers.

    `side`: whose operation is taken for right.
    """
    kind, node = work.node.kind, work.node
    made = middle.made if side == "torch" else middle.due
    if made is None or kind not in VARIANTS:
        return Cause(before=middle.error)
    values = [way_to_torch(seen, middle, value, side) for value in (work.pad or node).reads]
    if any(value is None for value in values):
        return Cause(before=middle.error)
    wide = tuple(np.asarray(seen.torch.value(v), dtype=np.float64) for v in values if v)
    own = {r: np.asarray(x, dtype=np.float64) for r, x in owned(seen, node, side).items()}
    layer = Layer(node.name, kind, settings_of_spec(kind, work.settings), tuple(map(str, values)))
    case = Case(layer, wide, own, made, "float64", flattened_from(seen, middle), ends(seen, middle))
    try:
        if case.right.shape != made.shape and case.right.size == made.size:
            case = replace(case, made=made.reshape(case.right.shape))
        else:
            relative_error(case.right, made)
    except (ValueError, KeyError, IndexError):
        return Cause(before=middle.error)
    found = proven(case, (*VARIANTS.get(kind, ()), *ANYWHERE, *ROUNDING), FLOAT64)
    after, also, tried = found.error_after, found.also, found.tried
    return Cause(found.cause, found.phrase, middle.error, after, also, tried)


def way_to_torch(seen: Seen, middle: Middle, value: str, side: str) -> str | None:
    """PyTorch's value for one that a side reads; None where nothing stands for it."""
    if side == "torch":
        return value
    return middle.local[value].torch if value in middle.local else None


def ends(seen: Seen, middle: Middle) -> bool:
    """Whether what is made is an output, which a loss may take for logits."""
    return middle.cut.torch in seen.torch.graph.outputs.values()


def flattened_from(seen: Seen, middle: Middle) -> tuple[int, ...] | None:
    """(C, H, W) of maps that are flattened before a piece; None where none are."""
    if not middle.torch or not middle.torch[0].reads:
        return None
    node = seen.torch.net.maker.get(middle.torch[0].reads[0])
    while node is not None and node.kind in (*STILL, *ACTIVATIONS_OF_KIND) and node.reads:
        node = seen.torch.net.maker.get(node.reads[0])
    if node is None or node.kind != "flatten" or not node.reads:
        return None
    shape = seen.torch.graph.shapes[node.reads[0]]
    return shape if len(shape) == 3 else None


def what_happened(seen: Seen, middle: Middle, before: Array | None, now: Array | None) -> Cause:
    """What turned one array into another, by no layer that is known."""
    if before is None or now is None:
        return Cause()
    layer = Layer("", "dropout", {"rate": 0.0}, ("x",))
    wide = np.asarray(before, dtype=np.float64)
    case = Case(layer, (wide,), {}, np.asarray(now), "float64", None, ends(seen, middle))
    if not np.isfinite(now).all():
        finite = np.isfinite(now)
        after = relative_error(now[finite], wide[finite]) if now.shape == wide.shape else 1.0
        phrase = f"{(~finite).sum():,} of {finite.size:,} numbers are not finite"
        return Cause("nan", phrase, float("inf"), after) if after <= FORWARD_FLOAT64 else Cause()
    dropped = (now == 0) & (wide != 0) if now.shape == wide.shape else np.zeros(1, bool)
    if dropped.any() and not dropped.all():
        kept = ~dropped & (wide != 0)
        factor = float(np.median(now[kept] / wide[kept])) if kept.any() else 0.0
        after = relative_error(now, np.where(dropped, 0, factor * wide))
        if after <= FORWARD_FLOAT64 and factor > 1:
            phrase = f"loses {dropped.mean():.0%} of its numbers in evaluation"
            return Cause("dropout-in-evaluation", phrase, middle.error, after)
    candidates = [c for c in ANYWHERE if c[0] not in ("layer-skipped", "activation-extra")]
    found = proven(case, candidates, FLOAT64)
    return Cause(found.cause, found.phrase, middle.error, found.error_after, found.also)
