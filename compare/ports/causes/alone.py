"""Why one operation errs against one of the other side, on the same numbers; and its repair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import KINDS, Moves, Node, back
from common.job import Repair
from common.operations import computable
from compare.evidence import relative_error
from compare.ports.causes.catalogue import ACTIVATIONS_OF_KIND, by_catalogue, owned
from compare.ports.causes.cause import RIGHT, Cause
from compare.ports.causes.narrow import Middle, behind_still, shape_of, turned
from compare.ports.causes.settings import Work, by_settings, numbers
from compare.ports.verify import Seen
from compare.thresholds import FORWARD_FLOAT64

Array = NDArray[Any]
POOLS = {"max_pool", "avg_pool", "global_avg_pool", "global_max_pool", "mean", "max"}
OF_THE_LARGEST = {"max_pool", "global_max_pool", "max"}


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
    found = found or shared_instead(seen, middle, ours, theirs, sources, own_k)
    if not found:
        cause = by_catalogue(seen, middle, ours, "torch")
        found = [replace(cause, phrase=f"keras {cause.phrase}")] if cause.id else [cause]
    if found[0].id is None and seen.request.weights:
        found = [other_weights(middle, ours, theirs, sources, own_t, own_k)]
    if found[0].id is None:
        return found
    return [replace(found[0], repairs=repairs), *found[1:]]


def other_weights(
    middle: Middle,
    ours: Work,
    theirs: Work,
    sources: Sequence[Array],
    own_t: Mapping[str, Array],
    own_k: Mapping[str, Array],
) -> Cause:
    """The users' own files hold other numbers for a layer, and with PyTorch's it is right."""
    t, k = ours.node.tensors, theirs.node.tensors
    gaps = {role: relative_error(own_k[role], own_t[role]) for role in own_t.keys() & own_k.keys()}
    wrong = sorted(role for role, gap in gaps.items() if gap > RIGHT)
    made = numbers(theirs.node.kind, theirs.settings, sources, {**own_k, **own_t}, middle.due)
    after = relative_error(made, middle.due)
    if not wrong or not middle.explained(after):
        return Cause(before=middle.error)
    names = {s: ", ".join(held[role] for role in wrong) for s, held in (("torch", t), ("keras", k))}
    apart = ", ".join(f"{gaps[role]:.1e}" for role in wrong)
    hold = "holds" if len(wrong) == 1 else "hold"
    phrase = f"keras' {names['keras']} {hold} other numbers than torch's {names['torch']}: {apart}"
    fix = {"torch": f"load {names['keras']} there", "keras": f"load {names['torch']} there"}
    return Cause("other-weights", f"{phrase} apart", middle.error, after, (), ("weights",), fix)


def in_a_row(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work]
) -> list[Cause]:
    """Of operations that Keras runs at once, as a separable convolution: those set otherwise.

    Its numbers in between are not known. NumPy's stand for them where it makes Keras' in the end.
    """
    kinds = [w.node.kind for w in torch], [w.node.kind for w in keras]
    rows = [w.node.reads == b.node.writes for ws in (torch, keras) for b, w in pairwise(ws)]
    if kinds[0] != kinds[1] or not all(rows) or middle.made is None:
        return []
    made: Array | None = seen.torch.value((torch[0].pad or torch[0].node).reads[0])
    for work in keras:
        own = owned(seen, work.node, "keras")
        if made is not None:
            made = numbers(work.node.kind, work.settings, [made], own, middle.made)
    if made is None or relative_error(made, middle.made) > max(RIGHT, middle.rounding):
        return []
    found = []
    for ours, theirs in zip(torch, keras, strict=True):
        if ours.settings == theirs.settings:
            continue
        sources = [seen.torch.value((ours.pad or ours.node).reads[0])]
        held = owned(seen, ours.node, "torch"), owned(seen, theirs.node, "keras")
        due = seen.torch.value(ours.node.writes[0])
        wrong = numbers(theirs.node.kind, theirs.settings, sources, held[1], due)
        right = numbers(ours.node.kind, ours.settings, sources, held[0], due)
        if wrong is None or right is None or relative_error(right, due) > RIGHT:
            return []
        here = replace(middle, due=due, made=wrong, error=relative_error(wrong, due))
        causes = by_settings(seen, here, ours, theirs, sources, *held, right)
        if not causes and here.error > RIGHT:
            return []
        found += [replace(c, torch=ours.node.name, keras=theirs.node.name) for c in causes]
    return found


def repaired(seen: Seen, middle: Middle, ours: Work, theirs: Work) -> tuple[Repair, ...]:
    """The Keras operation done as PyTorch does it, in NumPy."""
    ways = tuple(way_of(seen, middle, value) for value in theirs.node.reads)
    held = {role: seen.tensor_file("torch", name) for role, name in ours.node.tensors.items()}
    reads = (ours.pad or ours.node).reads, (theirs.pad or theirs.node).reads
    order = read_order(seen, middle, *reads)
    ways = tuple(ways[i] for i in order) if len(order) == len(ways) else ways
    makes = back(middle.cut.moves, (-1, *seen.keras.graph.shapes[middle.cut.keras]))
    if seen.keras.graph.shapes[middle.cut.keras] != shape_of(seen, middle.cut):
        makes = turned(middle.cut.moves)
    first, *others = theirs.node.ran  # the first computes it all, and the rest hand it on
    own = Repair(first, ours.node.kind, ours.settings, held, ways, order, makes)
    after = [Repair(name, "identity", reads=((),)) for name in others]
    pad = [Repair(theirs.pad.name, "identity", reads=((),))] if theirs.pad else []
    after += [Repair(name, "identity", reads=((),)) for name in cropping(theirs)]
    return (own, *after, *pad)


def cropping(work: Work) -> tuple[str, ...]:
    """What runs for the crop behind it."""
    return work.crop.ran if work.crop else ()


def done_before(
    seen: Seen, middle: Middle, works: Sequence[Work], reader: Node, at: int
) -> Repair | None:
    """A Keras operation, `reader`, that first does to what it reads what PyTorch's do in turn.

    None where one of these is not known, or joins what Keras has not made by then.
    """
    if any(w.pad or not computable(w.node.kind) for w in works):
        return None
    if any(len(w.node.reads) != 1 for w in works[1:]):
        return None
    got, reads = middle.local.get(reader.reads[at]), list(works[0].node.reads)
    read = got.torch if got is not None and got.torch in reads else reads[0]
    others = [value for value in reads if value != read]
    more = [made_by_then(seen, middle, value, reader) for value in others]
    if len(others) != len(reads) - 1 or None in more or (others and got is None):
        return None
    held = {
        f"{place}.{role}": seen.tensor_file("torch", name)
        for place, work in enumerate(works)
        for role, name in work.node.tensors.items()
    }
    return Repair(
        reader.name,
        tensors=held,
        reads=(way_of(seen, middle, reader.reads[at]),),
        order=tuple([read, *others].index(value) for value in reads),
        before=tuple((work.node.kind, work.settings) for work in works),
        at=at,
        more=tuple(other for other in more if other is not None),
    )


def reads_instead(seen: Seen, middle: Middle) -> tuple[Repair, ...]:
    """The Keras operation goes on with what PyTorch's does, where Keras has made it by then."""
    reader, value = middle.reader, middle.cut.keras
    if reader is None or value not in reader.reads:
        return ()
    other = made_by_then(seen, middle, middle.cut.torch, reader)
    if other is None:
        return ()
    ways, at = (way_of(seen, middle, value),), reader.reads.index(value)
    before: tuple[tuple[str, dict[str, Any]], ...] = (("identity", {}),)
    return (Repair(reader.name, reads=ways, order=(1,), before=before, at=at, more=(other,)),)


