"""PyTorch ports that are right and hard to follow: in place, shared, split, functional."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Awkward(nn.Module):
    """Changes in place, one module called twice, a shortcut, a split and maps in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8, eps=1e-3, momentum=0.01)
        self.relu = nn.ReLU(inplace=True)
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding="same"), nn.Sequential(nn.SiLU()))
        self.gamma = nn.Parameter(torch.full((8, 1, 1), 0.5))
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.fc = nn.Linear(96, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(input=x)))
        shortcut = x
        x = self.body(x)
        x = self.body(x)
        x += shortcut
        x = self.relu(x)
        a, b = x.chunk(2, dim=1)
        x = torch.cat([b, a * 2.0, 1 - b], dim=1)[:, 2:-2]
        x = self.pool(x * self.gamma)
        x = x.permute(0, 2, 3, 1).flatten(1)
        return self.fc(F.dropout(x, 0.1, self.training))


class Aliases(nn.Module):
    """Views that are read after what they were taken from has changed, and the other way round."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = x * 2
        flat = y.view(len(y), -1)
        rows = y[:, 1]
        y.mul_(3)
        out = torch.zeros_like(flat)
        out[:, ::2] = flat[:, ::2]
        out[:, 1].copy_(rows.sum((1, 2)))
        z = x + 1
        z[:, :2].mul_(-2)
        z[:, 0] += 1
        z.transpose(1, 2).add_(0.5)
        kept = z.detach()
        same = F.dropout(z, 0.5, False)
        return {"flat": flat, "out": out, "z": z + same, "rows": rows, "kept": kept.exp()}


class Standardised(nn.Module):
    """A weight made on the way, a mask, and one weight under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 4, bias=False)
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.head.weight
        self.register_buffer("level", torch.tensor(0.25), persistent=False)
        self.register_buffer("unused", torch.zeros(2), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.conv.weight
        weight = (weight - weight.mean((1, 2, 3), keepdim=True)) / weight.std()
        x = F.conv2d(x, weight, self.conv.bias, stride=2)
        x = torch.where(x > self.level, x, 0.1 * x)
        x = x.mean(dim=(2, 3))
        return self.tied(self.head(x).tanh())


@dataclass
class Answer:
    logits: Tensor
    more: tuple[Tensor, dict[str, Tensor]]


class Two(nn.Module):
    """Two inputs, one of them of whole numbers; nested outputs; attention, which stays closed."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, ids: Tensor, x: Tensor) -> Answer:
        tokens = self.words(ids)
        mixed, _ = self.attention(tokens, x, x, need_weights=False)
        pooled, _index = mixed.max(dim=1)
        return Answer(self.head(pooled), (pooled, {"top": mixed.topk(2, dim=1).values}))


class Passing(torch.autograd.Function):
    """Rounds, and lets gradients through as they are."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x * 4) / 4

    @staticmethod
    def backward(ctx, gradient):
        return gradient


quantise = Passing.apply


class Quantised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return quantise(self.fc(x))


class Escapes(nn.Module):
    """Leaves for NumPy and comes back."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.from_numpy(x.detach().numpy() * 2)


class Settings(nn.Module):
    """One of each kind whose settings are read."""

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.ones(4, 2, 3, 3, dtype=x.dtype)
        x = F.conv2d(x, weight, None, (2, 1), padding=(1, 0), groups=2)
        x = F.pad(x, (0, 1, 2, 3), value=1.5)
        x = F.max_pool2d(x, 3, 2, 1, ceil_mode=True)
        x = F.avg_pool2d(x, (2, 1), stride=1, count_include_pad=False)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = F.relu6(F.leaky_relu(x, 0.2))
        x = F.hardtanh(x, -2, 2)
        x = F.gelu(x, approximate="tanh")
        x = F.local_response_norm(x, 4, alpha=1e-3)
        x = 2 / (3 - x) - 1
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, x.shape[-1:], eps=1e-6)
        x = x.transpose(1, -1).clamp(min=-1)
        x = F.softmax(x, dim=-3)
        return x.mean([-1, -2])


PORT_NUMBER = 5


def returns_none() -> None:
    return None


def returns_array():
    import numpy

    return numpy.zeros(3)


def raises(width: int = 3) -> nn.Module:
    return nn.Linear(width, "wide")


class Misfit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(7, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)  # (N, 4), where it expects (N, 7)


class OwnNorm(nn.Module):
    """Batch norm by hand, in the words of a textbook; its statistics move in place."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(3))
        self.register_buffer("running_mean", torch.zeros(3))
        self.register_buffer("running_var", torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
            self.running_mean.mul_(0.9).add_(0.1 * mean.detach())
            self.running_var = 0.9 * self.running_var + 0.1 * var.detach()
        x = (x - mean[:, None, None]) / torch.sqrt(var + 1e-5)[:, None, None]
        return x * self.gamma.view(-1, 1, 1)


class Trained(nn.Module):
    """What is different in training: batch norm twice and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.own = OwnNorm()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.bn(self.conv(self.own(x))).relu_())
