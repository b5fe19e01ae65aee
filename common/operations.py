"""What one operation of a port should make, in NumPy: the spec's ops and those that no spec has.

Arrays are (N, C, ...), channels first. Used to prove causes on one layer alone, never to pass one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import reference, tensors
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
    return kind in reference.OPS or kind in OPS


def compute(
    kind: str, settings: Settings, sources: Sequence[Array], own: Mapping[str, Array]
) -> Array:
    """One operation in float64. KeyError: it is not known; ValueError: something does not fit."""
    xs = [np.asarray(x, dtype=np.float64) for x in sources]
    held = {role: np.asarray(x, dtype=np.float64) for role, x in own.items()}
    if kind in OPS and (kind not in reference.OPS or "operand" in settings or kind in BROADER):
        return np.asarray(OPS[kind](settings, xs, held))
    return reference.apply(Layer("", kind, DEFAULTS.get(kind, {}) | dict(settings)), xs, held)


def repaired(repair: Repair, reads: Sequence[Array]) -> Array:
    """What a node of a port makes with the repair, in the port's axes."""
    xs = [moved(x, moves) for x, moves in zip(reads, repair.reads, strict=False)]
    own = {role: tensors.load(Path(file))[key] for role, (file, key) in repair.tensors.items()}
    made = compute(repair.kind, repair.settings, xs, own)
    return moved(made, repair.makes)


def done_before(repair: Repair, read: Array) -> Array:
    """What a node of a port reads first, after what the repair does to it."""
    moves = repair.reads[0] if repair.reads else ()
    x = moved(read, moves)
    for kind, settings in repair.before:
        x = compute(kind, settings, [x], {})
    return moved(x, back(moves, (-1, *read.shape[1:])))


BROADER = {"relu", "softmax", "max_pool", "global_avg_pool"}  # than the spec's ops of that name
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


def any_gelu(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return gelu_tanh(xs[0]) if a.get("approximate") == "tanh" else gelu(xs[0])


def softmax(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    axis = int(a.get("axis", 1))
    e = np.exp(xs[0] - xs[0].max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def global_avg_pool(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.asarray(xs[0].mean(axis=tuple(range(2, xs[0].ndim))))


def global_max_pool(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.asarray(xs[0].max(axis=tuple(range(2, xs[0].ndim))))


def max_pool(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """With zeros around, where the settings say so: what a padding layer before it does."""
    settings = DEFAULTS["max_pool"] | dict(a)
    view = reference.windows(xs[0], settings, settings["size"], float(a.get("fill", -np.inf)))
    return np.asarray(view.max(axis=(-1, -2)))


def pad(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """Around the maps: a constant, or their own numbers."""
    sides = [(0, 0)] * (xs[0].ndim - len(a["sides"])) + [tuple(side) for side in a["sides"]]
    modes: dict[str, Any] = {"replicate": "edge", "circular": "wrap", "reflect": "reflect"}
    if a.get("mode") in modes:
        return np.asarray(np.pad(xs[0], sides, mode=modes[a["mode"]]))
    return np.pad(xs[0], sides, constant_values=float(a.get("value") or 0.0))


def scaled(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    return np.asarray(xs[0] * a["scale"] + a.get("offset", 0.0))


def operand(word: str) -> Op:
    """With a number on either side."""

    def op(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
        other = np.asarray(a["operand"], dtype=np.float64)
        x, y = (other, xs[0]) if a.get("first") or a.get("side") == "left" else (xs[0], other)
        return np.asarray(getattr(np, word)(x, y))

    return op


def normalise(a: Settings, xs: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """(x - mean) / the root of the variance, one number a channel or one for all."""
    axes = (1, -1, *(1,) * (xs[0].ndim - 2))
    mean, var = (np.asarray(a[k], dtype=np.float64).reshape(axes) for k in ("mean", "variance"))
    return np.asarray((xs[0] - mean) / np.maximum(np.sqrt(var), 1e-7))


def of(name: str) -> Op:
    """One of the activations."""
    return lambda a, xs, own: ACTIVATIONS[name](xs[0])


OPS: dict[str, Op] = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
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
