"""A user's folder of images: which file is of which class and part, and how it becomes pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from common.data.dataset import Array, DataSet, Labels, data_set
from common.data.split import stratified_split
from common.errors import DataError, UsageError
from common.layout import to_nchw

Shape = tuple[int, int, int]
Files = list[tuple[Path, int]]  # an image and its label

SUFFIXES = (".png", ".jpg", ".jpeg")  # in capitals, too
MODES = {1: "L", 3: "RGB"}  # what Pillow turns an image into, by the model's channels
EXPECTED = (
    "expected FOLDER/train/CLASS/*.jpg and FOLDER/val/CLASS/*.jpg (or test), or FOLDER/CLASS/*.jpg "
    "(or .jpeg, .png)"
)


def load(folder: Path, image_shape: Shape | None) -> DataSet:
    """The images of `train` and of `val` (else `test`), or of one folder, split 80 to 20 by class.

    Labels number the sorted names of the classes of the training images. Every image is brought
    to the model's (C, H, W) as torchvision's Resize(size) and CenterCrop(size) would: see picture.
    Two machines may decode a JPEG one grey level apart, and then differ in their sha256.
    """
    if image_shape is None or image_shape[0] not in MODES:
        raise UsageError(
            f"{folder}: a folder of images is read for a model of 1 or 3 channels, found "
            f"{image_shape or 'no model'}; save the images as an .npz file"
        )
    check_pillow(folder)
    held_out = next((part for part in ("val", "test") if (folder / part).is_dir()), None)
    if held_out and (folder / "train").is_dir():
        classes, train, test = two_parts(folder / "train", folder / held_out)
    else:
        classes, train, test = one_part(folder)
    parts = (pixels(train, image_shape), pixels(test, image_shape))
    return data_set(folder.resolve().name, str(folder.absolute()), *parts, len(classes))


def check_pillow(folder: Path) -> None:
    try:
        import PIL.Image  # noqa: F401  # here, so that no worker's interpreter needs it
    except ImportError as error:
        raise DataError(
            f"{folder}: expected the package pillow, which reads images, found none ({error}); "
            "pip install pillow"
        ) from error


# ---- which files


def two_parts(train: Path, test: Path) -> tuple[list[str], Files, Files]:
    """Classes, training images and test images, each part in the order of its names."""
    classes = subfolders(train)
    alone = [name for name in subfolders(test) if name not in classes]
    if alone:
        raise DataError(
            f"{test / alone[0]}: expected a class that is in {train}, too, found it in "
            f"{test.name} alone ({len(alone):,} such); add training images, or take it away"
        )
    held_out = labelled(test, classes)
    if not held_out:
        raise DataError(f"{test}: {EXPECTED}, found no image in {test}")
    return classes, every_class(train, classes), held_out


def one_part(folder: Path) -> tuple[list[str], Files, Files]:
    """Classes, and the images of one folder in two parts, always the same."""
    classes = subfolders(folder)
    files = every_class(folder, classes)
    labels = np.array([label for _, label in files], np.int64)
    train, test = ([files[i] for i in part] for part in stratified_split(labels, 0.2, seed=0))
    if not test:
        raise DataError(
            f"{folder}: expected a class of 2 or more images, to hold some back for testing, found "
            f"{len(files)} classes of 1; add images, or the folders train and val"
        )
    return classes, train, test


def every_class(folder: Path, classes: list[str]) -> Files:
    """All images; DataError where a class, or the folder, has none."""
    files = labelled(folder, classes)
    seen = {label for _, label in files}
    empty = [str(folder / name) for label, name in enumerate(classes) if label not in seen]
    if empty or not files:
        raise DataError(f"{folder}: {EXPECTED}, found no image in {', '.join(empty) or folder}")
    return files


def labelled(folder: Path, classes: list[str]) -> Files:
    """Every image of every class, sorted by class, then by name."""
    return [
        (folder / name / entry.name, label)
        for label, name in enumerate(classes)
        if (folder / name).is_dir()
        for entry in entries(folder / name)
        if entry.name.lower().endswith(SUFFIXES) and entry.is_file()
    ]


def subfolders(folder: Path) -> list[str]:
    return [entry.name for entry in entries(folder) if entry.is_dir()]


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, sorted by name, without hidden files (macOS leaves ._cat.jpg)."""
    try:
        with os.scandir(folder) as found:
            shown = [entry for entry in found if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder}: expected a folder that can be read, found: {error}") from error
    return sorted(shown, key=lambda entry: entry.name)


# ---- from a file to pixels


def pixels(files: Files, shape: Shape) -> tuple[Array, Labels]:
    """Images uint8 (N, C, H, W), one decoded at a time, and their labels."""
    x = np.empty((len(files), *shape), np.uint8)
    for index, (path, _) in enumerate(files):
        x[index] = picture(path, shape)
    return x, np.array([label for _, label in files], np.int64)


def picture(path: Path, shape: Shape) -> Array:
    """One image as uint8 (C, H, W): RGB, or grey (ITU-R 601-2 luma) where C is 1.

    Resized to the smallest size that covers H x W in its own proportions (where H = W: the shorter
    side becomes H), antialiased bilinear, sides rounded down; then the centre is cropped. What is
    transparent is shown opaque, and a camera's turn (EXIF) is not followed; torchvision's
    ImageFolder does the same.
    """
    from PIL import Image

    channels, height, width = shape
    try:
        with Image.open(path) as opened:
            if opened.mode.startswith(("I", "F")):  # Pillow would clip them at 255
                raise ValueError(f"mode {opened.mode}, more than 8 bits a pixel")
            coloured = opened.convert("RGBA") if opened.mode == "P" else opened
            image = coloured.convert(MODES[channels])
        size = covering(image.height, image.width, height, width)
        top, left = (round((size[axis] - shape[1 + axis]) / 2) for axis in (0, 1))
        resized = image.resize(size[::-1], Image.Resampling.BILINEAR)
        cropped = resized.crop((left, top, left + width, top + height))
    except Exception as error:  # Pillow's readers raise a dozen types for damaged bytes
        found = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(
            f"{path}: expected an image of 8 bits that can be read, found {found}; save it again, "
            "or take it away"
        ) from error
    chw: Array = to_nchw(np.asarray(cropped).reshape(1, height, width, channels))[0]
    return chw


def covering(height: int, width: int, wanted_height: int, wanted_width: int) -> tuple[int, int]:
    """The smallest (height, width) in the given proportions that covers what is wanted."""
    if height * wanted_width <= width * wanted_height:  # the height decides
        return wanted_height, wanted_height * width // height
    return wanted_width * height // width, wanted_width
