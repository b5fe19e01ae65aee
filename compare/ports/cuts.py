"""Where both ports hold the same numbers, and the parts of the Keras port between such places.

A cut is a value of each port that should be the same one: the inputs, whatever came out equal when
both ran with the same weights, and what layers that are a pair made. Between cuts lie units. Every
unit of the Keras port is run by itself on PyTorch's numbers and has to make PyTorch's numbers; if
all do, the whole does, by induction along the network. So a cut may be badly chosen, and the
verdict is still right: what lies between cuts gets larger, and a fault is told less exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import partial
from itertools import permutations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Graph, Moves, Node, moved
from compare.evidence import WINDOW, relative_error
from compare.ports.at_once import at_once
from compare.ports.orders import FLATTENS, MAPS, between, feature_orders, flattened
from compare.ports.pairing import Holder, Net, Pairs

Array = NDArray[Any]
Shape = tuple[int, ...]
TRAIL = 4  # operations in front of a layer that tell one run of it from another
ALIKE = 1e-5  # of values that are taken for the same: far above rounding, far below chance


@dataclass(frozen=True)
class Cut:
    """One value of each port, and what takes Keras' to PyTorch's axes."""

    torch: str
    keras: str
    moves: Moves
    why: str  # "input", "values" (they are equal), "layers" (a pair made them), "output"


@dataclass(frozen=True)
class Part:
    """The nodes between a value and the cuts before it."""

    nodes: tuple[Node, ...]
    sources: tuple[str, ...]  # values of cuts that it reads

    @property
    def names(self) -> tuple[str, ...]:
        """Of what has to run."""
        return tuple(name for node in self.nodes for name in node.ran)


@dataclass
class Cuts:
    """All cuts, by the value of either side."""

    orders: Callable[[str, str], Moves] = lambda torch, keras: ()  # of features
    found: list[Cut] = field(default_factory=list)
    by_torch: dict[str, Cut] = field(default_factory=dict)
    by_keras: dict[str, Cut] = field(default_factory=dict)

    def add(self, cut: Cut) -> None:
        self.found.append(cut)
        self.by_torch[cut.torch] = cut
        self.by_keras[cut.keras] = cut

    def without(self, values: Collection[str]) -> Cuts:
        """The same without the cuts at these values of Keras."""
        rest = Cuts(self.orders)
        for cut in self.found:
            if cut.keras not in values:
                rest.add(cut)
        return rest

    def and_more(self, new: Sequence[Cut]) -> Cuts:
        """The same with cuts of values that are none yet."""
        more = self.without(())
        for cut in new:
            more.add(cut)
        return more

    def free(self, torch: str, keras: str) -> bool:
        return torch not in self.by_torch and keras not in self.by_keras


def find(
    torch: Net,
    keras: Net,
    pairs: Pairs,
    ours: Mapping[str, Array],
    theirs: Mapping[str, Array],
    wrong: Collection[str] = (),
) -> Cuts:
    """All cuts. `ours`, `theirs`: what the ports made with the same weights, "value:NAME".

    `wrong`: values of Keras that look equal and are not, made of the same numbers.
    """
    ours_in, theirs_in = feature_orders(torch.graph, True), feature_orders(keras.graph, False)
    cuts = Cuts(lambda t, k: between(theirs_in.get(k), ours_in.get(t)))
    for cut in inputs(torch.graph, keras.graph, ours, theirs):
        cuts.add(cut)
    for cut in equal_values(torch, keras, cuts, pairs, ours, theirs):
        cuts.add(cut)
    same_again = met_again(keras, cuts, wrong)
    nearly = partial(nearest_way, ours, theirs)
    for cut in made_by_pairs(torch, keras, cuts, pairs, nearly):
        if cut.keras not in same_again:
            cuts.add(cut)
    for cut in neighbours(torch, keras, cuts, nearly):
        if cut.keras not in same_again:
            cuts.add(cut)
    return cuts


def met_again(keras: Net, cuts: Cuts, wrong: Collection[str]) -> set[str]:
    """Values from which every way leads to one that is equal on both sides: no cut is needed there.

    The ports may do the same in another order, a maximum before a ReLU or behind it.
    """
    outputs = set(keras.graph.outputs.values())
    found: set[str] = set()
    for node in reversed(keras.graph.nodes):
        for value in node.writes:
            made = [v for reader in keras.readers.get(value, []) for v in reader.writes]
            on = all((v in cuts.by_keras and v not in wrong) or v in found for v in made)
            if value not in outputs and value not in cuts.by_keras and made and on:
                found.add(value)
    return found


def neighbours(torch: Net, keras: Net, cuts: Cuts, nearly: Nearly) -> Iterator[Cut]:
    """What one node of each port makes of the same values: behind a fault, where numbers differ.

    A node of the same kind; or of any where it is the only one on either side.
    """
    ours: dict[tuple[str, ...], list[Node]] = {}
    for node in torch.graph.nodes:
        if not node.virtual:
            ours.setdefault(origins(torch, node, None), []).append(node)
    theirs: dict[tuple[str, ...], list[Node]] = {}
    for node in keras.graph.nodes:
        if node.virtual or node.kind in THROUGH:
            continue
        if any(value in cuts.by_keras for value in node.writes):
            continue
        reads = origins(keras, node, cuts)  # of cuts that were found on the way, too
        theirs.setdefault(reads, []).append(node)
        free = [
            other
            for other in ours.get(reads, [])
            if other.kind not in THROUGH and not any(v in cuts.by_torch for v in other.writes)
        ]
        alike = [other for other in free if other.kind == node.kind]
        if not reads or not free:
            continue
        if not alike:
            others = rivals(keras, node, reads, cuts)
            if len(free) != 1 + len(others) or {n.kind for n in others} & {n.kind for n in free}:
                continue  # of several one may be somebody else's
        ours_on, theirs_on = [(alike or free)[0]], [node]  # of several alike the first, as they ran
        if not alike:
            ours_on, theirs_on = (
                chain(torch, free[0], cuts.by_torch),
                chain(keras, node, cuts.by_keras),
            )
        for mine, yours in in_step(ours_on, theirs_on):
            for value, other in zip(mine.writes, yours.writes, strict=False):
                moves = likely(keras.graph, torch.graph, cuts, other, value, nearly)
                if moves is not None and cuts.free(value, other):
                    yield Cut(value, other, moves, "neighbours")


def chain(net: Net, node: Node, cut: Collection[str]) -> list[Node]:
    """A node and those after it that read nothing else, up to the next cut."""
    found = [node]
    while len(found[-1].writes) == 1:
        after = net.readers.get(found[-1].writes[0], [])
        if len(after) != 1 or len(after[0].reads) != 1 or any(v in cut for v in after[0].writes):
            break
        found.append(after[0])
    return [n for n in found if n.kind not in THROUGH]


def in_step(ours: Sequence[Node], theirs: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Nodes of two chains that stand for each other: those of one kind, and as many between.

    What computes something stands for no view, and a view for one behind as much work alone.
    """
    kinds, other = [node.kind for node in ours], [node.kind for node in theirs]
    done = [0, 0]
    found: list[tuple[int, int]] = []
    blocks = SequenceMatcher(None, kinds, other, autojunk=False).get_matching_blocks()
    for i, j, size in blocks:
        between = range(done[0], i), range(done[1], j)
        if len(between[0]) == len(between[1]):
            found += zip(*between, strict=True)
        found += zip(range(i, i + size), range(j, j + size), strict=True)
        done = [i + size, j + size]
    for i, j in found:
        views = ours[i].kind in VIEWS, theirs[j].kind in VIEWS
        if views[0] == views[1] and (not views[0] or work_in(ours[:i]) == work_in(theirs[:j])):
            yield ours[i], theirs[j]


