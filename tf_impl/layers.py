"""Layers that Keras has not, or pads otherwise; each names the project's op it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, layers, ops

Sides = tuple[tuple[int, int], tuple[int, int]]
MapShape = tuple[Any, ...]  # the batch may be None


def channels_first() -> bool:
    return keras.config.image_data_format() == "channels_first"


def channel_axis() -> int:
    """Of maps; where a model is made with it, not when its file is read."""
    return 1 if channels_first() else -1


def sides(padding: int | Sequence[Any]) -> Sides:
    """One number for every side, or ((top, bottom), (left, right)) as it is."""
    if isinstance(padding, int):
        return ((padding, padding), (padding, padding))
    (top, bottom), (left, right) = padding
    return ((top, bottom), (left, right))


def padded(x: KerasTensor, pads: Sides, value: float = 0.0) -> KerasTensor:
    """Maps with `value` around them."""
    if not any(map(any, pads)):
        return x
    widths = [(0, 0), (0, 0), *pads] if channels_first() else [(0, 0), *pads, (0, 0)]
    return ops.pad(x, widths, constant_values=value)


def places(shape: MapShape) -> tuple[int, int]:
    """Height and width."""
    height, width = shape[2:] if channels_first() else shape[1:3]
    return height, width


def padded_shape(shape: MapShape, pads: Sides) -> MapShape:
    """The shape that `padded` makes."""
    height, width = (n + sum(pad) for n, pad in zip(places(shape), pads, strict=True))
    return (*shape[:2], height, width) if channels_first() else (shape[0], height, width, shape[3])


class PaddedConv2D(layers.Conv2D):
    """Zeros on the sides one says, as PyTorch pads; "same" at stride 2 may pad 0 and 1."""

    def __init__(self, filters: int, kernel_size: int, padding: Any, **named: Any) -> None:
        super().__init__(filters, kernel_size, padding="valid", **named)
        self.sides = sides(padding)

    def call(self, x: KerasTensor) -> KerasTensor:
        return super().call(padded(x, self.sides))

    def compute_output_shape(self, input_shape: MapShape) -> MapShape:
        return super().compute_output_shape(padded_shape(input_shape, self.sides))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.sides}


class PaddedMaxPooling2D(layers.MaxPooling2D):
    """Padding that never wins, on the sides one says; `ceil` adds a window that overhangs.

    The rule of Caffe and PyTorch: no window starts in the padding behind the input. Keras' "same"
    pads as it sees fit, and starts elsewhere.
    """

    def __init__(
        self, pool_size: int, strides: int, padding: Any = 0, ceil: bool = False, **named: Any
    ) -> None:
        super().__init__(pool_size, strides, padding="valid", **named)
        self.sides, self.ceil = sides(padding), ceil

    def call(self, x: KerasTensor) -> KerasTensor:
        return super().call(padded(x, self.pads(x.shape), -float("inf")))

    def pads(self, shape: MapShape) -> Sides:
        """The sides, and what overhangs."""
        rows, columns = (
            (before, after + self.overhang(length, before + after, axis))
            for axis, (length, (before, after)) in enumerate(
                zip(places(shape), self.sides, strict=True)
            )
        )
        return rows, columns

    def overhang(self, length: int, padding: int, axis: int) -> int:
        """Places behind the padding that the last window reads."""
        size, stride = self.pool_size[axis], self.strides[axis]
        rest = (length + padding - size) % stride
        starts = length + padding - rest + stride - size  # of one window more
        fits = starts < length + self.sides[axis][0]
        return stride - rest if self.ceil and rest and fits else 0

    def compute_output_shape(self, input_shape: MapShape) -> MapShape:
        return super().compute_output_shape(padded_shape(input_shape, self.pads(input_shape)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.sides, "ceil": self.ceil}


class LocalResponseNorm(layers.Layer):
    """x / (k + alpha * sum of x^2 over `size` channels) ** beta; PyTorch divides alpha by size."""

    op = "lrn"

    def __init__(self, size: int, alpha: float, beta: float, k: float, **named: Any) -> None:
        super().__init__(**named)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def call(self, x: KerasTensor) -> KerasTensor:
        axis = 1 if channels_first() else 3
        reach, channels = self.size // 2, x.shape[axis]
        widths = [(reach, reach) if i == axis else (0, 0) for i in range(4)]
        squares = ops.pad(ops.square(x), widths)
        total = sum(
            squares[:, i : i + channels] if axis == 1 else squares[..., i : i + channels]
            for i in range(self.size)
        )
        return x / ops.power(self.k + self.alpha * total, self.beta)


class ScaledTanh(layers.Layer):
    """amplitude * tanh(slope * x)."""

    op = "scaled_tanh"

    def __init__(self, amplitude: float, slope: float, **named: Any) -> None:
        super().__init__(**named)
        self.amplitude, self.slope = amplitude, slope

    def call(self, x: KerasTensor) -> KerasTensor:
        return self.amplitude * ops.tanh(self.slope * x)


class Subsample(layers.Layer):
    """(N, H, W, C) -> (N, H/size, W/size, C): the sum of each window, weighted, plus a bias."""

    op = "subsample"

    def __init__(self, size: int, **named: Any) -> None:
        super().__init__(**named)
        self.size = size

    def build(self, shape: tuple[int, ...]) -> None:
        channels = (shape[1 if channels_first() else 3],)
        self.weight = self.add_weight(name="weight", shape=channels, initializer="ones")
        self.bias = self.add_weight(name="bias", shape=channels, initializer="zeros")

    def call(self, x: KerasTensor) -> KerasTensor:
        shape = (-1, 1, 1) if channels_first() else (-1,)
        total = ops.average_pool(x, self.size, self.size) * self.size**2
        return ops.reshape(self.weight, shape) * total + ops.reshape(self.bias, shape)


class PartialConv2D(layers.Layer):
    """Output map i reads the input maps table[i] alone, through one kernel a connection."""

    op = "partial_conv"

    def __init__(
        self, in_channels: int, table: Sequence[Sequence[int]], kernel_size: int, **named: Any
    ) -> None:
        super().__init__(**named)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, len(table), kernel_size
        self.pairs = [[read, out] for out, maps in enumerate(table) for read in maps]

    def build(self, shape: tuple[int, ...]) -> None:
        count, size = len(self.pairs), self.kernel_size
        law = keras.initializers.RandomNormal(stddev=(count / self.out_channels * size**2) ** -0.5)
        self.weight = self.add_weight(name="weight", shape=(count, size, size), initializer=law)
        self.bias = self.add_weight(name="bias", shape=(self.out_channels,), initializer="zeros")

    def call(self, x: KerasTensor) -> KerasTensor:
        shape = (self.in_channels, self.out_channels, self.kernel_size, self.kernel_size)
        kernel = ops.scatter(self.pairs, self.weight, shape)  # zero where nothing is connected
        y = ops.conv(x, ops.transpose(kernel, (2, 3, 0, 1)), padding="valid")
        return y + ops.reshape(self.bias, (-1, 1, 1) if channels_first() else (-1,))


class PaddedShortcut(layers.Layer):
    """Every stride-th place, then maps of zeros: (N, H, W, C) -> (N, H', W', channels)."""

    op = "padded_shortcut"

    def __init__(self, channels: int, stride: int, **named: Any) -> None:
        super().__init__(**named)
        self.channels, self.stride = channels, stride

    def call(self, x: KerasTensor) -> KerasTensor:
        step = slice(None, None, self.stride)
        kept = x[:, :, step, step] if channels_first() else x[:, step, step]
        none, more = (0, 0), (0, self.channels - x.shape[channel_axis()])
        return ops.pad(kept, [none, more, none, none] if channels_first() else [none] * 3 + [more])


class RBF(layers.Layer):
    """(N, F) -> (N, codes): squared Euclidean distance to each fixed code."""

    op = "rbf"

    def __init__(self, codes: Sequence[Sequence[float]], **named: Any) -> None:
        super().__init__(**named)
        self.codes = [list(code) for code in codes]

    def call(self, x: KerasTensor) -> KerasTensor:
        codes = np.asarray(self.codes, dtype=self.compute_dtype)
        return ops.sum(ops.square(x[:, None, :] - codes), axis=2)
