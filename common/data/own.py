"""A user's own data set: what the arrays in an .npz file must be, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.data.dataset import Array, DataSet, Labels, data_set
from common.data.npz import arrays
from common.data.split import stratified_split
from common.errors import DataError
from common.layout import nhwc_shape, to_nchw

Shape = tuple[int, int, int]

PARTS = ("x_train", "y_train", "x_test", "y_test")
WHOLE = ("x", "y")  # 80% train, 20% test of each class, always the same images


def load(path: Path, image_shape: Shape | None = None) -> DataSet:
    """Images and labels under x_train, y_train, x_test, y_test, or under x, y.

    Pixels: uint8, float32 or float64 (kept as float32). Images: (N, H, W), (N, C, H, W) or
    (N, H, W, C), the last only where `image_shape`, the model's (C, H, W), asks for it. Labels:
    integers (N,) from 0 up; the data set declares one class more than the largest.
    """
    found = arrays(path, PARTS, WHOLE)
    if "x" in found:
        train, test = divided(path, *pair(path, found, *WHOLE, image_shape))
    else:
        train = pair(path, found, "x_train", "y_train", image_shape)
        test = pair(path, found, "x_test", "y_test", image_shape)
        check_alike(path, train[0], test[0])
    classes = 1 + int(max(train[1].max(), test[1].max()))
    return data_set(path.name, str(path.absolute()), train, test, classes)


def divided(path: Path, x: Array, y: Labels) -> tuple[tuple[Array, Labels], tuple[Array, Labels]]:
    """Train and test out of one set."""
    train, test = stratified_split(y, share=0.2, seed=0)
    if len(test) == 0:
        raise DataError(
            f"{path}: expected a class of 2 or more images, to hold some back for testing, found "
            f"{len(y)} classes of 1; save more images, or {', '.join(PARTS)}"
        )
    return (x[train], y[train]), (x[test], y[test])


def pair(
    path: Path, found: dict[str, Array], x_key: str, y_key: str, image_shape: Shape | None
) -> tuple[Array, Labels]:
    """Images as the project keeps them, and as many labels."""
    x_where, y_where = f"{path}: {x_key}", f"{path}: {y_key}"
    x = channels_first(x_where, pixels(x_where, found[x_key]), image_shape)
    y = labels(y_where, found[y_key])
    if len(x) != len(y):
        raise DataError(
            f"{y_where}: expected {len(x):,} labels, one for each image of {x_key}, "
            f"found {len(y):,}; save both from the same rows"
        )
    return x, y


def pixels(where: str, x: Array) -> Array:
    """uint8 as it is; float32 and float64 as float32, if every number is finite there."""
    if x.size == 0:
        raise DataError(f"{where}: expected at least one image, found shape {x.shape}")
    if x.dtype == np.uint8:
        return x
    if x.dtype not in (np.float32, np.float64):
        raise DataError(
            f"{where}: expected pixels in uint8, float32 or float64, found {x.dtype}; "
            "convert them with astype"
        )
    with np.errstate(over="ignore"):  # becomes inf, which the next line reports
        narrow = x.astype(np.float32)
    bad = np.argwhere(~np.isfinite(narrow))
    if len(bad):
        index = tuple(bad[0].tolist())
        raise DataError(
            f"{where}: expected finite float32 pixels, found {x[index]} at index {list(index)} "
            f"({len(bad):,} in all); clean the data"
        )
    return narrow


def channels_first(where: str, x: Array, image_shape: Shape | None) -> Array:
    """(N, H, W), (N, C, H, W) or (N, H, W, C) -> (N, C, H, W).

    The model's shape alone tells the last two apart: (C, H, W) is tried first, then (H, W, C).
    Without it, four axes are (N, C, H, W).
    """
    if x.ndim not in (3, 4):
        raise DataError(
            f"{where}: expected images (N, H, W), (N, C, H, W) or (N, H, W, C), "
            f"found shape {x.shape}"
        )
    canonical = x[:, np.newaxis] if x.ndim == 3 else x
    if image_shape is None or canonical.shape[1:] == tuple(image_shape):
        return np.ascontiguousarray(canonical)
    if x.ndim == 4 and x.shape[1:] == nhwc_shape(tuple(image_shape)):
        return to_nchw(x)
    raise DataError(
        f"{where}: expected images (C, H, W) = {tuple(image_shape)}, which the model reads, or "
        f"the same as (H, W, C) = {nhwc_shape(tuple(image_shape))}, found {x.shape[1:]}; "
        "choose other data or another model"
    )


def labels(where: str, y: Array) -> Labels:
    """Class numbers as int64 (N,), none of them negative."""
    if y.ndim == 2:
        hint = "y[:, 0]" if y.shape[1] == 1 else "y.argmax(axis=1), if this is one-hot"
        raise DataError(f"{where}: expected labels (N,), found shape {y.shape}; save {hint}")
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise DataError(
            f"{where}: expected labels as integers (N,), found {y.dtype} of shape {y.shape}; "
            "save class numbers"
        )
    numbers = y.astype(np.int64)
    bad = np.flatnonzero(numbers < 0)  # uint64 beyond int64 turns negative, too
    if bad.size:
        raise DataError(
            f"{where}: expected labels from 0 up, found {y[bad[0]]} at index {bad[0]} "
            f"({bad.size:,} in all); number the classes from 0"
        )
    return numbers


def check_alike(path: Path, train: Array, test: Array) -> None:
    if (train.shape[1:], train.dtype) != (test.shape[1:], test.dtype):
        raise DataError(
            f"{path}: expected x_train and x_test alike, found {train.dtype} images of "
            f"{train.shape[1:]} and {test.dtype} images of {test.shape[1:]}"
        )
