"""A network made from a list, by arguments."""

from torch import nn

EXPECT = {
    "inputs": [[3, 16, 12]],
    "args": {"torch": {"cfg": [4, "M", 6], "classes": 5}, "keras": {"widths": [4, 6], "units": 5}},
    "why": "both ports are factories that take arguments, of other names",
}


def Port(cfg, classes):
    layers, width = [], 3
    for item in cfg:
        if item == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(width, item, 3, padding=1), nn.BatchNorm2d(item), nn.ReLU(True)]
            width = item
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))
