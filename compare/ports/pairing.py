"""Which layer of one port is which of the other: by what they hold and where they stand.

Nobody's names are trusted. Layers that hold weights are put into one order that does not depend on
the order in which branches were written, and the two lists are aligned as sequences are (Needleman
and Wunsch, J. Mol. Biol. 48, 1970). Every pair says what speaks for it, and what was weighed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cached_property
from math import prod
from re import findall
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError
from common.graph import Graph, Node, Step

Array = NDArray[Any]
SIDES = ("torch", "keras")
SHOWN = 3  # names in an error line
GAP = -1.0  # what a layer without a partner costs
SHAPE, KIND, LIKE = 6.0, 4.0, 1.0  # what the same shapes, the same kind, a related kind speak
NAMES = 0.4  # and the same names
CONV, DENSE = ("conv", "conv_transpose"), ("dense", "einsum_dense", "matmul", "embedding")
PROJECTS = {"dense", "einsum_dense", "conv"}  # to queries, keys and values
NORMS = {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"}
# Kinds of what reads a tensor that stands for itself: a class token, positions, a table of biases.
FREE = {"add", "concat", "embedding", "expand", "repeat", "tile", "broadcast_to", "take"}
COMMUTE = {"add", "multiply", "maximum", "minimum"}
IN_ORDER = ("weight", "bias", "scale", "shift", "mean", "var")


@dataclass(frozen=True)
class Holder:
    """One layer that holds tensors, at its first run: where it stands in its network."""

    node: Node
    tensors: Mapping[str, str]  # role -> the port's name
    shapes: Mapping[str, tuple[int, ...]]  # role -> in PyTorch's axes
    depth: int  # holders on the longest way from an input to here
    height: int  # and from here to an output
    place: int  # in the order of execution
    before: frozenset[tuple[object, ...]] = frozenset()  # what the holders read by it are like
    after: frozenset[tuple[object, ...]] = frozenset()
    then: frozenset[str] = frozenset()  # kinds of what comes next, up to the next holders
    duty: str = ""  # in an attention: "query", "key" or "value"
    live: bool = True  # whether what it makes leads to an output

    @property
    def like(self) -> tuple[object, ...]:
        return self.node.kind, tuple(sorted(self.shapes.items())), self.duty


@dataclass(frozen=True)
class Pair:
    """A layer of each side, and what speaks for them being the same one."""

    torch: Holder
    keras: Holder
    evidence: tuple[
        str, ...
    ]  # of "shape", "kind", "neighbours", "depth", "name", "weights", "values", "given"


@dataclass
class Pairs:
    """Every layer that holds tensors, with its partner or without."""

    pairs: list[Pair] = field(default_factory=list)
    torch: list[Holder] = field(default_factory=list)  # that have none
    keras: list[Holder] = field(default_factory=list)


@dataclass(frozen=True)
class Net:
    """A graph with its ways through it worked out."""

    graph: Graph

    @cached_property
    def maker(self) -> dict[str, Node]:
        """The node that made each value."""
        return {value: node for node in self.graph.nodes for value in node.writes}

    @cached_property
    def readers(self) -> dict[str, list[Node]]:
        """Who reads each value."""
        found: dict[str, list[Node]] = {}
        for node in self.graph.nodes:
            for value in dict.fromkeys(node.reads):
                found.setdefault(value, []).append(node)
        return found

    def sources(self, node: Node) -> list[Node]:
        """The nodes that made what it reads."""
        return [self.maker[value] for value in dict.fromkeys(node.reads) if value in self.maker]

    def targets(self, node: Node) -> list[Node]:
        """The nodes that read what it makes."""
        return [reader for value in node.writes for reader in self.readers.get(value, [])]

    @cached_property
    def live(self) -> set[str]:
        """The nodes that lead to an output."""
        found: set[str] = set()
        stack = [self.maker[v] for v in self.graph.outputs.values() if v in self.maker]
        while stack:
            node = stack.pop()
            if node.name not in found:
                found.add(node.name)
                stack += self.sources(node)
        return found


def paired(
    torch: Graph,
    keras: Graph,
    given: Mapping[str, str] | None = None,
    names: bool = True,
    trained: Mapping[str, Mapping[str, Array]] | None = None,
) -> Pairs:
    """Partners of all layers that hold tensors. `given`: torch layer -> keras layer, from a map.

    `trained`: side -> its tensors, where both ports should hold the same numbers already. DataError
    where `given` names a layer that a port does not have.
    """
    ends = in_one_order(torch, keras)
    sides = {
        "torch": holders(torch, first=True, ends=ends[0]),
        "keras": holders(keras, first=False, ends=ends[1]),
    }
    chosen = forced(sides, given or {})
    if trained is not None:
        chosen += of_one_print(sides, trained, chosen)
    lists = {
        side: [h for h in found if h.node.name not in {getattr(p, side).node.name for p in chosen}]
        for side, found in sides.items()
    }
    matched = []
    for live in (True, False):  # what leads to no output is no partner of what does
        mine = {side: [h for h in found if h.live is live] for side, found in lists.items()}
        matched += uncrossed(aligned(mine["torch"], mine["keras"], names))
    matched += second_chance(lists["torch"], lists["keras"], matched)
    matched = of_one_shape(matched)
    matched += in_pieces(left_over(lists, matched))
    result = Pairs(chosen + matched)
    for side in ("torch", "keras"):
        held = (getattr(pair, side).tensors.values() for pair in result.pairs)
        taken = {name for names in held for name in names}
        getattr(result, side).extend(h for h in sides[side] if not {*h.tensors.values()} <= taken)
    result.pairs.sort(key=lambda pair: pair.torch.place)
    return result


def in_one_order(torch: Graph, keras: Graph) -> tuple[list[str], list[str]]:
    """The outputs of both ports, so that those at one place are likely the same one.

    A dict's by its names, in whatever order they come; and where both make the same sizes, by size.
    """
    named = torch.outputs.keys() == keras.outputs.keys()
    ours, theirs = [*torch.outputs], [*(torch.outputs if named else keras.outputs)]

    def size(graph: Graph, name: str) -> list[int]:
        return sorted(graph.shapes.get(graph.outputs[name], ()))

    mine = sorted(ours, key=lambda name: size(torch, name))
    yours = sorted(theirs, key=lambda name: size(keras, name))
    if [size(torch, name) for name in mine] == [size(keras, name) for name in yours]:
        return mine, yours
    return ours, theirs


def forced(sides: Mapping[str, Sequence[Holder]], given: Mapping[str, str]) -> list[Pair]:
    """The pairs that the user's map states."""
    chosen = []
    for ours, theirs in given.items():
        both = []
        for side, name in (("torch", ours), ("keras", theirs)):
            known = {holder.node.name: holder for holder in sides[side]}
            if name not in known:
                near = ", ".join(list(known)[:5])
                raise DataError(
                    f"--map: expected a layer of the {side} port that holds tensors ({near}, ...), "
                    f"found {name!r}"
                )
            both.append(known[name])
        chosen.append(Pair(both[0], both[1], ("given",)))
    twice = [name for name, count in Counter(given.values()).items() if count > 1]
    if twice:
        raise DataError(f"--map: expected each layer of keras once, found {twice[0]!r} again")
    refuse_misfits(chosen, sides)
    return chosen


