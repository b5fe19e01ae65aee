"""Numbers a million times too small, and scaled back at the end."""

import torch
from torch import nn

EXPECT = {"inputs": [[3, 12, 13]], "why": "activations of the size of 1e-6"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, bias=False)
        self.conv2 = nn.Conv2d(4, 4, 3, bias=False)
        self.fc = nn.Linear(4, 3, bias=False)

    def forward(self, x):
        x = torch.relu(self.conv1(1e-6 * x))
        x = torch.relu(self.conv2(x))
        return self.fc(x.mean((2, 3)))