def work_in(nodes: Sequence[Node]) -> int:
    return sum(node.kind not in VIEWS for node in nodes)


def rivals(keras: Net, node: Node, reads: tuple[str, ...], cuts: Cuts) -> list[Node]:
    """The other nodes of Keras that have no partner and read the same."""
    return [
        other
        for other in keras.graph.nodes
        if other.name != node.name
        and other.kind not in THROUGH
        and not any(value in cuts.by_keras for value in other.writes)
        and origins(keras, other, cuts) == reads
    ]


def origins(net: Net, node: Node, cuts: Cuts | None) -> tuple[str, ...]:
    """The values that a node reads, as PyTorch calls them, sorted, through what keeps them."""
    found = []
    for value in node.reads:
        while (cuts is None or value not in cuts.by_keras) and value in net.maker:
            maker = net.maker[value]
            if maker.kind not in THROUGH or not maker.reads:
                break
            value = maker.reads[0]
        if cuts is not None:
            value = cuts.by_keras[value].torch if value in cuts.by_keras else f"keras {value}"
        found.append(value)
    return tuple(sorted(found))


THROUGH = {"pad", "identity", "dropout"}
VIEWS = {"flatten", "reshape", "transpose"}  # whose numbers are those that they read
TURNS = VIEWS | {"matmul", "einsum", "block", "attention"}  # whose axes may be any
CUTS_OUT = {"slice", "crop", "narrow"}


