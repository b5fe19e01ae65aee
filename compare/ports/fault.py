"""What differs between two ports at one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.graph import moved
from compare.evidence import relative_error
from compare.ports.cuts import Cut, Part
from compare.ports.looks import Array, Look

if TYPE_CHECKING:
    from compare.ports.verify import Seen


@dataclass(frozen=True)
class Fault:
    """What differs, where on either side, and how much; causes are found later."""

    rung: int
    torch: str  # names of the layers or operations, "" where there is none
    keras: str
    error: float | None
    detail: str
    part: str = ""  # the part of the Keras port that errs
    short: bool = False  # whether it errs in float32 alone
    hidden: str = ""  # the file of numbers that show it, where the probe's own do not
    cause: str = ""  # where what was found is its own proof
    after: float | None = None  # the error with that cause taken into account
    fix: Mapping[str, str] | None = None


def looks(seen: Seen) -> dict[str, Look]:
    return {"torch": seen.torch, "keras": seen.keras}


def apart(made: Array | None, due: Array | None, cut: Cut) -> float:
    """Of a Keras value from PyTorch's; infinite where it cannot be compared."""
    if made is None or due is None:
        return float("inf")
    try:
        return relative_error(moved(made, cut.moves), due)
    except ValueError:
        return float("inf")


def title(seen: Seen, cut: Cut, own: Part) -> tuple[str, str]:
    """What a part is called on either side: the layer that ends it."""
    net = seen.torch.net
    ours = net.maker[cut.torch].name if cut.torch in net.maker else cut.torch
    theirs = seen.keras.net.maker[cut.keras].name if own.nodes else cut.keras
    return ours, theirs
