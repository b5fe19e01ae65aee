"""Maps that are all zero have no one maximum."""

from torch import nn

EXPECT = {
    "inputs": [[4, 4, 5]],
    "why": "AdaptiveMaxPool2d behind a ReLU: ties of zeros, whose gradient nobody sees",
}


def Port():
    return nn.Sequential(
        nn.Conv2d(4, 16, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 4)
    )
