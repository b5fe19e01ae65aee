"""A bottleneck with a projection."""

import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[3, 15, 18]], "why": "a class here, Keras' functional API there"}


class Port(nn.Module):
    def __init__(self, classes=6):
        super().__init__()
        self.reduce = nn.Conv2d(3, 4, 1)
        self.spread = nn.Conv2d(4, 4, 3, padding=1)
        self.expand = nn.Conv2d(4, 8, 1)
        self.norm = nn.BatchNorm2d(8)
        self.project = nn.Conv2d(3, 8, 1)
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        y = F.relu(self.reduce(x))
        y = F.relu(self.spread(y))
        y = self.norm(self.expand(y))
        y = F.relu(y + self.project(x))
        return self.head(F.adaptive_avg_pool2d(y, 1).flatten(1))
