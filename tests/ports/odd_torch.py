"""Small nets with something that no catalogue of causes knows."""

import torch
from torch import nn


class Inside(nn.Module):
    """It is in the model's own function, between two operations of it."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 5)

    def forward(self, x):
        x = self.fc1(x)
        return torch.roll(x, 2, 1).square()


class Odd(nn.Module):
    def forward(self, x):
        extra = x * torch.arange(1.0, 6.0, dtype=x.dtype)
        return x.tanh() + extra - extra.detach()


class Backwards(nn.Module):
    """Another gradient of the same numbers."""

    def __init__(self):
        super().__init__()
        self.fc1, self.odd, self.fc2 = nn.Linear(6, 5), Odd(), nn.Linear(5, 3)

    def forward(self, x):
        return self.fc2(self.odd(self.fc1(x)))
