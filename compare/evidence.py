"""What a run folder holds for the judge: the spec, what both ports were given, and their traces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import reference, tensors
from common.result import Trace
from common.spec import Shape, Spec, shapes
from compare.folder import read_json

Array = NDArray[Any]
SIDES = ("torch", "keras")
DTYPES = ("float32", "float64")
STEPS = (1, 10)  # optimizer steps in float64: the first has no velocity yet, the tenth has


@dataclass(frozen=True)
class Evidence:
    """Both ports' traces of one probe, and the spec, weights and probe behind them."""

    spec: Spec
    weights: Mapping[str, Array]  # canonical float32, as both ports were given them
    probe: Mapping[str, Array]  # the inputs, and "labels"
    traces: Mapping[tuple[str, str], Trace]  # (side, dtype)
    initial: Mapping[str, Array] = field(default_factory=dict)  # weights before training
    stepped: Mapping[tuple[str, int], Mapping[str, Array]] = field(default_factory=dict)
    first_batch: Mapping[str, Array] = field(default_factory=dict)  # inputs, "labels", "rate"
    fed: Mapping[str, list[str]] = field(default_factory=dict)  # side -> each epoch's digest
    to_be_fed: list[str] = field(default_factory=list)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        return shapes(self.spec)

    @cached_property
    def reference(self) -> dict[str, Array]:
        """The spec run in NumPy float64 on the same probe."""
        return reference.run(self.spec, self.weights, self.probe)

    def pair(self, key: str, dtype: str) -> tuple[Array | None, Array | None]:
        """An array of both traces; None where a side did not record it."""
        torch, keras = (self.traces[side, dtype].arrays.get(key) for side in SIDES)
        return torch, keras


def load(folder: Path, spec: Spec) -> Evidence:
    """Reads a run folder. DataError where a trace is missing or damaged.

    What only a training leaves is empty where there was none.
    """
    stepped = {
        (side, steps): folder / side / f"steps-{steps}" / "weights.safetensors"
        for side in SIDES
        for steps in STEPS
    }
    trained = any(path.exists() for path in stepped.values())
    histories = {side: folder / side / "history.json" for side in SIDES}
    return Evidence(
        spec,
        tensors.load(folder / "probe-weights.safetensors"),
        tensors.load(folder / "probe.safetensors"),
        {
            (side, dtype): Trace.load(folder / side / f"trace-{dtype}.safetensors")
            for side in SIDES
            for dtype in DTYPES
        },
        tensors.load(folder / "initial-weights.safetensors"),
        {key: tensors.load(path) for key, path in stepped.items() if path.exists()},
        tensors.load(folder / "first-batch.safetensors") if trained else {},
        {
            side: [row["batches_sha256"] for row in read_json(path)]
            for side, path in histories.items()
            if path.exists()
        },
        read_json(folder / "batches.json") if (folder / "batches.json").exists() else [],
    )


def relative_error(a: Array | None, b: Array | None) -> float:
    """max |a - b| / max |b|. Infinite where a side is missing, misshapen, or not finite."""
    if a is None or b is None or a.shape != b.shape:
        return float("inf")
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    gap, scale = np.abs(a - b).max(initial=0.0), np.abs(b).max(initial=0.0)
    if gap == 0:
        return 0.0
    return float(gap / scale) if scale > 0 else float("inf")
