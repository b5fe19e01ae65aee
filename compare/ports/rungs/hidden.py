"""What the probe hides: a maximum, whatever the other numbers are; a bound that no number reaches.

Such a part is run again. Where it hands on the largest of many numbers, on some that are large in
one place alone: a border of zeros that one port reads around a map shows in few of a random probe's
maxima. Where the ports bend numbers otherwise, on larger ones and on others of either sign: a relu
of nothing but positive numbers does nothing, nor does a bound at 6 of small ones. So on numbers as
small as a bound around zero, and on infinite ones where a port makes those finite.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from common.graph import Moves, Node
from common.job import Unit
from compare.evidence import relative_error
from compare.known import KEPT_IN_FLOAT32
from compare.ports.cuts import Cut, Part, part
from compare.ports.fault import apart
from compare.ports.looks import Array, both
from compare.ports.pairing import Net
from compare.ports.relax import taken_back
from compare.ports.verify import ROUTES, Seen
from compare.thresholds import FORWARD_FLOAT64

MAXIMA = {"max_pool", "global_max_pool", "adaptive_max_pool", "max"}
STILL = {"identity", "dropout", "flatten", "reshape", "transpose", "relu"}  # keep the largest
WITHIN_ONE = {"sigmoid", "hard_sigmoid", "tanh", "softmax", "softsign"}
SEVERAL = {"block", "concat"}  # kinds that hold tensors, and may end in something else
SCALED = ROUTES | {"multiply", "divide", "subtract", "rescale", "mean", "global_avg_pool"}
BENDS = WITHIN_ONE | {
    "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus", "hard_swish",
    "clip", "maximum", "minimum", "abs", "where", "threshold", "celu", "squareplus",
    "soft_shrink", "hard_shrink", "tanh_shrink", "log_sigmoid", "nan_to_num",
}  # fmt: skip
FINITE = "nan_to_num"
# Comparisons, as PyTorch calls them and Keras; none says what it compares with.
BOUNDED = {"gt", "ge", "lt", "le", "greater", "greater_equal", "less", "less_equal"}
ROUNDS = 6
REACH = 1.5  # places over which the numbers fall to a third
FACTORS = (8.0, -8.0, 64.0, -64.0)
NEAR = (1e-2, 1e-4, 1e-6)  # a comparison with almost nothing
BEYOND = 8.0  # times a bound that is farther away: a layer's numbers are about as large as one
Random = np.random.RandomState


@dataclass(frozen=True)
class Shown:
    """How far a part is from PyTorch's on numbers that show more than the probe's."""

    error: float
    words: str
    numbers: str  # the name of their file


def errors(seen: Seen) -> dict[str, Shown]:
    """Part -> the most that it errs by on such numbers; of those that err, and could be run.

    Takes back cuts for it: where all maxima are positive, those in front of a relu are those behind
    it, and of two ports that do both in another order either part alone would err.
    """
    found = errors_of(seen, seen.parts)
    doubtful = {name for name in found if seen.cut_of(name).why == "values"}
    if not doubtful:
        return found
    before = seen.parts
    taken_back(
        seen, doubtful, "reached", wrong_too=lambda longer: errors_of(seen, longer, "longer-")
    )
    return {name: shown for name, shown in found.items() if seen.parts.get(name) == before[name]}


def errors_of(seen: Seen, names: Collection[str], file: str = "") -> dict[str, Shown]:
    """Of these parts. `file`: in front of the names of what is run."""
    found: dict[str, Shown] = {}
    random = np.random.RandomState(0)
    parts = {name: seen.parts[name] for name in names}
    peaked = frozenset(name for name, own in parts.items() if hides(seen, name, own))
    for count in range(ROUNDS if peaked else 0):
        words = "where the largest numbers lie elsewhere than on the probe"
        numbers = fed(seen, peaked, partial(peaks, random=random, count=count))
        on_other(seen, peaked, f"{file}peaks-{count}", numbers, words, FORWARD_FLOAT64, found)
    bent = [name for name, own in parts.items() if bends(seen, name, own)]
    wanted = {n: factors((*seen.parts[n].nodes, *seen.torch_part(n).nodes)) for n in bent}
    for count, factor in enumerate(dict.fromkeys(f for own in wanted.values() for f in own)):
        some = frozenset(name for name in bent if factor in wanted[name])
        numbers = fed(seen, some, partial(stirred, seen, factor=factor))
        own, allowed = f"{file}stirred-{count}", KEPT_IN_FLOAT32
        on_other(seen, some, own, numbers, in_words(factor), allowed, found)
    return found


def in_words(factor: float) -> str:
    """Where something shows."""
    if np.isinf(factor):
        return "where numbers are infinite"
    if abs(factor) < 1:
        return "where numbers are smaller than on the probe"
    return "where numbers are larger than on the probe, or of the other sign"


def handed_on(seen: Seen, mine: str, due: str) -> Shown | None:
    """What lies between two values of PyTorch that are equal on the probe, where it shows.

    Keras returns what stands for the one, PyTorch the other: a relu of nothing but positive numbers
    may lie between. Views may, too, so that numbers are compared in their own order.
    """
    end, way = way_between(seen, mine, due)
    if way is None or {node.kind for node in way.nodes} <= ROUTES | {"dropout"}:
        return None
    start = due if end == mine else mine
    feeds: dict[str, tuple[str, Moves]] = {s: (f"value:{s}", ()) for s in way.sources}
    unit = Unit("between", way.names, feeds, (end,), {})
    for count, factor in enumerate(factors(way.nodes)):
        numbers = {f"value:{s}": stirred(seen, s, seen.torch.value(s), factor) for s in feeds}
        file = f"between-{due}-{count}"
        source = seen.room.save(f"torch/{file}", numbers)
        made = seen.room.replay("torch", f"on-{file}", [unit], Path(source)).value("between", end)
        if made is None:
            return None
        before = np.sort(numbers[f"value:{start}"].ravel())
        error = among_finite(np.sort(made.ravel()), before, relative_error)
        if error > KEPT_IN_FLOAT32:
            return Shown(error, in_words(factor), file if start == mine else "")
    return None


def among_finite(
    made: Array | None, due: Array, error: Callable[[Array | None, Array], float]
) -> float:
    """How far two are apart where both are numbers; infinite where only one of them is."""
    if made is None or np.isfinite(due).all() or made.size != due.size:
        return error(made, due)
    numbers, right = (np.sort(np.isfinite(x).ravel()) for x in (made, due))
    if not np.array_equal(numbers, right):
        return float("inf")
    return error(np.where(np.isfinite(made), made, 0), np.where(np.isfinite(due), due, 0))


def way_between(seen: Seen, mine: str, due: str) -> tuple[str, Part | None]:
    """The value that is made of the other one, and what makes it; None where neither is."""
    for start, end in ((mine, due), (due, mine)):
        known = {v: cut for v, cut in seen.cuts.by_torch.items() if v != end}
        known[start] = Cut(start, "", (), "")
        way = part(seen.torch.net, end, known)
        if start in way.sources:
            return end, way
    return due, None


def factors(nodes: Sequence[Node]) -> tuple[float, ...]:
    """What numbers are multiplied by, so that some lie beyond every bound of these nodes.

    Some within a threshold around zero; a guard against a division by zero is none. And some are
    infinite, where one makes them finite.
    """
    done = [each for node in nodes for each in done_by(node)]
    said = [(w, x) for kind, settings in done if kind in BENDS for w, x in settings.items()]
    bounds = [(w, abs(x)) for w, x in said if isinstance(x, int | float) and np.isfinite(x)]
    far = BEYOND * max((x for _, x in bounds), default=0.0)
    found: tuple[float, ...] = (*FACTORS, far, -far) if far > max(FACTORS) else FACTORS
    found += tuple(x / BEYOND for word, x in bounds if word == "threshold" and x > 0)
    kinds = {kind for kind, _ in done}
    found += (np.inf,) if FINITE in kinds else ()
    return (*found, *NEAR) if kinds & BOUNDED else found


def done_by(node: Node) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Kinds and settings of what a node does: of a block all that it runs."""
    known: tuple[tuple[str, Mapping[str, Any]], ...] = node.settings.get("does", ())
    return known or ((node.kind, node.settings),)


