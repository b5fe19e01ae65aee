"""One difference between two ports, with its proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.job import Repair

KNOWN = "float32-constants"  # a known difference, which is no fault
RIGHT = 1e-9  # a reference this close to a port computes what it computes


@dataclass(frozen=True)
class Cause:
    """One difference, its proof, and what to write instead."""

    id: str | None = None
    phrase: str = ""
    before: float | None = None
    after: float | None = None
    also: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    fix: Mapping[str, str] | None = None
    torch: str = ""  # the operations themselves, where the part was narrowed down
    keras: str = ""
    repairs: tuple[Repair, ...] = ()  # of the Keras port, so that it does what PyTorch's does
