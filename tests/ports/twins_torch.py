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
        x = F.relu(self.conv(x))
        pools = F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)
        mean, most = (self.up(F.relu(self.down(y))) for y in pools)
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


class Joined(nn.Module):
    """A U-Net's way up (Ronneberger et al. 2015): what is made larger is padded to its skip."""

    def __init__(self):
        super().__init__()
        self.down, self.mid = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(4, 4, 2, 2), nn.Conv2d(8, 3, 1)

    def forward(self, x):
        skip = F.relu(self.down(x))
        y = self.up(F.relu(self.mid(F.max_pool2d(skip, 2))))
        more = skip.shape[3] - y.shape[3], skip.shape[2] - y.shape[2]
        y = F.pad(y, [more[0] // 2, more[0] - more[0] // 2, more[1] // 2, more[1] - more[1] // 2])
        return self.out(torch.cat([skip, y], 1))


class Latest(nn.Module):
    """Dilated convolutions that look back (van den Oord et al. 2016), and the last place alone."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(3, 3, 3, dilation=d) for d in (1, 2))
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        for conv in self.convs:
            x = x + torch.tanh(conv(F.pad(x, (2 * conv.dilation[0], 0))))
        return self.fc(x[:, :, -1])


class Dealt(nn.Module):
    """Channels dealt to groups (Zhang et al. 2018), then spread over pixels (Shi et al. 2016)."""

    def __init__(self):
        super().__init__()
        self.first, self.groups = nn.Conv2d(3, 12, 3), nn.Conv2d(12, 12, 3, groups=3)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        x = F.relu(self.first(x))
        n, c, h, w = x.shape
        x = x.view(n, 3, c // 3, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.shuffle(self.groups(x))


class Standard(nn.Module):
    """A norm over channels by hand, as ConvNeXt's (Liu et al. 2022)."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 3)
        self.weight, self.bias = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))

    def forward(self, x):
        x = self.conv(x)
        gaps = x - x.mean(1, keepdim=True)
        x = gaps / torch.sqrt(gaps.pow(2).mean(1, keepdim=True) + 1e-6)
        x = self.weight[:, None, None] * x + self.bias[:, None, None]
        return self.out(F.gelu(x))


class Turned(nn.Module):
    """Turns by angles that depend on the place (Su et al. 2021), and tables of both axes."""

    def __init__(self):
        super().__init__()
        self.patch, self.out = nn.Conv2d(3, 4, 2, 2), nn.Linear(7, 2)
        self.tall, self.wide = (
            nn.Parameter(torch.randn(3, 3, 4)),
            nn.Parameter(torch.randn(3, 3, 4)),
        )
        self.register_buffer("pace", 1 / 100 ** torch.arange(0, 1, 0.25))

    def forward(self, x):
        x = self.patch(x).permute(0, 2, 3, 1)
        places = torch.arange(9, dtype=self.pace.dtype).view(3, 3, 1) + 0.5
        x = x * torch.cos(places * self.pace)
        tall = torch.einsum("nhwc,hkc->nhwk", x, self.tall)
        wide = torch.einsum("nhwc,wkc->nhwk", x, self.wide)
        both = tall[..., :, None] + wide[..., None, :]
        return self.out(torch.cat([x, both.sum(-1)], -1).tanh())


class Finer(nn.Module):
    """SRCNN (Dong et al. 2014): an image made larger first."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 5, padding=2), nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, x):
        x = F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)
        return self.conv2(F.relu(self.conv1(x)))


class Halved(nn.Module):
    """NASNet's way to smaller maps (Zoph et al. 2018): every other pixel, and those between."""

    def __init__(self):
        super().__init__()
        self.conv, self.ones = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 3, 1, bias=False)
        self.others, self.shift = nn.Conv2d(4, 3, 1, bias=False), nn.ZeroPad2d((-1, 1, -1, 1))

    def forward(self, x):
        x = F.relu(self.conv(x))
        ones, others = F.avg_pool2d(x, 1, 2), F.avg_pool2d(self.shift(x), 1, 2)
        return torch.cat([self.ones(ones), self.others(others)], 1)
