"""Places that are held open: Identity, a dropout of nothing."""

import torch
from torch import nn

EXPECT = {
    "inputs": [[3, 13, 12]],
    "why": "layers that do nothing, on one side only, and others on the other side only",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 5, 3)
        self.norm = nn.Identity()
        self.act = nn.ReLU()
        self.drop_path = nn.Dropout(0.0)
        self.conv2 = nn.Conv2d(5, 5, 3)
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        x = self.drop_path(self.act(self.norm(self.conv1(x)))).contiguous()
        x = torch.clamp(self.conv2(x), min=0)
        return self.fc(x.mean((2, 3)).squeeze().clone())
