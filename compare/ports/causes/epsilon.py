"""A small number that a port's own formula adds, as norms do, where the other adds another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from common.graph import Node, back
from common.job import Repair, Unit
from common.operations import computable
from compare.evidence import relative_error
from compare.ports.causes.alone import way_of
from compare.ports.causes.cause import RIGHT, Cause
from compare.ports.causes.narrow import Middle, known_in_torch, source_of, way_in
from compare.ports.causes.settings import Work
from compare.ports.cuts import part
from compare.ports.fault import apart
from compare.ports.verify import Seen

SMALL = 1e-2  # what is larger is no epsilon
USUAL = (1e-3, 1e-5, 1e-6, 1e-12, 1e-8, 1e-7, 1e-4, 1e-10, 1e-9)
ADDED = {"add", "maximum"}


def another_epsilon(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work], number: int
) -> list[Cause]:
    """With PyTorch's epsilon Keras' part is right; or with another one PyTorch's does as Keras'."""
    ours, theirs = ([*epsilons([w.node for w in works])] for works in (torch, keras))
    ways = []
    for t, key_t in ours:
        due = float(t.settings[key_t])
        for k, key in theirs:
            if float(k.settings[key]) != due and computable(k.kind):
                ways.append((t, k, key, due, as_torch(seen, middle, k, key, due)))
    for place, (t, k, key, due, repair) in enumerate(ways):
        after = keras_with(seen, middle, repair, f"eps-{number}-{place}")
        if middle.explained(after):
            own = float(k.settings[key])
            return [told(middle, t, k, (due, own), after, (repair,))]
    if middle.made is None:
        return []
    for place, (t, key_t) in enumerate(ours):
        due = float(t.settings[key_t])
        for other in (eps for eps in USUAL if eps != due):
            held = {role: seen.tensor_file("torch", name) for role, name in t.tensors.items()}
            repair = Repair(t.name, t.kind, {**t.settings, key_t: other}, held, ((),))
            after = torch_with(seen, middle, repair, f"other-eps-{number}-{place}-{other}")
            if after <= max(RIGHT, middle.rounding) and after <= 1e-3 * middle.error:
                return [told(middle, t, keras[0].node, (due, other), after, ())]
    return []


def epsilons(nodes: Sequence[Node]) -> Iterator[tuple[Node, str]]:
    """Operations that add a small number, and the setting that says so."""
    for node in nodes:
        for key in ("eps", "operand"):
            value = node.settings.get(key)
            small = isinstance(value, float) and 0 < value <= SMALL
            if small and (key == "eps" or node.kind in ADDED):
                yield node, key


def told(
    middle: Middle, ours: Node, theirs: Node, eps: tuple[float, float], after: float,
    repairs: tuple[Repair, ...],
) -> Cause:  # fmt: skip
    """The difference in words; under the id of the norm that says what it adds."""
    kind = next((node.kind for node in (theirs, ours) if "eps" in node.settings), "norm")
    id = "bn-eps" if kind == "batch_norm" else f"{kind}-eps"
    phrase = f"eps: torch {eps[0]:.10g}, keras {eps[1]:.10g}"
    fix = {"torch": f"add {eps[1]:.10g} in {ours.name}", "keras": f"add {eps[0]:.10g}"}
    names = ours.name, theirs.name
    return Cause(id, phrase, middle.error, after, (), (id,), fix, *names, repairs=repairs)


def as_torch(seen: Seen, middle: Middle, node: Node, key: str, eps: float) -> Repair:
    """Keras' operation with another epsilon, in NumPy."""
    held = {role: seen.tensor_file("keras", name) for role, name in node.tensors.items()}
    settings = {**node.settings, key: eps}
    if key == "operand":  # the same along every axis
        return Repair(node.name, node.kind, settings, reads=((),))
    way = way_of(seen, middle, node.reads[0])
    makes = back(way, (-1, *seen.keras.graph.shapes[node.writes[0]]))
    return Repair(node.name, node.kind, settings, held, (way,), makes=makes)


def keras_with(seen: Seen, middle: Middle, repair: Repair, place: str) -> float:
    """How far Keras' part is from PyTorch's numbers, with the repair."""
    own = part(seen.keras.net, middle.cut.keras, middle.local)
    if any(s not in middle.local for s in own.sources):
        return np.inf
    feeds = {s: (f"value:{middle.local[s].torch}", way_in(seen, middle.local[s]))
             for s in own.sources}  # fmt: skip
    unit = Unit("eps", own.names, feeds, (middle.cut.keras,), {})
    replay = seen.room.replay("keras", place, [unit], source_of(seen), repairs=(repair,))
    return apart(replay.value("eps", middle.cut.keras), middle.due, middle.cut)


def torch_with(seen: Seen, middle: Middle, repair: Repair, place: str) -> float:
    """How far PyTorch's part is from Keras' numbers, with the repair."""
    own = part(seen.torch.net, middle.cut.torch, known_in_torch(seen, middle.local))
    unit = Unit("eps", own.names, {s: (f"value:{s}", ()) for s in own.sources},
                (middle.cut.torch,), {})  # fmt: skip
    replay = seen.room.replay("torch", place, [unit], source_of(seen), repairs=(repair,))
    made = replay.value("eps", middle.cut.torch)
    if made is None or middle.made is None or made.shape != middle.made.shape:
        return np.inf
    return relative_error(middle.made, made)
