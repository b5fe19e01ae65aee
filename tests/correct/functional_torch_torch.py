"""Everything without weights is a function call."""

import torch
import torch.nn.functional as F
from torch import nn

EXPECT = {
    "inputs": [[3, 17, 14]],
    "why": "relu, pooling, +, cat and flatten are functions here, layers in Keras",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.a = nn.Conv2d(6, 6, 3, padding=1)
        self.b = nn.Conv2d(6, 4, 1)
        self.fc = nn.Linear(10 * 4 * 3, 7)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem(x)), 2)
        y = F.relu(self.a(x)) + x
        y = torch.cat([y, F.elu(self.b(y))], dim=1)
        y = F.avg_pool2d(y, 2)
        y = F.dropout(torch.flatten(y, 1), 0.25, self.training)
        return self.fc(y)
