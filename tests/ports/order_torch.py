"""A sum of two ways and a relu, in an order."""

from torch import nn


class Net(nn.Module):
    """`order`: "sum first", "relu first" of the way through `left`, or "other way" of `right`."""

    def __init__(self, order):
        super().__init__()
        self.order = order
        self.left = nn.Conv2d(3, 4, 3)
        self.right = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU()
        self.last = nn.Conv2d(4, 2, 2)
        self.norm = nn.BatchNorm2d(2, eps=1e-5)

    def forward(self, x):
        left, right = self.left(x), self.right(x).tanh()
        if self.order == "sum first":
            x = self.relu(left + right)
        else:
            x = self.relu(left) + right if self.order == "relu first" else left + self.relu(right)
        return self.norm(self.last(x))
