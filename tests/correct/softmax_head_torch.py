"""Ends in probabilities."""

import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[1, 14, 12]], "why": "both ports end in a softmax: a function here"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5)
        self.fc1 = nn.Linear(4 * 5 * 4, 12)
        self.fc2 = nn.Linear(12, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.dropout(x, p=0.4, training=self.training)
        return F.softmax(self.fc2(x), dim=1)
