"""A net of eight convolutions, and one that has nothing in common with it."""

from torch import nn


def convolutions():
    stages = [
        layer for i in range(8) for layer in (nn.Conv2d(4 if i else 3, 4, 3, padding=1), nn.ReLU())
    ]
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))


def another():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 7), nn.Tanh(), nn.Linear(7, 5))
