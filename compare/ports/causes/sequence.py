"""The same operations as PyTorch's, in another order or of other values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.graph import Node, back
from common.job import Repair
from common.operations import computable, compute
from compare.evidence import relative_error
from compare.ports.causes.alone import way_of
from compare.ports.causes.cause import RIGHT, Cause
from compare.ports.causes.narrow import Middle, is_still
from compare.ports.causes.settings import UNHEARD, Work
from compare.ports.looks import Array, Look
from compare.ports.verify import Seen

SPREADS = "expand"
Step = tuple[str, dict[str, Any], list[int]]  # kind, settings, places of what it reads


def in_another_order(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work]
) -> Cause | None:
    """Where each side's operations, in NumPy, make what that side does; and all are alike."""
    torch, keras = ([w for w in works if w.node.kind != SPREADS] for works in (torch, keras))
    if max(len(torch), len(keras)) < 2 or middle.made is None or not alike(torch, keras):
        return None
    stand_for = {value: cut.torch for value, cut in middle.local.items()}
    read = {v: v for w in torch for v in (unspread(seen.torch, value) for value in w.node.reads)}
    ours = steps(seen.torch, torch, read, middle.cut.torch)
    theirs = steps(seen.keras, keras, stand_for, middle.cut.keras)
    if ours is None or theirs is None or {*ours[0]} != {*theirs[0]}:
        return None
    allowed = max(RIGHT, middle.rounding)
    after = apart(seen, ours, middle.due)
    if after > allowed or apart(seen, theirs, middle.made) > allowed:
        return None
    formulas = written(ours), written(theirs)
    phrase = f"torch computes {formulas[0]}, keras {formulas[1]}, by torch's names"
    fix = {"torch": f"compute {formulas[1]}", "keras": f"compute {formulas[0]}"}
    repairs = as_torch(seen, middle, ours, keras)
    id = "operation-order"
    return Cause(id, phrase, middle.error, after, (), (id,), fix, repairs=repairs)


def alike(torch: Sequence[Work], keras: Sequence[Work]) -> bool:
    """Whether both do the same, in whatever number, with no tensors."""
    if any(w.node.tensors or w.pad or not computable(w.node.kind) for w in (*torch, *keras)):
        return False
    return all(
        any(same_settings(work, other) for other in others)
        for works, others in ((torch, keras), (keras, torch))
        for work in works
    )


def unspread(look: Look, value: str) -> str:
    """The value itself, or the one that is repeated along axes in it, as arithmetic does anyway."""
    while (maker := look.net.maker.get(value)) and maker.kind == SPREADS and maker.reads:
        value = maker.reads[0]
    return value


def same_settings(a: Work, b: Work) -> bool:
    if a.node.kind != b.node.kind or len(a.node.reads) != len(b.node.reads):
        return False
    keys = (a.settings.keys() & b.settings.keys()) - UNHEARD
    return all(a.settings[key] == b.settings[key] for key in keys)


def steps(
    look: Look, works: Sequence[Work], known: Mapping[str, str], end: str
) -> tuple[list[str], list[Step]] | None:
    """PyTorch's values that are read, and what is done to them; None where one is not known."""
    made = {v for w in works for v in w.node.writes}
    sources: list[str] = []
    for work in works:
        for value in (handed_on(look, v, made | known.keys()) for v in work.node.reads):
            if value not in made and known.get(value) not in (None, *sources):
                sources.append(known[value])
    places = {value: sources.index(v) for value, v in known.items() if v in sources}
    done: list[Step] = []
    for work in works:
        reads = [handed_on(look, v, made | known.keys()) for v in work.node.reads]
        if any(value not in places for value in reads):
            return None
        done.append((work.node.kind, work.settings, [places[value] for value in reads]))
        places |= dict.fromkeys(work.node.writes, len(sources) + len(done) - 1)
    last = handed_on(look, end, made)
    return (sources, done) if done and last in works[-1].node.writes else None


def handed_on(look: Look, value: str, known: set[str]) -> str:
    """The value itself, or the one that it is handed on from unchanged."""
    maker = look.net.maker.get(value)
    while (
        value not in known
        and maker is not None
        and (is_still(look, maker) or maker.kind == SPREADS)
    ):
        value = maker.reads[0]
        maker = look.net.maker.get(value)
    return value


def apart(seen: Seen, found: tuple[list[str], list[Step]], due: Array) -> float:
    """How far the steps, in NumPy, are from what a side made."""
    sources, done = found
    try:
        made = compute("steps", {"steps": done}, [seen.torch.value(v) for v in sources], {})
    except (ValueError, KeyError, IndexError, TypeError):
        return np.inf
    return relative_error(made, due)


def written(found: tuple[list[str], list[Step]]) -> str:
    """relu(add(a, b))."""
    sources, done = found
    words = list(sources)
    for kind, settings, reads in done:
        constant = [f"{settings['operand']}"] if "operand" in settings else []
        words.append(f"{kind}({', '.join([*(words[i] for i in reads), *constant])})")
    return words[-1]


def as_torch(
    seen: Seen, middle: Middle, ours: tuple[list[str], list[Step]], keras: Sequence[Work]
) -> tuple[Repair, ...]:
    """One operation of Keras does all of PyTorch's, and the others hand on what they read.

    Nothing where that one would not come to read all that it needs, or others read what is between.
    """
    wide = [work for work in keras if len(work.node.reads) > 1]
    if len(wide) > 1 or not read_here_alone(seen, keras):
        return ()
    hub = wide[0].node if wide else keras[-1].node
    narrow = [work.node for work in keras if work.node is not hub]
    hands_on = {v: node.reads[0] for node in narrow for v in node.writes}
    reads = [source_of(seen, value, hands_on) for value in hub.reads]
    stand_for = [middle.local[v].torch if v in middle.local else "" for v in reads]
    sources, done = ours
    if sorted(stand_for) != sorted(sources):
        return ()
    order = tuple(stand_for.index(v) for v in sources)
    ways = tuple(way_of(seen, middle, reads[i]) for i in order)
    makes = back(middle.cut.moves, (-1, *seen.keras.graph.shapes[middle.cut.keras]))
    own = Repair(hub.ran[0], "steps", {"steps": done}, reads=ways, order=order, makes=makes)
    others = [*hub.ran[1:], *(name for node in narrow for name in node.ran)]
    return (own, *(Repair(name, "identity", reads=((),)) for name in others))


def read_here_alone(seen: Seen, keras: Sequence[Work]) -> bool:
    """Whether nothing else reads what is made on the way."""
    mine = [work.node for work in keras]

    def inside(node: Node) -> bool:
        if node in mine:
            return True
        return is_still(seen.keras, node) and all(
            inside(reader) for v in node.writes for reader in seen.keras.net.readers.get(v, [])
        )

    ends = set(seen.keras.graph.outputs.values())
    between = [v for node in mine[:-1] for v in node.writes]
    readers = [r for v in between for r in seen.keras.net.readers.get(v, [])]
    return not ends & {*between} and all(inside(reader) for reader in readers)


def source_of(seen: Seen, value: str, hands_on: Mapping[str, str]) -> str:
    """What a value is, once those operations hand on what they read."""
    maker = seen.keras.net.maker.get(value)
    while value in hands_on or (maker is not None and is_still(seen.keras, maker)):
        value = hands_on[value] if value in hands_on else maker.reads[0] if maker else value
        maker = seen.keras.net.maker.get(value)
    return value
