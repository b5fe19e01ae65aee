"""Group norm, and instance norm as a group norm of one channel each."""

from torch import nn

EXPECT = {"inputs": [[3, 14, 15]], "why": "GroupNorm's eps is 1e-5 here and 1e-3 by default there"}


def Port():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.GroupNorm(4, 8),
        nn.ReLU(),
        nn.Conv2d(8, 6, 3),
        nn.GroupNorm(num_groups=6, num_channels=6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3),
        nn.GroupNorm(1, 6),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )
