"""Nets with heads, forks and masks, for faults that lie in what is read twice, or by nobody."""

import torch
import torch.nn.functional as F
from torch import nn


class Heads(nn.Module):
    """A head of five; a second one of seven that is returned, run alone, or left lying."""

    def __init__(self, second="", end="", names=()):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 6, 3), nn.Linear(6, 5)
        self.second, self.end, self.names = second, end, names
        if second:
            self.more = nn.Linear(6, 5 if second == "alike" else 7)

    def forward(self, x):
        x = F.relu(self.conv(x)).mean((2, 3))
        y = self.fc(x)
        if self.end == "finite":
            y = torch.nan_to_num(y)
        if self.end == "shrunk":
            y = F.hardshrink(y, 1e-9)
        if self.second in ("", "left"):
            return y
        z = self.more(x)
        if self.names:
            return dict(zip(self.names, (y, z), strict=True))
        return {"run": y, "alike": y, "last": (y, z), "first": (z, y)}[self.second]


class Fork(nn.Module):
    """Two branches that read one activation."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.left, self.right = nn.Conv2d(6, 4, 3, padding=1), nn.Conv2d(6, 4, 1)

    def forward(self, x):
        x = F.relu(self.stem(x))
        return self.left(x) * torch.sigmoid(self.right(x))


class Masked(nn.Module):
    """An attention to what is not ahead."""

    def __init__(self, masked=True):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.masked = masked

    def forward(self, x):
        y = self.q(x) @ self.k(x).transpose(1, 2) / 6**0.5
        if self.masked:
            ahead = torch.ones(y.shape[-2:], dtype=torch.bool).triu(1)
            y = y.masked_fill(ahead, -torch.inf)
        return y.softmax(-1) @ self.v(x)


class Causal(Masked):
    """The same by PyTorch's own function."""

    def forward(self, x):
        given = self.q(x)[:, None], self.k(x)[:, None], self.v(x)[:, None]
        return F.scaled_dot_product_attention(*given, is_causal=self.masked)[:, 0]
