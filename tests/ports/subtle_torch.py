"""Small nets in which little tells a fault from a right port: square maps, twins, dropout."""

import torch
import torch.nn.functional as F
from torch import nn


class Square(nn.Module):
    """As many channels as rows and columns, where any order of the axes fits."""

    def __init__(self, kind="norm", slopes=6):
        super().__init__()
        self.conv, self.kind = nn.Conv2d(3, 6, 3, padding=1), kind
        self.norm = nn.LayerNorm(6 if kind == "channels" else [6, 6, 6])
        self.thin = nn.Conv2d(6, 6, 1, (1, 2))
        self.prelu = nn.PReLU(slopes)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = self.conv(x)
        if self.kind == "norm":
            x = self.norm(x)
        if self.kind == "channels":
            x = F.relu(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        if self.kind == "strides":
            x = F.relu(self.thin(x))
        if self.kind == "slopes":
            x = self.prelu(x)
        if self.kind == "border":
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        if self.kind == "shuffled":
            x = F.pixel_shuffle(F.pad(x, (0, 0, 0, 0, 0, 2)), 2)
            x = torch.cat([x, x, x], 1)
        return self.fc(torch.tanh(x).mean((2, 3)))


class Places(nn.Module):
    """A map that is returned place by place, or by what is largest in all of it."""

    def __init__(self, kind="tokens"):
        super().__init__()
        self.conv, self.fc, self.kind = nn.Conv2d(3, 6, 3), nn.Linear(6, 4), kind

    def forward(self, x):
        x = self.conv(x)
        if self.kind == "tokens":
            return x.flatten(2).transpose(1, 2)
        if self.kind == "last":
            return x.permute(0, 2, 3, 1)
        if self.kind == "doubled":
            return torch.cat([x, x], 1).max(1, keepdim=True)[0]
        if self.kind == "largest":
            return x / x.max()
        if self.kind == "lost":
            x = torch.from_numpy(x.detach().numpy())
        return self.fc(x.mean((2, 3)))


class Twins(nn.Module):
    def __init__(self, shared=False):
        super().__init__()
        self.left = nn.Conv2d(3, 6, 3)
        self.right = self.left if shared else nn.Conv2d(3, 6, 3)

    def forward(self, x, y):
        return F.relu(self.left(x)).mean((2, 3)) - F.relu(self.right(y)).mean((2, 3))


class Dropping(nn.Module):
    """Dropout in front of the first layer, of its activation, or behind that."""

    def __init__(self, place="behind"):
        super().__init__()
        self.fc1, self.fc2, self.drop = nn.Linear(7, 6), nn.Linear(6, 4), nn.Dropout(0.4)
        self.place = place

    def forward(self, x):
        x = self.fc1(self.drop(x) if self.place in ("first", "both") else x)
        x = F.relu(self.drop(x) if self.place == "before" else x)
        return self.fc2(self.drop(x) if self.place in ("behind", "both") else x)


class Turned(nn.Module):
    """Channels last, but for the convolution: features are flattened as Keras flattens them."""

    def __init__(self, norm=False):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 4), nn.Linear(5 * 6 * 4, 4)
        self.norm = nn.LayerNorm(4) if norm else nn.Identity()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        x = torch.relu(self.norm(self.fc1(x.permute(0, 2, 3, 1))))
        x = torch.relu(self.conv(x.permute(0, 3, 1, 2)))
        return self.fc2(x.permute(0, 2, 3, 1).flatten(1))