def on_other(
    seen: Seen,
    names: frozenset[str],
    file: str,
    numbers: dict[str, Array],
    words: str,
    allowed: float,
    found: dict[str, Shown],
) -> None:
    """Runs parts of both sides on other numbers, and adds what errs by more than before."""
    source = seen.room.path("torch", file)
    seen.room.save(f"torch/{file}", numbers)
    units = {"torch": seen.torch_units(False, names), "keras": seen.units(False, names)}
    left = both(lambda side: seen.room.replay(side, f"on-{file}", units[side], source))
    ours, theirs = left["torch"], left["keras"]
    for name in names - ours.failed.keys() - theirs.failed.keys():
        cut = seen.cut_of(name)
        made, due = theirs.value(name, seen.target(name)), ours.value(name, cut.torch)
        error = np.inf if due is None else among_finite(made, due, partial(apart, cut=cut))
        if error > max(allowed, found[name].error if name in found else 0.0):
            found[name] = Shown(error, f"errs by {error:.1e} {words}", file)


def fed(
    seen: Seen, names: frozenset[str], changed: Callable[[str, Array], Array]
) -> dict[str, Array]:
    """Every value that the parts read, with its own numbers changed."""
    sources = {seen.cuts.by_keras[s].torch for n in names for s in seen.parts[n].sources}
    return {f"value:{value}": changed(value, seen.torch.value(value)) for value in sorted(sources)}


