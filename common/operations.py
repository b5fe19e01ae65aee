"""What one operation of a port should make, in NumPy: the spec's ops and those that no spec has.

Arrays are (N, C, ...), channels first. Used to prove causes on one layer alone, never to pass one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import reference, tensors, windows
from common.activations import ACTIVATIONS, gelu, gelu_tanh, sigmoid
from common.graph import back, moved
from common.job import Repair
from common.spec import Layer

Array = NDArray[Any]
Settings = Mapping[str, Any]
Op = Callable[[Settings, Sequence[Array], Mapping[str, Array]], Array]
CONSTANTS = {
    "slope", "alpha", "operand", "scale", "offset", "low", "high", "eps", "mean", "variance",
}  # fmt: skip


def computable(kind: str) -> bool:
    return kind in reference.OPS or kind in OPS or kind in BY_AXES


def compute(
    kind: str, settings: Settings, sources: Sequence[Array], own: Mapping[str, Array]
) -> Array:
    """One operation in float64. KeyError: it is not known; ValueError: something does not fit."""
    xs = [np.asarray(x, dtype=np.float64) for x in sources]
    held = {role: np.asarray(x, dtype=np.float64) for role, x in own.items()}
    if kind in BY_AXES and (kind == "conv_transpose" or xs[0].ndim != 4):
        return np.asarray(BY_AXES[kind](settings, xs, held))
    if kind in OPS and (kind not in reference.OPS or "operand" in settings or kind in BROADER):
        return np.asarray(OPS[kind](settings, xs, held))
    return reference.apply(Layer("", kind, DEFAULTS.get(kind, {}) | dict(settings)), xs, held)


def repaired(repair: Repair, reads: Sequence[Array]) -> Array:
    """What a node of a port makes with the repair, in the port's axes."""
    reads = [reads[i] for i in repair.order] if repair.order else reads
    xs = [moved(x, moves) for x, moves in zip(reads, repair.reads, strict=False)]
    own = {role: in_file(file)[key] for role, (file, key) in repair.tensors.items()}
    made = compute(repair.kind, repair.settings, xs, own)
    return moved(made, repair.makes)


def in_file(path: str) -> Mapping[str, Array]:
    """The tensors of a file; the one that was read last, which a hundred repairs share, is kept."""
    return opened(path, os.stat(path).st_mtime_ns)


@lru_cache(maxsize=2)
def opened(path: str, changed: int) -> Mapping[str, Array]:
    return tensors.opened(Path(path))[0]


def done_before(repair: Repair, read: Array, more: Sequence[Array] = ()) -> Array:
    """What a node of a port reads first, after what the repair does to it, and to `more` with it.

    `order`: which of these the first operation reads first, second...
    """
    moves = repair.reads[0] if repair.reads else ()
    x = moved(read, moves)
    xs = [x, *(moved(other, way) for other, (_, way) in zip(more, repair.more, strict=True))]
    xs = [xs[i] for i in repair.order] if repair.order else xs
    for place, (kind, settings) in enumerate(repair.before):
        held = {r.removeprefix(f"{place}."): at for r, at in repair.tensors.items()
                if r.startswith(f"{place}.")}  # fmt: skip
        own = {role: in_file(file)[key] for role, (file, key) in held.items()}
        x = compute(kind, settings, xs, own)
        xs = [x]
    return moved(x, back(moves, (-1, *read.shape[1:])))


# Than the spec's ops of that name:
BROADER = {"relu", "softmax", "max_pool", "global_avg_pool", "batch_norm", "concat"}
BY_AXES: dict[str, Op] = {  # whose axes are counted by what they read
    "conv": windows.conv,
    "conv_transpose": windows.conv_transpose,
    "max_pool": windows.max_pool,
    "avg_pool": windows.avg_pool,
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "conv": {"dilation": (1, 1), "groups": 1, "padding": ((0, 0), (0, 0)), "stride": (1, 1)},
    "max_pool": {"dilation": (1, 1), "padding": ((0, 0), (0, 0)), "ceil": False},
    "avg_pool": {"padding": ((0, 0), (0, 0)), "ceil": False, "count_border": True},
}


