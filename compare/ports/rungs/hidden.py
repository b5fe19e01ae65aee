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
    """For each value that the parts read, as many samples, each large around one place."""
    found: dict[str, Array] = {}
    sources = {seen.cuts.by_keras[s].torch for n in names for s in seen.parts[n].sources}
    for value in sorted(sources):
        x = seen.torch.value(value)
        if x.dtype.kind == "f":
            drawn = random.standard_normal(x.shape) * max(float(np.abs(x).max()), 1e-30)
            x = np.stack([y * envelope(y.shape, random, count + i) for i, y in enumerate(drawn)])
        found[f"value:{value}"] = x
    return found


def envelope(shape: tuple[int, ...], random: np.random.RandomState, turn: int) -> Array:
    """(C, ...): 1 in one place of a map and less around it; first the corners, then anywhere."""
    corners = list(product((0.0, 1.0), repeat=len(shape) - 1))
    where = corners[turn % len(corners)] if turn % 3 else random.random_sample(len(shape) - 1)
    far = np.zeros(shape[1:])
    for axis, share in enumerate(where):
        line = np.abs(np.arange(shape[1 + axis]) - round(share * (shape[1 + axis] - 1)))
        far = far + line.reshape([-1 if i == axis else 1 for i in range(len(shape) - 1)])
    return np.broadcast_to(np.exp(-far / REACH), shape)
