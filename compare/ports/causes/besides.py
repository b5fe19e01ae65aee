"""What one side does besides, next to an operation that may be set otherwise as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from common.graph import back
from common.job import Repair, Unit
from compare.ports.causes.alone import done_before, one, repaired
from compare.ports.causes.catalogue import ACTIVATIONS_OF_KIND
from compare.ports.causes.cause import Cause
from compare.ports.causes.narrow import (
    Middle,
    behind_still,
    last_way,
    piece,
    source_of,
    way_in,
)
from compare.ports.causes.settings import Work
from compare.ports.cuts import Cut, Part, part
from compare.ports.fault import apart
from compare.ports.verify import Seen
from compare.thresholds import FORWARD_FLOAT64


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
    """One side does something more on the way: but for that the rest is right, or set otherwise.

    A pool on one of two values that are added, where what it leaves no longer fits, is one.
    """
    own = part(seen.keras.net, middle.cut.keras, middle.local)
    if any(s not in middle.local for s in own.sources):
        return []
    more, pairs = beyond(torch, keras)
    if more and len(pairs) == len(torch):
        left_out = tuple(Repair(n, "identity", reads=((),)) for w in more for n in w.node.ran)
        left_out += tuple(Repair(w.pad.name, "identity", reads=((),)) for w in more if w.pad)
        words = "keras does {}, torch nothing here", "extra", "add {}", "remove {}"
        return but_for(seen, middle, own, number, more, pairs, left_out, words)
    more, turned_pairs = beyond(keras, torch)
    done = [done_first(seen, middle, w, turned_pairs) for w in more]
    if more and len(turned_pairs) == len(keras) and all(done):
        pairs = [(ours, theirs) for theirs, ours in turned_pairs]
        words = "torch does {}, keras nothing here", "skipped", "remove {}", "add {}"
        repairs = tuple(repair for repair in done if repair is not None)
        return but_for(seen, middle, own, number, more, pairs, repairs, words)
    return []


def but_for(
    seen: Seen,
    middle: Middle,
    own: Part,
    number: int,
    more: Sequence[Work],
    pairs: Sequence[tuple[Work, Work]],
    repairs: tuple[Repair, ...],
    words: tuple[str, str, str, str],
) -> list[Cause]:
    """The causes, where a part is right with these repairs, or with those of settings, too."""
    cuts = {s: middle.local[s] for s in own.sources}
    feeds = {s: (f"value:{cut.torch}", way_in(seen, cut)) for s, cut in cuts.items()}
    ways = {"besides": repairs}
    set_otherwise = [(o, t) for o, t in pairs if o.settings != t.settings]
    if set_otherwise:
        as_torch = tuple(r for o, t in set_otherwise for r in repaired(seen, middle, o, t))
        ways["besides-and-settings"] = repairs + as_torch
    errors = {}
    for name, made_otherwise in ways.items():
        unit = Unit(name, own.names, feeds, (middle.cut.keras,), {})
        place, source = f"{name}-{number}", source_of(seen)
        replay = seen.room.replay("keras", place, [unit], source, repairs=made_otherwise)
        made = replay.value(name, middle.cut.keras)
        errors[name] = apart(made, middle.due, middle.cut)
        if middle.explained(errors[name]):
            break
    if not middle.explained(errors[name]):
        return []
    phrase, what, in_torch, in_keras = words
    names = " and ".join(f"{w.node.name} ({w.node.kind})" for w in more)
    kinds = ", ".join(w.node.kind for w in more)
    only = {w.node.kind for w in more} <= ACTIVATIONS_OF_KIND
    id = {"extra": "activation-extra", "skipped": "activation-missing"}[what] if only else ""
    id = id or f"layer-{what}"
    said = {"torch": in_torch, "keras": in_keras}
    fix = {s: w.format(names if w.startswith("remove") else kinds) for s, w in said.items()}
    where = ", ".join(w.node.name for w in more)
    here = {"keras": where, "torch": ""} if what == "extra" else {"torch": where, "keras": ""}
    found = [
        Cause(
            id, phrase.format(names), middle.error, errors[name], (), (id,), fix, **here,
            repairs=repairs,
        )
    ]  # fmt: skip
    for o, t in set_otherwise if name != "besides" else ():
        ours, theirs = o.node.writes[0], t.node.writes[0]
        end = Cut(ours, theirs, last_way(seen, theirs, ours), "")
        causes = one(seen, piece(seen, middle.local, [o.node], [t.node], end, None), o, t)
        if causes[0].id is None:
            return []
        at = errors["besides"], o.node.name, t.node.name
        found += [replace(c, before=at[0], torch=at[1], keras=at[2]) for c in causes]
    return found


def done_first(
    seen: Seen, middle: Middle, work: Work, pairs: Sequence[tuple[Work, Work]]
) -> Repair | None:
    """What PyTorch does to a value, done to it before the Keras operation that reads it.

    `pairs`: Keras' operations with PyTorch's.
    """
    node = work.node
    for theirs, ours in pairs:
        reads = [middle.local[v].torch if v in middle.local else "" for v in theirs.node.reads]
        if node.writes[0] in ours.node.reads and node.reads and node.reads[0] in reads:
            return done_before(seen, middle, [work], theirs.node, reads.index(node.reads[0]))
    return None


def side_by_side(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work], number: int
) -> list[Cause]:
    """Several operations, each in the place of the one that reads the same in the other port."""
    own = part(seen.keras.net, middle.cut.keras, middle.local)
    if any(s not in middle.local for s in own.sources):
        return []
    pairs = [
        (o, t) for o, t in reading_alike(seen, middle, torch, keras)
        if (o.node.kind, o.settings) != (t.node.kind, t.settings)
    ]  # fmt: skip
    pieces = {}
    for o, t in pairs:
        ours, theirs = o.node.writes[0], t.node.writes[0]
        end = Cut(ours, theirs, last_way(seen, theirs, ours), "")
        pieces[t.node.name] = piece(seen, middle.local, [o.node], [t.node], end, None)
    repairs = {t.node.name: repaired(seen, pieces[t.node.name], o, t) for o, t in pairs}
    feeds = {s: (f"value:{c.torch}", way_in(seen, c)) for s in own.sources
             for c in [middle.local[s]]}  # fmt: skip
    unit = Unit("beside", own.names, feeds, (middle.cut.keras,), {})
    every = tuple(repair for each in repairs.values() for repair in each)
    replay = seen.room.replay("keras", f"beside-{number}", [unit], source_of(seen), repairs=every)
    after = apart(replay.value("beside", middle.cut.keras), middle.due, middle.cut)
    if not pairs or not middle.explained(after):
        return []
    found = []
    for o, t in pairs:
        names = o.node.name, t.node.name
        causes = one(seen, pieces[t.node.name], o, t)
        if causes[0].id is None:
            return []
        found += [replace(c, before=middle.error, torch=names[0], keras=names[1]) for c in causes]
    return found


def reading_alike(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work]
) -> list[tuple[Work, Work]]:
    """PyTorch's operations and Keras', where one of each reads the same values, and no other."""
    found: dict[tuple[str, ...], tuple[list[Work], list[Work]]] = {}
    for place, works in enumerate((torch, keras)):
        for work in works:
            reads = (work.pad or work.node).reads
            if place:
                reads = tuple(middle.local[v].torch if v in middle.local else "" for v in reads)
            if reads and "" not in reads and len(work.node.writes) == 1:
                key = tuple(sorted(behind_still(seen.torch, v) for v in reads))
                found.setdefault(key, ([], []))[place].append(work)
    return [
        (ours[0], theirs[0]) for ours, theirs in found.values() if len(ours) == len(theirs) == 1
    ]


def beyond(
    fewer: Sequence[Work], works: Sequence[Work]
) -> tuple[list[Work], list[tuple[Work, Work]]]:
    """What one does that the other does not, by the kinds in their order; and the pairs."""
    more, pairs, left = [], [], list(fewer)
    for work in works:
        if left and left[0].node.kind == work.node.kind:
            pairs.append((left.pop(0), work))
        else:
            more.append(work)
    return more, pairs
