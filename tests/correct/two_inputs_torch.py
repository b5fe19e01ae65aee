"""An image and a row of a table."""

import torch
import torch.nn.functional as F
from torch import nn

EXPECT = {
    "inputs": [[3, 13, 16], [7]],
    "why": "an image and a vector go in; Keras takes them as a list",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, stride=2)
        self.table = nn.Linear(7, 6)
        self.mix = nn.Linear(5 + 6, 8)
        self.out = nn.Linear(8, 2)

    def forward(self, image, row):
        a = F.relu(self.conv(image)).mean((2, 3))
        b = F.relu(self.table(row))
        return self.out(F.relu(self.mix(torch.cat([a, b], dim=1))))
