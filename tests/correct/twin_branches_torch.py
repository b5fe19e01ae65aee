"""NASNet's adjustment: every other place, and every other one beside it, each to half the maps."""

import torch
from torch import nn
from torch.nn import functional as F

EXPECT = {
    "inputs": [[3, 12, 16]],
    "why": "two branches that only the numbers on the way tell apart, written in the other order",
}


def path():
    return nn.Sequential(
        nn.Conv2d(8, 4, 1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1),
    )


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.path_1, self.path_2 = path(), path()
        self.last = nn.Conv2d(8, 6, 3)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        beside = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        b = self.path_2(F.avg_pool2d(beside, 1, stride=2))
        a = self.path_1(F.avg_pool2d(x, 1, stride=2))
        x = torch.relu(torch.cat([a, b], dim=1))
        return self.fc(torch.relu(self.last(x)).mean((2, 3)))