def refuse_misfits(chosen: Sequence[Pair], sides: Mapping[str, Sequence[Holder]]) -> None:
    """DataError where a pair of the map does not fit, and one with what it leaves out would.

    So would two pairs with each other's partners. What fits nowhere else is judged as it is.
    """
    wrong = [pair for pair in chosen if sizes(pair.torch) != sizes(pair.keras)]
    left = left_over(sides, chosen)
    for pair in wrong:
        for side, other in (("torch", "keras"), ("keras", "torch")):
            mine, theirs = getattr(pair, side), getattr(pair, other)
            crossed = [q for q in wrong if own_kind(getattr(q, side)) == own_kind(theirs)]
            free = [*left[other], *(getattr(q, other) for q in crossed)]
            better = [h.node.name for h in free if own_kind(h) == own_kind(mine)]
            if better:
                raise DataError(
                    f"--map: {side}'s {mine.node.name} cannot be {other}'s {theirs.node.name}, "
                    f"which holds other tensors; {' or '.join(better[:SHOWN])} can"
                )


def of_one_print(
    sides: Mapping[str, Sequence[Holder]],
    held: Mapping[str, Mapping[str, Array]],
    chosen: Sequence[Pair],
) -> list[Pair]:
    """Layers of one kind and shape with the same numbers in them, which no other layer has."""
    prints: dict[str, dict[object, list[Holder]]] = {"torch": {}, "keras": {}}
    for side, layers in sides.items():
        known = {id(getattr(pair, side)) for pair in chosen}
        for holder in layers:
            own = tuple((role, *fingerprint(held[side][n])) for role, n in holder.tensors.items())
            if id(holder) not in known:
                prints[side].setdefault((holder.like, tuple(sorted(own))), []).append(holder)
    found = []
    for key, ours in prints["torch"].items():
        theirs = prints["keras"].get(key, [])
        if len(ours) == len(theirs) == 1:
            evident = (*evidence(ours[0], theirs[0]), "weights")
            found.append(Pair(ours[0], theirs[0], evident))
    return found


