"""ConvNeXt's block: axes moved to the back for LayerNorm and Linear; a LayerScale on either."""

import torch
import torch.nn.functional as F
from torch import nn

EXPECT = {
    "inputs": [[4, 12, 13]],
    "why": "permuted to NHWC and back inside; LayerNorm over channels, exact GELU, LayerScale",
}


class Block(nn.Module):
    def __init__(self, dim, view=False):
        super().__init__()
        self.view = view
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 2 * dim)
        self.pwconv2 = nn.Linear(2 * dim, dim)
        self.gamma = nn.Parameter(0.1 * torch.ones(dim))

    def forward(self, x):
        y = self.dwconv(x).permute(0, 2, 3, 1)
        y = self.pwconv2(F.gelu(self.pwconv1(self.norm(y))))
        if self.view:
            return x + y.permute(0, 3, 1, 2).mul(self.gamma.reshape(1, -1, 1, 1))
        return x + (self.gamma * y).permute(0, 3, 1, 2)


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4, 6, 2, stride=2)
        self.blocks = nn.Sequential(Block(6), Block(6, view=True))
        self.norm = nn.LayerNorm(6, eps=1e-6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        return self.head(self.norm(x.mean([-2, -1])))
