"""Where MNIST and Fashion-MNIST lie on this machine.

A place is a folder with four idx files, plain or gzipped, or Keras' mnist.npz.
"""

from __future__ import annotations

import os
from pathlib import Path

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
TORCHVISION = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}  # under its root
KERAS = {"mnist": "mnist.npz", "fashion-mnist": "fashion-mnist"}  # under <home>/datasets
DEBIAN = {"fashion-mnist": Path("/usr/share/datasets/fashion-mnist")}  # dataset-fashion-mnist


def places(name: str, data_dir: Path | None) -> list[Path]:
    """Everywhere the data set is looked for, in order."""
    wanted: list[Path] = []
    for folder in user_folders(data_dir):
        wanted += [folder, folder / TORCHVISION[name], folder / KERAS[name]]
    wanted.append(keras_home() / "datasets" / KERAS[name])
    return [*wanted, DEBIAN[name]] if name in DEBIAN else wanted


def user_folders(data_dir: Path | None) -> list[Path]:
    named = [str(data_dir) if data_dir else "", os.environ.get("COMPARE_DATA", ""), "data"]
    return [Path(folder).absolute() for folder in named if folder]


def keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))


def find(name: str, data_dir: Path | None) -> Path | None:
    """The first place that holds all of the data set."""
    return next((place for place in places(name, data_dir) if is_whole(place)), None)


def is_whole(place: Path) -> bool:
    if place.suffix == ".npz":
        return os.path.isfile(place)
    return len(idx_files(place)) == len(IDX_FILES)


def idx_files(folder: Path) -> dict[str, Path]:
    """x_train, y_train, x_test, y_test -> their files, as far as they are in this folder."""
    found: dict[str, Path] = {}
    for key, stem in IDX_FILES.items():
        for path in (folder / f"{stem}.gz", folder / stem):  # the plain file wins: nothing to unzip
            if os.path.isfile(path):  # Path.is_file raises where a folder may not be entered
                found[key] = path
    return found


def described(place: Path) -> str:
    """A place for an error message: a folder with some of the files is told from an empty one."""
    count = len(idx_files(place))
    return (
        f"{place} (only {count} of the {len(IDX_FILES)} files)"
        if 0 < count < len(IDX_FILES)
        else str(place)
    )
