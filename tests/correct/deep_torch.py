"""A hundred and ten convolutions of four channels."""

import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[4, 7, 6]], "why": "112 layers that hold weights, alike in shape"}


class Port(nn.Module):
    def __init__(self, blocks=55):
        super().__init__()
        self.stem = nn.Conv2d(4, 4, 3, padding=1)
        self.first = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(blocks))
        self.second = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(blocks))
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = self.stem(x)
        for first, second in zip(self.first, self.second, strict=True):
            x = x + 0.1 * second(F.relu(first(x)))
        return self.fc(x.mean((2, 3)))
