"""What each op means before any number flows: output shape, tensors, neurons, connections.

Shapes are (C, H, W) or (F,), without the batch. "Neurons" and "connections" are counted as in
LeCun et al. 1998, section II.B: a neuron is one output value, a connection is one input of a
neuron, its bias included. An activation is part of the neuron it follows, and a rearrangement is
no neuron at all: neither counts again. A multiply-add is one weight times one value; biases do
not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.spec import Layer

Shape = tuple[int, ...]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Tensor:
    """A tensor that a layer owns, in canonical axes: (out, in, h, w), (out, in) or (channels,)."""

    shape: Shape
    trainable: bool = True
    fan_in: int = 0  # values that one output reads through it; 0: all axes but the first


@dataclass(frozen=True)
class Rule:
    """How one op behaves; `inputs` is the number of values that all its neurons read."""

    shape: Callable[[Settings, Sequence[Shape]], Shape]
    inputs: Callable[[Settings, Sequence[Shape]], int] = lambda a, xs: prod(xs[0])
    tensors: Callable[[Settings, Sequence[Shape]], dict[str, Tensor]] = lambda a, xs: {}


def output_shape(layer: Layer, sources: Sequence[Shape]) -> Shape:
    """Shape that the layer makes of its sources; ValueError where it cannot read them."""
    rule = rule_of(layer)
    if len(sources) != 1 and layer.op not in ("add", "concat"):
        raise ValueError(f"reads one source, got {len(sources)}")
    shape = rule.shape(layer.settings, sources)
    if min(shape, default=0) < 1:
        raise ValueError(f"makes the shape {shape} of {list(sources)}")
    return shape


def tensors(layer: Layer, sources: Sequence[Shape]) -> dict[str, Tensor]:
    """The tensors that the layer owns, by the project's names."""
    return rule_of(layer).tensors(layer.settings, sources)


def neurons(layer: Layer, sources: Sequence[Shape]) -> int:
    """Number of output values of one sample that are no layer's before it."""
    if layer.op in NO_NEURONS:
        return 0
    return prod(output_shape(layer, sources))


def connections(layer: Layer, sources: Sequence[Shape]) -> int:
    """Inputs of all neurons of one sample, biases included."""
    count = neurons(layer, sources)
    if not count:
        return 0
    biases = count if "bias" in tensors(layer, sources) else 0
    return rule_of(layer).inputs(layer.settings, sources) + biases


def multiply_adds(layer: Layer, sources: Sequence[Shape]) -> int:
    """Weights times values for one sample's forward pass: convolution and dense layers."""
    if layer.op == "subsample":  # the sum is multiplied, not what it adds up
        return neurons(layer, sources)
    if layer.op not in ("conv", "partial_conv", "dense"):
        return 0
    return rule_of(layer).inputs(layer.settings, sources)


def rule_of(layer: Layer) -> Rule:
    if layer.op not in RULES:
        raise ValueError(f"unknown op {layer.op!r}; known: {', '.join(sorted(RULES))}")
    return RULES[layer.op]


def feature_map(sources: Sequence[Shape]) -> tuple[int, int, int]:
    """The one source as (C, H, W)."""
    (shape,) = sources
    if len(shape) != 3:
        raise ValueError(f"needs a feature map (C, H, W), got {shape}")
    return shape[0], shape[1], shape[2]


def window_count(length: int, window: int, stride: int, pad: tuple[int, int], ceil: bool) -> int:
    """Windows that fit along one axis; with `ceil`, one more that starts inside the input.

    Rounding up never yields a window that starts in the padding behind the input (the rule of
    Caffe and PyTorch).
    """
    if min(window, stride) < 1 or min(pad) < 0:
        raise ValueError(
            f"a window of {window}, stride {stride}, padded by {pad}: expected at least 1, 1 and 0"
        )
    room = length + pad[0] + pad[1] - window + (stride - 1 if ceil else 0)
    if room < 0:
        raise ValueError(f"a window of {window} does not fit into {length} padded by {pad}")
    count = room // stride + 1
    if ceil and (count - 1) * stride >= length + pad[0]:
        count -= 1
    return count


