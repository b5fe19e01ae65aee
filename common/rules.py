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


@dataclass(frozen=True)
class Rule:
    """How one op behaves; `fan_in` is the number of values that one neuron reads."""

    shape: Callable[[Settings, Sequence[Shape]], Shape]
    fan_in: Callable[[Settings, Sequence[Shape]], int] = lambda a, xs: 1
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
    biases = 1 if "bias" in tensors(layer, sources) else 0
    fan_in = rule_of(layer).fan_in(layer.settings, sources)
    return neurons(layer, sources) * (fan_in + biases)


def multiply_adds(layer: Layer, sources: Sequence[Shape]) -> int:
    """Weights times values for one sample's forward pass: convolution and dense layers."""
    if layer.op not in ("conv", "dense"):
        return 0
    return neurons(layer, sources) * rule_of(layer).fan_in(layer.settings, sources)


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


def conv_fan_in(a: Settings, sources: Sequence[Shape]) -> int:
    return feature_map(sources)[0] // int(a["groups"]) * prod(a["kernel"])


def conv_tensors(a: Settings, sources: Sequence[Shape]) -> dict[str, Tensor]:
    c = feature_map(sources)[0]
    weight = Tensor((a["channels"], c // a["groups"], *a["kernel"]))
    return {"weight": weight} | ({"bias": Tensor((a["channels"],))} if a["bias"] else {})


def vector(sources: Sequence[Shape]) -> int:
    """Length of the one source, a feature vector."""
    (shape,) = sources
    if len(shape) != 1:
        raise ValueError(f"needs a feature vector (F,), got {shape}")
    return shape[0]


def dense_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    vector(sources)
    return (a["features"],)


def dense_fan_in(a: Settings, sources: Sequence[Shape]) -> int:
    return vector(sources)


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


def pool_fan_in(a: Settings, sources: Sequence[Shape]) -> int:
    return prod(a["size"])


def global_pool_shape(a: Settings, sources: Sequence[Shape]) -> Shape:
    return feature_map(sources)[0], 1, 1


def global_pool_fan_in(a: Settings, sources: Sequence[Shape]) -> int:
    return prod(feature_map(sources)[1:])


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


NO_NEURONS = {"relu", "sigmoid", "tanh", "softmax", "batch_norm", "flatten", "concat"}

RULES: dict[str, Rule] = {
    "conv": Rule(conv_shape, conv_fan_in, conv_tensors),
    "dense": Rule(dense_shape, dense_fan_in, dense_tensors),
    "batch_norm": Rule(same_shape, tensors=batch_norm_tensors),
    "max_pool": Rule(pool_shape, pool_fan_in),
    "avg_pool": Rule(pool_shape, pool_fan_in),
    "global_avg_pool": Rule(global_pool_shape, global_pool_fan_in),
    "relu": Rule(same_shape),
    "sigmoid": Rule(same_shape),
    "tanh": Rule(same_shape),
    "softmax": Rule(same_shape),
    "flatten": Rule(flatten_shape),
    "add": Rule(add_shape, lambda a, xs: len(xs)),
    "concat": Rule(concat_shape),
}
