"""A plain net."""

from torch import nn

EXPECT = {
    "inputs": [[3, 12, 17]],
    "why": "the Keras file sets channels_first for everything that it makes",
}


def Port():
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, stride=2),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Conv2d(5, 4, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )
