"""What a training image looks like in one epoch: cropped at random, and mirrored or not.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015, section 4.2: "4 pixels
are padded on each side, and a 32x32 crop is randomly sampled from the padded image or its
horizontal flip".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.data.dataset import Array

PAD = 4  # pixels on each side

Numbers = NDArray[np.int64]


def augment(x: Array, seed: int, epoch: int) -> Array:
    """Normalised images (N, C, H, W) as they look in an epoch: a copy of the same shape and dtype.

    Pads with 0, the mean colour once the images are normalised. Image i looks the same however
    long the run is; how many images there are decides it, too.
    """
    down, right, mirrored = draw(len(x), seed, epoch)
    out = np.zeros_like(x)
    targets = (out, out[..., ::-1])
    for group in alike(down, right, mirrored):
        first = group[0]
        rows_to, rows_from = overlap(down[first] - PAD, x.shape[2])
        columns_to, columns_from = overlap(right[first] - PAD, x.shape[3])
        target = targets[mirrored[first]]  # written from right to left where it is mirrored
        target[group, :, rows_to, columns_to] = x[group, :, rows_from, columns_from]
    return out


def draw(n: int, seed: int, epoch: int) -> tuple[Numbers, Numbers, Numbers]:
    """For each image: where its crop begins in the padded image, 0 .. 8 down and 0 .. 8 to the
    right, and whether it is then mirrored, 0 or 1.

    A generator for each epoch, as in batches.orders, and RandomState for the reason that split.py
    gives. The 1 in its key keeps it apart from the generator of that epoch's order.
    """
    generator = np.random.RandomState([seed, epoch, 1])
    down, right = generator.randint(0, 2 * PAD + 1, size=(2, n), dtype=np.int64)
    return down, right, generator.randint(0, 2, size=n, dtype=np.int64)


def alike(*numbers: Numbers) -> list[Numbers]:
    """Indices of the images whose numbers are all equal, a group each: some 160 slices to copy,
    where image by image would be 50,000."""
    order = np.lexsort(numbers)
    sorted_numbers = np.stack(numbers)[:, order]
    starts = np.flatnonzero((np.diff(sorted_numbers) != 0).any(axis=0)) + 1
    return [group for group in np.split(order, starts) if group.size]


def overlap(shift: int, size: int) -> tuple[slice, slice]:
    """Where a crop of an image's own size, moved by `shift`, is filled, and from which pixels."""
    return (
        slice(max(-shift, 0), max(min(size, size - shift), 0)),
        slice(max(shift, 0), max(min(size, size + shift), 0)),
    )
