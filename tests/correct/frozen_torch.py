"""A frozen backbone, a head to train."""

import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[3, 16, 13]], "why": "requires_grad False here, trainable False there"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU())
        self.backbone.requires_grad_(False)
        self.neck = nn.Conv2d(6, 4, 1)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = F.relu(self.neck(self.backbone(x)))
        return self.head(x.mean(dim=(-1, -2)))