def fingerprint(x: Array) -> tuple[float, ...]:
    """What the numbers of a tensor are, in whatever order: how many, their sums and extremes."""
    wide = x.astype(np.float64).ravel()
    sums = float(wide.sum()), float(np.abs(wide).sum()), float(wide @ wide)
    ends = (float(wide.min()), float(wide.max())) if wide.size else ()
    return (x.size, *(float(f"{number:.7g}") for number in (*sums, *ends)))


# -------------------------------------------------------------------------------- where it stands


def holders(graph: Graph, first: bool, ends: Sequence[str] = ()) -> list[Holder]:
    """Every layer with tensors, in an order that does not depend on how branches were written.

    `first`: whether the port's kernels have PyTorch's axes. `ends`: its outputs, in an order.
    """
    net = Net(graph)
    known: dict[str, Holder] = {}
    seen: set[tuple[str, ...]] = set()
    depth, height = ways(net, down=True), ways(net, down=False)
    used = {name for node in graph.nodes if node.reads for name in node.tensors.values()}
    for place, node in enumerate(graph.nodes):
        held = tuple(sorted(node.tensors.values()))
        if not node.reads and set(held) <= used:
            continue  # a view of what another layer holds
        if held and all("int" in graph.tensors[name].dtype for name in held):
            continue  # places in a table
        if held and held not in seen:
            seen.add(held)
            own = roles(node)
            shapes = {
                role: torch_shape(node, role, graph.tensors[name].shape, first)
                for role, name in own.items()
            }
            known[node.name] = Holder(node, own, shapes, depth[node.name], height[node.name], place)
    near_before, near_after = nearest(net, known, down=False), nearest(net, known, down=True)
    placed = {
        name: Holder(
            h.node,
            h.tensors,
            h.shapes,
            h.depth,
            h.height,
            h.place,
            frozenset(known[n].like for n in near_before[name]),
            frozenset(known[n].like for n in near_after[name]),
            frozenset(following(net, h.node, known)),
            duty(net, h.node),
            name in net.live,
        )
        for name, h in known.items()
    }
    return [placed[name] for name in written_out(net, depth, known, ends)]


def roles(node: Node) -> dict[str, str]:
    """What each tensor of a node is; of operands that may be exchanged, which one says nothing."""
    if (node.kind in COMMUTE or node.kind in FREE) and len(node.tensors) == 1:
        return dict.fromkeys(["operand"], next(iter(node.tensors.values())))
    return node.tensors


