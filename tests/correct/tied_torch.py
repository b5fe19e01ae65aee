"""One linear layer, run three times."""

import torch
from torch import nn

EXPECT = {"inputs": [[2, 12, 13]], "why": "tied weights: one dense layer is called three times"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, stride=3)
        self.first = nn.Linear(4 * 4 * 4, 8)
        self.step = nn.Linear(8, 8)
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.first(torch.relu(self.conv(x)).flatten(1)))
        for _ in range(3):
            x = torch.tanh(self.step(x))
        return self.last(x)
