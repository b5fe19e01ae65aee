"""What each layer of a Keras port is set to, read from the built layer, in the spec's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from common.result import Array
from tf_impl import layers

Settings = dict[str, Any]
Reads = Sequence[Array]  # what the layer was given, (N, H, W, C) or (N, C, H, W) or (N, F)
COMPUTES = {"call", "convolution_op", "op"}  # a class with one of these is no longer its base


def read(layer: keras.Layer, reads: Reads, output: Array) -> tuple[Settings, str]:
    """The layer's settings; and why there are not more of them, empty where there is no reason.

    A class with a call of its own may do other than the attributes that it inherits say: it is
    not read, unless it states as `settings` where it departs from them.
    """
    found = dtypes(layer, output)
    if not reads:
        return found, "it was not called by position"
    stated: Settings | None = None
    for holder in (layer, *type(layer).__mro__):
        if stated is None and isinstance(vars(holder).get("settings"), (Mapping, property)):
            stated = dict(layer.settings)
        if holder in READERS:
            return found | READERS[holder](layer, reads) | (stated or {}), ""
        if stated is None and COMPUTES & vars(holder).keys():
            break
    return found | (stated or {}), "" if stated else f"{type(layer).__name__} computes by itself"


def dtypes(layer: keras.Layer, output: Array) -> Settings:
    """Of the parameters, where there are any, and of what is computed."""
    held = [str(variable.dtype) for variable in layer.weights]
    return ({"dtype": held[0]} if held else {}) | {"compute_dtype": layer.compute_dtype}


def pair(value: Any) -> tuple[Any, Any]:
    """One number for height and width alike, or both."""
    height, *width = value if isinstance(value, (tuple, list)) else (value,)
    return height, width[0] if width else height


def same(length: int, span: int, stride: int) -> tuple[int, int]:
    """(before, after) of padding="same": as little as ceil(length / stride) windows need."""
    total = max((-(-length // stride) - 1) * stride + span - length, 0)
    return total // 2, total - total // 2


def padding(
    layer: keras.Layer, kernel: Sequence[int], dilation: Sequence[int], reads: Reads
) -> tuple[tuple[int, int], ...]:
    """((top, bottom), (left, right)) on the maps that the layer was given."""
    if layer.padding != "same":
        return ((0, 0), (0, 0))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    return tuple(map(same, lengths(layer, reads), spans, layer.strides))


def lengths(layer: keras.Layer, reads: Reads) -> tuple[int, int]:
    """Height and width of what the layer was given."""
    return pair(
        reads[0].shape[2:] if layer.data_format == "channels_first" else reads[0].shape[1:3]
    )


def canonical_axis(axis: int, reads: Reads) -> int:
    """Of (N, C, H, W) or (N, F), from 0."""
    axis %= reads[0].ndim
    return axis if layers.channels_first() or reads[0].ndim != 4 else (0, 2, 3, 1)[axis]


def conv(x: keras.layers.Conv2D, reads: Reads) -> Settings:
    return dict(
        channels=x.filters,
        kernel=x.kernel_size,
        stride=x.strides,
        padding=padding(x, x.kernel_size, x.dilation_rate, reads),
        dilation=x.dilation_rate,
        groups=x.groups,
        bias=x.bias is not None,
        fill="zeros",  # it has no other
        activation=function(x),
    )


def padded_conv(x: layers.PaddedConv2D, reads: Reads) -> Settings:
    return conv(x, reads) | dict(padding=x.sides)


def function(x: keras.Layer) -> str:
    """Name of what a layer does to its own output; "linear" where it is nothing."""
    return str(getattr(x.activation, "__name__", type(x.activation).__name__))


def dense(x: keras.layers.Dense, reads: Reads) -> Settings:
    return dict(features=x.units, bias=x.bias is not None, activation=function(x))


def batch_norm(x: keras.layers.BatchNormalization, reads: Reads) -> Settings:
    """`momentum` is the share of the old."""
    return dict(eps=x.epsilon, keep=x.momentum, axis=canonical_axis(x.axis, reads))


def max_pool(x: keras.layers.MaxPooling2D, reads: Reads) -> Settings:
    return dict(
        size=x.pool_size,
        stride=x.strides,
        padding=padding(x, x.pool_size, (1, 1), reads),
        ceil=False,
        dilation=(1, 1),
    )


def padded_max_pool(x: layers.PaddedMaxPooling2D, reads: Reads) -> Settings:
    return max_pool(x, reads) | dict(padding=x.sides, ceil=x.ceil)


def avg_pool(x: keras.layers.AveragePooling2D, reads: Reads) -> Settings:
    return dict(
        size=x.pool_size,
        stride=x.strides,
        padding=padding(x, x.pool_size, (1, 1), reads),
        ceil=False,
        count_border=False,  # "same" divides by the places that are no padding
        divisor=None,
    )


def adaptive_avg_pool(x: keras.layers.AdaptiveAveragePooling2D, reads: Reads) -> Settings:
    return dict(size=pair(x.output_size))


def lrn(x: layers.LocalResponseNorm, reads: Reads) -> Settings:
    return dict(size=x.size, alpha=x.alpha, beta=x.beta, k=x.k)


def dropout(x: keras.layers.Dropout, reads: Reads) -> Settings:
    return dict(rate=x.rate, noise_shape=x.noise_shape)


def relu(x: keras.layers.ReLU, reads: Reads) -> Settings:
    return dict(slope=x.negative_slope, cut=x.max_value, threshold=x.threshold)


def activation(x: keras.layers.Activation, reads: Reads) -> Settings:
    """Of Keras' own functions; what another of the same name does is not known."""
    if x.activation is keras.activations.relu:
        return dict(slope=0.0, cut=None, threshold=0.0)
    if x.activation is keras.activations.softmax:
        return dict(axis=canonical_axis(-1, reads))
    return {}