def ways(net: Net, down: bool) -> dict[str, int]:
    """Nodes with tensors on the longest way to each node: from the inputs, or from the outputs."""
    found: dict[str, int] = {}
    nodes = net.graph.nodes if down else list(reversed(net.graph.nodes))
    for node in nodes:
        near = net.sources(node) if down else net.targets(node)
        found[node.name] = bool(node.tensors) + max((found.get(n.name, 0) for n in near), default=0)
    return found


def nearest(net: Net, known: Mapping[str, Holder], down: bool) -> dict[str, set[str]]:
    """For each node the next holders on every way on from it, or back."""
    found: dict[str, set[str]] = {}
    nodes = list(reversed(net.graph.nodes)) if down else net.graph.nodes
    for node in nodes:
        near: set[str] = set()
        for other in net.targets(node) if down else net.sources(node):
            near |= {other.name} if other.name in known else found.get(other.name, set())
        found[node.name] = near
    return found


def following(net: Net, node: Node, known: Mapping[str, Holder]) -> set[str]:
    """Kinds of the nodes on the ways from a node on to the next holders."""
    found: set[str] = set()
    stack, done = net.targets(node), {node.name}
    while stack:
        other = stack.pop()
        if other.name in done or other.name in known:
            continue
        done.add(other.name)
        if other.kind not in PASSING:
            found.add(other.kind)
            stack += [] if len(other.reads) > 1 else net.targets(other)
        else:
            stack += net.targets(other)
    return found


def duty(net: Net, node: Node) -> str:
    """What a layer makes for an attention, by where it goes; nothing where it goes elsewhere."""
    if "duty" in node.settings or node.kind not in PROJECTS or not node.writes:
        return str(node.settings.get("duty", ""))
    value, part = node.writes[0], node.settings.get("part")
    for _ in range(len(net.graph.nodes)):
        readers = net.readers.get(value, [])
        if part is not None and len(readers) > part and {r.kind for r in readers} == {"slice"}:
            value, part = readers[part].writes[0], None
            continue
        if len(readers) != 1:
            return ""
        (reader,) = readers
        if part is not None and len(reader.writes) > part and len(reader.writes) > 1:
            value, part = reader.writes[part], None
        elif reader.kind == "attention":
            place = reader.reads.index(value)
            return ("query", "key", "value")[place] if place < 3 else ""
        elif reader.kind in ("matmul", "einsum") and len(reader.reads) == 2:
            return duty_in_product(net, reader, value)
        elif len(reader.writes) == 1 and (
            (reader.kind in {*PASSING, "multiply", "divide", "slice"} and len(reader.reads) == 1)
            or (part is not None and reader.kind == "concat")
        ):
            value = reader.writes[0]
        else:
            return ""
    return ""


def duty_in_product(net: Net, product: Node, value: str) -> str:
    """Of one factor: queries lie along the rows of what a softmax reads, keys along its columns."""
    place, ahead = product.reads.index(value), product
    for _ in range(8):  # a scale, a table of positions, a mask between two reshapes
        readers = net.readers.get(ahead.writes[0], [])
        if len(readers) != 1:
            return "value" if place == 1 else ""
        ahead = readers[0]
        if ahead.kind == "softmax":
            break
    if ahead.kind != "softmax":
        return "value"
    equation = str(product.settings.get("equation", "")).replace(" ", "")
    if "->" not in equation:
        return ("query", "key")[place]
    factors, _, made = equation.partition("->")
    return "key" if made[-1] in factors.split(",")[place] else "query"


PASSING = {"identity", "dropout", "flatten", "reshape", "pad", "transpose"}


