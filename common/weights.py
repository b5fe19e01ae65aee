"""Canonical weights, drawn from a spec and a seed in NumPy, so that both ports start alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod, sqrt
from typing import Any, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from common.rules import Tensor
from common.spec import Spec, tensors

Array = NDArray[Any]
Law = Literal["lecun", "he", "probe"]


def draw(spec: Spec, seed: int, law: Law = "lecun") -> dict[str, Array]:
    """Every tensor of the spec as float32, "layer.tensor" -> canonical array.

    `lecun`: weights N(0, 1 / fan_in), biases 0, batch norm the identity (LeCun et al., "Efficient
    BackProp", 1998, section 4.6). `he`: the same with N(0, 2 / fan_in), which many relu layers in a
    row need (He et al. 2015, "Delving Deep into Rectifiers", section 2.2). `probe` is made to show
    faults: nothing is zero, running variances differ from 1, biases and shifts take both signs.

    Each tensor has its own generator, named by seed, layer and tensor: a layer added or renamed
    leaves the others' numbers as they were.
    """
    return {
        f"{layer}.{name}": LAWS[law](
            name, tensor, generator(seed, f"{PURPOSES[law]}:{layer}.{name}")
        )
        for layer, owned in tensors(spec).items()
        for name, tensor in owned.items()
    }


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for each purpose, so that none depends on another's draws."""
    return np.random.default_rng([seed, crc32(purpose.encode())])


# Of the images of a probe, again and again: a relu that is cut off at 6, or logits that are clamped
# at 10, show in the large ones alone. The second is the largest: of a large net there are but two,
# and with both of size 1 no relu of AlexNet's second layer, or of four of GoogLeNet's, reached 6.
SCALES = (1, 64, 4, 1, 16, 1, 1, 1)


def probe_inputs(spec: Spec, seed: int, batch: int, scaled: bool = True) -> dict[str, Array]:
    """Normal inputs (N, C, H, W), float32: both signs, no symmetry to hide behind, many sizes."""
    sizes = np.resize(np.array(SCALES if scaled else (1,), np.float32), batch)
    return {
        name: sizes[:, None, None, None]
        * generator(seed, f"input:{name}").standard_normal((batch, *shape)).astype(np.float32)
        for name, shape in spec.inputs.items()
    }


def probe_labels(classes: int, seed: int, batch: int) -> Array:
    """Random class labels, int64 (N,)."""
    return generator(seed, "labels").integers(0, classes, batch, dtype=np.int64)


def fan_in(tensor: Tensor) -> int:
    """Values that one output reads through this tensor."""
    return tensor.fan_in or prod(tensor.shape[1:])


def training(name: str, tensor: Tensor, rng: np.random.Generator, gain: float = 1.0) -> Array:
    if name == "weight":
        drawn = rng.standard_normal(tensor.shape) / sqrt(fan_in(tensor) / gain)
        return drawn.astype(np.float32)
    value = 1.0 if name in ("scale", "var") else 0.0
    return np.full(tensor.shape, value, np.float32)


def probe(name: str, tensor: Tensor, rng: np.random.Generator) -> Array:
    if name == "weight":
        drawn = rng.standard_normal(tensor.shape) / sqrt(fan_in(tensor))
    elif name == "scale":
        drawn = rng.uniform(0.5, 1.5, tensor.shape) * rng.choice([-1.0, 1.0], tensor.shape)
    elif name == "var":
        drawn = rng.uniform(0.2, 2.0, tensor.shape)
    else:  # bias, shift, mean
        drawn = rng.uniform(-0.5, 0.5, tensor.shape)
    return drawn.astype(np.float32)


PURPOSES = {"lecun": "training", "he": "training", "probe": "probe"}
LAWS: dict[str, Callable[[str, Tensor, np.random.Generator], Array]] = {
    "lecun": training,
    "he": partial(training, gain=2.0),
    "probe": probe,
}
