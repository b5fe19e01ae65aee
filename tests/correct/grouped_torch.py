"""Convolutions in groups, and one with holes."""

from torch import nn

EXPECT = {
    "inputs": [[4, 16, 15]],
    "why": "grouped and dilated convolutions, down to a channel each",
}


def Port():
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, groups=4, dilation=(1, 2)),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1, groups=12),
        nn.Tanh(),
        nn.Conv2d(24, 24, 3, stride=(2, 1), groups=24),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(24, 4),
    )
