"""Layers that PyTorch has not, or has as a function only; each names the project's op it is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Add(nn.Module):
    """Sum of equally shaped maps; Keras has a layer for it."""

    op = "add"

    def forward(self, *xs: Tensor) -> Tensor:
        total = xs[0]
        for x in xs[1:]:
            total = total + x
        return total


class Concat(nn.Module):
    """Maps one after the other along the channels; Keras has a layer for it."""

    op = "concat"

    def forward(self, *xs: Tensor) -> Tensor:
        return torch.cat(xs, dim=1)


class ScaledTanh(nn.Module):
    """amplitude * tanh(slope * x)."""

    op = "scaled_tanh"

    def __init__(self, amplitude: float, slope: float) -> None:
        super().__init__()
        self.amplitude, self.slope = amplitude, slope

    def forward(self, x: Tensor) -> Tensor:
        return self.amplitude * torch.tanh(self.slope * x)


class Subsample(nn.Module):
    """(N, C, H, W) -> (N, C, H/size, W/size): the sum of each window, weighted, plus a bias."""

    op = "subsample"

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        mean = nn.functional.avg_pool2d(x, self.size)
        return self.weight[:, None, None] * (mean * self.size**2) + self.bias[:, None, None]


class PartialConv2d(nn.Module):
    """Output map i reads the input maps table[i] alone, through one kernel a connection."""

    op = "partial_conv"

    def __init__(self, in_channels: int, table: Sequence[Sequence[int]], kernel_size: int) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, len(table)
        pairs = [(out, read) for out, maps in enumerate(table) for read in maps]
        self.outs, self.reads = ([pair[i] for pair in pairs] for i in (0, 1))
        self.weight = nn.Parameter(torch.empty(len(pairs), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(len(table)))
        nn.init.normal_(self.weight, std=(len(pairs) / len(table) * kernel_size**2) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        shape = (self.out_channels, self.in_channels, *self.weight.shape[1:])
        kernel = self.weight.new_zeros(shape)  # zero where nothing is connected
        kernel[self.outs, self.reads] = self.weight
        return nn.functional.conv2d(x, kernel, self.bias)


class PaddedShortcut(nn.Module):
    """Every stride-th place, then maps of zeros: (N, C, H, W) -> (N, channels, H', W')."""

    op = "padded_shortcut"

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x: Tensor) -> Tensor:
        kept = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(kept, (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class RBF(nn.Module):
    """(N, F) -> (N, codes): squared Euclidean distance to each fixed code."""

    op = "rbf"

    def __init__(self, codes: Sequence[Sequence[float]]) -> None:
        super().__init__()
        self.codes: Tensor
        self.register_buffer("codes", torch.tensor(codes, dtype=torch.float32), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x[:, None, :] - self.codes).square().sum(dim=2)
