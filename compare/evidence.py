"""What a run folder holds for the judge: the spec, what both ports were given, and their traces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import losses, reference, rules, tensors
from common.draws import draws, dropout_shapes
from common.recipe import Recipe
from common.result import Trace
from common.spec import Layer, Shape, Spec, resized, shapes
from common.spec import tensors as tensors_of
from compare.folder import read_json

Array = NDArray[Any]
SIDES = ("torch", "keras")
DTYPES = ("float32", "float64")
CONTROL, CONTROL_SIDE = "control", "torch"  # folder and side of a training against itself
STEPS = (1, 10)  # optimizer steps; the first has no velocity, by the tenth the rate has changed
LOCKSTEPS = 100
WINDOW = 2**15  # numbers that are looked at together: few enough for a processor's cache
STEP_ROW = "step.json"  # what rung 6 measured in a large net, whose arrays were not kept


def steps_folder(steps: int, dtype: str) -> str:
    """Where a side's weights after so many steps lie, in its own folder."""
    return f"steps-{steps}" + ("" if dtype == "float64" else f"-{dtype}")


def seed_folder(folder: Path, first: int, seed: int) -> Path:
    """Where a seed's trainings lie: those of the first in the run folder itself."""
    return folder if seed == first else folder / f"seed-{seed}"


@dataclass(frozen=True)
class Steps:
    """The weights after a few optimizer steps in float64."""

    recipe: Recipe
    spec: Spec  # at the size of input that the recipe trains at
    seed: int  # of what dropout draws
    initial: Mapping[str, Array]  # float32
    batch: Mapping[str, Array]  # of the first step: the inputs, and "labels"
    weights: Mapping[tuple[str, int], Mapping[str, Array]]  # (side, steps) -> name -> array
    rounded: Mapping[str, Mapping[str, Array]]  # side -> the weights after one step in float32
    # what the optimizers remember then: (side, steps) -> "velocity:conv1.weight" -> array
    slots: Mapping[tuple[str, int], Mapping[str, Array]]
    # the loss's own gradients in these steps: (side, steps) -> name -> (steps, ...); after ten of
    # a large net, none
    gradients: Mapping[tuple[str, int], Mapping[str, Array]]


@dataclass(frozen=True)
class Lockstep:
    """A hundred steps of both sides, and of one from weights a rounding apart ("nudged")."""

    recipe: Recipe
    spec: Spec  # at the size of input that the recipe trains at
    initial: Mapping[str, Array]
    diaries: Mapping[str, Mapping[str, Array]]  # side or "nudged" -> quantity -> (steps, sketch)
    losses: Mapping[str, Array]  # side or "nudged" -> (steps,), of the training in float32


@dataclass(frozen=True)
class Training:
    """What both trainings were fed and ended in; a side that did not finish is missing."""

    to_be_fed: Mapping[str, Any]  # "train": a digest an epoch, "test": one
    labels: Array  # of the test images
    histories: Mapping[str, list[dict[str, Any]]]  # side -> a row an epoch
    logits: Mapping[str, Array]  # side -> (N, classes) of the test images
    loss: str = "cross-entropy"  # a name of common/losses.py

    def classes(self, side: str) -> Array:
        """The class of each test image's largest logit."""
        chosen: Array = losses.scores(self.loss, self.logits[side]).argmax(axis=1)
        return chosen

    def accuracy(self, side: str) -> float:
        """Share of the test images whose largest logit is their label's."""
        return int((self.classes(side) == self.labels).sum()) / len(self.labels)


