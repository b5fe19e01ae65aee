"""Nets such as users write: a U-Net's crop, a generator, volumes, text, preprocessing, siblings."""

import torch
import torch.nn.functional as F
from torch import nn


class Crop(nn.Module):
    """One skip of a U-Net without padding."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(2, 4, 3)
        self.mid = nn.Conv2d(4, 6, 3)
        self.up = nn.ConvTranspose2d(6, 4, 2, stride=2)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        skip = F.relu(self.down(x))
        up = self.up(F.relu(self.mid(F.max_pool2d(skip, 2))))
        top = (skip.shape[2] - up.shape[2]) // 2
        left = (skip.shape[3] - up.shape[3]) // 2
        skip = skip[:, :, top : top + up.shape[2], left : left + up.shape[3]]
        return self.out(torch.cat([skip, up], 1))


class Generator(nn.Module):
    """A dense layer whose features become maps."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 6 * 3 * 4, bias=False)
        self.bn = nn.BatchNorm1d(6 * 3 * 4)
        self.up1 = nn.ConvTranspose2d(6, 4, 5, 1, 2)
        self.up2 = nn.ConvTranspose2d(4, 2, 5, 2, 2, output_padding=1)

    def forward(self, x):
        x = F.leaky_relu(self.bn(self.fc(x)), 0.2).view(-1, 6, 3, 4)
        return torch.tanh(self.up2(F.leaky_relu(self.up1(x), 0.2)))


class Volume(nn.Module):
    """Maps with a depth, flattened."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(2, 4, 3, padding=1)
        self.bn = nn.BatchNorm3d(4, eps=1e-3, momentum=0.01)
        self.fc1, self.fc2 = nn.Linear(4 * 2 * 3 * 2, 5), nn.Linear(5, 3)

    def forward(self, x):
        x = F.max_pool3d(F.relu(self.bn(self.conv(x))), 2)
        return self.fc2(torch.tanh(self.fc1(torch.flatten(x, 1))))


class Text(nn.Module):
    """Lines that are turned before they are convolved."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 6)
        self.conv = nn.Conv1d(6, 5, 4)
        self.fc = nn.Linear(5, 2)

    def forward(self, x):
        x = self.embed((x.abs() * 3).long().clamp(0, 19)).transpose(1, 2)
        return self.fc(torch.tanh(self.conv(x)).max(dim=2)[0])


class Prepared(nn.Module):
    """Scales and resizes its input itself, with constants of its own."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.conv, self.fc = nn.Conv2d(3, 4, 3, 2, 1), nn.Linear(4, 3)

    def forward(self, x):
        x = (x / 255 - self.mean) / self.std
        x = F.interpolate(x, size=(8, 6), mode="bilinear", align_corners=False)
        return self.fc(F.relu(self.conv(x)).mean((2, 3)))


class Again(nn.Module):
    """One layer, run three times."""

    def __init__(self):
        super().__init__()
        self.first, self.conv = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        x = F.elu(self.first(x))
        for _ in range(3):
            x = F.elu(self.conv(x)) + x
        return self.fc(x.mean((2, 3)))


class Attention(nn.Module):
    """timm's: the three projections in one layer."""

    def __init__(self, dim=12, heads=3):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        n, places, dim = x.shape
        x = self.qkv(x).reshape(n, places, 3, self.heads, dim // self.heads)
        q, k, v = x.permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).reshape(n, places, dim))


class Former(nn.Module):
    def __init__(self, fused=True):
        super().__init__()
        self.patch = nn.Conv2d(3, 12, 4, 4)
        self.norm = nn.LayerNorm(12, eps=1e-6)
        self.att = Attention() if fused else nn.MultiheadAttention(12, 3, batch_first=True)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        y = self.norm(x)
        own = isinstance(self.att, Attention)
        x = x + (self.att(y) if own else self.att(y, y, y, need_weights=False)[0])
        return self.fc(x.mean(1))


class Positions(nn.Module):
    """A class token and positions that stand for themselves, and not with zeros."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 12, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 12))
        self.places = nn.Parameter(torch.randn(1, 7, 12))
        self.norm, self.fc = nn.LayerNorm(12, eps=1e-6), nn.Linear(12, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        return self.fc(torch.tanh(self.norm(x)).mean(1))


class Around(nn.Module):
    """Padding by a function of its own, in front of a convolution and of a pool."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, 2)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = F.relu(self.conv(F.pad(x, (1, 1, 1, 1))))
        return self.fc(F.max_pool2d(F.pad(x, (1, 0, 1, 0)), 2).mean((2, 3)))


