"""Which images are held back for testing.

RandomState, not default_rng: NumPy promises that its draws stay the same in every version (NEP
19), so that a result of today can be compared with one of next year.
"""

from __future__ import annotations

import numpy as np

from common.data.dataset import Array, Labels

Split = tuple[Array, Array]  # indices of the training images, indices of the test images


def shuffled_split(count: int, test: int, seed: int) -> Split:
    """Indices (count - test,), (test,), as train_test_split(random_state=seed) of scikit-learn."""
    order = np.random.RandomState(seed).permutation(count)
    return order[test:], order[:test]


def stratified_split(labels: Labels, share: float, seed: int) -> Split:
    """The same share of each class is held back; both parts come shuffled, not sorted by class.

    A class of two or more images has at least one on each side; a single image is trained on.
    """
    order = np.random.RandomState(seed).permutation(len(labels))
    is_test = np.zeros(len(labels), dtype=bool)
    by_class = order[np.argsort(labels[order], kind="stable")]
    for members in np.split(by_class, np.flatnonzero(np.diff(labels[by_class])) + 1):
        is_test[members[: held_back(len(members), share)]] = True
    return order[~is_test[order]], order[is_test[order]]


def held_back(count: int, share: float) -> int:
    """Test images among the images of one class."""
    return min(count - 1, max(1, round(share * count)))
