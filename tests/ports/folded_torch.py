"""A net as it is deployed: its norms are gone into the layers before them."""

from torch import nn


def Folded():
    hidden = nn.Linear(5 * 6 * 8, 7)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), hidden, nn.ReLU(), nn.Linear(7, 4)
    )


def Normed():
    hidden = nn.Linear(5 * 6 * 8, 7, bias=False)
    norms = nn.BatchNorm2d(5, eps=1e-3), nn.BatchNorm1d(7, eps=1e-3)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), norms[0], nn.ReLU(), nn.Flatten(),
        hidden, norms[1], nn.ReLU(), nn.Linear(7, 4),
    )  # fmt: skip
