"""Runs a spec in NumPy float64: the third witness, one readable function for each op.

Every op also accepts complex arrays and is analytic in them, branching on the real part only.
That makes the complex-step derivative exact: with x + 1e-30j * d, the imaginary part of the
output divided by 1e-30 is J(x) d, free of cancellation (Squire and Trapp, SIAM Review 40(1),
1998). The gradients of both frameworks are judged with it, and no backward pass is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import rules
from common.losses import wide
from common.rules import bins, window_count
from common.spec import Layer, Spec

Array = NDArray[Any]
Settings = Mapping[str, Any]
Tensors = Mapping[str, Array]

THIN = 16  # channels
STEP = 1e-30  # far below 1, so that STEP**2 vanishes against any real part in float64


def run(
    spec: Spec, weights: Tensors, inputs: Tensors, draws: Tensors | None = None
) -> dict[str, Array]:
    """Output of every layer, (N, ...) channels first, plus the inputs.

    `weights` maps "layer.tensor" to canonical arrays, `inputs` each input to (N, C, H, W). With
    `draws`, a uniform number for every value of each dropout layer, the network is in training
    mode: batch norm takes the batch's own statistics, and dropout drops.
    """
    values: dict[str, Array] = {name: wide(inputs[name]) for name in spec.inputs}
    for layer in spec.layers:
        sources = [values[name] for name in layer.reads]
        own = {name: wide(tensor) for name, tensor in owned(layer, weights).items()}
        own |= {"draws": draws[layer.name]} if draws and layer.name in draws else {}
        values[layer.name] = op_of(layer, draws is not None)(layer.settings, sources, own)
    return values


def apply(layer: Layer, sources: Sequence[Array], own: Tensors, training: bool = False) -> Array:
    """One layer on its sources, in float64 (or complex128).

    In training mode `own` holds what dropout drew, as "draws".
    """
    sources = [wide(source) for source in sources]
    tensors = {name: wide(t) for name, t in own.items()}
    return op_of(layer, training)(layer.settings, sources, tensors)


def op_of(layer: Layer, training: bool) -> Op:
    """What the layer computes."""
    return TRAINING_OPS.get(layer.op, OPS[layer.op]) if training else OPS[layer.op]


def push_forward(
    layer: Layer,
    sources: Sequence[Array],
    own: Tensors,
    source_steps: Sequence[Array | None],
    own_steps: Tensors,
    training: bool = False,
) -> Array:
    """J d: the change of the layer's output along the given directions, exact to rounding."""
    if layer.op in LINEAR:
        return linear_change(layer, sources, own, source_steps, own_steps, training)
    if layer.op in CHOOSING and source_steps[0] is not None:
        return CHOOSING[layer.op](layer.settings, wide(sources[0]), wide(source_steps[0]))
    moved = [
        wide(x) if d is None else wide(x) + 1j * STEP * d
        for x, d in zip(sources, source_steps, strict=True)
    ]
    tensors = {
        name: wide(t) + 1j * STEP * own_steps[name] if name in own_steps else wide(t)
        for name, t in own.items()
    }
    return np.imag(op_of(layer, training)(layer.settings, moved, tensors)) / STEP


def linear_change(
    layer: Layer,
    sources: Sequence[Array],
    own: Tensors,
    source_steps: Sequence[Array | None],
    own_steps: Tensors,
    training: bool,
) -> Array:
    """J d of an op that is linear in its sources and in its weight: the op itself, applied to d.

    Real arithmetic, several times faster than the complex step.
    """
    op = op_of(layer, training)
    own = {name: wide(tensor) for name, tensor in own.items()}
    shape = rules.output_shape(layer, [x.shape[1:] for x in sources])
    still = {name: np.zeros_like(t) if name == "bias" else t for name, t in own.items()}
    parts = [np.zeros((len(sources[0]), *shape))]
    if any(step is not None for step in source_steps):
        moved = [
            np.zeros_like(wide(x)) if step is None else wide(step)
            for x, step in zip(sources, source_steps, strict=True)
        ]
        parts.append(op(layer.settings, moved, still))
    if "weight" in own_steps:
        sources = [wide(x) for x in sources]
        parts.append(op(layer.settings, sources, {**still, "weight": wide(own_steps["weight"])}))
    if "bias" in own_steps:  # the same at every place of its channel
        bias = wide(own_steps["bias"]).reshape(-1, *(1,) * (len(shape) - 1))
        parts.append(np.broadcast_to(bias, parts[0].shape))
    return np.asarray(sum(parts))


