"""What a maximum hides: a part that hands on the largest of many numbers, whatever the others are.

Such a part is run again, on numbers that are large in one place alone: in a corner, or anywhere. A
border of zeros that one port reads around a map shows in few of a random probe's maxima.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from compare.ports.cuts import Part, part
from compare.ports.fault import apart
from compare.ports.looks import Array
from compare.ports.verify import Seen

MAXIMA = {"max_pool", "global_max_pool", "adaptive_max_pool", "max"}
STILL = {"identity", "dropout", "flatten", "reshape", "transpose", "relu"}  # keep the largest
ROUNDS = 6
REACH = 1.5  # places over which the numbers fall to a third


def errors(seen: Seen) -> dict[str, float]:
    """Part -> how far it is from PyTorch's on such numbers, at most; of those that could be run."""
    names = frozenset(name for name, own in seen.parts.items() if hides(seen, name, own))
    if not names:
        return {}
    random = np.random.RandomState(0)
    found: dict[str, float] = {}
    for count in range(ROUNDS):
        file = seen.room.path("torch", f"peaks-{count}")
        seen.room.save(f"torch/peaks-{count}", peaks(seen, names, random, count))
        ours, theirs = (
            seen.room.replay(side, f"on-peaks-{count}", units, file)
            for side, units in (
                ("torch", seen.torch_units(False, names)),
                ("keras", seen.units(False, names)),
            )
        )
        for name in names - ours.failed.keys() - theirs.failed.keys():
            cut = seen.cut_of(name)
            made = theirs.value(name, seen.target(name))
            error = apart(made, ours.value(name, cut.torch), cut)
            found[name] = max(found.get(name, 0.0), error)
    return found


def hides(seen: Seen, name: str, own: Part) -> bool:
    """Whether a part takes a maximum of what it makes itself, on either side."""
    mine = part(seen.torch.net, seen.cut_of(name).torch, seen.cuts.by_torch)
    kinds = [{node.kind for node in nodes} for nodes in (own.nodes, mine.nodes)]
    fed = all(source in seen.cuts.by_keras for source in own.sources)
    alike = fed and {seen.cuts.by_keras[s].torch for s in own.sources} == set(mine.sources)
    return alike and any(own & MAXIMA and own - MAXIMA - STILL for own in kinds)


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


def peaks(
    seen: Seen, names: frozenset[str], random: np.random.RandomState, count: int
) -> dict[str, Array]:
    """For each value that the parts read: its own numbers, moved to one place, less around it."""
    found: dict[str, Array] = {}
    sources = {seen.cuts.by_keras[s].torch for n in names for s in seen.parts[n].sources}
    for value in sorted(sources):
        x = seen.torch.value(value)
        if x.dtype.kind == "f" and x.ndim > 2:
            x = np.stack([peak(y, random, count + i) for i, y in enumerate(x)])
        found[f"value:{value}"] = x
    return found


def peak(x: Array, random: np.random.RandomState, turn: int) -> Array:
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
