"""Depthwise, then pointwise: two layers."""

import torch.nn.functional as F
from torch import nn

EXPECT = {
    "inputs": [[4, 13, 16]],
    "why": "two convolutions here are one SeparableConv2D there; two kernels for each channel",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.depth1 = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.point1 = nn.Conv2d(4, 6, 1)
        self.depth2 = nn.Conv2d(6, 12, 3, groups=6, bias=False)
        self.point2 = nn.Conv2d(12, 5, 1)
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        x = F.relu(self.point1(self.depth1(x)))
        x = F.relu(self.point2(self.depth2(x)))
        return self.fc(x.mean((2, 3)))