def owned(layer: Layer, weights: Tensors) -> dict[str, Array]:
    """The layer's own tensors, by their short names."""
    found = {name: f"{layer.name}.{name}" for name in TENSORS}
    return {name: weights[key] for name, key in found.items() if key in weights}


def windows(x: Array, a: Settings, size: tuple[int, int], fill: float = 0.0) -> Array:
    """Every kernel-sized view of x: (N, C, H, W) -> (N, C, H', W', kh, kw)."""
    rows, columns = margins(x, a, size)
    pads = [(m.before, m.after + m.beyond) for m in (rows, columns)]
    return slide(np.pad(x, [(0, 0), (0, 0), *pads], constant_values=fill), a, rows, columns)


@dataclass(frozen=True)
class Margin:
    """One axis of a sliding window: views, their span, padding, and what rounding up reads."""

    count: int
    span: int
    before: int
    after: int
    beyond: int


def margins(x: Array, a: Settings, size: tuple[int, int]) -> list[Margin]:
    """The windows' geometry along height and width."""
    found = []
    for axis, length in enumerate(x.shape[2:]):
        stride, (before, after) = a["stride"][axis], a["padding"][axis]
        span = a.get("dilation", (1, 1))[axis] * (size[axis] - 1) + 1
        count = window_count(length, span, stride, (before, after), a.get("ceil", False))
        beyond = max(0, (count - 1) * stride + span - (length + before + after))
        found.append(Margin(count, span, before, after, beyond))
    return found


def slide(x: Array, a: Settings, rows: Margin, columns: Margin) -> Array:
    """Views of the already padded x: (N, C, H, W) -> (N, C, H', W', kh, kw)."""
    view = np.lib.stride_tricks.sliding_window_view(x, (rows.span, columns.span), axis=(2, 3))
    (down, right), dilation = a["stride"], a.get("dilation", (1, 1))
    view = view[:, :, ::down, ::right, :: dilation[0], :: dilation[1]]
    return view[:, :, : rows.count, : columns.count]


