"""A minimal reproduction of a culprit whose cause is unknown: two scripts and one file of numbers.

It lies in the run folder and is small: what one part reads and holds. A user can hand it to whoever
wrote the layer, or to the framework's own people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Moves, Node, fed, noise
from compare.folder import write_text
from compare.ports import plan, scripts
from compare.ports.cuts import Cut, part
from compare.ports.fault import Fault, apart
from compare.ports.looks import SIDES, Look
from compare.ports.plan import Plan
from compare.ports.rungs.forward import output_cut
from compare.ports.rungs.gradients import part_gradient
from compare.ports.scripts import SCRIPTS, Backward, Script
from compare.ports.verify import Seen, absolute_port

Array = NDArray[Any]
MOST = 5  # folders; further culprits without a cause are like one of the first, or follow from it


@np.errstate(all="ignore")  # numbers that are not finite may be the fault
def reproduced(seen: Seen, unknown: Sequence[Fault]) -> dict[int, str]:
    """Leaves reproductions of the first faults; their folders by the fault's identity.

    Whole models run for all that lies inside of layers: one folder, which may be large, is enough.
    """
    found: dict[int, str] = {}
    of_whole = ""
    for fault in unknown:
        made = reproduction(seen, fault) if len({*found.values()}) < MOST else None
        if made is None:
            continue
        whole, texts, arrays = made
        if not (whole and of_whole):
            folder = seen.room.folder / f"reproduction-{len({*found.values()}) + 1}"
            save(folder, texts, arrays)
            found[id(fault)] = str(folder)
        if whole:
            of_whole = found.setdefault(id(fault), of_whole)
    return found


def save(folder: Path, texts: Mapping[str, str], arrays: Mapping[str, Array]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        write_text(folder / name, text)
    np.savez(folder / "input.npz", **arrays)  # type: ignore[arg-type]


def reproduction(seen: Seen, fault: Fault) -> tuple[bool, dict[str, str], dict[str, Array]] | None:
    """Whether the whole models run, the scripts by name, and the arrays.

    None where no call of either port shows the fault.
    """
    shown = fault.rung in (1, 3, 5) or fault.detail.startswith("errs by")
    if fault.part not in seen.parts or not shown:
        return None
    cut, own = seen.cut_of(fault.part), seen.parts[fault.part]
    mine = part(seen.torch.net, cut.torch, seen.cuts.by_torch)
    if fault.rung == 5 and fault.part in seen.out_of_step:
        mine, own = seen.in_step(fault.part)
    nodes = {"torch": mine.nodes, "keras": own.nodes}
    plans = {
        "torch": plan.planned(seen.torch.graph, mine.nodes, mine.sources, cut.torch),
        "keras": plan.planned(seen.keras.graph, own.nodes, own.sources, cut.keras),
    }
    found = fault.detail
    whole = not all(plans.values()) and fault.rung in (1, 3) and not fault.short
    if whole:
        cut, error = worst_output(seen)
        plans = {
            "torch": plan.whole(seen.torch.graph, cut.torch),
            "keras": plan.whole(seen.keras.graph, cut.keras),
        }
        found += "\nThat is inside of a layer, where nothing can be called alone; so the whole "
        found += f"model runs\nhere, and its outputs are {error:.1e} apart"
    known = {side: each for side, each in plans.items() if each is not None}
    if len(known) < len(SIDES) or not all(values_of(seen, side, known[side]) for side in SIDES):
        return None
    made = Reproduction(seen, fault, cut, known)
    texts = {side: words(seen, side, nodes[side], found) for side in SIDES}
    sources = {SCRIPTS[side]: scripts.source(made.script(side, texts[side])) for side in SIDES}
    return whole, sources, made.arrays()


def worst_output(seen: Seen) -> tuple[Cut, float]:
    """The pair of outputs that are the furthest apart, and how far."""
    cuts = [
        output_cut(seen, seen.torch.graph.outputs[t], seen.keras.graph.outputs[k])
        for t, k in seen.outputs
    ]
    errors = [apart(seen.keras.value(c.keras), seen.torch.value(c.torch), c) for c in cuts]
    worst = int(np.argmax(errors))
    return cuts[worst], errors[worst]


def values_of(seen: Seen, side: str, each: Plan) -> dict[str, Cut] | None:
    """What a plan has to be given, each with its cut; None where nothing stands for one of them."""
    cuts = seen.cuts.by_torch if side == "torch" else seen.cuts.by_keras
    wanted = (*each.reads, *(step.x for step in each.steps if step.x))
    return {value: cuts[value] for value in wanted} if all(v in cuts for v in wanted) else None


@dataclass(frozen=True)
class Reproduction:
    """What both scripts of a fault are made of."""

    seen: Seen
    fault: Fault
    cut: Cut
    plans: Mapping[str, Plan]

    @property
    def keys(self) -> dict[str, str]:
        """PyTorch's name of a value that is given -> its name in the file."""
        given = [c.torch for side in SIDES for c in self.given(side).values()]
        return {value: f"x{i}" for i, value in enumerate(dict.fromkeys(given))}

    def given(self, side: str) -> dict[str, Cut]:
        return values_of(self.seen, side, self.plans[side]) or {}

    def arrays(self) -> dict[str, Array]:
        """Of the file: what is read, in PyTorch's axes, and tensors, each in its own."""
        torch = self.seen.torch_float32 if self.fault.short else self.seen.torch
        found = {
            key: torch.arrays.get(f"value:{value}", self.seen.torch.value(value))
            for value, key in self.keys.items()
        }
        for side in SIDES:
            held = self.seen.held[side]
            found |= {f"{side}:{n}": held[n] for n in self.plans[side].tensors if n in held}
        if self.fault.rung == 5:
            shape = self.seen.torch.value(self.cut.torch).shape
            found["direction"] = fed({}, noise(self.cut.torch, shape))
        both = [self.script(side, "") for side in SIDES]
        return found | {scripts.order_key(a): np.asarray(a) for s in both for a in s.orders()}

    def script(self, side: str, words: str) -> Script:
        asked, each = self.seen.request, self.plans[side]
        look: Look = getattr(self.seen, side)
        port = absolute_port(getattr(asked, side))
        place = port.rpartition(":")[0]
        own = [str(Path(place).parent)] if place.endswith(".py") else []
        feeds = {
            value: (self.keys[c.torch], self.seen.to_keras(c) if side == "keras" else ())
            for value, c in self.given(side).items()
        }
        makes: Moves = self.cut.moves if side == "keras" else ()
        backward = self.backward(side) if self.fault.rung == 5 else None
        return Script(
            side, words, port, asked.arguments.get(side, {}), (*own, str(Path.cwd())), look.graph,
            replace(each, tensors=tuple(n for n in each.tensors if n in self.seen.held[side])),
            feeds, backward.makes if backward else makes,
            "float32" if self.fault.short else "float64", self.fault.rung == 4,
            len(self.seen.torch.value("input:0")), backward,
        )  # fmt: skip

    def backward(self, side: str) -> Backward:
        """The gradient that differs, and what comes back."""
        seen = self.seen
        what = part_gradient(seen, self.fault.part)[1]
        cut = seen.cuts.by_torch.get(what)
        if side == "torch":
            return Backward(what, "") if cut else Backward("", what)
        to = seen.to_keras(self.cut)
        if cut:
            return Backward(cut.keras, "", to, cut.moves)
        carried = seen.carried_from[what]
        return Backward("", carried.keras, to, carried.moves)


def words(seen: Seen, side: str, nodes: Sequence[Node], found: str) -> str:
    """What a script says of itself."""
    port = getattr(seen.request, side)
    lines = [f"What {port} makes of given numbers, where `compare verify` found a difference.", ""]
    lines += [f"Found: {found}. Its cause is unknown.", "What runs there:"]
    for node in nodes:
        settings = ", ".join(f"{key}={short(value)}" for key, value in node.settings.items())
        where = f" ({node.place})" if node.place else ""
        lines.append(f"  {node.name}{where}: {node.kind} {settings}".rstrip())
    both = " and ".join(SCRIPTS[each] for each in SIDES)
    lines += ["", f"Run {both}: the second says how far apart the two are."]
    return "\n".join(lines).replace("\\", "/").replace('"', "'")


def short(value: Any) -> str:
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) < 60 else f"{text[:56]} ..."
