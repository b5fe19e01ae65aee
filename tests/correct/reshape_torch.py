"""Flattens as old code does."""

import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[2, 13, 12]], "why": "x.view and Reshape((-1,)) instead of a flatten"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3, stride=2)
        self.fc1 = nn.Linear(6 * 6 * 5, 10)
        self.fc2 = nn.Linear(10, 4)

    def forward(self, x):
        x = F.relu(self.conv(x))
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)