def written_out(
    net: Net, depth: Mapping[str, int], known: Mapping[str, Holder], outputs: Sequence[str] = ()
) -> list[str]:
    """The holders branch by branch, from the outputs back, the longer branch first."""
    order: dict[str, None] = {}
    done: set[str] = set()
    place = {node.name: index for index, node in enumerate(net.graph.nodes)}
    owner = {tuple(sorted(holder.tensors.values())): name for name, holder in known.items()}
    holder_of = {  # a layer that runs twice stands where either run is met first
        node.name: owner[held]
        for node in net.graph.nodes
        if (held := tuple(sorted(node.tensors.values()))) in owner
    }

    def rank(node: Node) -> tuple[object, ...]:
        holder = holder_of.get(node.name)
        like = str(known[holder].like) if holder is not None else node.kind
        return -depth[node.name], like, place[node.name]

    last = [net.graph.outputs[name] for name in outputs or net.graph.outputs]
    ends = [net.maker[value] for value in last if value in net.maker]
    ends += [node for node in reversed(net.graph.nodes) if not net.targets(node)]  # unused heads
    for end in ends:
        stack: list[tuple[Node, bool]] = [(end, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order |= {holder_of[node.name]: None} if node.name in holder_of else {}
            elif node.name not in done:
                done.add(node.name)
                stack.append((node, True))
                near = sorted(net.sources(node), key=rank)
                stack += [(source, False) for source in reversed(near)]
    return [*order]


def torch_shape(node: Node, role: str, shape: tuple[int, ...], first: bool) -> tuple[int, ...]:
    """A tensor's shape in PyTorch's axes."""
    return shape if first else shape_after(shape, to_torch(node, role, shape))


def shape_after(shape: tuple[int, ...], moves: Sequence[Step]) -> tuple[int, ...]:
    for word, axes in moves:
        if word == "order":
            continue
        if word == "transpose":
            shape = tuple(shape[i] for i in axes)
        else:
            known = -prod(axes) if -1 in axes else 1
            shape = tuple(prod(shape) // known if n == -1 else n for n in axes)
    return shape


def to_torch(node: Node, role: str, shape: tuple[int, ...]) -> tuple[Step, ...]:
    """What takes a Keras tensor to PyTorch's axes, by the kind of layer that holds it.

    Kernels (h, w, in, out) -> (out, in, h, w), of any number of places; those of a depthwise
    convolution (h, w, in, each) -> (in * each, 1, h, w); of a transposed one (h, w, out, in) ->
    (in, out, h, w); dense (in, out) -> (out, in). What is one number a channel stays.
    """
    n = len(shape)
    if node.kind == "einsum_dense":  # (in, heads, each), (heads, each, out): what is summed first
        given, weight = str(node.settings["equation"]).partition("->")[0].split(",")
        summed = sum(letter in given for letter in weight)
        if role != "weight":
            return (("reshape", (-1,)),) if n > 1 else ()
        if all(letter in given for letter in weight[:summed]):
            sizes = prod(shape[:summed]), prod(shape[summed:])
            turn = ("transpose", (1, 0))
            return (("reshape", sizes), turn) if n > 2 else (turn,)
        return ()
    held = node.settings.get("held", ())
    if node.kind in NORMS and len(held) == n:  # (H, W, C) -> (C, H, W)
        return (("transpose", tuple(int(i) for i in np.argsort(held))),)
    if role != "weight":
        spread = n > 1 and prod(shape) == shape[-1]  # (1, 1, C): one number a channel
        return (("reshape", (-1,)),) if spread and node.kind == "prelu" else ()
    if node.kind == "conv" and n >= 3:
        places = tuple(range(n - 2))
        if node.settings.get("groups", 1) == shape[-2] > 1 and is_depthwise(node, shape):
            return (
                ("transpose", (n - 2, n - 1, *places)),
                ("reshape", (-1, 1, *shape[:-2])),
            )
        return (("transpose", (n - 1, n - 2, *places)),)
    if node.kind == "conv_transpose" and n >= 3:
        return (("transpose", (n - 1, n - 2, *range(n - 2))),)
    return (("transpose", (1, 0)),) if node.kind == "dense" and n == 2 else ()


def is_depthwise(node: Node, shape: tuple[int, ...]) -> bool:
    """Whether the kernel is (h, w, in, each), of a layer of its own in Keras."""
    return int(node.settings.get("channels", 0)) == shape[-2] * shape[-1]


# ------------------------------------------------------------------------------------- alignment


def aligned(torch: Sequence[Holder], keras: Sequence[Holder], names: bool) -> list[Pair]:
    """The pairs of the best alignment of the two lists."""
    scores = np.array([[score(t, k) for k in keras] for t in torch])
    scores = scores.reshape(len(torch), len(keras))
    if names:
        add_names(scores, torch, keras)
    path = best_path(scores, best_up_to(scores))
    return [Pair(torch[i], keras[j], evidence(torch[i], keras[j])) for i, j in path]


def best_up_to(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the best alignment of the first i of one list and the first j of the other scores."""
    first = [GAP * j for j in range(scores.shape[1] + 1)]
    best = [first]  # of lists, since a number of an array takes ten times as long
    for i, row in enumerate(scores.tolist()):
        before, now = best[-1], [GAP * (i + 1)]
        for j, own in enumerate(row):
            now.append(max(before[j] + own, before[j + 1] + GAP, now[j] + GAP))
        best.append(now)
    return np.array(best)


def best_path(scores: NDArray[np.float64], best: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The places in the two lists that the best alignment puts together."""
    found, (i, j) = [], scores.shape
    while i and j:
        if best[i, j] == best[i - 1, j - 1] + scores[i - 1, j - 1]:
            i, j = i - 1, j - 1
            found.append((i, j))
        elif best[i, j] == best[i - 1, j] + GAP:
            i -= 1
        else:
            j -= 1
    return found[::-1]


def add_names(
    scores: NDArray[np.float64], torch: Sequence[Holder], keras: Sequence[Holder]
) -> None:
    """What names speak for pairs of one shape; not where they cannot make them the best.

    Two names take 0.2 ms, those of 750 layers on either side half a minute.
    """
    named = np.array([[same_shape(t, k) for k in keras] for t in torch], bool)
    named = named.reshape(scores.shape)

    def spoken(i: int, j: int) -> float:
        return NAMES * name_likeness(torch[i].node.name, keras[j].node.name)

    path = best_path(scores, best_up_to(scores))
    known = {(i, j): spoken(i, j) for i, j in path if named[i, j]}
    enough = best_up_to(scores)[-1, -1] + sum(known.values())
    most = scores + NAMES * named * letters_shared(torch, keras)
    before, behind = best_up_to(most), best_up_to(most[::-1, ::-1])[::-1, ::-1]
    through = before[:-1, :-1] + most + behind[1:, 1:]  # the best way that has this pair in it
    for i, j in np.argwhere(named & (through >= enough - 1e-6)):
        place = int(i), int(j)
        scores[place] += known[place] if place in known else spoken(*place)


def letters_shared(torch: Sequence[Holder], keras: Sequence[Holder]) -> NDArray[np.float64]:
    """The likeness of names with their letters in the best order: no less than `name_likeness`."""
    counts = [[Counter(in_words(h.node.name)) for h in side] for side in (torch, keras)]
    shared = np.zeros((len(torch), len(keras)))
    for letter in sorted({letter for side in counts for name in side for letter in name}):
        ours, theirs = (np.array([name[letter] for name in side]) for side in counts)
        shared += np.minimum(ours[:, None], theirs)
    lengths = [np.array([name.total() for name in side]) for side in counts]
    found: NDArray[np.float64] = 2 * shared / np.maximum(lengths[0][:, None] + lengths[1], 1)
    return found


def uncrossed(matched: Sequence[Pair]) -> list[Pair]:
    """The same pairs but for those that do not fit, where they do by each other's partners.

    Two heads whose order differs lie side by side, and two layers behind one another.
    """
    crossed = [p for p in matched if own_kind(p.torch) != own_kind(p.keras)]
    while True:
        kinds = [Counter(own_kind(getattr(p, side)) for p in crossed) for side in SIDES]
        left = [p for p in crossed if all(kinds[0][own_kind(h)] == kinds[1][own_kind(h)]
                                          for h in (p.torch, p.keras))]  # fmt: skip
        if len(left) == len(crossed):
            break
        crossed = left
    by_kind: dict[object, list[Holder]] = {}
    for pair in crossed:
        by_kind.setdefault(own_kind(pair.keras), []).append(pair.keras)
    again = [(pair.torch, by_kind[own_kind(pair.torch)].pop(0)) for pair in crossed]
    return [p for p in matched if p not in crossed] + [Pair(t, k, evidence(t, k)) for t, k in again]


def second_chance(
    torch: Sequence[Holder], keras: Sequence[Holder], matched: Sequence[Pair]
) -> list[Pair]:
    """Of those left over, the ones that as many on the other side are like, in their order.

    Projections that one port hands to an attention at once, and the other two at a time, are
    written out in another order, in every block.
    """
    left = [*left_over({"torch": torch, "keras": keras}, matched).values()]
    found = []
    for kind in dict.fromkeys(own_kind(holder) for holder in left[0]):
        ours, theirs = ([h for h in side if own_kind(h) == kind] for side in left)
        if len(ours) == len(theirs):
            found += [Pair(t, k, evidence(t, k)) for t, k in zip(ours, theirs, strict=True)]
    return found


def of_one_shape(matched: Sequence[Pair]) -> list[Pair]:
    """The pairs; those of other shapes with each other's partners, where they are just like them.

    Branches of kernels of several sizes may be written in any order.
    """
    odd = [pair for pair in matched if "shape" not in pair.evidence]
    while True:  # whoever gives a partner away gets one
        ours, theirs = Counter(p.torch.like for p in odd), Counter(p.keras.like for p in odd)
        left = [p for p in odd if all(ours[x] == theirs[x] for x in (p.torch.like, p.keras.like))]
        if len(left) == len(odd):
            break
        odd = left
    free, moved = [pair.keras for pair in odd], {id(pair) for pair in odd}
    found = [pair for pair in matched if id(pair) not in moved]
    for pair in odd:
        theirs_now = next(k for k in free if k.like == pair.torch.like)
        free.remove(theirs_now)
        found.append(Pair(pair.torch, theirs_now, evidence(pair.torch, theirs_now)))
    return found


def left_over(
    sides: Mapping[str, Sequence[Holder]], matched: Sequence[Pair]
) -> dict[str, list[Holder]]:
    """Side -> its layers without a partner."""
    taken = {side: {id(getattr(pair, side)) for pair in matched} for side in sides}
    return {side: [h for h in held if id(h) not in taken[side]] for side, held in sides.items()}


def in_pieces(left: Mapping[str, Sequence[Holder]]) -> list[Pair]:
    """What one port has in a layer, and the other's own formula reads tensor by tensor.

    A norm written out in a model's own code multiplies by one tensor and adds another.
    """
    found = []
    for side, other in (("torch", "keras"), ("keras", "torch")):
        free = [h for h in left[side] if len(h.tensors) == 1]
        for whole in left[other]:
            count = len(whole.tensors)
            runs = (free[i : i + count] for i in range(len(free) - count + 1))
            made = next((m for run in runs if (m := put_together(run, whole)) is not None), None)
            if made is not None:
                free = [h for h in free if not {*h.tensors.values()} & {*made.tensors.values()}]
                pair = {side: made, other: whole}
                found.append(Pair(pair["torch"], pair["keras"], ("shape",)))
    return found


def put_together(run: Sequence[Holder], whole: Holder) -> Holder | None:
    """The pieces as one layer with the other's roles; None where their shapes are not its.

    Of several of one shape what is multiplied comes first, as it does in every norm.
    """
    pieces = sorted(run, key=lambda h: (h.node.kind not in ("multiply", "divide"), h.place))
    tensors, shapes = {}, {}
    for role in sorted(whole.shapes, key=lambda r: IN_ORDER.index(r) if r in IN_ORDER else 0):
        fits = (h for h in pieces if axes_of(h) == sorted(n for n in whole.shapes[role] if n > 1))
        piece = next(fits, None)
        if piece is None:
            return None
        pieces.remove(piece)
        ((own, tensors[role]),) = piece.tensors.items()
        shapes[role] = piece.shapes[own]
    return replace(run[-1], tensors=tensors, shapes=shapes)


def axes_of(holder: Holder) -> list[int]:
    """The sizes of its only tensor's axes, in whatever order."""
    (shape,) = holder.shapes.values()
    return sorted(n for n in shape if n > 1)


def own_kind(holder: Holder) -> tuple[object, ...]:
    """What a layer is like; a tensor that stands for itself, whatever reads it: its numbers."""
    if holder.node.kind in FREE and len(holder.tensors) == 1:
        (shape,) = holder.shapes.values()
        return "free", tuple(n for n in shape if n != 1)
    return holder.like


def score(t: Holder, k: Holder) -> float:
    """How much but the names speaks for the pair; far below two gaps where it cannot be one."""
    known = kinds(t.node.kind, k.node.kind)
    if not known or (t.duty and k.duty and t.duty != k.duty):
        return 4 * GAP
    same = same_shape(t, k)
    if not same and sizes(t) != sizes(k) and known < KIND:
        return 4 * GAP
    total = known + (SHAPE if same else likeness(t, k))
    total += 0.5 * (t.shapes.keys() == k.shapes.keys())
    total += 0.5 * (t.before == k.before) + 0.5 * (t.after == k.after)
    total += 1.0 * (t.then == k.then)
    total += 0.3 * (t.depth == k.depth) + 0.3 * (t.height == k.height)
    return total


def same_shape(t: Holder, k: Holder) -> bool:
    """Whether they may be a pair, and what tells most of both is of one shape."""
    if not kinds(t.node.kind, k.node.kind) or (t.duty and k.duty and t.duty != k.duty):
        return False
    main = shared_role(t, k)
    return main is not None and t.shapes[main] == k.shapes[main]


def kinds(a: str, b: str) -> float:
    """How much the kinds alone speak for a pair; 0: it is none."""
    if a == b or {a, b} == {"dense", "einsum_dense"}:
        return KIND
    if "block" in (a, b):  # a layer of somebody's own may be any
        return LIKE
    related = ({*CONV, *DENSE}, NORMS, FREE)
    return LIKE if any({a, b} <= kin for kin in related) else 0.0


def shared_role(t: Holder, k: Holder) -> str | None:
    """The role that tells most of both."""
    return next((r for r in (*IN_ORDER, *t.shapes) if r in t.shapes and r in k.shapes), None)


def sizes(h: Holder) -> int:
    """Numbers in what tells most of it."""
    main = next((r for r in IN_ORDER if r in h.shapes), None)
    return prod(h.shapes[main]) if main else sum(map(prod, h.shapes.values()))


def likeness(t: Holder, k: Holder) -> float:
    """Of shapes that are not the same: axes that agree."""
    main = shared_role(t, k)
    if main is None:
        return -KIND
    a, b = t.shapes[main], k.shapes[main]
    if prod(a) == prod(b):
        return 2.0
    return -2.0 + sum(x == y for x, y in zip(a, b, strict=False)) / max(len(a), len(b))


def name_likeness(a: str, b: str) -> float:
    """Of the numbers and letters in two names."""
    return SequenceMatcher(None, in_words(a), in_words(b), autojunk=False).ratio()


def in_words(name: str) -> str:
    """The numbers and letters in a name."""
    return " ".join(findall(r"[a-z]+|\d+", name.lower()))


def evidence(t: Holder, k: Holder) -> tuple[str, ...]:
    """What speaks for a pair, in words."""
    main = shared_role(t, k)
    said = {
        "kind": t.node.kind == k.node.kind,
        "shape": main is not None and t.shapes[main] == k.shapes[main],
        "neighbours": t.before == k.before and t.after == k.after,
        "depth": (t.depth, t.height) == (k.depth, k.height),
        "name": name_likeness(t.node.name, k.node.name) > 0.8,
    }
    return tuple(word for word, holds in said.items() if holds)
