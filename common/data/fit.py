"""Images that are smaller, larger or greyer than the model reads: how a recipe makes them fit."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from common.data.dataset import Array

Shape = tuple[int, int, int]
How = Literal["", "pad", "resize"]

BLOCK = 1000  # images resized at once, so that the float64 copies stay small


def fit(x: Array, shape: Shape, how: How) -> Array:
    """Images (N, c, h, w) -> (N, C, H, W) = (N, *shape), or `x` itself where that cannot be.

    One channel is repeated to three. Height and width: "pad" puts zeros around smaller images, the
    odd one after; "resize" is bilinear, see resized; "" leaves them. Nothing is done by halves:
    images that would still not fit are left as they are, for check_fits to refuse.
    """
    channels, height, width = shape
    _, c, h, w = x.shape
    same_size = (h, w) == (height, width)
    if c != channels and (c, channels) != (1, 3):
        return x
    if not same_size and (how == "" or (how == "pad" and (h > height or w > width))):
        return x
    if not same_size:
        x = padded(x, height, width) if how == "pad" else resized(x, height, width)
    return x if c == channels else np.repeat(x, channels, axis=1)


def described(before: Shape, after: Shape, how: How) -> str:
    """What `fit` did to images (C, H, W), as "28x28 grey padded to 32x32"; "" if nothing."""
    done = []
    if before[1:] != after[1:]:
        word = {"pad": "padded", "resize": "resized"}[how]
        done.append(f"{word} to {after[1]}x{after[2]}")
    if before[0] != after[0]:
        done.append(f"repeated to {after[0]} channels")
    colours = {1: "grey", 3: "colour"}.get(before[0], f"{before[0]}-channel")
    return f"{before[1]}x{before[2]} {colours} {', '.join(done)}" if done else ""


def padded(x: Array, height: int, width: int) -> Array:
    """Zeros around, evenly; where their number is odd, one more below and to the right."""
    top, left = (height - x.shape[2]) // 2, (width - x.shape[3]) // 2
    out = np.zeros((*x.shape[:2], height, width), x.dtype)
    out[:, :, top : top + x.shape[2], left : left + x.shape[3]] = x
    return out


def resized(x: Array, height: int, width: int) -> Array:
    """Bilinear with half-pixel centres; an axis that shrinks is antialiased, as in Pillow.

    uint8 images are rounded to the nearest level, halves to even. Sums are of whole numbers, so
    that they are exact in float64, and the same on every machine.
    """
    rows, columns = hats(x.shape[2], height), hats(x.shape[3], width)
    weight = rows.sum(axis=1)[:, np.newaxis] * columns.sum(axis=1)  # of all that a pixel reads
    out = np.empty((*x.shape[:2], height, width), x.dtype)
    for first in range(0, len(x), BLOCK):
        block = x[first : first + BLOCK].astype(np.float64)
        values = rows @ block @ columns.T / weight
        out[first : first + BLOCK] = np.rint(values) if x.dtype == np.uint8 else values
    return out


def hats(before: int, after: int) -> NDArray[np.float64]:
    """How much of each of `before` pixels a pixel of `after` reads: whole numbers (after, before).

    A triangle about the centre of each new pixel, as wide as a pixel of whichever grid is coarser.
    Centres lie at (i + 1/2) / after and (j + 1/2) / before; times 2 * after * before, their
    distance and the triangle's half width are whole.
    """
    new, old = np.arange(after)[:, np.newaxis], np.arange(before)
    distance = np.abs((2 * old + 1) * after - (2 * new + 1) * before)
    reach: NDArray[np.float64] = np.maximum(2.0 * max(before, after) - distance, 0.0)
    return reach
