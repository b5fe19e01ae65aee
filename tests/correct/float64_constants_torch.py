"""Normalises with NumPy's numbers, which are float64."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[3, 14, 13]], "why": "constants are NumPy's float64 in both ports"}

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 5, 3)
        self.conv2 = nn.Conv2d(5, 5, 3, stride=2)
        self.fc = nn.Linear(5, 4)

    def forward(self, x):
        mean = torch.as_tensor(MEAN, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)
        std = torch.as_tensor(STD, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)
        x = (x - mean) / std
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        return self.fc(x.mean((2, 3)) * np.sqrt(2))
