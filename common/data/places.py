"""Where MNIST, Fashion-MNIST and CIFAR lie on this machine.

A place is a folder with all files of the data set (MNIST's four idx files plain or gzipped), or
Keras' mnist.npz.
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
CIFAR_FILES = {  # in the order of their images, the test images last
    "cifar10": (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"),
    "cifar100": ("train", "test"),
}
TORCHVISION = {  # under its root
    "mnist": "MNIST/raw",
    "fashion-mnist": "FashionMNIST/raw",
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
}
KERAS = {  # under <home>/datasets; of CIFAR, get_file of Keras 3.15 unpacks into a -target folder
    "mnist": ("mnist.npz",),
    "fashion-mnist": ("fashion-mnist",),
    "cifar10": ("cifar-10-batches-py-target/cifar-10-batches-py", "cifar-10-batches-py"),
    "cifar100": ("cifar-100-python-target/cifar-100-python", "cifar-100-python"),
}
DEBIAN = {"fashion-mnist": Path("/usr/share/datasets/fashion-mnist")}  # dataset-fashion-mnist


def places(name: str, data_dir: Path | None) -> list[Path]:
    """Everywhere the data set is looked for, in order."""
    wanted: list[Path] = []
    for folder in user_folders(data_dir):
        wanted += [folder, folder / TORCHVISION[name], *(folder / path for path in KERAS[name])]
    wanted += [keras_home() / "datasets" / path for path in KERAS[name]]
    wanted += [DEBIAN[name]] if name in DEBIAN else []
    return list(dict.fromkeys(wanted))  # older Keras and torchvision name CIFAR's folder alike


def user_folders(data_dir: Path | None) -> list[Path]:
    named = [str(data_dir) if data_dir else "", os.environ.get("COMPARE_DATA", ""), "data"]
    return [Path(folder).absolute() for folder in named if folder]


def keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))


def find(name: str, data_dir: Path | None) -> Path | None:
    """The first place that holds all of the data set."""
    return next((place for place in places(name, data_dir) if is_whole(name, place)), None)


def is_whole(name: str, place: Path) -> bool:
    if name in CIFAR_FILES:
        return len(cifar_files(name, place)) == len(CIFAR_FILES[name])
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


def cifar_files(name: str, folder: Path) -> dict[str, Path]:
    """The name of each file -> its path, as far as they are in this folder."""
    paths = {file: folder / file for file in CIFAR_FILES[name]}
    return {file: path for file, path in paths.items() if os.path.isfile(path)}


def described(place: Path) -> str:
    """MNIST's place in an error message: one with some of the files is told from an empty one."""
    count = len(idx_files(place))
    return (
        f"{place} (only {count} of the {len(IDX_FILES)} files)"
        if 0 < count < len(IDX_FILES)
        else str(place)
    )
