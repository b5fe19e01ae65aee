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
        taken_back(found, doubtful, "relaxed", lambda changed: set())


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
    wrong_too: Callable[[frozenset[str]], Collection[str]],
) -> None:
    """Goes on without these cuts; with those again in front of which a longer part errs.

    `wrong_too`: of the parts that are longer now, those that err on other numbers than the probe's.
    """
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
    wrong = {v for v in doubtful if any(v in inside[n] for n in bad)}
    kept = {n for n in changed if not inside[n] & wrong}
    found.__dict__["cuts"] = all_cuts.without(set(doubtful) - wrong)
    del found.__dict__["parts"]
    found.__dict__["replayed"] = replaced(found.replayed, again, kept)
    units = [unit for unit in found.torch_units(True) if unit not in units_before]
    if units:
        again = found.room.replay("torch", f"{name}-float64", units, source)
        names = {unit.name for unit in units}
        found.__dict__["torch_replayed"] = replaced(found.torch_replayed, again, names)
        found.replayed.forget(names)
