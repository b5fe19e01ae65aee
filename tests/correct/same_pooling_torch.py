"""Poolings whose border rule has another name."""

from torch import nn

EXPECT = {
    "inputs": [[3, 17, 13]],
    "why": 'ceil_mode and count_include_pad=False against padding="same" of odd sizes',
}


def Port():
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(5, 5, 3, padding="same"),
        nn.Tanh(),
        nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        nn.Conv2d(5, 4, 3),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(4 * 3 * 2, 3),
    )
