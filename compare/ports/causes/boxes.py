"""Where a box was cut out of an array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compare.ports.looks import Array


def cut_from(x: Array, part: Array) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Where along each axis but the batch's a box lies in an array, and how long it is.

    An axis of one place may have been left out of it. None where it does not lie there.
    """
    if part.ndim == x.ndim:
        start = start_of(x, part)
        return (start, part.shape[1:]) if start is not None else None
    if part.ndim != x.ndim - 1:
        return None
    whole = (np.expand_dims(part, axis) for axis in range(1, x.ndim))
    return next((found for box in whole if (found := cut_from(x, box)) is not None), None)


def start_of(x: Array, part: Array) -> tuple[int, ...] | None:
    """Where along each axis but the batch's a box lies in an array; None where it does not."""
    if not part.size or len(x) != len(part):
        return None
    for place in np.argwhere(x[0] == part[0].flat[0]):
        box = tuple(slice(n, n + m) for n, m in zip(place, part.shape[1:], strict=True))
        if np.array_equal(x[(slice(None), *box)], part):
            return tuple(int(n) for n in place)
    return None


def sides_of(x: Array, part: Array, last: bool) -> tuple[tuple[int, int], ...] | None:
    """What was cut off both ends of each axis of maps; None where it is no box of all channels.

    `last`: whether the channels come last.
    """
    start = start_of(x, part)
    if start is None or x.ndim < 3:
        return None
    ends = zip(start, x.shape[1:], part.shape[1:], strict=True)
    sides = [(before, n - before - m) for before, n, m in ends]
    channels = sides.pop(-1 if last else 0)
    return tuple(sides) if channels == (0, 0) else None


def box(start: Sequence[int], length: Sequence[int]) -> str:
    """[0:16, 4:60, 4:60], channels first."""
    ends = zip(start, length, strict=True)
    return "[" + ", ".join(f"{n}:{n + m}" for n, m in ends) + "]"
