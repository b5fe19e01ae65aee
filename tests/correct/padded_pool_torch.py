"""A stem with a pooling that pads."""

from torch import nn

EXPECT = {
    "inputs": [[3, 17, 15]],
    "why": "zeros in front of a max-pool are right behind a ReLU, which leaves nothing below them",
}


def Port():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        nn.Conv2d(6, 4, 3),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(4 * 7 * 6, 5),
    )
