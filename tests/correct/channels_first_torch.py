"""A residual net as PyTorch writes it."""

import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[3, 14, 13]], "why": 'the Keras port is channels first too ("NCHW")'}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.conv3 = nn.Conv2d(6, 4, 3, stride=2)
        self.fc = nn.Linear(4 * 6 * 6, 5)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.relu(x + self.conv2(x))
        x = F.relu(self.conv3(x))
        return self.fc(x.flatten(1))
