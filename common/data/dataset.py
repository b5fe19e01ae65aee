"""What a loaded data set holds, and the fingerprint that a report prints for it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)  # eq would compare arrays; compare sha256 instead
class DataSet:
    """Images at rest and their labels, train and test.

    x is uint8 (N, C, H, W), or float32 where a user's file holds float pixels; y is int64 (N,),
    each label in 0 .. classes - 1.
    """

    name: str
    source: str  # the path it was read from
    sha256: str  # of x_train, y_train, x_test, y_test, see fingerprint
    x_train: Array
    y_train: Labels
    x_test: Array
    y_test: Labels
    classes: int

    def class_counts(self) -> tuple[Labels, Labels]:
        """Images of each class: (classes,) in train, (classes,) in test."""
        train, test = (np.bincount(y, minlength=self.classes) for y in (self.y_train, self.y_test))
        return train, test


def data_set(
    name: str, source: str, train: tuple[Array, Labels], test: tuple[Array, Labels], classes: int
) -> DataSet:
    """A DataSet with its fingerprint, from (images, labels) of each part."""
    return DataSet(name, source, fingerprint(*train, *test), *train, *test, classes)


def fingerprint(*arrays: Array) -> str:
    """sha256 over each array's dtype, shape and little-endian C-order bytes."""
    digest = sha256()
    for array in arrays:
        canonical = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{canonical.dtype.str} {canonical.shape}\n".encode())
        digest.update(canonical.data)
    return digest.hexdigest()