class MapAttention(nn.Module):
    """SAGAN's: every place of a map attends to all, by 1x1 convolutions."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.query, self.key, self.value = (
            nn.Conv2d(8, 2, 1),
            nn.Conv2d(8, 2, 1),
            nn.Conv2d(8, 8, 1),
        )
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        x = F.relu(self.stem(x))
        n, c, h, w = x.size()
        q = self.query(x).view(n, -1, h * w).permute(0, 2, 1)
        k, v = self.key(x).view(n, -1, h * w), self.value(x).view(n, -1, h * w)
        weights = torch.softmax(torch.bmm(q, k), dim=-1)
        return self.out(torch.bmm(v, weights.permute(0, 2, 1)).view(n, c, h, w) + x)


class Autoencoder(nn.Module):
    """Maps that become features, and become maps again."""

    def __init__(self):
        super().__init__()
        self.down, self.mu, self.fc = nn.Conv2d(1, 4, 3, 2, 1), nn.Linear(96, 5), nn.Linear(5, 96)
        self.up = nn.ConvTranspose2d(4, 1, 3, 2, 1, output_padding=1)

    def forward(self, x):
        z = self.mu(F.leaky_relu(self.down(x), 0.2).flatten(1))
        return torch.sigmoid(self.up(F.leaky_relu(self.fc(z).view(-1, 4, 6, 4), 0.2)))


class Mixed(nn.Module):
    """A separable convolution, a norm of each map, and maps made larger."""

    def __init__(self, align=False):
        super().__init__()
        self.dw = nn.Conv2d(3, 6, 3, 2, 1, groups=3, bias=False)
        self.pw, self.norm = nn.Conv2d(6, 4, 1), nn.InstanceNorm2d(4, eps=1e-3, affine=True)
        self.align = align

    def forward(self, x):
        x = F.silu(self.norm(self.pw(self.dw(x))))
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=self.align)


class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.loop, self.fc = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(self.loop(x)[0][:, -1])


class Normed(nn.Module):
    """A kernel that is made of a length and a direction at each run."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = (
            nn.utils.parametrizations.weight_norm(nn.Conv1d(6, 4, 3)),
            nn.Linear(4, 2),
        )

    def forward(self, x):
        return self.fc(F.relu(self.conv(x)).mean(2))


class Soft(nn.Module):
    """Lines made longer, a softplus of large numbers, whole channels dropped."""

    def __init__(self):
        super().__init__()
        self.up, self.fc = nn.ConvTranspose1d(3, 4, 4, 2, 1), nn.Linear(4, 1)
        self.drop = nn.Dropout1d(0.2)

    def forward(self, x):
        x = self.drop(F.softplus(self.up(x))).mean(2)
        return torch.sigmoid(self.fc(x).squeeze(-1) + x.sum(-1))


