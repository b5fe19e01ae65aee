"""Augmentation: each crop is remade by hand from draws that are derived again without NumPy."""

from __future__ import annotations

import random

import numpy as np
import pytest

from common import data

RNG = np.random.RandomState(2)
IMAGES = RNG.randn(60, 3, 32, 32).astype(np.float32)


def drawn(n: int, seed: int, epoch: int) -> list[tuple[int, int, int]]:
    """(down, right, mirrored) of each image, from Python's own Mersenne Twister.

    RandomState's key [seed, epoch, 1] is one integer there; a number below a bound is the next
    draw whose low bits are below it.
    """
    twister = random.Random(1 << 64 | epoch << 32 | seed)

    def below(bound: int) -> int:
        mask = (1 << (bound - 1).bit_length()) - 1
        return next(j for j in iter(lambda: twister.getrandbits(32) & mask, None) if j < bound)

    down, right = [below(9) for _ in range(n)], [below(9) for _ in range(n)]
    return list(zip(down, right, (below(2) for _ in range(n)), strict=True))


def by_hand(image: np.ndarray, down: int, right: int, mirrored: int) -> np.ndarray:
    """He et al. 2015, section 4.2, pixel by pixel."""
    _, height, width = image.shape
    out = np.full_like(image, np.nan)
    for y in range(height):
        for x in range(width):
            from_y, from_x = y + down - 4, (width - 1 - x if mirrored else x) + right - 4
            inside = 0 <= from_y < height and 0 <= from_x < width
            out[:, y, x] = image[:, from_y, from_x] if inside else 0
    return out


@pytest.mark.parametrize("seed, epoch", [(0, 0), (7, 3), (2**32 - 1, 299)])
def test_every_image_is_the_crop_that_was_drawn_for_it(seed, epoch):
    found = data.augment(IMAGES, seed, epoch)
    wanted = [by_hand(x, *d) for x, d in zip(IMAGES, drawn(60, seed, epoch), strict=True)]
    np.testing.assert_array_equal(found, np.stack(wanted))


@pytest.mark.parametrize("shape", [(40, 1, 28, 28), (40, 2, 5, 9), (40, 1, 3, 2), (1, 3, 8, 8)])
def test_images_of_other_sizes_keep_their_size(shape):
    x = RNG.randn(*shape)
    found = data.augment(x, 1, 2)
    wanted = [by_hand(image, *d) for image, d in zip(x, drawn(len(x), 1, 2), strict=True)]
    np.testing.assert_array_equal(found, np.stack(wanted))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays_and_the_input_is_untouched(dtype):
    x = IMAGES.astype(dtype)
    found = data.augment(x, 0, 0)
    assert found.dtype == dtype
    assert not np.shares_memory(found, x)
    np.testing.assert_array_equal(x, IMAGES)


def test_an_epoch_repeats_bit_for_bit_and_another_epoch_or_seed_differs():
    again = [data.augment(IMAGES, *key).tobytes() for key in ((0, 1), (0, 1), (0, 2), (1, 1))]
    assert again[0] == again[1]
    assert len(set(again)) == 3


def test_no_images_are_augmented_to_none():
    assert data.augment(IMAGES[:0], 0, 0).shape == (0, 3, 32, 32)


def test_all_81_places_and_both_sides_are_drawn_alike():
    """Images that hold their own row and column numbers show where they were cut."""
    n = 40_500  # 250 of each of 162
    numbers = np.mgrid[1.0:10.0, 1.0:10.0]  # (2, 9, 9): row numbers, column numbers
    found = data.augment(np.tile(numbers, (n, 1, 1, 1)), 3, 4)
    down, right = (found[:, :, 4, 4].T - 1).astype(int)  # the middle is inside at every shift
    counts = np.zeros((9, 9, 2))
    np.add.at(counts, (down, right, mirrored(found)), 1)
    # Binomial: 250 expected, standard deviation 15.8; all 162 stay within 5 of those.
    assert np.abs(counts - 250).max() < 79
    # Half of all are mirrored; standard deviation 101.
    assert abs(counts[..., 1].sum() - n / 2) < 400


def mirrored(found: np.ndarray) -> np.ndarray:
    """Whether the column numbers fall: 1 where they do."""
    row = found[:, 1].max(axis=1)  # (N, 9): column numbers, 0 where padded
    inside = (row[:, 1:] > 0) & (row[:, :-1] > 0)
    return ((np.diff(row) < 0) & inside).any(axis=1).astype(int)
