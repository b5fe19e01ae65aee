"""The smallest pair of pieces of a part that still differs.

What a part makes on the way is compared with what PyTorch's makes, and its end is run on PyTorch's
numbers from in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from common import tensors
from common.graph import Moves, Node, back, moved
from common.job import Unit
from compare.evidence import relative_error
from compare.known import KEPT_IN_FLOAT32
from compare.ports.cuts import Cut, Part, by_rank, part, way_by_value, ways_between
from compare.ports.fault import Fault, apart
from compare.ports.looks import Array, Look, replaced
from compare.ports.verify import Seen
from compare.thresholds import FORWARD_FLOAT64

MANY = 100  # pairs of values that are tried for the end of a part
STILL = {"identity", "dropout"}  # do nothing in evaluation
IDLE = {"pad", "crop", "slice", "narrow"}  # do nothing where there is nothing to add or to cut off
PADDED = {"conv", "max_pool", "avg_pool"}  # what may pad by itself


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
    rounding: float = FORWARD_FLOAT64  # what right ones may be apart here

    def explained(self, after: float) -> bool:
        """Whether an error is gone: to rounding, and to far less than it was."""
        return after <= FORWARD_FLOAT64 or after <= min(self.rounding, 0.1 * self.error)


def narrowed(seen: Seen, fault: Fault, number: int) -> Middle | None:
    """The smallest pair of pieces of both parts that still differs."""
    cut, own = seen.cut_of(fault.part), seen.parts[fault.part]
    mine = part(seen.torch.net, cut.torch, seen.cuts.by_torch)
    if any(source not in seen.cuts.by_keras for source in own.sources):
        return None
    local = dict(seen.cuts.by_keras)
    made = seen.replayed.value(fault.part, cut.keras)
    if cut.torch in {local[source].torch for source in own.sources}:
        return piece(seen, local, (), own.nodes, cut, made)  # Keras goes on where PyTorch ends
    if len(own.nodes) == len(mine.nodes) == 1 and alike_sources(seen, mine, own):
        return piece(seen, local, mine.nodes, own.nodes, cut, made)
    inside, rounding = inner_values(seen, fault, number), seen.short.forward(fault.part, 0.0)
    for value in [v for node in own.nodes for v in node.writes if v != cut.keras]:
        made_inside = inside.get(value)
        for candidate in [v for v in (*mine.sources, *made_by(mine)) if v != cut.torch]:
            moves = equal_way(made_inside, seen.torch.value(candidate), seen, rounding)
            if moves is not None:
                local[value] = Cut(candidate, value, moves, "values")
    local |= viewed(seen, mine, own, local)
    final = ending(seen, fault, number, cut, local)
    if final is None:
        theirs = known_in_torch(seen, local)
        torch = part(seen.torch.net, cut.torch, theirs).nodes
        return piece(seen, local, torch, part(seen.keras.net, cut.keras, local).nodes, cut, made)
    value, candidate, after = final
    end = Cut(candidate, value, last_way(seen, value, candidate), "")
    if value in local:
        return misread(seen, local, own, end, after)
    theirs = known_in_torch(seen, local)
    torch = part(seen.torch.net, candidate, theirs, itself=False).nodes
    keras = part(seen.keras.net, value, local).nodes
    found = piece(seen, local, torch, keras, end, inside.get(value), after)
    return before_the_same(seen, found, inside)


def before_the_same(seen: Seen, middle: Middle, inside: Mapping[str, Array]) -> Middle:
    """What is left in front of an operation that both end in, which rounds by itself."""
    if len(middle.torch) < 2 or len(middle.keras) < 2:
        return middle
    t, k = middle.torch[-1], middle.keras[-1]
    if t.kind != k.kind or t.settings != k.settings or t.tensors or k.tensors:
        return middle
    if len(t.reads) != 1 or len(k.reads) != 1:
        return middle
    end = Cut(t.reads[0], k.reads[0], last_way(seen, k.reads[0], t.reads[0]), "")
    made = inside.get(end.keras)
    shapes = seen.torch.graph.shapes[end.torch], seen.torch.graph.shapes[middle.cut.torch]
    if made is None or end.keras in middle.local or shapes[0] != shapes[1]:
        return middle
    found = piece(seen, middle.local, middle.torch[:-1], middle.keras[:-1], end, made, middle.after)
    return found if FORWARD_FLOAT64 < found.error < np.inf else middle


def viewed(seen: Seen, mine: Part, own: Part, local: Mapping[str, Cut]) -> dict[str, Cut]:
    """Of what Keras reads: PyTorch's same numbers in other axes, where its part turns them first.

    And of what Keras turns first, PyTorch's numbers as they come in.
    """
    found = {}
    turned = [
        n.writes[0] for n in mine.nodes if n.kind in VIEWS and set(n.reads) <= {*mine.sources}
    ]
    for source in own.sources:
        due = seen.torch.value(local[source].torch)
        theirs = moved(due, back(local[source].moves, (-1, *seen.keras.graph.shapes[source])))
        for value in turned:
            moves = equal_way(theirs, seen.torch.value(value), seen)
            if moves is not None and value not in {c.torch for c in local.values()}:
                found[source] = Cut(value, source, moves, "values")
    return found


VIEWS = {"transpose", "reshape", "flatten"}


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
    made_too = end.torch in {cut.torch for cut in local.values()}
    joins = len(on_the_way.nodes) == 1 and got in on_the_way.sources  # with another value
    if on_the_way.sources == (got,) or joins:
        if not (made_too and holds(on_the_way)):
            middle.torch = [n for n in on_the_way.nodes if not is_still(seen.torch, n)]
    elif not holds(beyond) and beyond.sources == (end.torch,):
        middle.keras = [
            n for n in beyond.nodes if not is_still(seen.torch, n)
        ]  # by PyTorch's names
    return middle


def holds(own: Part) -> bool:
    """Whether a part of PyTorch's has tensors: where Keras has made its end it has them, too."""
    return any(node.tensors for node in own.nodes)


