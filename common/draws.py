"""The uniform numbers that dropout holds against its rate: at every step the same for both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from common.spec import Shape, Spec, shapes

Array = NDArray[Any]


def dropout_shapes(spec: Spec) -> dict[str, Shape]:
    """What each dropout layer reads, channels first, without the batch."""
    known = shapes(spec)
    return {layer.name: known[layer.name] for layer in spec.layers if layer.op == "dropout"}


def draws(layer_shapes: Mapping[str, Shape], seed: int, step: int, batch: int) -> dict[str, Array]:
    """Float32 numbers from [0, 1), (batch, *shape) for each layer; steps are counted from 0.

    A value is kept where its number is at least the rate. RandomState, not default_rng: the two
    workers may hold two versions of NumPy, and only its draws are promised to stay (NEP 19).
    """
    return {
        name: np.random.RandomState([seed, step, crc32(name.encode())])
        .random_sample((batch, *shape))
        .astype(np.float32)
        for name, shape in layer_shapes.items()
    }
