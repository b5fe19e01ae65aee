"""Does a data set fit the model that is to read it?"""

from __future__ import annotations

import numpy as np

from common.data.dataset import DataSet
from common.errors import DataError


def check_fits(data: DataSet, input_shape: tuple[int, int, int], classes: int) -> None:
    """DataError unless images are `input_shape` (C, H, W) and `classes` outputs cover the labels.

    Fewer classes than outputs are fine: the other outputs learn to stay low.
    """
    found = data.x_train.shape[1:]
    if found != tuple(input_shape):
        raise DataError(
            f"{data.name}: expected images (C, H, W) = {tuple(input_shape)}, which the model "
            f"reads, found {found}; choose other data or another model"
        )
    if data.classes > classes:
        raise DataError(
            f"{data.name}: expected at most {classes} classes, one for each output of the model, "
            f"found {first_label_above(data, classes)}; choose other data or another model"
        )


def first_label_above(data: DataSet, classes: int) -> str:
    for key, y in (("y_train", data.y_train), ("y_test", data.y_test)):
        above = np.flatnonzero(y >= classes)
        if above.size:
            return f"{data.classes}: {key}[{above[0]}] is {y[above[0]]}"
    return f"{data.classes}"