def inputs(
    torch: Graph, keras: Graph, ours: Mapping[str, Array], theirs: Mapping[str, Array]
) -> Iterator[Cut]:
    """The models' inputs, in order."""
    for name in (name for name in torch.shapes if name.startswith("input:")):
        ways = ways_between(keras.shapes[name], torch.shapes[name], keras)
        given = (theirs[f"value:{name}"], ours[f"value:{name}"])
        moves = next((w for w in ways if np.array_equal(moved(given[0], w), given[1])), None)
        if moves is not None:
            yield Cut(name, name, moves, "input")


def ways_between(keras: Shape, torch: Shape, graph: Graph | None = None) -> Iterator[Moves]:
    """What may take a value of Keras, (N, *keras), to (N, *torch); the likeliest first."""
    n = len(keras) + 1
    plain: list[Moves] = [()] if keras == torch else []
    first: list[Moves] = []
    if n >= 3:
        axes = (0, n - 1, *range(1, n - 1))
        first = [(("transpose", axes),)] if tuple(keras[i - 1] for i in axes[1:]) == torch else []
    last = graph is None or graph.channels == "last"
    yield from [*first, *plain] if last and n > 3 else [*plain, *first]
    if prod(keras) != prod(torch):
        return
    whole = ("reshape", (-1, *torch))
    yield from rare_ways(keras, torch)
    ends = keras[:1] == torch[:1] or keras[-1:] == torch[-1:]
    if ends and keras[-1:] != torch[:1] and 1 < len(torch) != len(keras):
        yield (whole,)  # heads that are joined, or places
    if n >= 4:  # maps against features in PyTorch's order, or against (C, H * W)
        yield (("transpose", (0, n - 1, *range(1, n - 1))), whole)
    if len(torch) >= 3:  # features in Keras' order against maps
        yield (
            ("reshape", (-1, *torch[1:], torch[0])),
            ("transpose", (0, len(torch), *range(1, len(torch)))),
        )
    yield (whole,)
    if n == 3:  # (places, C) against (C, H, W)
        yield (("transpose", (0, 2, 1)), whole)


def flattened_ways(count: int, maps: Sequence[Shape]) -> Iterator[Moves]:
    """Features in Keras' order to features in PyTorch's, for maps (C, H, W) of that many."""
    for shape in dict.fromkeys(maps):
        if prod(shape) == count and len(shape) >= 2:
            axes = (0, len(shape), *range(1, len(shape)))
            yield (
                ("reshape", (-1, *shape[1:], shape[0])),
                ("transpose", axes),
                ("reshape", (-1, count)),
            )


def rare_ways(keras: Shape, torch: Shape) -> Iterator[Moves]:
    """Every order of the axes that fits."""
    if len(keras) == len(torch) <= 4:
        for axes in permutations(range(1, len(keras) + 1)):
            if tuple(keras[i - 1] for i in axes) == torch:
                yield (("transpose", (0, *axes)),)


CHANNELS = 16  # about so many of a map tell which way its numbers lie


@dataclass(frozen=True)
class Mark:
    """Numbers that stand for a value, whatever the order of its axes."""

    count: int
    sums: tuple[float, float, float, float]  # of x, |x|, x^2, and the largest |x|

    def close(self, other: Mark) -> bool:
        if self.count != other.count:
            return False
        (s, a, q, m), (s2, a2, q2, m2) = self.sums, other.sums
        return (
            abs(m - m2) <= ALIKE * m
            and abs(q - q2) <= 4 * ALIKE * q
            and abs(a - a2) <= 2 * ALIKE * a
            and abs(s - s2) <= 2 * ALIKE * a
        )


def mark(x: Array) -> Mark:
    """Window by window, so that nothing as large as the array is made on the way."""
    x, sums, most = x.ravel(), np.zeros(3), 0.0
    for start in range(0, x.size, WINDOW):
        part = x[start : start + WINDOW]
        size = np.abs(part)
        sums += part.sum(), size.sum(), part @ part
        most = max(most, float(size.max()))
    return Mark(x.size, (float(sums[0]), float(sums[1]), float(sums[2]), most))