def relu(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """max(x, 0), with a slope below, a cut above, and a threshold where they are set."""
    threshold, slope = float(a.get("threshold") or 0.0), float(a.get("slope") or 0.0)
    y = np.where(xs[0] >= threshold, xs[0], slope * (xs[0] - threshold))
    cut = a.get("cut")
    return np.minimum(y, float(cut)) if cut is not None else y


def leaky_relu(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.where(xs[0] > 0, xs[0], float(a["slope"]) * xs[0])


def elu(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    alpha = float(a.get("alpha", 1.0))
    return np.where(xs[0] > 0, xs[0], alpha * np.expm1(np.minimum(xs[0], 0)))


def celu(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    alpha = float(a.get("alpha", 1.0))
    return np.where(xs[0] > 0, xs[0], alpha * np.expm1(np.minimum(xs[0], 0) / alpha))


def hard_shrink(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.where(np.abs(xs[0]) > float(a["threshold"]), xs[0], 0.0)


def soft_shrink(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.sign(xs[0]) * np.maximum(np.abs(xs[0]) - float(a["threshold"]), 0.0)


def any_gelu(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return gelu_tanh(xs[0]) if a.get("approximate") == "tanh" else gelu(xs[0])


def softmax(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    axis = int(a.get("axis", 1))
    e = np.exp(xs[0] - xs[0].max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def global_avg_pool(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    axes = tuple(range(2, xs[0].ndim))
    return np.asarray(xs[0].mean(axis=axes, keepdims=bool(a.get("keepdims"))))


def global_max_pool(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    axes = tuple(range(2, xs[0].ndim))
    return np.asarray(xs[0].max(axis=axes, keepdims=bool(a.get("keepdims"))))


def max_pool(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """With zeros around, where the settings say so: what a padding layer before it does."""
    settings = DEFAULTS["max_pool"] | dict(a)
    view = reference.windows(xs[0], settings, settings["size"], float(a.get("fill", -np.inf)))
    return np.asarray(view.max(axis=(-1, -2)))


def pad(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """Around the maps: a constant, or their own numbers."""
    sides = [(0, 0)] * (xs[0].ndim - len(a["sides"])) + [tuple(side) for side in a["sides"]]
    modes: dict[str, Any] = {"replicate": "edge", "circular": "wrap"}
    mode = modes.get(a.get("mode", ""), a.get("mode"))
    if mode in ("edge", "wrap", "reflect", "symmetric"):
        return np.asarray(np.pad(xs[0], sides, mode=mode))
    return np.pad(xs[0], sides, constant_values=float(a.get("value") or 0.0))


def scaled(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.asarray(xs[0] * a["scale"] + a.get("offset", 0.0))


def operand(word: str) -> Op:
    """Of two values, or with a number on either side."""

    def op(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
        if len(xs) == 2 and "operand" not in a:
            return np.asarray(getattr(np, word)(*xs))
        other = np.asarray(a["operand"], dtype=np.float64)
        x, y = (other, xs[0]) if a.get("first") or a.get("side") == "left" else (xs[0], other)
        return np.asarray(getattr(np, word)(x, y))

    return op


def normalise(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """(x - mean) / the root of the variance, one number a channel or one for all."""
    axes = (1, -1, *(1,) * (xs[0].ndim - 2))
    mean, var = (np.asarray(a[k], dtype=np.float64).reshape(axes) for k in ("mean", "variance"))
    return np.asarray((xs[0] - mean) / np.maximum(np.sqrt(var), 1e-7))


def batch_norm(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """With a scale and a shift where the layer has them."""
    count = xs[0].shape[1]
    all_own = {"scale": np.ones(count), "shift": np.zeros(count), **own}
    return reference.batch_norm(a, xs, all_own)


def affine(y: Array, own: Mapping[str, Array], axes: Sequence[int]) -> Array:
    """With a scale and a shift along these axes, where there are any."""
    shape = [n if i in axes else 1 for i, n in enumerate(y.shape)]
    y = y * own["scale"].reshape(shape) if "scale" in own else y
    return y + own["shift"].reshape(shape) if "shift" in own else y


def standard(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    gaps = x - x.mean(axis=axes, keepdims=True)
    return np.asarray(gaps / np.sqrt((gaps * gaps).mean(axis=axes, keepdims=True) + eps))


def layer_norm(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    axes = tuple(a["axes"])
    return affine(standard(xs[0], axes, a["eps"]), own, axes)


def group_norm(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    x = xs[0]
    parts = x.reshape(len(x), a["groups"], -1)
    return affine(standard(parts, (2,), a["eps"]).reshape(x.shape), own, (1,))


def reduced(word: str) -> Op:
    def op(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
        reduce = getattr(np, word)
        return np.asarray(reduce(xs[0], axis=tuple(a["axes"]), keepdims=bool(a["keepdims"])))

    return op


def clip(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.clip(xs[0], a["low"], a["high"])


def concat(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.concatenate(list(xs), axis=int(a.get("axis", 1)))


def prelu(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    slope = own["weight"]
    if slope.ndim == 1:
        slope = slope.reshape(-1, *(1,) * (xs[0].ndim - 2))
    return np.where(xs[0] > 0, xs[0], slope * xs[0])


def upsample(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """Nearest, linear or cubic along each axis, to a size; nothing else is known here."""
    if a["mode"] not in (*NEAREST, "bilinear", "linear", "bicubic") or a.get("antialias"):
        raise KeyError(a["mode"])
    y = xs[0]
    for axis, size in enumerate(a["size"], start=2):
        n = y.shape[axis]
        if a["mode"] == "bicubic":
            shares = cubic(n, size, float(a["cubic"]), bool(a.get("align_corners")))
            y = np.moveaxis(np.tensordot(y, shares, ([axis], [1])), -1, axis)
            continue
        if a["mode"] in NEAREST:
            places = (np.arange(size) + NEAREST[a["mode"]]) * n / size
            y = np.take(y, places.astype(int), axis)
            continue
        ends = a.get("align_corners") and size > 1
        places = np.arange(size) * (n - 1) / (size - 1) if ends else centres(n, size)
        low = np.floor(places).astype(int)
        share = (places - low).reshape(-1, *(1,) * (y.ndim - axis - 1))
        high = np.minimum(low + 1, n - 1)
        y = np.take(y, low, axis) * (1 - share) + np.take(y, high, axis) * share
    return y


NEAREST = {"nearest": 0.0, "nearest-exact": 0.5}  # which place of a pixel counts


def cubic(n: int, size: int, bend: float, ends: bool) -> Array:
    """What each of n pixels gives to each of `size`: (size, n). Keys 1981, with his parameter.

    PyTorch's is -0.75, and its outermost pixels stand for those beyond; TensorFlow's is -0.5, with
    places in steps of 1/1024, and what lies beyond is left out.
    """
    places = (np.arange(size) + 0.5) * n / size - 0.5
    if ends and size > 1:
        places = np.arange(size) * (n - 1) / (size - 1)
    low = np.floor(places).astype(int)
    share = places - low
    if bend == TENSORFLOWS:
        share = np.round(share * 1024) / 1024
    near = np.arange(-1, 3)
    gap = np.abs(share[:, None] - near)
    inner = (bend + 2) * gap**3 - (bend + 3) * gap**2 + 1
    outer = bend * (gap**3 - 5 * gap**2 + 8 * gap - 4)
    weights = np.where(gap <= 1, inner, outer)
    taps = low[:, None] + near
    if bend == TENSORFLOWS:
        weights = np.where((taps >= 0) & (taps < n), weights, 0)
        weights = weights / weights.sum(axis=1, keepdims=True)
    found: Array = np.zeros((size, n))
    np.add.at(found, (np.arange(size)[:, None], np.clip(taps, 0, n - 1)), weights)
    return found


TENSORFLOWS = -0.5  # parameter of a cubic convolution


def centres(n: int, size: int) -> Array:
    """Where the centres of `size` pixels lie among n."""
    return np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)


def embedding(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.asarray(own["weight"][xs[0].astype(int)])


def cut_out(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """A box: where it starts along each axis but the batch's, and how long it is."""
    box = (slice(n, n + m) for n, m in zip(a["start"], a["length"], strict=True))
    return xs[0][(slice(None), *box)]


def attention(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """softmax(q k' scale) v, over all places, or those up to a query's; no other mask is known."""
    if a.get("masked") or len(xs) != 3:
        raise KeyError("mask")
    q, k, v = (x.swapaxes(1, 2) for x in xs) if a.get("heads_last") else xs
    scores = q @ k.swapaxes(-1, -2) * a["scale"]
    if a.get("causal"):
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True) @ v
    return np.asarray(y.swapaxes(1, 2) if a.get("heads_last") else y)


def lines(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """Each channel times a number, plus another."""
    shape = (1, -1, *(1,) * (xs[0].ndim - 2))
    slope, offset = (np.asarray(a[word]).reshape(shape) for word in ("slope", "offset"))
    return np.asarray(slope * xs[0] + offset)


def of(name: str) -> Op:
    """One of the activations."""
    return lambda a, xs, own: ACTIVATIONS[name](xs[0])


def steps(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """Several operations, each of what was read or made before it, by its place."""
    values = list(xs)
    for kind, settings, reads in a["steps"]:
        values.append(compute(kind, settings, [values[i] for i in reads], {}))
    return values[-1]


OPS: dict[str, Op] = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "celu": celu,
    "hard_shrink": hard_shrink,
    "soft_shrink": soft_shrink,
    "gelu": any_gelu,
    "softmax": softmax,
    "max_pool": max_pool,
    "global_avg_pool": global_avg_pool,
    "global_max_pool": global_max_pool,
    "rescale": scaled,
    "normalise": normalise,
    "add": operand("add"),
    "subtract": operand("subtract"),
    "multiply": operand("multiply"),
    "divide": operand("divide"),
    "pad": pad,
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "concat": concat,
    "prelu": prelu,
    "upsample": upsample,
    "embedding": embedding,
    "clip": clip,
    "cut_out": cut_out,
    "attention": attention,
    "lines": lines,
    "steps": steps,
    "mean": reduced("mean"),
    "sum": reduced("sum"),
    "max": reduced("max"),
    "min": reduced("min"),
    "maximum": operand("maximum"),
    "minimum": operand("minimum"),
    "power": operand("power"),
    "matmul": lambda a, xs, own: xs[0] @ xs[1],
    "sqrt": lambda a, xs, own: np.sqrt(xs[0]),
    "rsqrt": lambda a, xs, own: 1 / np.sqrt(xs[0]),
    "square": lambda a, xs, own: xs[0] * xs[0],
    "exp": lambda a, xs, own: np.exp(xs[0]),
    "log": lambda a, xs, own: np.log(xs[0]),
    "abs": lambda a, xs, own: np.abs(xs[0]),
    "negative": lambda a, xs, own: -xs[0],
    "transpose": lambda a, xs, own: xs[0].transpose(a["axes"]),
    "reshape": lambda a, xs, own: xs[0].reshape(len(xs[0]), *a["shape"]),
    "tanh_shrink": lambda a, xs, own: xs[0] - np.tanh(xs[0]),
    "log_sigmoid": lambda a, xs, own: -np.logaddexp(0.0, -xs[0]),
    "nan_to_num": lambda a, xs, own: np.nan_to_num(xs[0]),
    "silu": of("silu"),
    "selu": of("selu"),
    "mish": of("mish"),
    "softplus": of("softplus"),
    "softsign": of("softsign"),
    "hard_sigmoid": of("hard sigmoid"),
    "hard_swish": of("hard swish"),
    "log_softmax": of("log softmax"),
    "identity": lambda a, xs, own: xs[0],
}


def shortened(value: Any) -> Any:
    """Numbers as float32 holds them."""
    if isinstance(value, (tuple, list)):
        return tuple(shortened(each) for each in value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(np.float32(value)) if number else value


def in_float32(kind: str, settings: Settings, sources: Sequence[Array]) -> Array | None:
    """The same with its constants rounded to float32, as TensorFlow keeps some in a float64 net."""
    x = np.asarray(sources[0], dtype=np.float64)
    short = {
        key: shortened(value) if key in CONSTANTS else value for key, value in settings.items()
    }
    if kind == "gelu":
        if settings.get("approximate") == "tanh":
            return gelu_tanh(x, float(np.float32(0.044715)))
        return gelu(x, float(np.float32(math.sqrt(0.5))))
    if kind in ("hard_sigmoid", "hard_swish"):
        part = np.clip(x + 3, 0, 6) * float(np.float32(1 / 6))
        return part if kind == "hard_sigmoid" else x * part
    if kind == "selu":
        alpha, scale = np.float32(1.6732632423543772), np.float32(1.0507009873554805)
        return np.asarray(
            float(scale) * np.where(x > 0, x, float(alpha) * np.expm1(np.minimum(x, 0)))
        )
    if kind == "silu":
        return np.asarray(x * sigmoid(x))
    return compute(kind, short, sources, {}) if kind in OPS and short != dict(settings) else None
