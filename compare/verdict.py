"""The words a comparison ends in, and the exit status of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any


class Verdict(Enum):
    """From the best to the worst; a report is as good as its worst check."""

    SAME = "same"
    ROUNDING = "same within rounding"
    NOT_PROVEN = "not proven"
    NOT_COMPARABLE = "not comparable"
    DIFFERENT = "different"

    @property
    def agrees(self) -> bool:
        return self in (Verdict.SAME, Verdict.ROUNDING)


EXIT_STATUS = {
    Verdict.SAME: 0,
    Verdict.ROUNDING: 0,
    Verdict.DIFFERENT: 1,
    Verdict.NOT_COMPARABLE: 4,
    Verdict.NOT_PROVEN: 4,
}
WORKER_FAILED = 3


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; nothing looked at is nothing proven."""
    ranked = list(Verdict)
    return max(verdicts, key=ranked.index, default=Verdict.NOT_PROVEN)


@dataclass(frozen=True)
class Culprit:
    """A layer that errs on what it was given, on the side that errs."""

    rung: int
    layer: str  # the layer's name in the spec
    side: str  # "torch", "keras" or "both"
    error_float64: float | None
    detail: str  # what is wrong, for a reader
    cause: str = ""  # the cause's id, where what was found is its own proof
    error_after: float | None = None  # with that cause taken into account


def first_of(culprits: Sequence[Culprit]) -> str:
    """The first fault in words, and how many more there are; empty where there is none."""
    if not culprits:
        return ""
    first = culprits[0]
    more = f" (and {len(culprits) - 1} more)" if len(culprits) > 1 else ""
    return f"{first.side} {first.layer} {first.detail}{more}"


def merged(culprits: Iterable[Culprit]) -> list[Culprit]:
    """A layer wrong in the same way on both sides is one finding: neither port is the spec."""
    by_layer: dict[str, list[Culprit]] = {}
    for culprit in culprits:
        by_layer.setdefault(culprit.layer, []).append(culprit)
    found = []
    for pair in by_layer.values():
        alike = len(pair) == 2 and pair[0].detail == pair[1].detail
        found += [replace(pair[0], side="both")] if alike else pair
    return found


@dataclass(frozen=True)
class Check:
    """One rung's answer: `measured` and `allowed` are relative errors where it compares numbers."""

    id: str
    rung: int | None
    verdict: Verdict
    detail: str
    measured: float | None = None
    allowed: float | None = None
    culprits: tuple[Culprit, ...] = ()
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)  # layer -> columns of its row
    coverage: tuple[int, int] = (0, 0)  # what was looked at, of how many
