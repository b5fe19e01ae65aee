"""Four branches, concatenated."""

import torch
from torch import nn

EXPECT = {
    "inputs": [[4, 13, 15]],
    "why": "four branches that run in the opposite order, two of them alike in shape",
}


class ConvRelu(nn.Module):
    def __init__(self, *args, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(*args, **kwargs)

    def forward(self, x):
        return self.conv(x).relu_()


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch1 = ConvRelu(4, 4, 1)
        self.branch2 = nn.Sequential(ConvRelu(4, 2, 1), ConvRelu(2, 4, 3, padding=1))
        self.branch3 = nn.Sequential(ConvRelu(4, 2, 1), ConvRelu(2, 4, 5, padding=2))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), ConvRelu(4, 4, 1))
        self.fc = nn.Linear(16, 3)

    def forward(self, x):
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        x = torch.cat([branch(x) for branch in branches], 1)
        return self.fc(x.mean((2, 3)))
