"""Slices, chunks and a gated linear unit."""

import torch
from torch import nn

EXPECT = {
    "inputs": [[4, 15, 16]],
    "why": "every second pixel by slicing; channels cut in two by chunk here, by slices there",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 8, 3)
        self.conv2 = nn.Conv2d(4, 8, 3)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = self.conv1(x)[:, :, ::2, ::2]
        value, gate = torch.chunk(x, 2, dim=1)
        x = value * torch.sigmoid(gate)
        x = nn.functional.glu(self.conv2(x), dim=1)
        return self.fc(x.mean((2, 3)))
