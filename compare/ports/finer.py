"""Parts that err are cut where they had been left whole.

Where a sum hides a difference in front of it, its numbers are taken for the same ones, and what
leads to it is not cut (`met_again` in compare/ports/cuts.py): both ports might do the same in
another order. Alone on the same numbers such a sum errs all the same. Then layers that are a pair
are cuts there too, unless what they make has nothing in common.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from compare.ports import cuts
from compare.ports.at_once import at_once
from compare.ports.gaps import error_alone
from compare.ports.looks import replaced
from compare.thresholds import FORWARD_FLOAT64

if TYPE_CHECKING:
    from compare.ports.verify import Seen

RELATED = 1e-2  # of the largest number: values that a sum hides are closer, other ones never
TRIES = 4  # each leaves out the first cuts that are wrong


def refine(found: Seen) -> None:
    """Cuts parts that err, and runs what they now consist of."""
    before, parts_before, replayed = found.cuts, found.parts, found.replayed
    errors = at_once(partial(error_alone, found, replayed), parts_before)
    wrong = {n for n, e in zip(parts_before, errors, strict=True) if e > FORWARD_FLOAT64}
    wrong = {n for n in wrong if n not in replayed.failed}
    inside = {v for n in wrong for node in parts_before[n].nodes for v in node.writes}
    paired = {v for pair in found.pairs.pairs for v in pair.keras.node.writes}
    if not paired & inside - before.by_keras.keys():
        return  # every layer that is a pair ends a part of its own
    finer = cuts.find(
        found.torch.net, found.keras.net, found.pairs, found.torch.arrays, found.keras.arrays, wrong
    )
    new = [c for c in finer.found if c.keras in inside and before.free(c.torch, c.keras)]
    units_before = found.torch_units(True)
    source = found.room.path("torch", "look-float64")
    for turn in range(TRIES):
        if not new:
            break
        become(found, before.and_more(new))
        changed = {n for n, own in found.parts.items() if parts_before.get(n) != own}
        units = found.units(gradients=True, only=frozenset(changed))
        again = found.room.replay("keras", f"finer-{turn}-float64", units, source)
        bad = {n for n in changed if error_alone(found, again, n) > RELATED}
        if not bad:
            found.__dict__["replayed"] = replaced(replayed, again, changed)
            units = [unit for unit in found.torch_units(True) if unit not in units_before]
            again = found.room.replay("torch", "finer-float64", units, source)
            names = {unit.name for unit in units}
            found.__dict__["torch_replayed"] = replaced(found.torch_replayed, again, names)
            found.replayed.forget(names)
            return
        first = {n for n in bad if not bad & {*found.parts[n].sources}}
        blamed = first | {v for n in first for v in found.parts[n].sources}
        own = {c.keras for c in new} & first
        new = [c for c in new if c.keras not in (own or blamed)]
    become(found, before)


def become(found: Seen, known: cuts.Cuts) -> None:
    """From now on these are the cuts."""
    found.__dict__["cuts"] = known
    found.__dict__.pop("parts", None)
