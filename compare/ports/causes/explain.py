"""Why a part errs: what differs between the two ports there, proven on that part alone.

First the part is narrowed down (compare/ports/causes/narrow.py). Of the operation that is left, the
settings of both sides are tried: only those without which the error stays are causes. Where no
setting differs, the catalogue of variants is tried. What nothing explains stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Moves, Node, back, moved
from common.job import Repair, Unit
from common.operations import computable
from compare.evidence import relative_error
from compare.ports.causes.backward import gradient_cause
from compare.ports.causes.catalogue import ACTIVATIONS_OF_KIND, by_catalogue, owned, what_happened
from compare.ports.causes.cause import RIGHT, Cause
from compare.ports.causes.narrow import (
    Middle,
    last_way,
    misread,
    narrowed,
    piece,
    shape_of,
    source_of,
    turned,
    way_in,
)
from compare.ports.causes.places import CUTS, by_constants, cut_elsewhere, other_scale
from compare.ports.causes.settings import Work, by_settings, merged, numbers
from compare.ports.causes.spoilt import (
    in_few_bits,
    in_short_format,
    known_constants,
    not_all_numbers,
    scaled_in_float32,
)
from compare.ports.cuts import Cut, Part, part
from compare.ports.fault import Fault
from compare.ports.verify import OUTPUT, Seen
from compare.thresholds import FORWARD_FLOAT64

Array = NDArray[Any]
LAYER_KINDS = {
    *(ACTIVATIONS_OF_KIND - {"softmax"}),
    "conv",
    "dense",
    "batch_norm",
    "max_pool",
    "avg_pool",
}


def explain(seen: Seen, fault: Fault, number: int) -> list[Cause]:
    """Every cause of one fault; one without an id where nothing explains it."""
    if fault.cause:
        return [Cause(fault.cause, fault.detail, fault.error, fault.after, fix=fault.fix)]
    if fault.short:
        return [in_few_bits(seen, fault)]
    if fault.hidden:  # nothing can be proven on numbers that do not show it
        return [Cause(before=fault.error)]
    if fault.part.startswith(OUTPUT) and fault.part not in seen.parts:
        return returned(seen, fault)
    if fault.part in seen.parts and fault.rung == 5:
        return [gradient_cause(seen, fault)]
    if fault.rung not in (1, 3) or fault.part not in seen.parts:
        return [Cause(before=fault.error)]
    with np.errstate(all="ignore"):
        known = scaled_in_float32(seen, fault, number)
        if known is not None:
            return [known]
        middle = narrowed(seen, fault, number)
        if middle is None:
            return [Cause(before=fault.error)]
        middle.rounding = seen.short.forward(fault.part, FORWARD_FLOAT64)
        found = causes_of(seen, middle)
        if found[0].id is None:
            works = merged(middle.torch), merged(middle.keras)
            found = (
                behind_preprocessing(seen, middle, *works, number)
                or besides(seen, middle, *works, number)
                or found
            )
    names = ", ".join(n.name for n in middle.torch), ", ".join(n.name for n in middle.keras)
    return [replace(c, torch=c.torch or names[0], keras=c.keras or names[1]) for c in found]


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
        alone = len(torch) == len(keras) == 1
        return [
            replace(constants, repairs=repaired(seen, middle, torch[0], keras[0]) if alone else ())
        ]
    affine = by_constants(seen, middle, torch, keras)
    if affine is not None:
        return [affine]
    if len(torch) == len(keras) == 1:
        found = one(seen, middle, torch[0], keras[0])
        found = (
            [cut_elsewhere(seen, middle, torch[0], keras[0])]
            if found[0].id in (None, "other-layer")
            and {torch[0].node.kind, keras[0].node.kind} <= CUTS
            else found
        )
        if found[0].id is not None and found[0].id != "other-layer":
            return found
    scale = other_scale(seen, middle)
    if scale is not None:
        return [scale]
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


def besides(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work], number: int
) -> list[Cause]:
    """Keras does something more on the way: without it the rest is right, or its settings differ.

    A pool on one of two values that are added, where what it leaves no longer fits, is one.
    """
    more, pairs = beyond(torch, keras)
    own = part(seen.keras.net, middle.cut.keras, middle.local)
    if not more or len(pairs) != len(torch) or any(s not in middle.local for s in own.sources):
        return []
    cuts = {s: middle.local[s] for s in own.sources}
    feeds = {s: (f"value:{cut.torch}", way_in(seen, cut)) for s, cut in cuts.items()}
    left_out = tuple(Repair(n, "identity", reads=((),)) for w in more for n in w.node.ran)
    left_out += tuple(Repair(w.pad.name, "identity", reads=((),)) for w in more if w.pad)
    set_otherwise = [(o, t) for o, t in pairs if o.settings != t.settings]
    ways = {"extra": left_out}
    if set_otherwise:
        as_torch = tuple(r for o, t in set_otherwise for r in repaired(seen, middle, o, t))
        ways["extra-and-settings"] = left_out + as_torch
    errors = {}
    for name, repairs in ways.items():
        unit = Unit(name, own.names, feeds, (middle.cut.keras,), {})
        place = f"{name}-{number}"
        replay = seen.room.replay("keras", place, [unit], source_of(seen), repairs=repairs)
        made, errors[name] = replay.value(name, middle.cut.keras), np.inf
        if made is not None and made.size == middle.due.size:
            errors[name] = relative_error(moved(made, middle.cut.moves), middle.due)
        if middle.explained(errors[name]):
            break
    if not middle.explained(errors[name]):
        return []
    kinds = [w.node.kind for w in more]
    id = "activation-extra" if set(kinds) <= ACTIVATIONS_OF_KIND else "layer-extra"
    names = " and ".join(f"{w.node.name} ({w.node.kind})" for w in more)
    fix = {"torch": f"add {', '.join(kinds)}", "keras": f"remove {names}"}
    phrase, last = f"keras does {names}, torch nothing here", errors[name]
    where = ", ".join(w.node.name for w in more)
    found = [Cause(id, phrase, middle.error, last, (), (id,), fix, keras=where, repairs=left_out)]
    for o, t in set_otherwise if name != "extra" else ():
        ours, theirs = o.node.writes[0], t.node.writes[0]
        end = Cut(ours, theirs, last_way(seen, theirs, ours), "")
        causes = one(seen, piece(seen, middle.local, [o.node], [t.node], end, None), o, t)
        if causes[0].id is None:
            return []
        here = errors["extra"], o.node.name, t.node.name
        found += [replace(c, before=here[0], torch=here[1], keras=here[2]) for c in causes]
    return found


def beyond(
    torch: Sequence[Work], keras: Sequence[Work]
) -> tuple[list[Work], list[tuple[Work, Work]]]:
    """What Keras does that PyTorch does not, by the kinds in their order; and the pairs."""
    more, pairs, left = [], [], list(torch)
    for work in keras:
        if left and left[0].node.kind == work.node.kind:
            pairs.append((left.pop(0), work))
        else:
            more.append(work)
    return more, pairs


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
    chain = all(len(w.node.reads) == 1 and not w.node.tensors for w in torch)
    if middle.reader is not None and chain and all(computable(kind) for kind in kinds):
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
    first = id == "preprocessing-inside" and str(read).startswith("input:")
    if not set(kinds) <= LAYER_KINDS and read is not None and not first:
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
    if right is None or relative_error(right, middle.due) > max(RIGHT, middle.rounding):
        return [other_kind(middle, t, k, None)]
    repairs = repaired(seen, middle, ours, theirs)
    if t.kind == k.kind == "concat":
        return [replace(joined(seen, middle, ours, theirs), repairs=repairs)]
    if t.kind != k.kind:
        return [
            replace(other_kind(middle, t, k, relative_error(right, middle.due)), repairs=repairs)
        ]
    found = by_settings(seen, middle, ours, theirs, sources, own_t, own_k, right)
    found = found or apart_from_shared(seen, middle, ours, theirs, sources, own_t)
    if not found:
        cause = by_catalogue(seen, middle, ours, "torch")
        found = [replace(cause, phrase=f"keras {cause.phrase}")] if cause.id else [cause]
    if found[0].id is None:
        return found
    return [replace(found[0], repairs=repairs), *found[1:]]


def repaired(seen: Seen, middle: Middle, ours: Work, theirs: Work) -> tuple[Repair, ...]:
    """The Keras operation done as PyTorch does it, in NumPy."""
    ways = tuple(way_of(seen, middle, value) for value in theirs.node.reads)
    held = {role: seen.tensor_file("torch", name) for role, name in ours.node.tensors.items()}
    order = read_order(middle, (ours.pad or ours.node).reads, (theirs.pad or theirs.node).reads)
    ways = tuple(ways[i] for i in order) if len(order) == len(ways) else ways
    makes = back(middle.cut.moves, (-1, *seen.keras.graph.shapes[middle.cut.keras]))
    if seen.keras.graph.shapes[middle.cut.keras] != shape_of(seen, middle.cut):
        makes = turned(middle.cut.moves)
    first, *others = theirs.node.ran  # the first computes it all, and the rest hand it on
    own = Repair(first, ours.node.kind, ours.settings, held, ways, order, makes)
    after = [Repair(name, "identity", reads=((),)) for name in others]
    pad = [Repair(theirs.pad.name, "identity", reads=((),))] if theirs.pad else []
    return (own, *after, *pad)


def apart_from_shared(
    seen: Seen,
    middle: Middle,
    ours: Work,
    theirs: Work,
    sources: Sequence[Array],
    own: Mapping[str, Array],
) -> list[Cause]:
    """One port runs a layer again where the other has one of its own."""
    t, k = ours.node, theirs.node
    alone = [name for name in k.tensors.values() if name in seen.moves.keras]
    if not alone or len(alone) < len(k.tensors):
        return []
    made = numbers(k.kind, theirs.settings, sources, own, middle.due)
    after = relative_error(made, middle.due) if made is not None else np.inf
    if after > FORWARD_FLOAT64:
        return []
    layer = t.layer or t.name
    phrase = f"torch runs {layer} again, keras another layer, {k.layer or k.name}"
    fix = {"keras": f"call the layer that stands for {layer} again", "torch": "use another layer"}
    return [Cause("layer-shared", phrase, middle.error, after, (), ("layer-shared",), fix)]


def read_order(middle: Middle, ours: Sequence[str], theirs: Sequence[str]) -> tuple[int, ...]:
    """Which of what Keras reads is PyTorch's first, second...; empty where that is not known."""
    stand_for = [middle.local[v].torch if v in middle.local else "" for v in theirs]
    if len(ours) < 2 or sorted(stand_for) != sorted(ours) or len(set(ours)) != len(ours):
        return ()
    return tuple(stand_for.index(v) for v in ours)


