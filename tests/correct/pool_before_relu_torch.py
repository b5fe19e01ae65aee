"""ReLU, then max-pool."""

from torch import nn

EXPECT = {
    "inputs": [[3, 17, 13]],
    "why": "max-pool before ReLU there: the same numbers, since the larger stays the larger",
}


def Port():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 2 * 1, 3),
    )  # fmt: skip