def same_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    (shape,) = sources
    return shape


def conv_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    c, h, w = feature_map(sources)
    if min(a["groups"], *a["dilation"]) < 1:
        raise ValueError(f"{a['groups']} groups, dilation {a['dilation']}: both must be at least 1")
    if c % a["groups"] or a["channels"] % a["groups"]:
        raise ValueError(f"{a['groups']} groups do not divide {c} -> {a['channels']} channels")
    spans = [d * (k - 1) + 1 for k, d in zip(a["kernel"], a["dilation"], strict=True)]
    height, width = (
        window_count(n, span, stride, pad, ceil=False)
        for n, span, stride, pad in zip((h, w), spans, a["stride"], a["padding"], strict=True)
    )
    return a["channels"], height, width


def conv_inputs(a: Settings, sources: Sequence[Shape]) -> int:
    channels = feature_map(sources)[0] // int(a["groups"])
    return prod(conv_shape(a, sources)) * channels * prod(a["kernel"])


def conv_tensors(a: Settings, sources: Sequence[Shape]) -> dict[str, Tensor]:
    c = feature_map(sources)[0]
    weight = Tensor((a["channels"], c // a["groups"], *a["kernel"]))
    return {"weight": weight} | ({"bias": Tensor((a["channels"],))} if a["bias"] else {})


def partial_conv_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    c = feature_map(sources)[0]
    outside = [maps for maps in a["table"] if not maps or not set(maps) <= set(range(c))]
    if outside:
        raise ValueError(f"the table holds {outside[0]}, expected some of the maps 0 to {c - 1}")
    return conv_shape({**a, "channels": len(a["table"]), "groups": 1}, sources)


def partial_conv_inputs(a: Settings, sources: Sequence[Shape]) -> int:
    places = prod(partial_conv_shape(a, sources)[1:])
    return places * prod(a["kernel"]) * sum(len(maps) for maps in a["table"])


def partial_conv_tensors(a: Settings, sources: Sequence[Shape]) -> dict[str, Tensor]:
    kernels, maps = sum(len(read) for read in a["table"]), len(a["table"])
    fan_in = prod(a["kernel"]) * kernels // maps
    return {"weight": Tensor((kernels, *a["kernel"]), fan_in=fan_in), "bias": Tensor((maps,))}


def subsample_tensors(a: Settings, sources: Sequence[Shape]) -> dict[str, Tensor]:
    channels = (feature_map(sources)[0],)
    return {"weight": Tensor(channels, fan_in=prod(a["size"])), "bias": Tensor(channels)}


def lrn_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    if a["size"] % 2 != 1:
        raise ValueError(f"needs an odd number of neighbouring channels, got {a['size']}")
    return feature_map(sources)


def padded_shortcut_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    c, h, w = feature_map(sources)
    if a["channels"] < c:
        raise ValueError(f"cannot pad {c} channels to {a['channels']}")
    height, width = (
        window_count(n, 1, stride, (0, 0), ceil=False)
        for n, stride in zip((h, w), a["stride"], strict=True)
    )
    return a["channels"], height, width


def rbf_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    features = vector(sources)
    if any(len(code) != features for code in a["codes"]):
        raise ValueError(f"reads {features} features, but not every code has as many")
    return (len(a["codes"]),)


def dropout_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    if not 0 <= a["rate"] < 1:
        raise ValueError(f"drops a share of {a['rate']}, expected 0 to below 1")
    return same_shape(a, sources)


def vector(sources: Sequence[Shape]) -> int:
    """Length of the one source, a feature vector."""
    (shape,) = sources
    if len(shape) != 1:
        raise ValueError(f"needs a feature vector (F,), got {shape}")
    return shape[0]


def dense_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    vector(sources)
    return (a["features"],)


def dense_inputs(a: Settings, sources: Sequence[Shape]) -> int:
    return int(a["features"]) * vector(sources)


def dense_tensors(a: Settings, sources: Sequence[Shape]) -> dict[str, Tensor]:
    weight = Tensor((a["features"], vector(sources)))
    return {"weight": weight} | ({"bias": Tensor((a["features"],))} if a["bias"] else {})


def batch_norm_tensors(a: Settings, sources: Sequence[Shape]) -> dict[str, Tensor]:
    channels = (sources[0][0],)
    return {
        "scale": Tensor(channels),
        "shift": Tensor(channels),
        "mean": Tensor(channels, trainable=False),
        "var": Tensor(channels, trainable=False),
    }


def pool_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    c, h, w = feature_map(sources)
    for pad, size in zip(a["padding"], a["size"], strict=True):
        if max(pad) >= size:
            raise ValueError(f"padding {pad} leaves a window of {size} with no real value")
    height, width = (
        window_count(n, size, stride, pad, a["ceil"])
        for n, size, stride, pad in zip((h, w), a["size"], a["stride"], a["padding"], strict=True)
    )
    return c, height, width


def pool_inputs(a: Settings, sources: Sequence[Shape]) -> int:
    return prod(pool_shape(a, sources)) * prod(a["size"])


def global_pool_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    return feature_map(sources)[0], 1, 1


def adaptive_pool_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    return feature_map(sources)[0], *a["size"]


def adaptive_pool_inputs(a: Settings, sources: Sequence[Shape]) -> int:
    c, *lengths = feature_map(sources)
    read = [
        sum(stop - start for start, stop in bins(length, count))
        for length, count in zip(lengths, a["size"], strict=True)
    ]
    return c * prod(read)


def bins(length: int, count: int) -> list[tuple[int, int]]:
    """(start, stop) of `count` bins that cover `length` places; they may overlap by one."""
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


def flatten_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    return (prod(feature_map(sources)),)


def add_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    if len(sources) < 2 or len(set(sources)) != 1:
        raise ValueError(f"adds two or more sources of one shape, got {list(sources)}")
    return sources[0]


def concat_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    if len(sources) < 2 or len({shape[1:] for shape in sources}) != 1:
        raise ValueError(f"joins sources that differ in channels only, got {list(sources)}")
    return (sum(shape[0] for shape in sources), *sources[0][1:])


NO_NEURONS = {
    "relu", "sigmoid", "tanh", "scaled_tanh", "softmax",
    "batch_norm", "lrn", "dropout", "flatten", "concat", "padded_shortcut",
}  # fmt: skip

RULES: dict[str, Rule] = {
    "conv": Rule(conv_shape, conv_inputs, conv_tensors),
    "partial_conv": Rule(partial_conv_shape, partial_conv_inputs, partial_conv_tensors),
    "dense": Rule(dense_shape, dense_inputs, dense_tensors),
    "padded_shortcut": Rule(padded_shortcut_shape),
    "rbf": Rule(rbf_shape, lambda a, xs: len(a["codes"]) * vector(xs)),
    "batch_norm": Rule(same_shape, tensors=batch_norm_tensors),
    "lrn": Rule(lrn_shape),
    "max_pool": Rule(pool_shape, pool_inputs),
    "avg_pool": Rule(pool_shape, pool_inputs),
    "adaptive_avg_pool": Rule(adaptive_pool_shape, adaptive_pool_inputs),
    "global_avg_pool": Rule(global_pool_shape),
    "subsample": Rule(pool_shape, pool_inputs, subsample_tensors),
    "relu": Rule(same_shape),
    "sigmoid": Rule(same_shape),
    "tanh": Rule(same_shape),
    "scaled_tanh": Rule(same_shape),
    "softmax": Rule(same_shape),
    "dropout": Rule(dropout_shape),
    "flatten": Rule(flatten_shape),
    "add": Rule(add_shape, lambda a, xs: len(xs) * prod(xs[0])),
    "concat": Rule(concat_shape),
}
