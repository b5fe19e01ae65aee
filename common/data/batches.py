"""What one batch reads: the normalised pixels, and the order of the images in each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from common.data.dataset import Array
from common.errors import DataError, UsageError


def normalise(
    x: Array,
    mean: float | Sequence[float],
    std: float | Sequence[float],
    dtype: Literal["float32", "float64"] = "float32",
    divisor: float = 255.0,
) -> Array:
    """(x / divisor - mean) / std for uint8 (N, C, H, W); mean and std of all or of each channel.

    float32 pixels are a user's own scale: (x - mean) / std, without the division.
    Each of the three steps is computed in float64 and the result rounded once to `dtype`, so that
    it is the same bit for bit on every machine and in every batch.
    """
    shift, scale = (
        per_channel(value, x.shape[1], what) for value, what in ((mean, "mean"), (std, "std"))
    )
    if not (scale > 0).all():
        raise DataError(f"normalise: expected every std above 0, found {scale.tolist()}")
    if x.dtype == np.uint8:
        table = ((np.arange(256) / divisor - shift) / scale).astype(dtype)  # a pixel has 256 values
        return np.stack([table[c][x[:, c]] for c in range(x.shape[1])], axis=1)
    if x.dtype == np.float32:
        return ((x - shift[..., np.newaxis]) / scale[..., np.newaxis]).astype(dtype)
    raise DataError(f"normalise: expected uint8 or float32 pixels, found {x.dtype}")


def per_channel(value: float | Sequence[float], channels: int, what: str) -> NDArray[np.float64]:
    """One number for each channel, as float64 (C, 1)."""
    numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    if numbers.shape not in ((1,), (channels,)) or not np.isfinite(numbers).all():
        raise DataError(
            f"normalise: expected 1 finite {what}, or one for each of {channels} channels, "
            f"found {numbers.tolist()}"
        )
    return np.broadcast_to(numbers[:, np.newaxis], (channels, 1))


def orders(n: int, epochs: int, seed: int) -> NDArray[np.int32]:
    """One permutation of range(n) for each epoch: int32 (epochs, n).

    Each epoch has a generator of its own, seeded with [seed, epoch], so that epoch 3 of a short
    run is epoch 3 of a long one. RandomState for the reason that split.py gives.
    """
    if not 0 <= seed < 2**32:
        raise UsageError(f"expected a seed from 0 to {2**32 - 1:,}, found {seed}")
    permutations = np.empty((epochs, n), dtype=np.int32)
    for epoch in range(epochs):
        permutations[epoch] = np.random.RandomState([seed, epoch]).permutation(n)
    return permutations
