"""Which data sets there are, whether each is here, and how a name or a path becomes one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from common.data import cifar, folder, mnist, own, packaged
from common.data.dataset import DataSet
from common.errors import UsageError

NAMES = (*packaged.TABLES, *mnist.MD5, *cifar.MD5)


@dataclass(frozen=True)
class Entry:
    """One line of `compare list`."""

    name: str
    here: bool
    source: str  # the path if it is here, otherwise where it was looked for


def load(
    name_or_path: str,
    *,
    data_dir: Path | None = None,
    image_shape: tuple[int, int, int] | None = None,
) -> DataSet:
    """The data set of that name, or the user's .npz file or folder of images at that path.

    `data_dir` is looked at first for mnist, fashion-mnist, cifar10 and cifar100. `image_shape` is
    the (C, H, W) that the model reads: it decides where the channels of an .npz file's 4-D images
    stand, and how large and in which colours the images of a folder are read.
    A name wins over a folder of that name: ./cifar10 is the folder.
    UsageError for an unknown name, DataError for data that is missing, damaged or misshapen.
    """
    if name_or_path.endswith(".npz"):
        return own.load(Path(name_or_path), image_shape)
    if name_or_path in packaged.TABLES:
        return packaged.load(name_or_path)
    if name_or_path in mnist.MD5:
        return mnist.load(name_or_path, data_dir)
    if name_or_path in cifar.MD5:
        return cifar.load(name_or_path, data_dir)
    if os.path.isdir(name_or_path):
        return folder.load(Path(name_or_path), image_shape)
    raise UsageError(unknown(name_or_path))


def catalogue(data_dir: Path | None = None) -> list[Entry]:
    """Every named data set. Looks whether the files exist; reads none of them."""
    shipped = [Entry(name, *packaged.whereabouts(name)) for name in packaged.TABLES]
    found = [
        Entry(name, *source.whereabouts(name, data_dir))
        for source in (mnist, cifar)
        for name in source.MD5
    ]
    return shipped + found


def unknown(name: str) -> str:
    if name == "imagenet":  # what the recipes of its networks name; nobody may pass it on
        return (
            "imagenet: expected its folder, --data FOLDER, with train/CLASS/*.jpg and "
            "val/CLASS/*.jpg in it; it cannot be fetched from here"
        )
    nearest = get_close_matches(name.lower(), NAMES)
    hint = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
    known = ", ".join(NAMES)
    return (
        f"unknown data set '{name}': expected {known}, a path that ends in .npz or a folder of "
        f"images{hint}"
    )
