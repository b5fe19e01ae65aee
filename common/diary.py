"""What a training passes through: each step's loss, gradients, statistics, slots and weights.

Whole tensors of every step would fill a disk, so each is kept as a sketch, in which a difference
anywhere shows: its products with a few drawn directions, and numbers spread evenly over it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import tensors

Array = NDArray[Any]

DIRECTIONS = 4
SAMPLES = 64


class Diary:
    """Rows of sketches: "gradient:conv1.weight" -> (steps, numbers), in float64."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Array]] = defaultdict(list)

    def step(
        self,
        loss: Array,
        gradients: Mapping[str, Array],
        statistics: Mapping[str, Array],
        slots: Mapping[str, Array],
        weights: Mapping[str, Array],
    ) -> None:
        """What one step made, in the order in which it is made, in canonical axes."""
        norms = {
            name: np.linalg.norm(array.astype(np.float64)) for name, array in gradients.items()
        }
        self.note("loss", {"": loss})
        self.note("gradient", gradients)
        self.note("norm", {name: np.asarray(norm) for name, norm in norms.items()})
        self.note("statistic", statistics)
        self.note("slot", slots)
        self.note("weight", weights)

    def note(self, kind: str, canonical: Mapping[str, Array]) -> None:
        """One step's tensors of a kind, such as "gradient" or "weight"."""
        for name, array in canonical.items():
            self.rows[f"{kind}:{name}"].append(sketch(array))

    def save(self, path: Path) -> None:
        """Writes every row there is."""
        tensors.save(path, {key: np.stack(rows) for key, rows in self.rows.items()})


def sketch(array: Array) -> Array:
    """(DIRECTIONS + at most SAMPLES,), float64; it is linear, so sums of sketches are sketches."""
    flat = np.asarray(array, np.float64).ravel()
    return np.concatenate([directions(flat.size) @ flat, flat[samples(flat.size)]])


@cache
def directions(size: int) -> Array:
    """Drawn directions (DIRECTIONS, size), the same for every tensor of that size."""
    # RandomState: of its draws alone NumPy promises that they stay (NEP 19)
    return np.random.RandomState(size % 2**32).standard_normal((DIRECTIONS, size))


def samples(size: int) -> Array:
    """Places spread evenly over a tensor of that size."""
    return np.unique(np.linspace(0, size - 1, min(size, SAMPLES)).astype(np.int64))
