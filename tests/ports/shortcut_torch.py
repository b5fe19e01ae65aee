"""A residual block that keeps its size, and the norm that reads it."""

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3, eps=1e-5)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(3, 5)

    def forward(self, x):
        x = self.norm(self.conv(x) + x)
        return self.fc(self.pool(x).flatten(1))