def marked(arrays: Mapping[str, Array], values: Sequence[str]) -> dict[str, Mark]:
    """The mark of each of these values."""
    return dict(zip(values, at_once(lambda v: mark(arrays[f"value:{v}"]), values), strict=True))


def equal_values(
    torch: Net,
    keras: Net,
    cuts: Cuts,
    pairs: Pairs,
    ours: Mapping[str, Array],
    theirs: Mapping[str, Array],
) -> Iterator[Cut]:
    """Values that are the same on both sides, each used once, kinds of a name first."""
    known = [v for v in values(torch) if f"value:{v}" in ours and v not in cuts.by_torch]
    marks = marked(ours, known)
    by_size: dict[int, list[str]] = {}
    for value in known:
        by_size.setdefault(marks[value].count, []).append(value)
    partner = {p.keras.node.name: p.torch.node.name for p in pairs.pairs}
    maps = [
        torch.graph.shapes[v] for v in [*cuts.by_torch, *known] if len(torch.graph.shapes[v]) > 1
    ]
    taken: set[str] = set()  # of Keras
    used: set[str] = set()  # of PyTorch
    wanted = [v for v in values(keras) if f"value:{v}" in theirs and v not in cuts.by_keras]
    own_marks = marked(theirs, wanted)
    for strict in (True, False):  # the same kind of node first
        for value in wanted:
            if value in taken:
                continue
            own, node = own_marks[value], keras.maker[value]
            candidates = [v for v in by_size.get(own.count, []) if v not in used]
            candidates = [v for v in candidates if own.close(marks[v])]
            if strict:
                candidates = [v for v in candidates if same_node(torch.maker[v], node, partner)]
            for candidate in candidates:
                arrays = theirs[f"value:{value}"], ours[f"value:{candidate}"]
                first = cuts.orders(candidate, value)
                moves = way_by_value(*arrays, keras.graph, maps, first)
                if moves is not None:
                    taken.add(value)
                    used.add(candidate)
                    yield Cut(candidate, value, moves, "values")
                    break


def same_node(t: Node, k: Node, partner: Mapping[str, str]) -> bool:
    """Whether the two are a pair, or of one kind where neither has a partner."""
    if k.name in partner:
        return partner[k.name] == t.name
    return t.kind == k.kind or (t.kind in FLATTENS and k.kind in FLATTENS)


def values(net: Net) -> list[str]:
    """Every value that a node made, in order."""
    return [value for node in net.graph.nodes for value in node.writes]


def way_by_value(
    keras: Array, torch: Array, graph: Graph, maps: Sequence[Shape], first: Moves = ()
) -> Moves | None:
    """The moves after which both are alike; None where none are. `first`: the likeliest."""
    k, t = keras.shape[1:], torch.shape[1:]
    tries = [*([first] if first else []), *ways_between(k, t, graph)]
    if len(k) == len(t) == 1:
        tries += flattened_ways(k[0], maps)
    tries += rare_ways(k, t)
    if torch.dtype.kind != "f":  # of true and false there is no difference, nor below an unsigned 0
        keras, torch = keras.astype(np.float64), torch.astype(np.float64)
    scale = float(np.abs(torch).max(initial=0.0))
    for moves in dict.fromkeys(tries):
        x = moved(keras, moves)
        if x.shape == torch.shape and np.abs(x - torch).max(initial=0.0) <= ALIKE * scale:
            return moves
    return None


def made_by_pairs(
    torch: Net, keras: Net, cuts: Cuts, pairs: Pairs, nearly: Nearly
) -> Iterator[Cut]:
    """What layers that are a pair made, at every run of them, where it is of the same size."""
    runs = {side: runs_of(net.graph) for side, net in (("torch", torch), ("keras", keras))}
    for pair in pairs.pairs:
        if not same_work(pair.torch.node.kind, pair.keras.node.kind):
            continue
        if not (is_whole(pair.torch) and is_whole(pair.keras)):
            continue  # of a formula the last tensor, behind which more may come
        again = (runs[s].get(held(getattr(pair, s).node), []) for s in ("torch", "keras"))
        for t, k in zip(*alike_runs(torch, keras, *again), strict=False):
            for ours, theirs in zip(t.writes, k.writes, strict=False):
                if t.virtual or k.virtual:
                    continue
                ours, theirs = cut_to_size(torch, keras, ours, theirs)
                moves = likely(keras.graph, torch.graph, cuts, theirs, ours, nearly)
                if moves is not None and cuts.free(ours, theirs):
                    yield Cut(ours, theirs, moves, "layers")