def is_still(look: Look, node: Node) -> bool:
    """Whether a node hands on what it reads, as dropout does in evaluation."""
    if len(node.reads) == 1 and node.kind == "concat":
        return True  # joins one
    if not node.reads or (node.kind not in STILL | IDLE and not by_nothing(node)):
        return False
    before, after = (look.arrays.get(f"value:{v}") for v in (node.reads[0], node.writes[0]))
    if before is None or after is None:
        return node.kind in STILL or by_nothing(node)
    return np.array_equal(before, after)


def behind_still(look: Look, value: str) -> str:
    """The value itself, or the one that is handed on unchanged and comes to it."""
    while (maker := look.net.maker.get(value)) is not None and is_still(look, maker):
        value = maker.reads[0]
    return value


def by_nothing(node: Node) -> bool:
    """Whether a node multiplies by one, or adds zero."""
    nothing = {"multiply": 1, "divide": 1, "add": 0, "subtract": 0}.get(node.kind)
    return nothing is not None and node.settings.get("operand") == nothing


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
    values = tuple(made_by(own))
    wanted = replace(unit, targets=values, gradients={})
    replay = seen.room.replay("keras", f"inside-{number}", [wanted], source_of(seen))
    left = replay.by_unit.get(unit.name, {})
    return {k.removeprefix("value:"): x for k, x in left.items() if k.startswith("value:")}


def made_by(part: Part) -> list[str]:
    """What the nodes of a part make, but for what another one runs."""
    return [v for node in part.nodes if not node.virtual for v in node.writes]


def source_of(seen: Seen) -> Any:
    return seen.shown_in or seen.room.path("torch", "look-float64")


def on_numbers_that_show_it(seen: Seen, fault: Fault, number: int) -> Seen:
    """Both ports as if the probe's numbers were those which show a fault, as far as its part goes.

    What PyTorch's part makes of them on its way is made anew, and what Keras' makes.
    """
    mine, source = seen.torch_part(fault.part), seen.room.path("torch", fault.hidden)
    (unit,) = seen.torch_units(False, [fault.part])
    unit = replace(unit, targets=tuple(made_by(mine)))
    ours = seen.room.replay("torch", f"shown-{number}", [unit], source)
    made = {k: x for k, x in ours.by_unit.get(unit.name, {}).items() if k.startswith("value:")}
    numbers = {f"value:{s}": tensors.load(source)[f"value:{s}"] for s in mine.sources} | made
    file = Path(seen.room.save(f"torch/shown-numbers-{number}", numbers))
    theirs = seen.room.replay(
        "keras", f"shown-{number}", seen.units(False, frozenset([fault.part])), file
    )
    shown = copy(seen)  # with what is worked out already: cuts and parts stay
    shown.shown_in = file
    shown.torch = Look(seen.torch.graph, {**seen.torch.arrays, **numbers})
    shown.__dict__["replayed"] = replaced(seen.replayed, theirs, [fault.part])
    return shown