def made_by_then(seen: Seen, middle: Middle, value: str, reader: Node) -> tuple[str, Moves] | None:
    """The Keras value that stands for PyTorch's, and its way, if it is there before `reader`."""
    nodes = seen.keras.graph.nodes
    late = {v for node in nodes[nodes.index(reader) :] for v in node.writes}
    known = [(k, c.moves) for k, c in middle.local.items() if c.torch == value and k not in late]
    return known[0] if known else None


def shared_instead(
    seen: Seen,
    middle: Middle,
    ours: Work,
    theirs: Work,
    sources: Sequence[Array],
    own: Mapping[str, Array],
) -> list[Cause]:
    """Keras runs a layer again where PyTorch has one of its own."""
    t, k = ours.node, theirs.node
    alone = [name for name in t.tensors.values() if name in seen.moves.torch]
    if not alone or len(alone) < len(t.tensors) or middle.made is None:
        return []
    if any(name in seen.moves.keras for name in k.tensors.values()):
        return []  # no other layer of PyTorch's stands for it
    made = numbers(t.kind, ours.settings, sources, own, middle.made)
    if made is None or relative_error(middle.made, made) > FORWARD_FLOAT64:
        return []
    layer = k.layer or k.name
    phrase = f"keras runs {layer} again, torch another layer, {t.layer or t.name}"
    fix = {"torch": f"call the layer that stands for {layer} again", "keras": "use another layer"}
    return [Cause("layer-shared", phrase, middle.error, 0.0, (), ("layer-shared",), fix)]


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
    if any(name in seen.moves.torch for name in t.tensors.values()):
        return []  # no other layer of Keras' stands for it
    made = numbers(k.kind, theirs.settings, sources, own, middle.due)
    after = relative_error(made, middle.due) if made is not None else np.inf
    if after > FORWARD_FLOAT64:
        return []
    layer = t.layer or t.name
    phrase = f"torch runs {layer} again, keras another layer, {k.layer or k.name}"
    fix = {"keras": f"call the layer that stands for {layer} again", "torch": "use another layer"}
    return [Cause("layer-shared", phrase, middle.error, after, (), ("layer-shared",), fix)]


