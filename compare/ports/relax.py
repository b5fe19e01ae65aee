"""Cuts between what does not stand for each other are taken back.

Behind a fault numbers do not tell which values stand for each other, and where a relu changes none
of the probe's numbers, those in front of it and behind it are equal. Where one port computes in two
operations what the other does in one, or in another order, such a cut would be to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from common.graph import moved
from compare.evidence import relative_error
from compare.ports import cuts
from compare.ports.cuts import Cut
from compare.ports.looks import Replay, replaced
from compare.ports.pairing import Net

if TYPE_CHECKING:
    from compare.ports.verify import Seen

ALIKE = 1e-9


def relax(found: Seen) -> None:
    """Takes back cuts between operations of other kinds or sizes where it is better without them.

    So would one behind views, whose axes may stand in any order.
    """
    ours, theirs = found.torch.net.maker, found.keras.net.maker
    doubtful = {
        cut.keras
        for cut in found.cuts.found
        if (
            (
                cut.why == "neighbours"
                and (
                    ours[cut.torch].kind != theirs[cut.keras].kind
                    or ours[cut.torch].kind in cuts.VIEWS
                )
            )
            or (cut.why in ("neighbours", "layers") and not found.same_size(cut))
        )
        and cut.keras in found.parts
        and errs(found, found.replayed, cut.keras, cut)
    }
    if doubtful:
        taken_back(found, doubtful, "relaxed", between_views(found, doubtful))


def between_views(found: Seen, doubtful: Collection[str]) -> set[str]:
    """Cuts of Keras between two views, of those of which one is doubtful: nothing tells them."""
    net, known = found.keras.net, {c.keras for c in found.cuts.found if c.why == "neighbours"}
    near: set[str] = {*doubtful}
    inside: set[str] = set()
    while True:
        more = {
            value
            for value in known - inside
            if net.maker[value].kind in cuts.VIEWS
            and {reader.kind for reader in net.readers.get(value, [])} <= cuts.VIEWS
            and value not in found.keras.graph.outputs.values()
            and near & {value, *net.maker[value].reads, *written_from(net, value)}
        }
        if not more:
            return inside
        inside, near = inside | more, near | more


def written_from(net: Net, value: str) -> set[str]:
    """What is made of a value at once."""
    return {made for reader in net.readers.get(value, []) for made in reader.writes}


def errs(found: Seen, replay: Replay, name: str, cut: Cut) -> bool:
    """Whether a part is wrong on the probe's numbers."""
    made = replay.value(name, cut.keras)
    if made is None:
        return True
    try:
        return relative_error(moved(made, cut.moves), found.torch.value(cut.torch)) > ALIKE
    except ValueError:
        return True


def taken_back(
    found: Seen,
    doubtful: Collection[str],
    name: str,
    never: Collection[str] = (),
    wrong_too: Callable[[frozenset[str]], Collection[str]] = lambda longer: (),
) -> None:
    """Goes on without these cuts; with those again in front of which a longer part errs.

    `never`: those that do not come back. `wrong_too`: of the longer parts those that err on other
    numbers than the probe's.
    """
    doubtful = {*doubtful, *never}
    before, units_before = found.parts, found.torch_units(True)
    all_cuts = found.cuts
    found.__dict__["cuts"] = all_cuts.without(doubtful)
    del found.__dict__["parts"]
    changed = {n for n, own in found.parts.items() if before.get(n) != own}
    source = found.room.path("torch", "look-float64")
    units = found.units(gradients=True, only=frozenset(changed))
    again = found.room.replay("keras", f"{name}-float64", units, source)
    bad = {n for n in changed if errs(found, again, n, found.cut_of(n))}
    bad |= set(wrong_too(frozenset(changed - bad)))
    inside = {n: {v for node in found.parts[n].nodes for v in node.writes} for n in changed}
    wrong = {v for v in doubtful if any(v in inside[n] for n in bad)} - {*never}
    kept = {n for n in changed if not inside[n] & wrong}
    found.__dict__["cuts"] = all_cuts.without(doubtful - wrong)
    del found.__dict__["parts"]
    found.__dict__["replayed"] = replaced(found.replayed, again, kept)
    new = {n for n, own in found.parts.items() if before.get(n) != own} - kept
    if new:
        units = found.units(gradients=True, only=frozenset(new))
        again = found.room.replay("keras", f"{name}-again-float64", units, source)
        found.__dict__["replayed"] = replaced(found.replayed, again, new)
    units = [unit for unit in found.torch_units(True) if unit not in units_before]
    if units:
        again = found.room.replay("torch", f"{name}-float64", units, source)
        names = {unit.name for unit in units}
        found.__dict__["torch_replayed"] = replaced(found.torch_replayed, again, names)
        found.replayed.forget(names)
