"""Which arrays an .npz file holds: read without ever unpickling, every kind of damage one error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO
from zipfile import is_zipfile

import numpy as np
from numpy.lib.npyio import NpzFile

from common.data.contents import opened
from common.data.dataset import Array
from common.errors import DataError


def arrays(path: Path, *allowed: tuple[str, ...]) -> dict[str, Array]:
    """Every array of an .npz file, whose keys must be one of the `allowed` sets."""
    with opened(path) as file:  # not by np.load, which leaves a damaged file open
        archive = archive_in(file, path)
        if not any(set(archive.files) == set(keys) for keys in allowed):
            expected = " or ".join(", ".join(keys) for keys in allowed)
            raise DataError(
                f"{path}: expected the arrays {expected}, found "
                f"{', '.join(archive.files) or 'none'}; rename them in np.savez"
            )
        return {key: member(path, archive, key) for key in archive.files}


def archive_in(file: BinaryIO, path: Path) -> NpzFile:
    if not is_zipfile(file):
        raise DataError(
            f"{path}: expected an .npz archive as np.savez writes it, found "
            f"{os.path.getsize(path):,} bytes that are none, or are cut short; save it again"
        )
    file.seek(0)
    try:
        archive: NpzFile = np.load(file, allow_pickle=False)
    except Exception as error:
        raise damaged(str(path), error) from error
    return archive


def member(path: Path, archive: NpzFile, key: str) -> Array:
    try:
        array = archive[key]
    except Exception as error:
        if "Object arrays" in str(error):  # NumPy's words for a dtype that only pickle can read
            raise DataError(
                f"{path}: {key} holds Python objects, which are never unpickled; save it as an "
                "array of numbers"
            ) from error
        raise damaged(f"{path}: {key}", error) from error
    if not isinstance(array, np.ndarray):  # the bytes of a file that is not .npy
        raise damaged(f"{path}: {key}", TypeError("a file that is not an array"))
    return array


def damaged(where: str, error: Exception) -> DataError:
    """One error for the dozen types that zipfile, zlib and NumPy raise for damaged bytes."""
    found = " ".join(f"{type(error).__name__}: {error}".split())
    return DataError(
        f"{where}: expected an array as np.savez writes it, found {found}; save it again"
    )
