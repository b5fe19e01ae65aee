"""A plain nn.Sequential."""

from torch import nn

EXPECT = {"inputs": [[1, 16, 13]], "why": "both are a Sequential, with other layers counted"}


def Port():
    return nn.Sequential(
        nn.Conv2d(1, 4, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.Sigmoid(),
        nn.Flatten(),
        nn.Linear(6 * 4 * 2, 10),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(10, 4),
    )
