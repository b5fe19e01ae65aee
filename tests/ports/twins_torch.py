"""Nets that many have ported by hand, small: gates, branches, a pyramid, masks."""

import torch
import torch.nn.functional as F
from torch import nn


class Gates(nn.Module):
    """CBAM (Woo et al. 2018): one small net over two pools, then one map of both."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.down, self.up = nn.Conv2d(8, 2, 1, bias=False), nn.Conv2d(2, 8, 1, bias=False)
        self.places = nn.Conv2d(2, 1, 3, padding=1, bias=False)
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        for _ in range(2):
            x = F.relu(self.conv(x)) if x.shape[1] == 3 else x
            mean, most = F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)
            mean, most = (self.up(F.relu(self.down(y))) for y in (mean, most))
            x = x * torch.sigmoid(mean + most)
        maps = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return self.fc((x * torch.sigmoid(self.places(maps))).mean((2, 3)))


class Widths(nn.Module):
    """Branches with kernels of several widths, joined."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(4, 3, k) for k in (2, 3, 4))
        self.fc = nn.Linear(9, 2)

    def forward(self, x):
        maps = [F.relu(conv(x)) for conv in self.convs]
        return self.fc(torch.cat([F.max_pool1d(y, y.shape[2]).squeeze(2) for y in maps], 1))


class Pyramid(nn.Module):
    """Lin et al. 2017: maps of three sizes, the coarser ones added to the finer."""

    def __init__(self):
        super().__init__()
        self.ups = nn.ModuleList(nn.Conv2d(i, o, 3, 2, 1) for i, o in ((3, 5), (5, 6), (6, 7)))
        self.sides = nn.ModuleList(nn.Conv2d(i, 4, 1) for i in (5, 6, 7))
        self.ends = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))

    def forward(self, x):
        maps = []
        for up in self.ups:
            x = F.relu(up(x))
            maps.append(x)
        y = self.sides[2](maps[2])
        found = [self.ends[2](y)]
        for i in (1, 0):
            y = self.sides[i](maps[i]) + F.interpolate(y, scale_factor=2, mode="nearest")
            found.append(self.ends[i](y))
        return found[::-1]


class Masked(nn.Conv2d):
    """A PixelCNN's (van den Oord et al. 2016): its kernel sees what is above and to the left."""

    def __init__(self, *sizes):
        super().__init__(*sizes, padding=1)
        mask = torch.ones_like(self.weight)
        mask[:, :, 1, 1:], mask[:, :, 2:] = 0, 0
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=1)


class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.out = Masked(2, 5, 3), nn.Conv2d(5, 3, 1)

    def forward(self, x):
        return self.out(F.relu(self.first(x)))