def hides(seen: Seen, name: str, own: Part) -> bool:
    """Whether a part takes a maximum of what it makes itself, on either side."""
    mine = partner(seen, name, own)
    kinds = [{node.kind for node in nodes} for nodes in (own.nodes, mine.nodes if mine else ())]
    return mine is not None and any(own & MAXIMA and own - MAXIMA - STILL for own in kinds)


def bends(seen: Seen, name: str, own: Part) -> bool:
    """Whether the two sides bend numbers otherwise on the way, or hold them against some bound.

    What the bound of a comparison is no graph says.
    """
    mine = partner(seen, name, own)
    if mine is None:
        return False
    compared = {kind for n in (*mine.nodes, *own.nodes) for kind, _ in done_by(n)} & BOUNDED
    return bool(compared) or bent_by(mine.nodes) != bent_by(own.nodes)


def bent_by(nodes: Sequence[Node]) -> list[str]:
    done = [each for node in nodes for each in done_by(node)]
    return sorted(f"{kind} {sorted(own.items())}" for kind, own in done if kind in BENDS)


def partner(seen: Seen, name: str, own: Part) -> Part | None:
    """PyTorch's part, where it reads the same values."""
    mine = seen.torch_part(name)
    known = all(source in seen.cuts.by_keras for source in own.sources)
    alike = known and {seen.cuts.by_keras[s].torch for s in own.sources} == set(mine.sources)
    return mine if alike else None


def other_sizes(seen: Seen, name: str) -> tuple[str, str, str] | None:
    """The layers of a part that make maps of another size, which a maximum hides, and which."""
    mine = part(seen.torch.net, seen.cut_of(name).torch, seen.cuts.by_torch)
    inside = {node.name for node in (*mine.nodes, *seen.parts[name].nodes)}
    for pair in seen.pairs.pairs:
        t, k = pair.torch.node, pair.keras.node
        if {t.name, k.name} <= inside:
            shapes = seen.torch.graph.shapes[t.writes[0]], seen.keras.graph.shapes[k.writes[0]]
            if sorted(shapes[0]) != sorted(shapes[1]):
                return t.name, k.name, f"makes maps of {shapes[1]}, torch's of {shapes[0]}"
    return None


def stirred(seen: Seen, value: str, x: Array, factor: float) -> Array:
    """Larger numbers; with other signs, too, where they are an input's or a layer's with weights.

    Such a layer makes any number, depending on its weights, unless it ends in what makes none below
    zero. Others keep their signs, and one feature alone may show what the sum of all does not.
    """
    maker = seen.torch.net.maker.get(value)
    if x.dtype.kind != "f" or within_bounds(seen.torch.net, value):
        return x
    ends = maker is not None and maker.kind in SEVERAL and x.min(initial=0.0) >= 0
    if maker is None or (maker.tensors and not ends):
        signs = np.resize((1.0, -1.0), len(x)).reshape(-1, *(1,) * (x.ndim - 1))
        return np.asarray(x * factor * signs)  # both at once, or all that is left may be zero
    if x.ndim == 2:
        alone = np.arange(x.shape[1]) == np.arange(len(x))[:, None] % x.shape[1]
        x = np.where(alone if factor > 0 else np.roll(alone, 1, axis=1), x, 0)
    return np.asarray(x * abs(factor))


def within_bounds(net: Net, value: str) -> bool:
    """Whether no larger number can ever be there: a sigmoid's, and what is scaled from them."""
    while value in net.maker:
        node = net.maker[value]
        if done_by(node)[-1][0] in WITHIN_ONE:
            return True
        if node.tensors or len(node.reads) != 1 or node.kind not in SCALED:
            return False
        (value,) = node.reads
    return False


def peaks(value: str, x: Array, random: Random, count: int) -> Array:
    """Its own numbers, moved to one place, less around it."""
    if x.dtype.kind == "f" and x.ndim > 2:
        return np.stack([peak(y, random, count + i) for i, y in enumerate(x)])
    return x


def peak(x: Array, random: Random, turn: int) -> Array:
    """(C, ...) -> the same, rolled until its largest numbers lie in a corner, or anywhere.

    No number gets another sign, or larger: behind a relu there are none below zero.
    """
    corners = list(product((0.0, 1.0), repeat=x.ndim - 1))
    where = corners[turn % len(corners)] if turn % 3 else random.random_sample(x.ndim - 1)
    largest = np.unravel_index(int(np.abs(x).sum(axis=0).argmax()), x.shape[1:])
    far = np.zeros(x.shape[1:])
    for axis, (share, now) in enumerate(zip(where, largest, strict=True)):
        places = np.arange(x.shape[1 + axis])
        place = round(share * int(places[-1]))
        x = np.roll(x, place - int(now), axis=1 + axis)
        line = np.abs(places - place)
        far = far + line.reshape([-1 if i == axis else 1 for i in range(far.ndim)])
    return np.asarray(x * np.exp(-far / REACH))
