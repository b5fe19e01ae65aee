"""Nets that hold float32, whatever they are asked for; two of them cannot run in float64."""

import torch
import torch.nn.functional as F
from torch import nn


class Plain(nn.Module):
    def __init__(self, eps=1e-5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(8, eps=eps)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(16, eps=eps)
        self.fc = nn.Linear(16, 5)

    def features(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x))).mean((2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


class CastsFirst(Plain):
    """Raises in float64: its convolutions are given float32."""

    def forward(self, x):
        return super().forward(x.float())


class Halved(CastsFirst):
    """Half the gradient, between two operations."""

    def features(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        if y.requires_grad:
            y.register_hook(lambda gradient: gradient / 2)
        return F.relu(self.bn2(self.conv2(y))).mean((2, 3))


class Sixteen(Plain):
    """Maps are kept in 16 bits between two layers."""

    def features(self, x):
        x = F.relu(self.bn1(self.conv1(x))).half().to(x.dtype)
        return F.relu(self.bn2(self.conv2(x))).mean((2, 3))


class CastsLast(Plain):
    """Raises in float64, in its last layer alone."""

    def forward(self, x):
        return self.fc(self.features(x).to(torch.float32))


class Softmaxed(Plain):
    def forward(self, x):
        return F.softmax(super().forward(x), dim=1, dtype=torch.float32)


class Normed(Plain):
    """A root mean square in float32, and back, as in many transformers."""

    def forward(self, x):
        y = self.features(x).to(torch.float32)
        y = y / (y.pow(2).mean(1, keepdim=True) + 1e-6).sqrt()
        return self.fc(y.to(x.dtype))
