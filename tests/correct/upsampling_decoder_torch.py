"""A small U-Net's decoder: nearest neighbours and transposed convolutions."""

import torch
import torch.nn.functional as F
from torch import nn

EXPECT = {
    "inputs": [[3, 16, 12]],
    "why": "ConvTranspose2d's padding is a Cropping2D there; nn.Upsample and F.interpolate",
}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1 = nn.Conv2d(3, 4, 3, padding=1)
        self.enc2 = nn.Conv2d(4, 6, 3, padding=1)
        self.up1 = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1)
        self.dec1 = nn.Conv2d(8, 4, 3, padding=1)
        self.up2 = nn.ConvTranspose2d(4, 3, 2, stride=2)
        self.up3 = nn.Upsample(scale_factor=2, mode="nearest")
        self.out = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        a = F.relu(self.enc1(x))
        b = F.relu(self.enc2(F.max_pool2d(a, 2)))
        c = F.relu(self.dec1(torch.cat([self.up1(b), a], dim=1)))
        d = self.up2(F.interpolate(F.max_pool2d(c, 4), scale_factor=2, mode="nearest"))
        return self.out(self.up3(F.avg_pool2d(d, 2)))
