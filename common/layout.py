"""Every transpose in the project, and the feature order that a flatten leaves behind.

Canonical is channels first: maps (N, C, H, W), kernels (out, in, h, w), dense weights (out, in).
A port that keeps its channels last is converted here, once, on its way in or out of a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from common.spec import Shape, Spec, shapes

Array = NDArray[Any]
Layout = Literal["nchw", "nhwc"]


def nhwc_shape(shape: Shape) -> Shape:
    """(C, H, W) -> (H, W, C); a feature vector stays as it is."""
    return (*shape[1:], shape[0])


def nchw_shape(shape: Shape) -> Shape:
    """(H, W, C) -> (C, H, W); a feature vector stays as it is."""
    return (shape[-1], *shape[:-1])


def to_nhwc(x: Array) -> Array:
    """(N, C, H, W) -> (N, H, W, C)."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def to_nchw(x: Array) -> Array:
    """(N, H, W, C) -> (N, C, H, W)."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def side_by_side(parts: list[Array]) -> Array:
    """Maps (N, C, H, W) as one image, left to right: what a network of several inputs cuts up."""
    return np.concatenate(parts, axis=3)


def to_hwio(kernel: Array) -> Array:
    """(out, in, h, w) -> (h, w, in, out), the order of Keras."""
    return np.ascontiguousarray(kernel.transpose(2, 3, 1, 0))


def to_oihw(kernel: Array) -> Array:
    """(h, w, in, out) -> (out, in, h, w)."""
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


def nhwc_order(shape: Shape) -> Array:
    """Where a channels-last flatten takes each feature from: canonical index by position."""
    positions = np.arange(int(np.prod(shape))).reshape(shape)
    return np.moveaxis(positions, 0, -1).reshape(-1)


def feature_orders(spec: Spec) -> dict[str, Array]:
    """The order of every feature vector in a Keras port, for the layers that have one.

    Keras' Flatten goes place by place, channels last, whatever the layout of the maps: under
    `channels_first` it transposes before it flattens. PyTorch's goes channel by channel.

    order[i] is the canonical index of the feature that stands at position i. A flatten of
    (C, H, W) makes it; elementwise layers and joins hand it on; a dense layer, whose outputs have
    one order only, ends it.
    """
    known = shapes(spec)
    orders: dict[str, Array] = {}
    for layer in spec.layers:
        if len(known[layer.name]) != 1 or layer.op == "dense":
            continue
        if layer.op == "flatten":
            orders[layer.name] = nhwc_order(known[layer.reads[0]])
        elif any(name in orders for name in layer.reads):
            parts = [source_order(name, known, orders) for name in layer.reads]
            # Summands share one order; where theirs differ, no order makes the ports agree.
            orders[layer.name] = joined(parts if layer.op == "concat" else parts[:1])
    return orders


def source_order(name: str, known: Mapping[str, Shape], orders: Mapping[str, Array]) -> Array:
    """The order of a layer's features, the plain one where no flatten came before."""
    return orders.get(name, np.arange(known[name][0]))


def joined(parts: list[Array]) -> Array:
    """The order of feature vectors joined end to end; one part is its own order."""
    starts = np.cumsum([0, *(len(part) for part in parts)])
    return np.concatenate([part + start for part, start in zip(parts, starts[:-1], strict=True)])


def canonical_output(x: Array, layout: Layout, order: Array | None) -> Array:
    """A port's output as (N, C, H, W), or as features in canonical order."""
    if x.ndim == 4:
        return to_nchw(x) if layout == "nhwc" else x
    return from_order(x, order) if x.ndim == 2 else x


def to_order(x: Array, order: Array | None) -> Array:
    """Canonical features, along the last axis, as a port with that feature order holds them."""
    return x if order is None or x.shape[-1:] != order.shape else x[..., order]


def from_order(x: Array, order: Array | None) -> Array:
    """The inverse of to_order."""
    if order is None or x.shape[-1:] != order.shape:
        return x
    restored = np.empty_like(x)
    restored[..., order] = x
    return restored
