"""Three ways, summed."""

import torch
from torch import nn

EXPECT = {"inputs": [[3, 13, 14]], "why": "sums and products with their operands in another order"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3, padding=1)
        self.b = nn.Conv2d(3, 4, 1)
        self.c = nn.Conv2d(3, 4, 5, padding=2)
        self.gate = nn.Conv2d(4, 4, 1)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        y = torch.relu(self.a(x) + self.b(x) + self.c(x))
        y = y * torch.sigmoid(self.gate(y))
        return self.fc(y.mean((2, 3)))
