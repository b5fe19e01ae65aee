"""Parts that hold float32 where the port was asked for float64, and what a right one may err by.

A port may cast by itself, keep a layer in float32 by its dtype, or fail in float64 altogether and
be looked at in float32 instead. What it makes there is known to rounding alone. The unit is
measured: what either side's own part moves by between float32 and float64 on the same numbers, and
after a nudge of those by one last place. A fault below some such units is not seen, which the
report says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.graph import Node
from compare.evidence import relative_error
from compare.known import HALF_A_PLACE
from compare.ports.cuts import part
from compare.ports.looks import SIDES, Look, Replay
from compare.thresholds import SHORT_LARGEST, SHORT_UNITS, SHORT_UNITS_BACK

if TYPE_CHECKING:
    from compare.ports.verify import Seen

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Allowed:
    """What right parts may be apart, on the way forward and of gradients."""

    format: str  # the shortest format that it rests on
    forward: float
    gradient: float


@dataclass(frozen=True)
class Short:
    """All parts that rest on fewer bits, by name."""

    parts: Mapping[str, Allowed] = field(default_factory=dict)

    def forward(self, name: str, otherwise: float) -> float:
        return max(otherwise, self.parts[name].forward) if name in self.parts else otherwise

    def gradient(self, name: str, otherwise: float) -> float:
        return max(otherwise, self.parts[name].gradient) if name in self.parts else otherwise


def measured(seen: Seen) -> Short:
    """The parts, and their units."""
    formats = {name: form for name in seen.parts if (form := shortest(seen, name))}
    formats = {name: form for name, form in formats.items() if can_run(seen, name)}
    if not formats:
        return Short()
    plain = {"torch": seen.torch_replayed, "keras": seen.replayed}
    source = seen.room.path("torch", "look-float64")
    names = frozenset(formats)
    nudged = seen.room.save("nudged", nudge(seen, formats))
    lighter = {"torch": seen.torch_units(False, names), "keras": seen.units(False, names)}
    units = {"torch": seen.torch_units(True, names), "keras": seen.units(True, names)}
    for side, both_ways in units.items():  # with what they make
        pairs = zip(both_ways, lighter[side], strict=True)
        units[side] = [replace(unit, targets=own.targets) for unit, own in pairs]
    moved = [
        (side, seen.room.replay(side, "nudged-float64", units[side], type(source)(nudged)))
        for side in SIDES
    ]
    seen.in_float32()
    moved += [
        (side, seen.room.replay(side, "same-float32", lighter[side], source, "float32"))
        for side in SIDES
    ]
    found = {}
    for name, form in formats.items():
        looks = {"torch": seen.torch, "keras": seen.keras}
        apart = [gaps(looks[side], plain[side], other, name) for side, other in moved]
        found[name] = Allowed(
            form,
            SHORT_UNITS * max(HALF_A_PLACE[form], *(forward for forward, _ in apart)),
            SHORT_UNITS_BACK * max(HALF_A_PLACE[form], *(gradient for _, gradient in apart)),
        )
    return Short(found)


def shortest(seen: Seen, name: str) -> str:
    """The shortest format of a part; of 16 bits only what both sides have. Empty: none."""
    own, cut = seen.parts[name], seen.cut_of(name)
    mine = part(seen.torch.net, cut.torch, seen.cuts.by_torch)
    sides = [formats(seen.torch, mine.nodes, (*mine.sources, cut.torch))]
    sides += [formats(seen.keras, own.nodes, (*own.sources, cut.keras))]
    both = sides[0] & sides[1] & {"float16", "bfloat16"}
    if both:
        return max(both, key=lambda form: HALF_A_PLACE[form])
    return "float32" if any("float32" in side for side in sides) else ""


def formats(look: Look, nodes: tuple[Node, ...], values: tuple[str, ...]) -> set[str]:
    """What a part reads, makes, and makes on the way."""
    ran = {name for node in nodes for name in (node.name, *node.ran)}
    dtypes = look.graph.dtypes
    held = {dtypes.get(value, "") for value in values}
    return held | {dtype for value, dtype in dtypes.items() if value.rpartition(":")[0] in ran
                   or value in ran}  # fmt: skip


def can_run(seen: Seen, name: str) -> bool:
    """Whether it could be replayed at all: what could not is told elsewhere."""
    known = all(source in seen.cuts.by_keras for source in seen.parts[name].sources)
    return known and name not in seen.replayed.failed


def nudge(seen: Seen, formats: Mapping[str, str]) -> dict[str, Array]:
    """Every number that such parts read, up or down by a last place of float32 or of less."""
    random = np.random.RandomState(0)
    found = {}
    for name, form in formats.items():
        mine = part(seen.torch.net, seen.cut_of(name).torch, seen.cuts.by_torch)
        theirs = [seen.cuts.by_keras[s].torch for s in seen.parts[name].sources]
        for value in (*mine.sources, *theirs):
            x = seen.torch.value(value)
            if x.dtype.kind == "f":
                x = x * (1 + 2 * HALF_A_PLACE[form] * random.choice((-1, 1), x.shape))
            found[f"value:{value}"] = x
    return found


def gaps(look: Look, plain: Replay, other: Replay, name: str) -> tuple[float, float]:
    """How far a part moved, and its gradients; nothing where it was not run."""
    forward = gradient = 0.0
    before = plain.by_unit.get(name, {})
    for key, array in other.by_unit.get(name, {}).items():
        was = before[key] if key in before else look.arrays.get(key)
        if was is None or not np.any(was):
            continue
        gap = min(relative_error(array, was), SHORT_LARGEST)
        if key.startswith("value:"):
            forward = max(forward, gap)
        else:
            gradient = max(gradient, gap)
    return forward, gradient


def resting(seen: Seen) -> Iterator[str]:
    """Which of the verdict rests on fewer bits, and what it cannot show, in words."""
    for side in SIDES:
        why = seen.room.lowered(side)
        if why:
            yield f"{side} cannot run in float64, and ran in float32 instead: {why}"
    found = seen.short.parts
    if found:
        worst = max(allowed.forward for allowed in found.values())
        names = [seen.target(name) for name in found]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield (
            f"the verdict rests on {' and '.join(sorted({a.format for a in found.values()}))} at "
            f"{len(found)} of {len(seen.parts)} parts ({', '.join(names[:3])}{more}): what is less "
            f"than {worst:.1e} of a part's largest number would not show there"
        )


def too_rough(seen: Seen) -> Iterator[str]:
    """Parts that move so much with a last place that their being equal proves nothing."""
    for name, allowed in seen.short.parts.items():
        if allowed.forward >= SHORT_UNITS * SHORT_LARGEST:
            yield (
                f"{seen.target(name)} computes in {allowed.format}, where a last place of what it "
                f"reads moves it by {allowed.forward / SHORT_UNITS:.0e}: nothing can be told"
            )
