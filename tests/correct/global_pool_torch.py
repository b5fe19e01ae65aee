"""A fully convolutional classifier."""

from torch import nn

EXPECT = {
    "inputs": [[3, 17, 14]],
    "why": "AdaptiveAvgPool2d(1) and flatten against one GlobalAveragePooling2D",
}


def Port():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