class ChannelNorm(nn.Module):
    """ConvNeXt's own."""

    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = (nn.Parameter(f(channels)) for f in (torch.ones, torch.zeros))

    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        var = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(var + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class Boxes(nn.Module):
    """A detector's head: two boxes of five numbers at each place."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 6, 3, 2, 1), ChannelNorm(6)
        self.head = nn.Conv2d(6, 10, 1)

    def forward(self, x):
        x = self.head(F.silu(self.norm(self.conv(x))))
        n, _, h, w = x.shape
        x = x.view(n, 2, 5, h, w).permute(0, 1, 3, 4, 2).contiguous()
        return torch.sigmoid(x[..., :2]) * 2 - 0.5, x[..., 2:].exp()


class Faint(nn.Module):
    """A token with hardly any variance next to patches that are large: beside them it is lost."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 12, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 12))
        self.norm, self.mix, self.fc = nn.LayerNorm(12, 1e-12), nn.Linear(12, 12), nn.Linear(12, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return self.fc((x + torch.tanh(self.mix(self.norm(x)))).mean(1))


class Fewer(nn.Module):
    """SegFormer's block: keys and values of fewer places. Maps of as many places as channels."""

    def __init__(self, dim=4):
        super().__init__()
        self.norm, self.reduce = nn.LayerNorm(dim), nn.Conv2d(dim, dim, 2, 2)
        self.q, self.k, self.v, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.mix = nn.Linear(dim, dim)

    def forward(self, x):
        n, _, dim = x.shape
        y = self.norm(x)
        r = self.reduce(y.permute(0, 2, 1).reshape(n, dim, 4, 4))
        r = r.reshape(n, dim, -1).permute(0, 2, 1)
        x = x + self.out(F.scaled_dot_product_attention(self.q(y), self.k(r), self.v(r)))
        return x + F.gelu(self.mix(x))


class Reduced(nn.Module):
    """Two of them, given back channels first."""

    def __init__(self):
        super().__init__()
        self.patch, self.blocks = nn.Conv2d(3, 4, 2, 2), nn.Sequential(Fewer(), Fewer())

    def forward(self, x):
        x = self.blocks(self.patch(x).flatten(2).transpose(1, 2))
        return x.reshape(len(x), 4, 4, -1).permute(0, 3, 1, 2).contiguous()


class Affine(nn.Module):
    """One learnt number for a whole map, and another: timm's HGNetV2."""

    def __init__(self):
        super().__init__()
        self.scale, self.bias = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.scale * x + self.bias


class Scalars(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.lab, self.fc = nn.Conv2d(3, 4, 3), Affine(), nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(self.lab(F.relu(self.conv(x))).mean((2, 3)))


class Table(nn.Module):
    """Swin's relative positions: rows of a learnt table, by an index that is kept as a buffer."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(11, 4))
        places = torch.arange(6)
        self.register_buffer("index", places[:, None] - places[None, :] + 5)

    def forward(self):
        rows = self.table[self.index.view(-1)].view(6, 6, 4)
        return rows.permute(2, 0, 1).contiguous().unsqueeze(0)


class Relative(nn.Module):
    """An attention of four heads that adds them to its products."""

    def __init__(self):
        super().__init__()
        self.patch, self.bias = nn.Conv2d(3, 12, 4, 4), Table()
        self.q, self.k, self.v, self.fc = (nn.Linear(12, 12) for _ in range(4))

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        q, k, v = (f(x).view(-1, 6, 4, 3).transpose(1, 2) for f in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias())
        return self.fc(y.transpose(1, 2).reshape(-1, 6, 12))


class Phrases(nn.Module):
    """Kim 2014: kernels over whole embeddings, one of them as long as an embedding is wide."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(1, 3, (k, 6)) for k in (2, 6))
        self.fc = nn.Linear(6, 2)

    def forward(self, x):
        maps = [F.relu(conv(x.unsqueeze(1))).squeeze(3) for conv in self.convs]
        return self.fc(torch.cat([y.amax(2) for y in maps], 1))


class Gated(nn.Module):
    """Two heads by name, whose numbers no drawn weights ever make negative, or large."""

    def __init__(self, end="", over=0.0):
        super().__init__()
        self.over = over
        self.conv, self.scale = nn.Conv2d(3, 6, 3), nn.Parameter(torch.ones(6))
        self.fc, self.end = nn.Linear(6, 2), end

    def forward(self, x):
        x = torch.sigmoid(self.conv(x)).mean((2, 3))
        many, few = self.scale * x, self.fc(x)
        if self.end == "relu":
            many = F.relu(many)
        if self.end == "clip":
            few = few.clamp(-1000, 1000)
        if self.end == "within":
            x = x.clamp(0, 1)  # which does nothing to a sigmoid
        return {"many": many, "few": few, "gate": 0.5 * x, "over": few > self.over}


class Inline(nn.Module):
    """Norms of a model's own code, without modules: over features, and of a cosine head."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(7, 6)
        self.shift, self.scale = nn.Parameter(torch.zeros(6)), nn.Parameter(torch.ones(6))
        self.classes = nn.Parameter(torch.randn(5, 6))

    def forward(self, x):
        x = self.fc(x)
        x = x - x.mean(-1, keepdim=True)
        x = self.scale * x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) + self.shift
        return 8 * F.linear(F.normalize(x + 1), F.normalize(self.classes))


class Spectral(nn.Module):
    """A discriminator's layer."""

    def __init__(self):
        super().__init__()
        self.fc = nn.utils.parametrizations.spectral_norm(nn.Linear(7, 6))

    def forward(self, x):
        return self.fc(x)