def equal_way(keras: Array | None, torch: Array, seen: Seen, rounding: float = 0.0) -> Moves | None:
    """The moves after which both are equal to rounding."""
    if keras is None or keras.size != torch.size:
        return None
    moves = way_by_value(keras, torch, seen.keras.graph, list(seen.torch.graph.shapes.values()))
    if moves is None or relative_error(moved(keras, moves), torch) > max(rounding, FORWARD_FLOAT64):
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
    theirs = known_in_torch(seen, local)
    mine = part(seen.torch.net, cut.torch, theirs)
    inner = [s for s in own.sources if s in local]  # the earliest first
    inner += [v for v in made_by(own) if v not in own.nodes[-1].writes]
    inner = [v for v in inner if not only_padded(seen.keras, v)]
    outer = [v for v in made_by(mine) if v != cut.torch] + list(mine.sources)
    outer = [v for v in outer if not only_padded(seen.torch, v)]
    units, tries = [], {}
    alike = len(inner) * len(outer) > MANY
    for value in inner:
        for candidate in same_size_first(seen, value, outer):
            if value in local and local[value].torch == candidate:
                continue
            shapes = seen.keras.graph.shapes[value], seen.torch.graph.shapes[candidate]
            same = np.prod(shapes[0]) == np.prod(shapes[1])
            if not same and (alike or len(shapes[0]) != len(shapes[1])):
                continue
            moves = last_way(seen, value, candidate)
            known = {**local, value: Cut(candidate, value, moves, "")}
            piece = part(seen.keras.net, cut.keras, known)
            if any(s not in known for s in piece.sources):
                continue
            name = f"{value} as {candidate}"
            feeds = {}
            for s in piece.sources:
                feeds[s] = (f"value:{known[s].torch}", way_in(seen, known[s]))
            units.append(Unit(name, piece.names, feeds, (cut.keras,), {}))
            tries[name] = (value, candidate)
    if not units or len(units) > MANY:
        return None
    replay = seen.room.replay("keras", f"ending-{number}", units, source_of(seen))
    due = seen.torch.value(cut.torch)
    errors = {}
    for name in tries:
        made = replay.value(name, cut.keras)
        if made is not None and prod_of(made) == prod_of(due):
            errors[name] = apart(made, due, cut)
    right = seen.short.forward(fault.part, FORWARD_FLOAT64)
    exact = {tries[name]: error for name, error in errors.items() if error <= right}
    if exact:
        return in_its_place(seen, own, local, exact)
    allowed = min(KEPT_IN_FLOAT32, 1e-3 * (fault.error or 0.0))  # what is behind it is in float32
    return next(((*tries[n], error) for n, error in errors.items() if error <= allowed), None)


def in_its_place(
    seen: Seen, own: Part, local: Mapping[str, Cut], exact: Mapping[tuple[str, str], float]
) -> tuple[str, str, float]:
    """The first of the values that end a part rightly; what says least, where several do.

    What Keras reads may stand for a value of another size only where nothing else does: the maximum
    of a single mean is the mean. And where what it makes of that value stands for it, too, as with
    a relu of what is bounded by 0 and 6, one operation is in the other's place, and none left out.
    """

    def as_large(pair: tuple[str, str]) -> bool:
        return prod(seen.keras.graph.shapes[pair[0]]) == prod(seen.torch.graph.shapes[pair[1]])

    value, candidate = next(filter(as_large, exact), next(iter(exact)))
    for node in own.nodes if value in local else ():
        if node.reads == (value,) and (node.writes[0], candidate) in exact:
            value = node.writes[0]
            break
    return value, candidate, exact[value, candidate]


def only_padded(look: Look, value: str) -> bool:
    """Whether a value is another one with zeros around it, for layers that might pad by themselves.

    A window that reads not all of a map is right with more zeros than it should have, too.
    """
    node, readers = look.net.maker.get(value), look.net.readers.get(value, [])
    return node is not None and is_padding(node) and {reader.kind for reader in readers} <= PADDED


def is_padding(node: Node) -> bool:
    """Whether a node puts one number around maps, as a layer does that pads by itself."""
    return (
        node.kind == "pad"
        and "sides" in node.settings
        and node.settings.get("mode", "constant") == "constant"
    )


def same_size_first(seen: Seen, value: str, candidates: Sequence[str]) -> list[str]:
    """What is of one size speaks for itself: a window may not read all of what is larger."""
    count = prod(seen.keras.graph.shapes[value])
    return sorted(candidates, key=lambda v: prod(seen.torch.graph.shapes[v]) != count)


def known_in_torch(seen: Seen, local: Mapping[str, Cut]) -> dict[str, Cut]:
    return {**seen.cuts.by_torch, **{c.torch: c for c in local.values()}}


def shape_of(seen: Seen, cut: Cut) -> tuple[int, ...]:
    """The shape that a Keras value has when it stands for PyTorch's."""
    x = np.empty((1, *seen.torch.graph.shapes[cut.torch]))
    try:
        return moved(x, back(cut.moves, (-1, *seen.keras.graph.shapes[cut.keras]))).shape[1:]
    except (ValueError, AssertionError):
        return ()


def way_in(seen: Seen, cut: Cut) -> Moves:
    """What takes PyTorch's value to the axes of the Keras value that it stands for."""
    if seen.keras.graph.shapes[cut.keras] != shape_of(seen, cut):
        return turned(cut.moves)
    return back(cut.moves, (-1, *seen.keras.graph.shapes[cut.keras]))


def turned(moves: Moves) -> Moves:
    """The way back of transposes alone, for maps of another size."""
    return tuple(
        ("transpose", tuple(int(i) for i in np.argsort(axes)))
        for word, axes in reversed(moves)
        if word == "transpose"
    )


def prod_of(x: Array) -> int:
    return int(np.prod(x.shape))
