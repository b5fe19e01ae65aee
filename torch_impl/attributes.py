"""What each layer of a PyTorch port is set to, read from the built layer, in the spec's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from common.result import Array
from torch_impl import layers

Settings = dict[str, Any]
Reads = Sequence[Array]  # what the layer was given, (N, C, H, W) or (N, F)
COMPUTES = {"forward", "_conv_forward", "op"}  # a class with one of these is no longer its base


def read(module: nn.Module, reads: Reads, output: Array) -> tuple[Settings, str]:
    """The layer's settings; and why there are not more of them, empty where there is no reason.

    A class with a forward of its own may do other than the attributes that it inherits say: it is
    not read, unless it states as `settings` where it departs from them.
    """
    found = dtypes(module, output)
    if not reads:
        return found, "it was not called by position"
    stated: Settings | None = None
    for holder in (module, *type(module).__mro__):
        if stated is None and isinstance(vars(holder).get("settings"), (Mapping, property)):
            stated = dict(module.settings)
        if holder in READERS:
            return found | READERS[holder](module, reads) | (stated or {}), ""
        if stated is None and COMPUTES & vars(holder).keys():
            break
    return found | (stated or {}), "" if stated else f"{type(module).__name__} computes by itself"


def dtypes(module: nn.Module, output: Array) -> Settings:
    """Of the parameters, where there are any, and of what is computed."""
    held = [str(tensor.dtype).removeprefix("torch.") for tensor in module.parameters()]
    # A module has no compute dtype of its own: what it gives back is what it was computed in.
    return ({"dtype": held[0]} if held else {}) | {"compute_dtype": str(output.dtype)}


def pair(value: Any) -> tuple[Any, Any]:
    """One number for height and width alike, or both."""
    height, *width = value if isinstance(value, (tuple, list)) else (value,)
    return height, width[0] if width else height


def alike(padding: int | Sequence[int]) -> tuple[tuple[int, int], ...]:
    """PyTorch pads opposite sides alike: ((top, bottom), (left, right))."""
    return tuple((pad, pad) for pad in pair(padding))


def same(kernel: int, dilation: int) -> tuple[int, int]:
    """(before, after) of padding="same", which is for stride 1 alone; an odd one goes after."""
    total = dilation * (kernel - 1)
    return total // 2, total - total // 2


def conv_padding(m: nn.Conv2d) -> tuple[tuple[int, int], ...]:
    if m.padding == "same":
        return tuple(map(same, m.kernel_size, m.dilation))
    return alike(0 if isinstance(m.padding, str) else m.padding)


def canonical_axis(axis: int, reads: Reads) -> int:
    """Of (N, C, H, W) or (N, F), from 0."""
    return axis % reads[0].ndim


def conv(m: nn.Conv2d, reads: Reads) -> Settings:
    return dict(
        channels=m.out_channels,
        kernel=m.kernel_size,
        stride=m.stride,
        padding=conv_padding(m),
        dilation=m.dilation,
        groups=m.groups,
        bias=m.bias is not None,
        fill=m.padding_mode,
        activation="linear",  # it has none
    )


def dense(m: nn.Linear, reads: Reads) -> Settings:
    return dict(features=m.out_features, bias=m.bias is not None, activation="linear")


def batch_norm(m: nn.BatchNorm2d, reads: Reads) -> Settings:
    """`momentum` is the share of the new; without one, every batch counts alike."""
    keep = "mean of all batches" if m.momentum is None else 1 - m.momentum
    return dict(eps=m.eps, keep=keep, axis=1)


def max_pool(m: nn.MaxPool2d, reads: Reads) -> Settings:
    return dict(
        size=pair(m.kernel_size),
        stride=pair(m.stride),  # the size, unless given
        padding=alike(m.padding),
        ceil=m.ceil_mode,
        dilation=pair(m.dilation),
    )


def avg_pool(m: nn.AvgPool2d, reads: Reads) -> Settings:
    return dict(
        size=pair(m.kernel_size),
        stride=pair(m.stride),  # the size, unless given
        padding=alike(m.padding),
        ceil=m.ceil_mode,
        count_border=m.count_include_pad,
        divisor=m.divisor_override,
    )


def adaptive_avg_pool(m: nn.AdaptiveAvgPool2d, reads: Reads) -> Settings:
    """None stands for the size of what is read."""
    sizes = zip(pair(m.output_size), reads[0].shape[-2:], strict=True)
    return dict(size=tuple(length if n is None else n for n, length in sizes))


def lrn(m: nn.LocalResponseNorm, reads: Reads) -> Settings:
    """PyTorch divides alpha by the size; the formula of the paper does not."""
    return dict(size=m.size, alpha=m.alpha / m.size, beta=m.beta, k=m.k)


def dropout(m: nn.Dropout, reads: Reads) -> Settings:
    return dict(rate=m.p, noise_shape=None)  # each value by itself


def relu(m: nn.ReLU, reads: Reads) -> Settings:
    return dict(slope=0.0, cut=None, threshold=0.0)  # it has nothing to set


def softmax(m: nn.Softmax, reads: Reads) -> Settings:
    """Without a `dim`, PyTorch takes axis 1 of maps and of features."""
    return dict(axis=1 if m.dim is None else canonical_axis(m.dim, reads))


def concat(m: nn.Module, reads: Reads) -> Settings:
    return dict(axis=1)


def subsample(m: layers.Subsample, reads: Reads) -> Settings:
    size = pair(m.size)
    return dict(size=size, stride=size, padding=alike(0), ceil=False)


def partial_conv(m: layers.PartialConv2d, reads: Reads) -> Settings:
    table: list[list[int]] = [[] for _ in range(m.out_channels)]
    for out, source in zip(m.outs, m.reads, strict=True):
        table[out].append(source)
    kernel = pair(m.weight.shape[1:])
    return dict(table=table, kernel=kernel, stride=(1, 1), padding=alike(0), dilation=(1, 1))


def padded_shortcut(m: layers.PaddedShortcut, reads: Reads) -> Settings:
    return dict(channels=m.channels, stride=pair(m.stride))


def scaled_tanh(m: layers.ScaledTanh, reads: Reads) -> Settings:
    return dict(amplitude=m.amplitude, slope=m.slope)


def rbf(m: layers.RBF, reads: Reads) -> Settings:
    return dict(codes=m.codes.tolist())


def nothing(m: nn.Module, reads: Reads) -> Settings:
    return {}


READERS: dict[Any, Callable[[Any, Reads], Settings]] = {
    nn.Conv2d: conv,
    nn.Linear: dense,
    nn.BatchNorm2d: batch_norm,
    nn.MaxPool2d: max_pool,
    nn.AvgPool2d: avg_pool,
    nn.AdaptiveAvgPool2d: adaptive_avg_pool,
    nn.LocalResponseNorm: lrn,
    nn.Dropout: dropout,
    nn.ReLU: relu,
    nn.Sigmoid: nothing,
    nn.Tanh: nothing,
    nn.Softmax: softmax,
    nn.Flatten: nothing,
    layers.Add: nothing,
    layers.Concat: concat,
    layers.ScaledTanh: scaled_tanh,
    layers.Subsample: subsample,
    layers.PartialConv2d: partial_conv,
    layers.PaddedShortcut: padded_shortcut,
    layers.RBF: rbf,
}
