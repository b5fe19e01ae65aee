"""Layers that are alike, told apart by what they read.

Of two branches of one shape nothing but the numbers on the way says which is which. They were
paired in the order in which they are written; where that is wrong the numbers show it, since what
leads to the first layer of each is the same on both sides, whatever weights that layer was given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from compare.ports.pairing import Holder, Net, Pair, Pairs, evidence

if TYPE_CHECKING:
    from compare.ports.verify import Seen

HANDED_ON = {"pad", "identity", "dropout"}  # a layer may do it itself, and a port in front of it


def exchanged(seen: Seen) -> Pairs | None:
    """The pairs, with layers exchanged that read each other's numbers; None where none do."""
    ours, theirs = seen.torch.net, seen.keras.net
    known = {c.keras: c.torch for c in seen.cuts.found if c.why in ("values", "input")}
    partners = {pair.keras.node.name: pair for pair in seen.pairs.pairs}
    reading: dict[object, list[Holder]] = {}
    for pair in seen.pairs.pairs:
        reads = tuple(origin(ours, value) for value in pair.torch.node.reads)
        reading.setdefault((pair.torch.like, reads), []).append(pair.torch)
    wanted: dict[str, Holder] = {}
    for node in seen.keras.graph.nodes:
        sources = [known.get(origin(theirs, v), known.get(v)) for v in node.reads]
        if len(node.writes) != 1 or not sources or None in sources:
            continue
        reads = tuple(origin(ours, v) for v in sources if v is not None)
        found = partners.get(node.name)
        if found is None:
            same = {
                other.writes[0]
                for value in sources
                for other in ours.readers.get(value or "", [])
                if (other.kind, other.reads) == (node.kind, tuple(sources))
                and len(other.writes) == 1
                and not other.tensors
            }
            if len(same) == 1:
                known.setdefault(node.writes[0], *same)
            continue
        holders = reading.get((found.torch.like, reads), [])
        if len(holders) == 1 and holders[0] is not found.torch and "given" not in found.evidence:
            wanted[node.name] = holders[0]
            known[node.writes[0]] = holders[0].node.writes[0]
    owner = {pair.torch.node.name: name for name, pair in partners.items()}
    while True:  # whoever gives a partner away gets one
        left = {name: h for name, h in wanted.items() if owner[h.node.name] in wanted}
        if len(left) == len(wanted):
            break
        wanted = left
    if not wanted or len({h.node.name for h in wanted.values()}) < len(wanted):
        return None
    pairs = [told(pair, wanted.get(pair.keras.node.name)) for pair in seen.pairs.pairs]
    pairs.sort(key=lambda pair: pair.torch.place)
    return replace(seen.pairs, pairs=pairs)


def origin(net: Net, value: str) -> str:
    """The value that is handed on as it is, but for what is put around it."""
    while (node := net.maker.get(value)) and node.kind in HANDED_ON and len(node.reads) == 1:
        value = node.reads[0]
    return value


def told(pair: Pair, holder: Holder | None) -> Pair:
    if holder is None:
        return pair
    return Pair(holder, pair.keras, (*evidence(holder, pair.keras), "values"))
