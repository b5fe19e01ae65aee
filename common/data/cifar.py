"""CIFAR-10 and CIFAR-100: are the files that were found what the name says?

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, chapter 3. The files are
the "python version" of https://www.cs.toronto.edu/~kriz/cifar.html, pickles that Python 2 wrote. A
pickle can run anything, so none is opened before its md5 is the pinned one, and then nothing but
an array of numbers may come out of it.
"""

from __future__ import annotations

import io
import pickle
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np

from common.data.contents import unzipped
from common.data.dataset import Array, DataSet, Labels, data_set
from common.data.places import CIFAR_FILES, cifar_files, find, places
from common.errors import DataError

# As torchvision 0.25 pins them (datasets/cifar.py: train_list, test_list); a test reads them there.
MD5 = {
    "cifar10": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
    "cifar100": {
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    },
}
LABELS = {"cifar10": b"labels", "cifar100": b"fine_labels"}  # there are 20 coarse ones, too
CLASSES = {"cifar10": 10, "cifar100": 100}
DOWNLOAD_MEGABYTES = {"cifar10": 170, "cifar100": 169}  # one .tar.gz
IMAGE = (3, 32, 32)  # red, then green, then blue, each row by row

ADMITTED = {  # all that the files name; Keras 3.15 reads them with these, too (npz_utils.py)
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


def load(name: str, data_dir: Path | None) -> DataSet:
    """50,000 training and 10,000 test images of 3 x 32 x 32, from the first place with all files.

    CIFAR-100 with its 100 fine labels. The names of the classes (`batches.meta`, `meta`) are not
    read, and need not be there.
    """
    place = find(name, data_dir)
    if place is None:
        raise DataError(missing(name, data_dir))
    *train, test = (batch(name, path) for path in cifar_files(name, place).values())
    return data_set(name, str(place), joined(train), joined([test]), CLASSES[name])


def joined(batches: list[tuple[Array, Labels]]) -> tuple[Array, Labels]:
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def batch(name: str, path: Path) -> tuple[Array, Labels]:
    """Images uint8 (N, 3, 32, 32) and labels of one file."""
    content = verified(name, path, unzipped(path))
    try:
        found = Reader(io.BytesIO(content), encoding="bytes").load()
        return images(found[b"data"]), np.array(found[LABELS[name]], np.int64)
    except Exception as error:  # a pickle can raise anything
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(
            f"{path}: expected a pickle of images and labels, found {text}; fetch the file again"
        ) from error


def verified(name: str, path: Path, content: bytes) -> bytes:
    """The content itself, if it is the one that the name stands for."""
    wanted = MD5[name][path.name]
    found = md5(content, usedforsecurity=False).hexdigest()
    if found == wanted:
        return content
    raise DataError(
        f"{path}: expected {name}'s {path.name} (md5 {wanted}), found {owner(found)} of "
        f"{len(content):,} bytes; fetch the file again, or point --data-dir at a folder that "
        f"holds {name}"
    )


def owner(found: str) -> str:
    """Whose md5 it is."""
    known = {md5: f"{name}'s {file}" for name in MD5 for file, md5 in MD5[name].items()}
    return known.get(found, f"other content (md5 {found})")


class Reader(pickle.Unpickler):
    """Makes arrays of numbers, and neither looks up nor calls anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"a pickle that asks for {module}.{name}")
        return super().find_class(module, name)


def images(rows: Any) -> Array:
    """uint8 (N, 3072) -> (N, 3, 32, 32)."""
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8:
        raise TypeError(f"{getattr(rows, 'dtype', type(rows).__name__)} in the place of pixels")
    return np.ascontiguousarray(rows.reshape(len(rows), *IMAGE))


def missing(name: str, data_dir: Path | None) -> str:
    return (
        f"{name}: expected the files {', '.join(CIFAR_FILES[name])}, found no whole set; looked in "
        f"{looked(name, data_dir)}; give their folder with --data-dir or COMPARE_DATA, or add "
        f"--download, which fetches {DOWNLOAD_MEGABYTES[name]} MB through torchvision"
    )


def looked(name: str, data_dir: Path | None) -> str:
    """Every place, and what is missing where some of the files are."""
    described = []
    for place in places(name, data_dir):
        absent = [file for file in CIFAR_FILES[name] if file not in cifar_files(name, place)]
        some = 0 < len(absent) < len(CIFAR_FILES[name])
        described.append(f"{place} (without {', '.join(absent)})" if some else str(place))
    return ", ".join(described)


def whereabouts(name: str, data_dir: Path | None) -> tuple[bool, str]:
    """Whether it is here, and its path or where it was looked for."""
    place = find(name, data_dir)
    return (True, str(place)) if place else (False, f"not in {looked(name, data_dir)}")
