"""Rung 6: what a port itself does to a step of training, beside its gradients.

Whoever trains chooses loss and optimizer. Ports with equal gradients take equal steps under any,
unless one adds to the loss or moves its tensors after a step. The other side's training may do as
much, by the optimizer's weight decay for example, so this is a note, and no fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from compare.ports.fault import looks
from compare.ports.verify import Seen
from compare.verdict import Check, Verdict


def step(seen: Seen) -> Check:
    """What both ports add to a step, counted."""
    own = len([*own_words(seen)])
    none = "neither port adds to a loss, or moves a tensor after a step"
    detail = f"with equal gradients; {own} rules of a port's own are noted" if own else none
    return Check("step", 6, Verdict.SAME, detail)


def own_words(seen: Seen) -> Iterator[str]:
    """What one port does of its own in a training, and the other one does not."""
    for side, look in looks(seen).items():
        for what in ("penalty", "constraint"):
            alike = {
                carried.torch if side == "torch" else carried.keras
                for carried in seen.moves.carried
                if getattr(seen.torch.graph.tensors[carried.torch], what)
                == getattr(seen.keras.graph.tensors[carried.keras], what)
            }
            held = {n: getattr(t, what) for n, t in look.graph.tensors.items() if n not in alike}
            for words, count in Counter(filter(None, held.values())).items():
                name = next(n for n, own in held.items() if own == words)
                does = "adds to the loss" if what == "penalty" else "applies after each step"
                more = ", ..." if count > 1 else ""
                yield f"{side} {does} {words} of {count} tensors ({name}{more})"
        if look.graph.losses:
            yield f"{side} adds {look.graph.losses} losses of its own (add_loss, of an activity)"
