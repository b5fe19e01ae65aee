"""MNIST and Fashion-MNIST: are the files that were found what the name says?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.data import idx, npz
from common.data.dataset import Array, DataSet, data_set
from common.data.places import IDX_FILES, described, find, idx_files, places
from common.errors import DataError

# md5 of the plain idx files, see idx.checksum. The two data sets have the same file names, so
# that only these tell them apart.
# mnist: as public loaders pin them (secml's CDataLoaderMNIST and nine others, all alike); no copy
#   of MNIST was at hand to compute them from.
# fashion-mnist: computed from Debian's dataset-fashion-mnist 0.0~git20200523; a test turns its
#   files into those whose md5 torchvision pins, byte for byte.
MD5 = {
    "mnist": {
        "x_train": "6bbc9ace898e44ae57da46a324031adb",
        "y_train": "a25bea736e30d166cdddb491f175f624",
        "x_test": "2646ac647ad5339dbf082846283269ea",
        "y_test": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashion-mnist": {
        "x_train": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "y_train": "9018921c3c673c538a1fc5bad174d6f9",
        "x_test": "8181f5470baa50b63fa0f6fddb340f0a",
        "y_test": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
DOWNLOAD_MEGABYTES = {"mnist": 12, "fashion-mnist": 31}  # the four .gz files


def load(name: str, data_dir: Path | None) -> DataSet:
    """60,000 training and 10,000 test images of 28 x 28, from the first place that has them."""
    place = find(name, data_dir)
    if place is None:
        raise DataError(missing(name, data_dir))
    arrays = {key: verified(name, key, *found) for key, found in read(place).items()}
    train, test = (
        (arrays[f"x_{part}"][:, np.newaxis], arrays[f"y_{part}"].astype(np.int64))
        for part in ("train", "test")
    )
    return data_set(name, str(place), train, test, classes=10)


def read(place: Path) -> dict[str, tuple[Array, str]]:
    """x_train, y_train, x_test, y_test -> the array and where it was found."""
    if place.suffix == ".npz":
        arrays = npz.arrays(place, tuple(IDX_FILES))
        return {key: (array, f"{place}: {key}") for key, array in arrays.items()}
    return {
        key: (idx.read(path, axes=3 if key.startswith("x") else 1), str(path))
        for key, path in idx_files(place).items()
    }


def verified(name: str, key: str, array: Array, where: str) -> Array:
    """The array itself, if it is the one that the name stands for."""
    found = idx.checksum(array) if array.dtype == np.uint8 else f"{array.dtype} numbers"
    if found == MD5[name][key]:
        return array
    owner = next((other for other in MD5 if MD5[other][key] == found), f"other content ({found})")
    raise DataError(
        f"{where}: expected {name}'s {IDX_FILES[key]} (md5 {MD5[name][key]}), found {owner}; "
        f"point --data-dir at a folder that holds {name}"
    )


def missing(name: str, data_dir: Path | None) -> str:
    looked = ", ".join(described(place) for place in places(name, data_dir))
    return (
        f"{name}: expected the files {', '.join(IDX_FILES.values())} (plain or .gz), "
        f"found no whole set; looked in {looked}; give their folder with --data-dir or "
        f"COMPARE_DATA, or add --download, which fetches {DOWNLOAD_MEGABYTES[name]} MB "
        "through torchvision"
    )


def whereabouts(name: str, data_dir: Path | None) -> tuple[bool, str]:
    """Whether it is here, and its path or where it was looked for."""
    place = find(name, data_dir)
    looked = ", ".join(described(candidate) for candidate in places(name, data_dir))
    return (True, str(place)) if place else (False, f"not in {looked}")
