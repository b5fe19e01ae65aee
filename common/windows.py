"""Convolutions and pools over any number of axes, as a port may have them on lines and volumes.

Arrays are (N, C, ...), channels first; kernels (O, C/g, ...), transposed ones (C, O/g, ...).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.rules import window_count

Array = NDArray[Any]
Settings = Mapping[str, Any]
Tensors = Mapping[str, Array]


def windows(
    x: Array, a: Settings, size: Sequence[int], fill: float = 0.0, behind: float | None = None
) -> Array:
    """Every kernel-sized view: (N, C, *places) -> (N, C, *places', *size).

    `fill` lies around, `behind` where rounding up reads on; the same, unless it is given.
    """
    rank = len(size)
    dilation, pads = a.get("dilation", (1,) * rank), a.get("padding", ((0, 0),) * rank)
    around, further, spans, counts = [], [], [], []
    for length, k, step, d, (before, after) in zip(
        x.shape[2:], size, a["stride"], dilation, pads, strict=True
    ):
        span = d * (k - 1) + 1
        count = window_count(length, span, step, (before, after), a.get("ceil", False))
        beyond = max(0, (count - 1) * step + span - (length + before + after))
        around.append((before, after))
        further.append((0, beyond))
        spans.append(span)
        counts.append(count)
    padded = np.pad(x, [(0, 0), (0, 0), *around], constant_values=fill)
    more = fill if behind is None else behind
    padded = np.pad(padded, [(0, 0), (0, 0), *further], constant_values=more)
    axes = tuple(range(2, 2 + rank))
    view = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=axes)
    steps = (slice(None, None, step) for step in a["stride"])
    inside = (slice(None, None, d) for d in dilation)
    view = view[(slice(None), slice(None), *steps, *inside)]
    return view[(slice(None), slice(None), *(slice(count) for count in counts))]


def conv(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Cross-correlation in groups."""
    kernel = own["weight"]
    places = tuple(range(2, kernel.ndim))
    made = []
    for x, part in zip(
        np.split(xs[0], a["groups"], axis=1), np.split(kernel, a["groups"]), strict=True
    ):
        view = windows(x, a, kernel.shape[2:])
        inner = [1, *range(view.ndim - len(places), view.ndim)]
        made.append(np.moveaxis(np.tensordot(view, part, (inner, [1, *places])), -1, 1))
    return with_bias(np.concatenate(made, axis=1), a, own)


def conv_transpose(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """What each number spreads over a window, added up; `padding` is cut off, more is zero."""
    x, kernel, groups = xs[0], own["weight"], a.get("groups", 1)
    size, rank = kernel.shape[2:], kernel.ndim - 2
    steps, dilation = a["stride"], a.get("dilation", (1,) * rank)
    more = a.get("output_padding", (0,) * rank)
    full = [
        (n - 1) * s + d * (k - 1) + 1
        for n, s, d, k in zip(x.shape[2:], steps, dilation, size, strict=True)
    ]
    more = [m + max(0, -after) for m, (_, after) in zip(more, a["padding"], strict=True)]
    lengths = [n + m for n, m in zip(full, more, strict=True)]
    y = np.zeros((len(x), kernel.shape[1] * groups, *lengths))
    parts = zip(np.split(x, groups, axis=1), np.split(kernel, groups), strict=True)
    outs = np.split(y, groups, axis=1)
    for out, (source, weight) in zip(outs, parts, strict=True):
        flat = weight.reshape(*weight.shape[:2], -1)
        for index, place in enumerate(product(*map(range, size))):
            spread = np.moveaxis(np.tensordot(source, flat[:, :, index], (1, 0)), -1, 1)
            where = tuple(
                slice(i * d, i * d + (n - 1) * s + 1, s)
                for i, d, n, s in zip(place, dilation, x.shape[2:], steps, strict=True)
            )
            out[(slice(None), slice(None), *where)] += spread
    cut = (
        slice(before, n - max(0, after))
        for (before, after), n in zip(a["padding"], lengths, strict=True)
    )
    return with_bias(y[(slice(None), slice(None), *cut)], a, own)


def with_bias(y: Array, a: Settings, own: Tensors) -> Array:
    """With the bias that is there, unless the settings say that there is none."""
    if "bias" not in own or not a.get("bias", True):
        return y
    return y + own["bias"].reshape(-1, *(1,) * (y.ndim - 2))


def max_pool(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """With what the settings say around, which is below every number unless a layer pads."""
    view = windows(xs[0], a, a["size"], float(a.get("fill", -np.inf)))
    return np.asarray(view.max(axis=tuple(range(-len(a["size"]), 0))))


def avg_pool(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Over the places that count; what rounding up reads behind the padding never does."""
    axes = tuple(range(-len(a["size"]), 0))
    total = windows(xs[0], a, a["size"]).sum(axis=axes)
    ones = np.ones((1, 1, *xs[0].shape[2:]))
    counted = windows(ones, a, a["size"], float(bool(a.get("count_border"))), behind=0.0)
    return np.asarray(total / counted.sum(axis=axes))
