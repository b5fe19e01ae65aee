"""A residual block and the norm that reads it."""

from torch import nn


class Net(nn.Module):
    """`halves`: its maps, by a stride, and by a pool on the way around; `adds` that way at all."""

    def __init__(self, halves, adds=True, normed=True):
        super().__init__()
        self.adds = adds
        self.conv = nn.Conv2d(3, 3, 3, stride=2 if halves else 1, padding=1, bias=False)
        self.around = nn.MaxPool2d(1, stride=2) if halves else None
        norm = nn.GroupNorm(3, 3) if normed == "by itself" else nn.BatchNorm2d(3, eps=1e-5)
        self.norm = norm if normed else nn.Identity()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(3, 5)

    def forward(self, x):
        around = self.around(x) if self.around else x
        x = self.norm(self.conv(x) + around if self.adds else self.conv(x))
        return self.fc(self.pool(x).flatten(1))