def alike_runs(
    torch: Net, keras: Net, ours: Sequence[Node], theirs: Sequence[Node]
) -> tuple[Sequence[Node], Sequence[Node]]:
    """The runs of a layer in both ports: those behind the same operations, else in their order."""
    for steps in range(TRAIL, -1, -1) if len(ours) > 1 else ():
        mine, yours = (
            [trail(torch, n, steps) for n in ours],
            [trail(keras, n, steps) for n in theirs],
        )
        if len(set(mine)) == len(ours) and sorted(mine) == sorted(yours):
            return ours, [theirs[yours.index(words)] for words in mine]
    return ours, theirs


def trail(net: Net, node: Node, steps: int) -> str:
    """The operations that lead to a node, in words, as far as so many of them."""
    found = []
    for value in node.reads:
        while value in net.maker and net.maker[value].kind in THROUGH | VIEWS:
            if not net.maker[value].reads:
                break
            value = net.maker[value].reads[0]
        maker = net.maker.get(value)
        found.append(
            maker.kind + (trail(net, maker, steps - 1) if steps else "") if maker else value
        )
    return f"({', '.join(sorted(found))})"


def is_whole(holder: Holder) -> bool:
    """Whether its node reads all of its tensors."""
    return {*holder.tensors.values()} <= {*holder.node.tensors.values()}


def cut_to_size(torch: Net, keras: Net, ours: str, theirs: str) -> tuple[str, str]:
    """The same values, or what is cut out of the larger one, where that is as large as the other.

    What one port's layer leaves off by itself, another's cuts off behind it.
    """
    due = sorted(torch.graph.shapes[ours]), sorted(keras.graph.shapes[theirs])
    if due[0] == due[1]:
        return ours, theirs
    for value in cut_outs(keras, theirs):
        if sorted(keras.graph.shapes[value]) == due[0]:
            return ours, value
    for value in cut_outs(torch, ours):
        if sorted(torch.graph.shapes[value]) == due[1]:
            return value, theirs
    return ours, theirs


def cut_outs(net: Net, value: str) -> Iterator[str]:
    """What is cut out of a value that nothing else reads, and out of that."""
    while len(readers := net.readers.get(value, [])) == 1 and readers[0].kind in CUTS_OUT:
        (value,) = readers[0].writes
        yield value


def likely(
    keras: Graph, torch: Graph, cuts: Cuts, theirs: str, ours: str, nearly: Nearly
) -> Moves | None:
    """What takes a value of Keras to PyTorch's axes where their numbers are not the same."""
    shapes = keras.shapes[theirs], torch.shapes[ours]
    order = flatten_order(keras, torch, cuts, theirs, ours) or cuts.orders(ours, theirs)
    if order and shapes[0] == shapes[1]:
        return order
    kept = as_read(keras, torch, cuts, theirs, ours)
    if kept is not None:
        return kept
    ways = tuple(dict.fromkeys(ways_between(*shapes, keras)))
    nearest = nearly(ours, theirs, ways)
    return next(iter(ways), by_rank(*shapes, keras)) if nearest is None else nearest


def as_read(keras: Graph, torch: Graph, cuts: Cuts, theirs: str, ours: str) -> Moves | None:
    """The order of axes of maps that a layer reads, which it keeps; None where it has none."""
    node = next((n for n in keras.nodes if theirs in n.writes), None)
    mine = next((n for n in torch.nodes if ours in n.writes), None)
    if node is None or mine is None or node.kind in TURNS or not node.reads:
        return None
    read = cuts.by_keras.get(node.reads[0])
    if read is None or len(read.moves) > 1:
        return None
    ways = [turns(torch, value, read.torch) for value in mine.reads]
    before = next((way for way in ways if way is not None), None)
    if before is None:
        return None
    shapes = keras.shapes[read.keras], keras.shapes[theirs], torch.shapes[ours]
    maps = {len(shape) for shape in shapes} in ({n} for n in MAPS)
    if not maps or any(word != "transpose" for word, _ in read.moves):
        return None
    axes = tuple(range(len(shapes[0]) + 1))
    for order in (*(order for _, order in read.moves), *before):
        axes = tuple(axes[i] for i in order)
    channel = len(axes) - 1 if keras.channels == "last" else 1
    places = [axis for axis in axes if axis not in (0, channel)]
    if places != sorted(places):
        return None  # height and width that change places are no way in which maps are kept
    return () if axes == tuple(sorted(axes)) else (("transpose", axes),)


