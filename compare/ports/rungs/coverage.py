"""What was not seen, and what the probe could not have shown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compare.ports.cuts import part
from compare.ports.fault import looks
from compare.ports.verify import Seen


def covered(seen: Seen) -> tuple[int, int]:
    """Operations of both ports that lie in a part, of those that lead to an output."""
    total, inside = 0, 0
    for side, look in looks(seen).items():
        needed = {
            node.name
            for value in look.graph.outputs.values()
            for node in part(look.net, value, {}).nodes
        }
        total += len(needed)
        if side == "keras":
            inside += len({n.name for own in seen.parts.values() for n in own.nodes} & needed)
        else:
            parts = [part(look.net, cut.torch, seen.cuts.by_torch) for cut in seen.cuts.found]
            parts += [
                part(look.net, look.graph.outputs[ours], seen.cuts.by_torch, itself=False)
                for ours, _ in seen.outputs
            ]
            inside += len({n.name for own in parts for n in own.nodes} & needed)
    return inside, total


def unseen(seen: Seen) -> Iterator[str]:
    """What ran and was not recorded."""
    for side, look in looks(seen).items():
        for words in look.graph.unseen:
            yield f"{side}: {words}"


def blindness(seen: Seen) -> Iterator[str]:
    """What the probe could not have shown."""
    for name in (name for name in seen.torch.graph.shapes if name.startswith("input:")):
        x = seen.torch.value(name)
        if len(x) < 2:
            yield "the probe holds one sample: give two or more with --batch"
        elif x.size and x.min() == x.max():
            yield f"the probe's {name} is {x.flat[0]:g} everywhere"
        elif x.ndim == 4 and x.shape[2] == x.shape[3] > 1 and np.array_equal(x, x.swapaxes(2, 3)):
            yield f"the probe's {name} is the same with height and width exchanged"
    for ours, _ in seen.outputs:
        y = seen.torch.value(seen.torch.graph.outputs[ours])
        if y.size > 1 and y.min() == y.max():
            yield f"torch's output {ours} is {y.flat[0]:g} everywhere"
