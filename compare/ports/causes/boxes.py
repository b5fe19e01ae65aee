"""Where a box was cut out of an array."""

from __future__ import annotations

import numpy as np

from compare.ports.looks import Array


def start_of(x: Array, part: Array) -> tuple[int, ...] | None:
    """Where along each axis but the batch's a box lies in an array; None where it does not."""
    if x.ndim != part.ndim or not part.size or len(x) != len(part):
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


def box(start: tuple[int, ...], part: Array) -> str:
    """[0:16, 4:60, 4:60], channels first."""
    ends = zip(start, part.shape[1:], strict=True)
    return "[" + ", ".join(f"{n}:{n + m}" for n, m in ends) + "]"