def turns(graph: Graph, value: str, source: str) -> list[tuple[int, ...]] | None:
    """The transposes that make a value of another one, in turn; None where more does."""
    found: list[tuple[int, ...]] = []
    while value != source:
        maker = next((n for n in graph.nodes if value in n.writes), None)
        if (
            maker is None
            or maker.kind != "transpose"
            or not (maker.reads and "axes" in maker.settings)
        ):
            return None
        found.insert(0, tuple(maker.settings["axes"]))
        value = maker.reads[0]
    return found


Nearly = Callable[[str, str, Sequence[Moves]], Moves | None]


def nearest_way(
    ours: Mapping[str, Array], theirs: Mapping[str, Array], t: str, k: str, ways: Sequence[Moves]
) -> Moves | None:
    """Of several ways the one after which a fault in front has left the numbers alike."""
    if len(ways) < 2 or f"value:{t}" not in ours or f"value:{k}" not in theirs:
        return None
    due, made = ours[f"value:{t}"][:1], theirs[f"value:{k}"][:1]  # one sample tells
    some = np.s_[:, :: max(due.shape[1] // CHANNELS, 1)] if due.ndim > 2 else np.s_[:]
    errors = [relative_error(moved(made, way)[some], due[some]) for way in ways]
    best = min(errors)
    other = min((e for e in errors if e > best), default=np.inf)  # several may lead to one order
    return ways[errors.index(best)] if best < min(0.1, other / 10) else None


def flatten_order(keras: Graph, torch: Graph, cuts: Cuts, theirs: str, ours: str) -> Moves | None:
    """Of features that both flatten from maps which stand for each other."""
    node = next((n for n in keras.nodes if theirs in n.writes), None)
    mine = next((n for n in torch.nodes if ours in n.writes), None)
    if node is None or mine is None or not {node.kind, mine.kind} <= FLATTENS:
        return None
    cut = cuts.by_keras.get(node.reads[0]) if node.reads else None
    shape = keras.shapes[node.reads[0]] if node.reads else ()
    if len(keras.shapes[theirs]) != 1:
        return None  # tokens: a reshape that leaves channels
    if cut is None or mine.reads[:1] != (cut.torch,) or len(shape) not in MAPS:
        return None
    plain = tuple(range(len(shape) + 1))
    turn = len(cut.moves) == 1 and cut.moves[0][0] == "transpose"
    axes = cut.moves[0][1] if turn else plain
    labels = tuple(axes.index(j + 1) - 1 for j in range(len(shape)))
    return between(flattened(shape, labels), None) or ()


def by_rank(keras: Shape, torch: Shape, graph: Graph) -> Moves | None:
    """For maps of different sizes and as many channels: the layer after them may take either."""
    n = len(keras) + 1
    if len(keras) != len(torch) or n < 3:
        return None
    if graph.channels == "last" and keras[-1] == torch[0]:
        return (("transpose", (0, n - 1, *range(1, n - 1))),)
    return () if keras[0] == torch[0] else None


def same_work(a: str, b: str) -> bool:
    """Whether the two kinds may stand for one computation."""
    return a == b or "block" in (a, b) or {a, b} <= {"conv", "dense", "einsum_dense", "matmul"}


def held(node: Node) -> tuple[str, ...]:
    return tuple(sorted(node.tensors.values()))


def runs_of(graph: Graph) -> dict[tuple[str, ...], list[Node]]:
    """The nodes that use the same tensors, in order."""
    found: dict[tuple[str, ...], list[Node]] = {}
    for node in graph.nodes:
        if node.tensors:
            found.setdefault(held(node), []).append(node)
    return found


def part(net: Net, value: str, cut: Mapping[str, Cut], itself: bool = True) -> Part:
    """What makes a value of what the cuts hold; nothing where it is one itself.

    `itself`: whether a cut at the value does not count.
    """
    nodes: dict[str, Node] = {}
    sources: dict[str, None] = {}
    stack = [(value, itself)]
    while stack:
        wanted, beyond = stack.pop()
        if (wanted in cut and not beyond) or wanted not in net.maker:
            sources[wanted] = None
            continue
        node = net.maker[wanted]
        if node.name not in nodes:
            nodes[node.name] = node
            stack += [(read, False) for read in node.reads]
    order = {node.name: index for index, node in enumerate(net.graph.nodes)}
    place = {v: i for i, v in enumerate([*net.graph.shapes])}
    return Part(
        tuple(sorted(nodes.values(), key=lambda node: order[node.name])),
        tuple(sorted(sources, key=lambda v: place.get(v, -1))),
    )
