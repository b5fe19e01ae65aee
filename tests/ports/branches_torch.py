"""The test net in PyTorch."""

import torch
from torch import nn


class Add(nn.Module):
    op = "add"

    def forward(self, a, b):
        return a + b


class Concat(nn.Module):
    op = "concat"
    settings = {"axis": 1}

    def forward(self, *xs):
        return torch.cat(xs, dim=1)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(4, eps=1e-5, momentum=0.1)
        self.relu1 = nn.ReLU()
        self.left = nn.Conv2d(4, 4, 1, bias=False)
        self.total = Add()
        self.right = nn.Conv2d(4, 2, 3, padding=1)
        self.join = Concat()
        self.pool = nn.AvgPool2d(2, stride=1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(72, 5)

    def forward(self, x):
        x = self.relu1(self.bn(self.stem(x)))
        x = self.join(self.total(self.left(x), x), self.right(x))
        return self.fc(self.flatten(self.pool(x)))