@dataclass(frozen=True)
class Evidence:
    """Both ports' traces of one probe, and the spec, weights and probe behind them."""

    spec: Spec
    weights: Mapping[str, Array]  # canonical float32, as both ports were given them
    probe: Mapping[str, Array]  # the inputs, and "labels"
    traces: Mapping[tuple[str, str], Trace]  # (side, dtype)
    loss: str = "cross-entropy"  # a name of common/losses.py
    shares: tuple[float, ...] = ()  # of each output in the loss
    draws: Mapping[str, Array] | None = None  # of dropout; None: the traces are in evaluation mode
    in_training: Evidence | None = None  # the same of training mode
    steps: Steps | None = None
    step_row: Mapping[str, Any] | None = None  # rung 6 as it was judged, where its arrays are gone
    lockstep: Lockstep | None = None
    trainings: Mapping[int, Training] = field(default_factory=dict)  # seed -> both sides' training
    control: Training | None = None  # the first seed's once more, of one side
    margin: float = 0.0  # of accuracy, as a share; asked for with several seeds
    judged: dict[str, Any] = field(default_factory=dict)  # what several checks ask for, kept

    @cached_property
    def tensors(self) -> dict[str, dict[str, rules.Tensor]]:
        return tensors_of(self.spec)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        return shapes(self.spec)

    @cached_property
    def reference(self) -> dict[str, Array]:
        """The spec run in NumPy float64 on the same probe."""
        return reference.run(self.spec, self.weights, self.probe, self.draws)

    @property
    def is_training(self) -> bool:
        """Whether the traces are in training mode."""
        return self.draws is not None

    def owned(self, layer: Layer) -> dict[str, Array]:
        """What the layer computes with, by short names."""
        drawn = self.draws.get(layer.name) if self.draws else None
        return reference.owned(layer, self.weights) | ({} if drawn is None else {"draws": drawn})

    def share(self, output: str) -> float:
        """What the loss of one output counts in the whole."""
        return self.shares[self.spec.outputs.index(output)] if self.shares else 1.0

    def pair(self, key: str, dtype: str) -> tuple[Array | None, Array | None]:
        """An array of both traces; None where a side did not record it."""
        torch, keras = (self.traces[side, dtype].arrays.get(key) for side in SIDES)
        return torch, keras


def load(
    folder: Path, spec: Spec, recipe: Recipe, seed: int, seeds: int, margin: float
) -> Evidence:
    """Reads a run folder of `seeds` trainings. DataError where something is missing or damaged.

    A side that failed leaves its traces, or its traces and steps, and no more; what it did not
    leave is missing from the evidence, for the checks to see.
    """
    step_row = read_json(folder / STEP_ROW) if (folder / STEP_ROW).exists() else None
    return Evidence(
        spec=spec,
        weights=tensors.load(folder / "probe-weights.safetensors"),
        probe=tensors.load(folder / "probe.safetensors"),
        traces={
            (side, dtype): Trace.load(folder / side / f"trace-{dtype}.safetensors")
            for side in SIDES
            for dtype in DTYPES
        },
        loss=recipe.loss,
        shares=recipe.shares,
        in_training=load_in_training(folder, spec, recipe, seed),
        steps=None if step_row else load_steps(folder, spec, recipe, seed),
        step_row=step_row,
        lockstep=load_lockstep(folder, spec, recipe),
        trainings=load_trainings(folder, recipe, seed, seeds),
        control=load_control(folder, recipe) if seeds > 1 else None,
        margin=margin,
    )


def load_in_training(folder: Path, spec: Spec, recipe: Recipe, seed: int) -> Evidence:
    """The traces in training mode, of the first step's batch; a side's may be missing."""
    paths = {side: folder / side / "trace-training-float64.safetensors" for side in SIDES}
    spec = resized(spec, recipe.size)
    batch = tensors.load(folder / "first-batch.safetensors")
    return Evidence(
        spec=spec,
        weights=tensors.load(folder / "probe-weights.safetensors"),
        probe=batch,
        traces={(s, "float64"): Trace.load(path) for s, path in paths.items() if path.exists()},
        loss=recipe.loss,
        shares=recipe.shares,
        draws=draws(dropout_shapes(spec), seed, 0, len(batch["labels"])),
    )


