"""Bytes in, by hand to what ImageNet's nets want."""

import torch
from torch import nn

EXPECT = {
    "inputs": [[3, 14, 12]],
    "why": "constants that float32 rounds (0.229): buffers here, layers for them there",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.conv = nn.Conv2d(3, 5, 3)
        self.fc = nn.Linear(5, 4)

    def forward(self, x):
        x = (x / 255 - self.mean) / self.std
        x = torch.relu(self.conv(x))
        return self.fc(x.mean((2, 3)))