def read_order(
    seen: Seen, middle: Middle, ours: Sequence[str], theirs: Sequence[str]
) -> tuple[int, ...]:
    """Which of what Keras reads is PyTorch's first, second...; empty where that is not known."""
    known = [middle.local[v].torch if v in middle.local else "" for v in theirs]
    stand_for = [behind_still(seen.torch, v) for v in known]
    ours = [behind_still(seen.torch, v) for v in ours]
    if len(ours) < 2 or sorted(stand_for) != sorted(ours) or len(set(ours)) != len(ours):
        return ()
    return tuple(stand_for.index(v) for v in ours)


def joined(seen: Seen, middle: Middle, ours: Work, theirs: Work) -> Cause:
    """The same values joined in another order, or along another axis."""
    order = read_order(seen, middle, ours.node.reads, theirs.node.reads)
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


def other_kind(middle: Middle, t: Node, k: Node, after: float | None) -> Cause:
    """Another operation in the place of one; unknown where they may be called alike."""
    if not {t.kind, k.kind} <= KINDS or t.kind == k.kind:
        return Cause(before=middle.error)
    both = {t.kind, k.kind} <= ACTIVATIONS_OF_KIND
    pools = {t.kind, k.kind} <= POOLS and len({t.kind, k.kind} & OF_THE_LARGEST) == 1
    id = "other-activation" if both else "max-for-mean" if pools else "other-layer"
    phrase = f"keras computes {k.kind} ({k.name}), torch {t.kind} ({t.name})"
    fix = {"keras": f"use {t.kind}", "torch": f"use {k.kind}"}
    return Cause(id, phrase, middle.error, after, (), (id,), fix)


def way_of(seen: Seen, middle: Middle, value: str) -> Moves:
    """What takes a value that Keras reads to PyTorch's axes."""
    if value in middle.local:
        return middle.local[value].moves
    sources = [
        middle.local[s].moves for s in seen.keras.net.maker[value].reads if s in middle.local
    ]
    return sources[0] if sources else ()