def load_steps(folder: Path, spec: Spec, recipe: Recipe, seed: int) -> Steps:
    """The weights after each number of steps."""

    def path(side: str, steps: int, dtype: str) -> Path:
        return folder / side / steps_folder(steps, dtype) / "weights.safetensors"

    paths = {(side, steps): path(side, steps, "float64") for side in SIDES for steps in STEPS}
    rounded = {side: path(side, 1, "float32") for side in SIDES}

    def beside(name: str) -> dict[tuple[str, int], Mapping[str, Array]]:
        files = {key: path.with_name(f"{name}.safetensors") for key, path in paths.items()}
        return {key: tensors.load(path) for key, path in files.items() if path.exists()}

    return Steps(
        recipe,
        resized(spec, recipe.size),
        seed,
        tensors.load(folder / "initial-weights.safetensors"),
        tensors.load(folder / "first-batch.safetensors"),
        {key: tensors.load(path) for key, path in paths.items() if path.exists()},
        {side: tensors.load(path) for side, path in rounded.items() if path.exists()},
        beside("slots"),
        beside("gradients"),
    )


def load_lockstep(folder: Path, spec: Spec, recipe: Recipe) -> Lockstep | None:
    """Diaries and losses of the hundred steps; None where the net was too large for them."""
    if not (folder / "nudged-weights-float64.safetensors").exists():
        return None
    roles = {"torch": ("torch", ""), "keras": ("keras", ""), "nudged": ("torch", "-nudged")}
    places = {role: (folder / side, suffix) for role, (side, suffix) in roles.items()}
    diaries = {r: f / f"lockstep{end}/diary.safetensors" for r, (f, end) in places.items()}
    losses = {r: f / f"lockstep-float32{end}/losses.safetensors" for r, (f, end) in places.items()}
    return Lockstep(
        recipe,
        resized(spec, recipe.size),
        tensors.load(folder / "initial-weights.safetensors"),
        {role: tensors.load(path) for role, path in diaries.items() if path.exists()},
        {role: tensors.load(path)["losses"] for role, path in losses.items() if path.exists()},
    )


def load_trainings(folder: Path, recipe: Recipe, seed: int, seeds: int) -> dict[int, Training]:
    """Every seed's, from its own folder."""
    return {
        each: load_training(folder, recipe, seed_folder(folder, seed, each))
        for each in range(seed, seed + seeds)
    }


def load_control(folder: Path, recipe: Recipe) -> Training:
    """The training of one side against itself, which was fed what the first seed was."""
    return load_training(folder, recipe, folder / CONTROL)


def load_training(folder: Path, recipe: Recipe, place: Path) -> Training:
    """Histories and test logits of the sides that finished, in `place`."""
    histories = {side: place / side / "history.json" for side in SIDES}
    logits = {side: place / side / "test-logits.safetensors" for side in SIDES}
    fed = folder if place.name == CONTROL else place
    return Training(
        read_json(fed / "fed.json"),
        tensors.load(folder / "test-labels.safetensors")["labels"],
        {side: read_json(path) for side, path in histories.items() if path.exists()},
        {side: tensors.load(path)["logits"] for side, path in logits.items() if path.exists()},
        recipe.loss,
    )


def flattened(evidence: Evidence, layer: Layer) -> Shape | None:
    """The maps that the features a dense layer reads were flattened from; None: from no maps."""
    by_name = {each.name: each for each in evidence.spec.layers}
    while layer.op != "flatten":
        below = by_name.get(layer.reads[0])
        if below is None or len(layer.reads) > 1 or (below.op == "dense"):
            return None
        layer = below
    return evidence.shapes[layer.reads[0]]


def relative_error(a: Array | None, b: Array | None) -> float:
    """max |a - b| / max |b|. Infinite where a side is missing, misshapen, or not finite.

    Window by window, so that nothing as large as the arrays is made on the way.
    """
    if a is None or b is None or a.shape != b.shape:
        return float("inf")
    order = np.argsort(a.strides)[::-1]  # as `a` lies in memory: turning it would be the slow way
    a, b = a.transpose(order).reshape(-1), b.transpose(order).reshape(-1)
    gap = scale = 0.0
    for start in range(0, a.size, WINDOW):
        x, y = (z[start : start + WINDOW].astype(np.float64, copy=False) for z in (a, b))
        with np.errstate(invalid="ignore", over="ignore"):
            most = float(np.abs(x - y).max())
        if not np.isfinite(most):  # as it is where a number of either is not
            return float("inf")
        gap, scale = max(gap, most), max(scale, float(y.max()), -float(y.min()))
    if gap == 0:
        return 0.0
    return gap / scale if scale > 0 else float("inf")
