"""Rung 7's jobs: both sides take a hundred steps; one takes them again, begun a rounding apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common import data as datasets
from common import tensors
from common.job import Build, Dtype, TrainJob
from common.layout import side_by_side
from common.recipe import Recipe
from common.spec import Spec, count_parameters, shapes
from common.weights import generator, probe_inputs, probe_labels
from compare.evidence import LOCKSTEPS, Array

EPOCHS = 20
BATCH = 16  # images; the last batch of an epoch is smaller
IMAGES = 4 * BATCH + 3 * BATCH // 4
SMALL = 1_000_000  # parameters; of a larger net a hundred steps take minutes
NUDGED = "torch"  # the side that is also held against itself


@dataclass(frozen=True)
class Leg:
    """One training of the hundred steps."""

    name: str  # of its folder, in the side's own
    dtype: Dtype
    weights: str  # the file that it begins from
    diary: bool  # whether every step is looked at, or its loss alone


LEGS = (
    Leg("lockstep", "float64", "initial-weights", diary=True),
    Leg("lockstep-float32", "float32", "initial-weights", diary=False),
)
NUDGED_LEGS = (
    Leg("lockstep-nudged", "float64", "nudged-weights-float64", diary=True),
    Leg("lockstep-float32-nudged", "float32", "nudged-weights-float32", diary=False),
)


def legs(side: str) -> tuple[Leg, ...]:
    """What a side is asked to train."""
    return LEGS + (NUDGED_LEGS if side == NUDGED else ())


def is_small(spec: Spec) -> bool:
    """Whether a net can be trained here for a hundred steps in float64."""
    return sum(count_parameters(spec)) <= SMALL


def recipe_of(recipe: Recipe) -> Recipe:
    """The recipe at its own rate, over twenty short epochs; a rate that steps does half-way."""
    assert LOCKSTEPS == EPOCHS * -(-IMAGES // BATCH)
    return replace(
        recipe,
        epochs=EPOCHS,
        batch_size=BATCH,
        decay=recipe.decay if recipe.decay < 1 else 0.1,
        decay_after=(EPOCHS // 2,),
    )


def prepare(spec: Spec, seed: int, initial: dict[str, Array], folder: Path, scratch: Path) -> None:
    """Drawn images in saved orders, and the initial weights moved by a rounding."""
    inputs = probe_inputs(spec, seed, IMAGES, scaled=False)
    x = side_by_side([inputs[name] for name in spec.inputs])
    y = probe_labels(shapes(spec)[spec.outputs[0]][0], seed, IMAGES)
    arrays = {"x_train": x, "y_train": y, "x_test": x[:1], "y_test": y[:1]}
    tensors.save(scratch / "lockstep-data.safetensors", arrays)
    order = datasets.orders(IMAGES, EPOCHS, seed)
    tensors.save(scratch / "lockstep-orders.safetensors", {"orders": order})
    for dtype in (np.float32, np.float64):
        name = f"nudged-weights-{np.dtype(dtype).name}.safetensors"
        tensors.save(folder / name, dict(nudged(initial, seed, dtype)))


def nudged(initial: dict[str, Array], seed: int, dtype: type) -> Iterator[tuple[str, Array]]:
    """Every weight moved to a neighbour that the dtype knows, up or down."""
    for name, array in initial.items():
        up = generator(seed, f"nudge:{name}").random(array.shape) < 0.5
        towards: Array = np.where(up, np.inf, -np.inf).astype(dtype)
        moved = np.nextafter(array.astype(dtype), towards)
        yield name, moved if name.endswith(".weight") else array.astype(dtype)


def job(build: Build, leg: Leg, recipe: Recipe, seed: int, scratch: Path, folder: Path) -> TrainJob:
    """What a side is asked; `folder` is its own, and `build` begins from the leg's weights."""
    return TrainJob(
        build,
        recipe_of(recipe),
        str((scratch / "lockstep-data.safetensors").absolute()),
        str((scratch / "lockstep-orders.safetensors").absolute()),
        str((folder / leg.name).absolute()),
        seed,
        diary=leg.diary,
    )