def joined(seen: Seen, middle: Middle, ours: Work, theirs: Work) -> Cause:
    """The same values joined in another order, or along another axis."""
    order = read_order(middle, ours.node.reads, theirs.node.reads)
    if not order or order == tuple(sorted(order)):
        return by_catalogue(seen, middle, ours, "torch")
    x = [seen.torch.value(ours.node.reads[order.index(i)]) for i in range(len(order))]
    made = numbers("concat", ours.settings, x, {}, middle.due)
    if made is None or middle.made is None:
        return Cause(before=middle.error)
    after = relative_error(middle.made, made)
    if after > FORWARD_FLOAT64:
        return Cause(before=middle.error)
    right = [theirs.node.reads[i] for i in order]
    wrong = [ours.node.reads[order.index(i)] for i in range(len(order))]
    fix = {"torch": f"join {', '.join(wrong)}", "keras": f"join {', '.join(right)}"}
    phrase = f"keras joins {', '.join(theirs.node.reads)}, torch {', '.join(ours.node.reads)}"
    return Cause("concat-order", phrase, middle.error, after, (), ("concat-order",), fix)


POOLS = {"max_pool", "avg_pool", "global_avg_pool", "global_max_pool", "mean", "max"}


def other_kind(middle: Middle, t: Node, k: Node, after: float | None) -> Cause:
    """Another operation in the place of one; unknown where they are called alike."""
    if t.kind == k.kind or "block" in (t.kind, k.kind):
        return Cause(before=middle.error)
    both = {t.kind, k.kind} <= ACTIVATIONS_OF_KIND
    pools = {t.kind, k.kind} <= POOLS
    id = "other-activation" if both else "max-for-mean" if pools else "other-layer"
    phrase = f"keras computes {k.kind} ({k.name}), torch {t.kind} ({t.name})"
    fix = {"keras": f"use {t.kind}", "torch": f"use {k.kind}"}
    return Cause(id, phrase, middle.error, after, (), (id,), fix)