def softmax(x: keras.layers.Softmax, reads: Reads) -> Settings:
    axes = [x.axis] if isinstance(x.axis, int) else x.axis
    found = [canonical_axis(axis, reads) for axis in axes]
    return dict(axis=found[0] if len(found) == 1 else found)


def concat(x: keras.layers.Concatenate, reads: Reads) -> Settings:
    return dict(axis=canonical_axis(x.axis, reads))


def subsample(x: layers.Subsample, reads: Reads) -> Settings:
    size = pair(x.size)
    return dict(size=size, stride=size, padding=layers.sides(0), ceil=False)


def partial_conv(x: layers.PartialConv2D, reads: Reads) -> Settings:
    table: list[list[int]] = [[] for _ in range(x.out_channels)]
    for source, out in x.pairs:
        table[out].append(source)
    kernel = pair(x.kernel_size)
    return dict(table=table, kernel=kernel, stride=(1, 1), padding=layers.sides(0), dilation=(1, 1))


def padded_shortcut(x: layers.PaddedShortcut, reads: Reads) -> Settings:
    return dict(channels=x.channels, stride=pair(x.stride))


def scaled_tanh(x: layers.ScaledTanh, reads: Reads) -> Settings:
    return dict(amplitude=x.amplitude, slope=x.slope)


def rbf(x: layers.RBF, reads: Reads) -> Settings:
    return dict(codes=x.codes)


def nothing(x: keras.Layer, reads: Reads) -> Settings:
    return {}


READERS: dict[Any, Callable[[Any, Reads], Settings]] = {
    keras.layers.Conv2D: conv,
    keras.layers.Dense: dense,
    keras.layers.BatchNormalization: batch_norm,
    keras.layers.MaxPooling2D: max_pool,
    keras.layers.AveragePooling2D: avg_pool,
    keras.layers.AdaptiveAveragePooling2D: adaptive_avg_pool,
    keras.layers.GlobalAveragePooling2D: nothing,
    keras.layers.Dropout: dropout,
    keras.layers.ReLU: relu,
    keras.layers.Activation: activation,
    keras.layers.Softmax: softmax,
    keras.layers.Flatten: nothing,
    keras.layers.Add: nothing,
    keras.layers.Concatenate: concat,
    layers.PaddedConv2D: padded_conv,
    layers.PaddedMaxPooling2D: padded_max_pool,
    layers.LocalResponseNorm: lrn,
    layers.ScaledTanh: scaled_tanh,
    layers.Subsample: subsample,
    layers.PartialConv2D: partial_conv,
    layers.PaddedShortcut: padded_shortcut,
    layers.RBF: rbf,
}
