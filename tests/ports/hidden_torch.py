"""The largest number of a map, which its border seldom holds."""

import torch
from torch import nn


def Net():
    return nn.Sequential(
        nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(2, 3)
    )


class Gate(nn.Module):
    """A squeeze whose relu reads one feature, positive in all of a few samples; a bound at 6."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, eps=1e-3, momentum=0.01)
        self.squeeze, self.excite, self.fc = nn.Linear(8, 1), nn.Linear(1, 8), nn.Linear(8, 3)

    def forward(self, x):
        x = torch.clamp(self.bn(self.conv(x)), 0, 6)
        gate = torch.relu(self.squeeze(torch.relu(x.mean((2, 3)))))  # of what is positive anyway
        return self.fc(x.mean((2, 3)) * torch.sigmoid(self.excite(gate)))
