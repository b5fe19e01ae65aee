"""Both GELUs."""

import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[3, 12, 15]], "why": "the exact GELU and the one with tanh, in one net"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 5, 3)
        self.conv2 = nn.Conv2d(5, 5, 3)
        self.fc1 = nn.Linear(5, 8)
        self.fc2 = nn.Linear(8, 3)
        self.exact, self.quick = nn.GELU(), nn.GELU(approximate="tanh")

    def forward(self, x):
        x = self.exact(self.conv1(x))
        x = self.quick(self.conv2(x))
        x = F.gelu(self.fc1(x.mean((2, 3))), approximate="tanh")
        return self.fc2(x)
