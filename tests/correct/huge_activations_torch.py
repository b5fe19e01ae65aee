"""Numbers as of a sensor: a million times too large."""

import torch
from torch import nn

EXPECT = {"inputs": [[3, 12, 13]], "why": "activations of the size of 1e6"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.conv2 = nn.Conv2d(4, 4, 3)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.conv1(x * 1e6))
        x = torch.relu(self.conv2(x))
        return self.fc(x.mean((2, 3)))