def conv(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Cross-correlation in groups: (N, C, H, W) with (O, C/g, kh, kw) -> (N, O, H', W')."""
    view = windows(xs[0], a, a["kernel"])
    parts = zip(
        np.split(view, a["groups"], axis=1), np.split(own["weight"], a["groups"]), strict=True
    )
    y = np.concatenate([correlated(part, kernel) for part, kernel in parts], axis=1)
    return y + own["bias"][:, None, None] if a["bias"] else y


def correlated(view: Array, kernel: Array) -> Array:
    """(N, C, H, W, kh, kw) with (O, C, kh, kw) -> (N, O, H, W), by matrix products.

    Place by place of the kernel, since all of them at once would copy the input kh * kw times; but
    at once where there are few channels, whose products would be too thin.
    """
    n, c, h, w, kh, kw = view.shape
    if c < THIN:
        columns = view.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * kh * kw, h * w)
        return (kernel.reshape(len(kernel), -1) @ columns).reshape(n, -1, h, w)
    y = np.zeros((n, len(kernel), h * w), np.result_type(view, kernel))
    places = np.ascontiguousarray(kernel.transpose(2, 3, 0, 1))  # BLAS takes no strided matrix
    for i, j in np.ndindex(kh, kw):
        y += places[i, j] @ view[..., i, j].reshape(n, c, h * w)
    return y.reshape(n, -1, h, w)


def partial_conv(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """(N, C, H, W) with one (kh, kw) kernel a connection -> (N, len(table), H', W')."""
    read = [index for maps in a["table"] for index in maps]
    view = windows(xs[0], a, a["kernel"])[:, read]
    each = np.einsum("nkhwij,kij->nkhw", view, own["weight"])
    stops = np.cumsum([len(maps) for maps in a["table"]])
    y = np.add.reduceat(each, stops - [len(maps) for maps in a["table"]], axis=1)
    return np.asarray(y + own["bias"][:, None, None])


def subsample(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """weight * sum of each window + bias, per channel: (N, C, H, W) -> (N, C, H', W')."""
    total = windows(xs[0], a, a["size"]).sum(axis=(-1, -2))
    return np.asarray(own["weight"][:, None, None] * total + own["bias"][:, None, None])


def padded_shortcut(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Every stride-th place, then maps of zeros: (N, C, H, W) -> (N, channels, H', W')."""
    down, right = a["stride"]
    kept = xs[0][:, :, ::down, ::right]
    return np.pad(kept, [(0, 0), (0, a["channels"] - kept.shape[1]), (0, 0), (0, 0)])


def rbf(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Squared Euclidean distance to each code: (N, F) -> (N, codes)."""
    gaps = xs[0][:, None, :] - np.asarray(a["codes"], dtype=np.float64)
    return np.asarray((gaps * gaps).sum(axis=2))


def dense(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """(N, I) with (O, I) -> (N, O)."""
    y: Array = xs[0] @ own["weight"].T
    return y + own["bias"] if a["bias"] else y


def batch_norm(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Running statistics: scale * (x - mean) / sqrt(var + eps) + shift, per channel."""
    axes = (slice(None),) + (None,) * (xs[0].ndim - 2)
    scale, shift, mean, var = (own[name][axes] for name in ("scale", "shift", "mean", "var"))
    y: Array = scale * (xs[0] - mean) / np.sqrt(var + a["eps"]) + shift
    return y


def batch_norm_training(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Batch statistics, the variance over all values (biased): what both frameworks train with."""
    axes = (0, *range(2, xs[0].ndim))
    mean = xs[0].mean(axis=axes)
    gaps = xs[0] - mean.reshape(-1, *(1,) * (xs[0].ndim - 2))
    var = (gaps * gaps).mean(axis=axes)  # no absolute value, which has no complex derivative
    return batch_norm(a, xs, {**own, "mean": mean, "var": var})


def lrn(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """x / (k + alpha * sum of x^2 over the neighbouring channels) ** beta."""
    reach = a["size"] // 2
    squares = np.pad(xs[0] * xs[0], [(0, 0), (reach, reach), (0, 0), (0, 0)])
    channels = xs[0].shape[1]
    total = sum(squares[:, i : i + channels] for i in range(a["size"]))
    return np.asarray(xs[0] / (a["k"] + a["alpha"] * total) ** a["beta"])


def dropout(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """In evaluation, nothing."""
    return xs[0]


def dropout_training(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Keeps what drew at least the rate, divided by 1 - rate."""
    return np.where(own["draws"] >= a["rate"], xs[0] / (1 - a["rate"]), 0.0)


def max_pool(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Largest real part of each window, the first one where several are equal."""
    return max_pool_change(a, xs[0].real, xs[0])


def max_pool_change(a: Settings, x: Array, d: Array) -> Array:
    """What d has where x has the largest value of each window, the first of several."""
    chosen, carried = (windows(array, a, a["size"], fill) for array, fill in ((x, -np.inf), (d, 0)))
    first = np.argmax(chosen.reshape(*chosen.shape[:4], -1), axis=-1)[..., None]
    return np.take_along_axis(carried.reshape(*chosen.shape[:4], -1), first, axis=-1)[..., 0]


def avg_pool(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Sum of each window over the number of places that count."""
    total = windows(xs[0], a, a["size"]).sum(axis=(-1, -2))
    return np.asarray(total / pool_divisor(a, xs[0]))


def pool_divisor(a: Settings, x: Array) -> Array:
    """Places of each window that count: real values, and padding where `count_border` says so.

    What rounding up reads behind the padding never counts (the rule of Caffe and PyTorch).
    """
    rows, columns = margins(x, a, a["size"])
    border = [(m.before, m.after) for m in (rows, columns)]
    beyond = [(0, m.beyond) for m in (rows, columns)]
    places = np.pad(np.ones(x.shape[2:]), border, constant_values=float(a["count_border"]))
    view = slide(np.pad(places, beyond)[None, None], a, rows, columns)
    return np.asarray(view.sum(axis=(-1, -2)))


def adaptive_avg_pool(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Mean of each bin: (N, C, H, W) -> (N, C, *size)."""
    rows, columns = (bins(n, count) for n, count in zip(xs[0].shape[2:], a["size"], strict=True))
    return np.stack(
        [
            np.stack([xs[0][:, :, t:b, m:r].mean(axis=(2, 3)) for m, r in columns], axis=-1)
            for t, b in rows
        ],
        axis=-2,
    )


def global_avg_pool(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Mean over height and width: (N, C, H, W) -> (N, C, 1, 1)."""
    return np.asarray(xs[0].mean(axis=(2, 3), keepdims=True))


def relu(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """max(x, 0); NaN stays NaN."""
    return relu_change(a, xs[0].real, xs[0])


def relu_change(a: Settings, x: Array, d: Array) -> Array:
    """What d has where x is above 0, and where it is NaN."""
    return np.where(x <= 0, 0.0, d)


def sigmoid(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """1 / (1 + exp(-x)), written with tanh, which cannot overflow."""
    return np.asarray(0.5 * (np.tanh(0.5 * xs[0]) + 1.0))


def tanh(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Hyperbolic tangent."""
    return np.asarray(np.tanh(xs[0]))


def scaled_tanh(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """amplitude * tanh(slope * x)."""
    return np.asarray(a["amplitude"] * np.tanh(a["slope"] * xs[0]))


def softmax(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Over the features, shifted by the largest so that exp cannot overflow."""
    e = np.exp(xs[0] - xs[0].real.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def flatten(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """(N, C, H, W) -> (N, C * H * W)."""
    return xs[0].reshape(len(xs[0]), -1)


def add(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """Sum of the sources."""
    return np.asarray(sum(xs[1:], start=xs[0]))


def concat(a: Settings, xs: Sequence[Array], own: Tensors) -> Array:
    """The sources one after the other along axis 1."""
    return np.concatenate(list(xs), axis=1)


Op = Callable[[Settings, Sequence[Array], Tensors], Array]

OPS: dict[str, Op] = {
    "conv": conv,
    "partial_conv": partial_conv,
    "dense": dense,
    "rbf": rbf,
    "batch_norm": batch_norm,
    "lrn": lrn,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "adaptive_avg_pool": adaptive_avg_pool,
    "global_avg_pool": global_avg_pool,
    "subsample": subsample,
    "padded_shortcut": padded_shortcut,
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "scaled_tanh": scaled_tanh,
    "softmax": softmax,
    "dropout": dropout,
    "flatten": flatten,
    "add": add,
    "concat": concat,
}
TRAINING_OPS: dict[str, Op] = {"batch_norm": batch_norm_training, "dropout": dropout_training}
# Their change along a direction is the op itself, applied to the direction.
LINEAR = {
    "conv", "partial_conv", "dense", "avg_pool", "adaptive_avg_pool", "global_avg_pool",
    "dropout", "flatten", "add", "concat",
}  # fmt: skip
# Their change is what the direction has where the source decides.
CHOOSING = {"relu": relu_change, "max_pool": max_pool_change}
TENSORS = ("weight", "bias", "scale", "shift", "mean", "var")


def ties(layer: Layer, x: Array) -> Array:
    """Where x (N, C, H, W) shares the largest value of a pooling window with another place.

    The gradient of such a place is one of several right answers, so it is counted apart.
    """
    x = wide(x)
    if layer.op == "relu":
        return np.asarray(x == 0)
    if layer.op != "max_pool" or x.ndim != 4:
        return np.zeros(x.shape, dtype=bool)
    a = layer.settings
    view = windows(x, a, a["size"], fill=-np.inf)
    largest = view.max(axis=(-1, -2), keepdims=True)
    tied = (view == largest) & ((view == largest).sum(axis=(-1, -2), keepdims=True) > 1)
    index = np.arange(x[0, 0].size, dtype=np.float64).reshape(1, 1, *x.shape[2:])
    places = windows(index, a, a["size"], fill=-1.0)
    marked = np.zeros((*x.shape[:2], x[0, 0].size + 1), dtype=bool)
    n, c, *_ = np.nonzero(tied)
    marked[n, c, np.broadcast_to(places, view.shape)[tied].astype(int)] = True
    return marked[..., :-1].reshape(x.shape)
