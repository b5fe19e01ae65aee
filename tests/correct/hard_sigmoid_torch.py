"""A gate of hard-sigmoid."""

import torch
from torch import nn

EXPECT = {
    "inputs": [[3, 13, 14]],
    "why": "PyTorch's hard-sigmoid has a float32 1/6 in its gradient, in float64 too",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.gate = nn.Conv2d(3, 6, 3), nn.Conv2d(3, 6, 3)
        self.hard = nn.Hardsigmoid()
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu(self.conv(x)) * self.hard(self.gate(x))
        return self.fc(x.mean((2, 3)))
