"""What an operation of a Keras port is: its kind and settings in the project's words.

An operation is a layer of Keras' own, a function of keras.ops or an op that TensorFlow ran. Axes
are numbered as of (N, C, H, W); where a port takes channels last, its axes of maps are moved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tf_impl.attributes import same

Settings = dict[str, Any]
Described = tuple[str, Settings]
SMALL = 4096  # numbers of a constant that are written out among the settings

ROLES = {
    "kernel": "weight",
    "depthwise_kernel": "depthwise",
    "pointwise_kernel": "pointwise",
    "embeddings": "weight",
    "gamma": "scale",
    "beta": "shift",
    "moving_mean": "mean",
    "moving_variance": "var",
    "variance": "var",
    "offset": "shift",
}


def canonical_axis(axis: int, rank: int, last: bool) -> int:
    """Of (N, C, H, W), from 0, where the port's maps are (N, H, W, C)."""
    axis = int(axis) % rank
    if not last or rank < 4 or axis == 0:
        return axis
    return 1 if axis == rank - 1 else axis + 1


def canonical_axes(axes: Any, rank: int, last: bool) -> list[int]:
    """Of one, of several, or of all where none is said."""
    if axes is None:
        return list(range(rank))
    found = np.asarray(axes).reshape(-1).tolist()
    return sorted(canonical_axis(axis, rank, last) for axis in found)


def one_axis(axes: Any, rank: int, last: bool) -> Any:
    """A number where there is one axis, else a list."""
    found = canonical_axes(axes, rank, last)
    return found[0] if len(found) == 1 else found


def plain(value: Any) -> Any:
    """Numbers and lists as JSON holds them; a large array by its shape."""
    if isinstance(value, keras.Variable):
        value = value.value
    if tf.is_tensor(value) or isinstance(value, (np.ndarray, np.generic, tf.Variable)):
        array = np.asarray(value)
        return array.tolist() if array.size <= SMALL else {"shape": list(array.shape)}
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, slice):
        return [plain(value.start), plain(value.stop), plain(value.step)]
    if value is Ellipsis:
        return "..."
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def spatial(shape: Sequence[int], data_format: str) -> tuple[int, ...]:
    """Lengths of the axes that are neither the batch nor the channels."""
    return tuple(shape[2:] if data_format == "channels_first" else shape[1:-1])


def channels(shape: Sequence[int], data_format: str) -> int:
    return int(shape[1] if data_format == "channels_first" else shape[-1])


def wide(value: Any, rank: int) -> tuple[int, ...]:
    """One number for each of `rank` axes alike, or one for each."""
    return (
        tuple(int(n) for n in value) if isinstance(value, (tuple, list)) else (int(value),) * rank
    )


def padding(
    word: str,
    lengths: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> tuple[tuple[int, int], ...]:
    """((top, bottom), (left, right)) that "same", "valid" or "causal" come to."""
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if word.lower() == "same":
        return tuple(map(same, lengths, spans, stride))
    return tuple((span - 1 if word == "causal" else 0, 0) for span in spans)


# --------------------------------------------------------------------------- layers


def of_layer(layer: layers.Layer, x: Any, y: Any, last: bool) -> Described:
    """Kind and settings of a layer that read `x` first and made `y`, its own activation aside."""
    for base in type(layer).__mro__:
        if base in LAYERS:
            kind, reader = LAYERS[base]
            settings = reader(layer, x, y, last)
            return settings.pop("kind", kind), {k: plain_pairs(v) for k, v in settings.items()}
    return type(layer).__name__, {}


def plain_pairs(value: Any) -> Any:
    """As `plain`, with tuples left as they are."""
    if isinstance(value, tuple):
        return tuple(plain_pairs(part) for part in value)
    return plain(value)


def role(layer: layers.Layer, name: str) -> str:
    """What a layer's variable is called among the node's tensors."""
    if isinstance(layer, layers.PReLU):
        return "weight"
    return ROLES.get(name, name)


def conv_settings(
    x: Any, count: int, kernel: Any, stride: Any, pad: str, dilation: Any, groups: int, form: str
) -> Settings:
    lengths = spatial(x.shape, form)
    rank = len(lengths)
    kernel, stride, dilation = wide(kernel, rank), wide(stride, rank), wide(dilation, rank)
    return dict(
        channels=int(count),
        kernel=kernel,
        stride=stride,
        padding=padding(pad, lengths, kernel, stride, dilation),
        dilation=dilation,
        groups=int(groups),
    )


def conv(a: Any, x: Any, y: Any, last: bool) -> Settings:
    found = conv_settings(
        x, a.filters, a.kernel_size, a.strides, a.padding, a.dilation_rate, a.groups, a.data_format
    )
    return found | dict(bias=a.bias is not None)


def depthwise_conv(a: Any, x: Any, y: Any, last: bool) -> Settings:
    count, form = channels(x.shape, a.data_format), a.data_format
    found = conv_settings(
        x,
        count * a.depth_multiplier,
        a.kernel_size,
        a.strides,
        a.padding,
        a.dilation_rate,
        count,
        form,
    )
    return found | dict(bias=a.bias is not None)


def separable_conv(a: Any, x: Any, y: Any, last: bool) -> Settings:
    found = conv_settings(
        x,
        a.filters,
        a.kernel_size,
        a.strides,
        a.padding,
        a.dilation_rate,
        channels(x.shape, a.data_format),
        a.data_format,
    )
    return found | dict(bias=a.bias is not None, depth_multiplier=int(a.depth_multiplier))


def transposed(
    x: Any, y: Any, kernel: Any, stride: Any, pad: str, dilation: Any, form: str
) -> Settings:
    """A transposed convolution cuts its full output where the convolution would pad its input."""
    given, made = spatial(x.shape, form), spatial(y.shape, form)
    rank = len(given)
    kernel, stride, dilation = wide(kernel, rank), wide(stride, rank), wide(dilation, rank)
    cut, more = [], []
    for n, out, k, s, d in zip(given, made, kernel, stride, dilation, strict=True):
        total = (n - 1) * s + d * (k - 1) + 1 - out
        before = same(out, d * (k - 1) + 1, s)[0] if pad.lower() == "same" else 0
        cut.append((before, max(total - before, 0)))
        more.append(max(before - total, 0))
    return dict(
        channels=channels(y.shape, form),
        kernel=kernel,
        stride=stride,
        padding=tuple(cut),
        output_padding=tuple(more),
        dilation=dilation,
        groups=1,
    )


def conv_transpose(a: Any, x: Any, y: Any, last: bool) -> Settings:
    found = transposed(x, y, a.kernel_size, a.strides, a.padding, a.dilation_rate, a.data_format)
    return found | dict(bias=a.bias is not None)


def dense(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(features=int(a.units), bias=a.bias is not None)


def einsum_dense(a: Any, x: Any, y: Any, last: bool) -> Settings:
    """A dense layer where the last axis alone is summed away and one takes its place."""
    given, weight, made = re.split(",|->", a.equation.replace(" ", ""))
    bias = a.bias is not None
    if len(weight) == 2 and given[-1] == weight[0] and made == given[:-1] + weight[1]:
        return dict(features=int(y.shape[-1]), bias=bias)
    return dict(kind="einsum_dense", equation=a.equation, bias=bias)


def embedding(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(tokens=int(a.input_dim), features=int(a.output_dim))


def batch_norm(a: Any, x: Any, y: Any, last: bool) -> Settings:
    axis = one_axis(a.axis, len(x.shape), last)
    return dict(eps=float(a.epsilon), keep=float(a.momentum), axis=axis)


def layer_norm(a: Any, x: Any, y: Any, last: bool) -> Settings:
    """`held`: the axes in the order of its tensors, which is the port's, where that is another."""
    rank = len(x.shape)
    axes = canonical_axes(a.axis, rank, last)
    own = np.atleast_1d(a.axis) % rank
    held = tuple(canonical_axis(int(axis), rank, last) for axis in np.sort(own))
    found = dict(eps=float(a.epsilon), axes=axes) | ({} if list(held) == axes else dict(held=held))
    return found | ({"rms": True} if getattr(a, "rms_scaling", False) else {})


def group_norm(a: Any, x: Any, y: Any, last: bool) -> Settings:
    axis = one_axis(a.axis, len(x.shape), last)
    count = int(x.shape[a.axis]) if a.groups == -1 else int(a.groups)
    return dict(eps=float(a.epsilon), groups=count, axis=axis)


def pool_settings(x: Any, size: Any, stride: Any, pad: str, form: str) -> Settings:
    lengths = spatial(x.shape, form)
    size = wide(size, len(lengths))
    stride = size if stride is None else wide(stride, len(lengths))
    pads = padding(pad, lengths, size, stride, (1,) * len(size))
    return dict(size=size, stride=stride, padding=pads, ceil=False)


def max_pool(a: Any, x: Any, y: Any, last: bool) -> Settings:
    found = pool_settings(x, a.pool_size, a.strides, a.padding, a.data_format)
    return found | dict(dilation=(1,) * len(found["size"]))


def avg_pool(a: Any, x: Any, y: Any, last: bool) -> Settings:
    """ "same" divides by the places that are no padding."""
    found = pool_settings(x, a.pool_size, a.strides, a.padding, a.data_format)
    return found | dict(count_border=False, divisor=None)


def adaptive(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(size=wide(a.output_size, len(x.shape) - 2))


def global_pool(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(keepdims=bool(a.keepdims))


def dropout(a: Any, x: Any, y: Any, last: bool) -> Settings:
    noise = getattr(a, "noise_shape", None)
    return dict(rate=float(a.rate)) | ({} if noise is None else dict(noise_shape=plain(noise)))


def map_dropout(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(rate=float(a.rate), noise_shape="maps")


def number(value: Any) -> float | None:
    return None if value is None else float(np.asarray(value))


def relu(a: Any, x: Any, y: Any, last: bool) -> Settings:
    slope, cut, threshold = a.negative_slope, a.max_value, a.threshold
    return dict(slope=number(slope or 0), cut=number(cut), threshold=number(threshold or 0))


def leaky_relu(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(slope=number(a.negative_slope))


def prelu(a: Any, x: Any, y: Any, last: bool) -> Settings:
    shared = canonical_axes(a.shared_axes or (), len(x.shape), last)
    return dict(shared_axes=shared)


def elu(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(alpha=number(a.alpha))


def softmax(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(axis=one_axis(a.axis, len(x.shape), last))


def activation(a: Any, x: Any, y: Any, last: bool) -> Settings:
    """Of one of Keras' own functions, with what it says where nobody says otherwise."""
    kind, settings = of_function(a.activation.__name__, defaults(a.activation, x), y, last)
    return dict(kind=kind) | settings


def concat(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(axis=canonical_axis(a.axis, len(y.shape), last))


def reshape(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(shape=tuple(y.shape[1:]))


def flatten(a: Any, x: Any, y: Any, last: bool) -> Settings:
    """One that is told of channels first takes them last before it flattens."""
    turned = a.data_format == "channels_first" and len(x.shape) > 2
    return dict(turned=True) if turned else {}


def permute(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(axes=(0, *a.dims))


def zero_padding(a: Any, x: Any, y: Any, last: bool) -> Settings:
    sides = a.padding if isinstance(a.padding[0], (tuple, list)) else (a.padding,)
    return dict(sides=tuple(tuple(side) for side in sides), mode="constant", value=0.0)


def cropping(a: Any, x: Any, y: Any, last: bool) -> Settings:
    sides = a.cropping if isinstance(a.cropping[0], (tuple, list)) else (a.cropping,)
    return dict(sides=tuple(tuple(side) for side in sides))


def upsample(a: Any, x: Any, y: Any, last: bool) -> Settings:
    """To a size, as PyTorch says it; TensorFlow's pixels have their centres in the middle."""
    form = getattr(a, "data_format", "channels_last")
    mode = getattr(a, "interpolation", "nearest")
    if mode == "nearest" and isinstance(a, layers.Resizing):
        mode = "nearest-exact"  # PyTorch's word: what lies under a pixel's centre
    antialias = bool(getattr(a, "antialias", False))
    more = {"cubic": -0.5} if mode == "bicubic" else {}  # Keys' parameter
    size = spatial(y.shape, form)
    return dict(size=size, mode=mode, align_corners=False, antialias=antialias, **more)


def rescale(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(scale=plain(a.scale), offset=plain(a.offset))


def normalise(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return dict(
        mean=plain(tf.reshape(tf.convert_to_tensor(a.mean), [-1])),
        variance=plain(tf.reshape(tf.convert_to_tensor(a.variance), [-1])),
        invert=bool(a.invert),
        axes=canonical_axes(a.axis, len(x.shape), last) if a.axis else [],
    )


def nothing(a: Any, x: Any, y: Any, last: bool) -> Settings:
    return {}


Reader = Callable[[Any, Any, Any, bool], Settings]
LAYERS: dict[type, tuple[str, Reader]] = {
    **{getattr(layers, f"Conv{n}D"): ("conv", conv) for n in (1, 2, 3)},
    **{getattr(layers, f"DepthwiseConv{n}D"): ("conv", depthwise_conv) for n in (1, 2)},
    **{getattr(layers, f"SeparableConv{n}D"): ("separable_conv", separable_conv) for n in (1, 2)},
    **{
        getattr(layers, f"Conv{n}DTranspose"): ("conv_transpose", conv_transpose) for n in (1, 2, 3)
    },
    **{getattr(layers, f"MaxPooling{n}D"): ("max_pool", max_pool) for n in (1, 2, 3)},
    **{getattr(layers, f"AveragePooling{n}D"): ("avg_pool", avg_pool) for n in (1, 2, 3)},
    **{
        getattr(layers, f"GlobalMaxPooling{n}D"): ("global_max_pool", global_pool)
        for n in (1, 2, 3)
    },
    **{
        getattr(layers, f"GlobalAveragePooling{n}D"): ("global_avg_pool", global_pool)
        for n in (1, 2, 3)
    },
    **{
        getattr(layers, f"AdaptiveMaxPooling{n}D"): ("adaptive_max_pool", adaptive)
        for n in (1, 2, 3)
    },
    **{
        getattr(layers, f"AdaptiveAveragePooling{n}D"): ("adaptive_avg_pool", adaptive)
        for n in (1, 2, 3)
    },
    **{getattr(layers, f"ZeroPadding{n}D"): ("pad", zero_padding) for n in (1, 2, 3)},
    **{getattr(layers, f"Cropping{n}D"): ("crop", cropping) for n in (1, 2, 3)},
    **{getattr(layers, f"UpSampling{n}D"): ("upsample", upsample) for n in (1, 2, 3)},
    layers.Resizing: ("upsample", upsample),
    **{getattr(layers, f"SpatialDropout{n}D"): ("dropout", map_dropout) for n in (1, 2, 3)},
    layers.Dense: ("dense", dense),
    layers.EinsumDense: ("dense", einsum_dense),
    layers.Embedding: ("embedding", embedding),
    layers.BatchNormalization: ("batch_norm", batch_norm),
    layers.LayerNormalization: ("layer_norm", layer_norm),
    layers.RMSNormalization: ("rms_norm", layer_norm),
    layers.GroupNormalization: ("group_norm", group_norm),
    layers.Dropout: ("dropout", dropout),
    layers.ReLU: ("relu", relu),
    layers.LeakyReLU: ("leaky_relu", leaky_relu),
    layers.PReLU: ("prelu", prelu),
    layers.ELU: ("elu", elu),
    layers.Softmax: ("softmax", softmax),
    layers.Activation: ("identity", activation),
    layers.Flatten: ("flatten", flatten),
    layers.Reshape: ("reshape", reshape),
    layers.Permute: ("transpose", permute),
    layers.Add: ("add", nothing),
    layers.Subtract: ("subtract", nothing),
    layers.Multiply: ("multiply", nothing),
    layers.Concatenate: ("concat", concat),
    layers.Identity: ("identity", nothing),
    layers.Rescaling: ("rescale", rescale),
    layers.Normalization: ("normalise", normalise),
}


# ------------------------------------------------------------------------- functions

Arguments = Mapping[str, Any]


def defaults(function: Callable[..., Any], x: Any) -> Settings:
    """What a function is given where a layer calls it with `x` alone."""
    bound = signature(function).bind(x)
    bound.apply_defaults()
    return dict(bound.arguments)


def of_function(name: str, given: Arguments, y: Any, last: bool) -> Described:
    """Kind and settings of a function of keras.ops or keras.activations that made `y`."""
    if name not in FUNCTIONS:
        return name, {}
    kind, reader = FUNCTIONS[name]
    settings = reader(given, y, last)
    return settings.pop("kind", kind), {k: plain_pairs(v) for k, v in settings.items()}


def is_number(value: Any) -> bool:
    """One number that is no value of the network and nothing that the port owns."""
    if isinstance(value, (bool, int, float, np.generic)):
        return True
    return isinstance(value, np.ndarray) and value.size == 1


def operands(found: Sequence[Any]) -> Settings:
    """Of two of which one is a constant, what it is, and whether it comes first."""
    constants = [(i, x) for i, x in enumerate(found) if not tf.is_tensor(x) and x is not None]
    constants = [(i, x) for i, x in constants if not isinstance(x, (keras.Variable, tf.Variable))]
    if len(constants) != 1 or len(found) != 2:
        return {}
    place, value = constants[0]
    operand = float(np.asarray(value).reshape(-1)[0]) if is_number(value) else plain(value)
    return dict(operand=operand) | ({} if place else dict(first=True))


def first_two(a: Arguments, y: Any, last: bool) -> Settings:
    return operands(list(a.values())[:2])


def empty(a: Arguments, y: Any, last: bool) -> Settings:
    return {}


def data_format(a: Arguments) -> str:
    return a.get("data_format") or keras.config.image_data_format()


def first(a: Arguments) -> Any:
    return next(iter(a.values()))


def f_relu(a: Arguments, y: Any, last: bool) -> Settings:
    return dict(
        slope=number(a.get("negative_slope", 0)),
        cut=number(a.get("max_value")),
        threshold=number(a.get("threshold", 0)),
    )


def f_reduce(a: Arguments, y: Any, last: bool) -> Settings:
    rank = len(first(a).shape)
    axes = canonical_axes(a.get("axis"), rank, last)
    return dict(axes=axes, keepdims=bool(a.get("keepdims", False)))


def f_axis(a: Arguments, y: Any, last: bool) -> Settings:
    axis = a.get("axis", -1)
    return dict(axis=canonical_axis(-1 if axis is None else axis, len(y.shape), last))


def f_shape(a: Arguments, y: Any, last: bool) -> Settings:
    return dict(shape=tuple(y.shape[1:]))


def f_transpose(a: Arguments, y: Any, last: bool) -> Settings:
    axes, rank = a.get("axes"), len(y.shape)
    return dict(axes=tuple(int(i) % rank for i in axes) if axes else tuple(range(rank))[::-1])


def f_swapaxes(a: Arguments, y: Any, last: bool) -> Settings:
    axes = list(range(len(y.shape)))
    one, two = a["axis1"], a["axis2"]
    axes[one], axes[two] = axes[two], axes[one]
    return dict(axes=tuple(axes))


def f_moveaxis(a: Arguments, y: Any, last: bool) -> Settings:
    moved = np.moveaxis(np.empty(range(2, 2 + len(y.shape))), a["source"], a["destination"])
    return dict(axes=tuple(n - 2 for n in moved.shape))


def f_split(a: Arguments, y: Any, last: bool) -> Settings:
    rank = len(first(a).shape)
    parts = a.get("indices_or_sections")
    axis = canonical_axis(a.get("axis", 0), rank, last)
    return dict(axis=axis, sections=plain(parts))


def f_slice(a: Arguments, y: Any, last: bool) -> Settings:
    key = a.get("key")
    return dict(key=plain(list(key) if isinstance(key, tuple) else [key]))


def f_pad(a: Arguments, y: Any, last: bool) -> Settings:
    x = first(a)
    widths = np.broadcast_to(np.asarray(a["pad_width"]), (len(x.shape), 2)).tolist()
    value = a.get("constant_values")
    return pads(widths, last) | dict(mode=a.get("mode", "constant"), value=number(value or 0))


def pads(widths: Sequence[Sequence[int]], last: bool) -> Settings:
    """`sides` where maps alone are padded, else `widths` of every axis, as of (N, C, H, W)."""
    if last and len(widths) >= 4:
        widths = [widths[0], widths[-1], *widths[1:-1]]
    if len(widths) >= 3 and not any(widths[0]) and not any(widths[1]):
        return dict(sides=tuple((int(a), int(b)) for a, b in widths[2:]))
    return dict(widths=tuple((int(a), int(b)) for a, b in widths))


def f_conv(a: Arguments, y: Any, last: bool) -> Settings:
    x, kernel, form = a["inputs"], a["kernel"], data_format(a)
    groups = channels(x.shape, form) // int(kernel.shape[-2])
    return conv_settings(
        x,
        kernel.shape[-1],
        tuple(kernel.shape[:-2]),
        a["strides"],
        a["padding"],
        a["dilation_rate"],
        groups,
        form,
    ) | dict(bias=False)


def f_depthwise_conv(a: Arguments, y: Any, last: bool) -> Settings:
    x, kernel, form = a["inputs"], a["kernel"], data_format(a)
    return conv_settings(
        x,
        int(kernel.shape[-1]) * int(kernel.shape[-2]),
        tuple(kernel.shape[:-2]),
        a["strides"],
        a["padding"],
        a["dilation_rate"],
        kernel.shape[-2],
        form,
    ) | dict(bias=False)


def f_separable_conv(a: Arguments, y: Any, last: bool) -> Settings:
    x, kernel, form = a["inputs"], a["depthwise_kernel"], data_format(a)
    return conv_settings(
        x,
        a["pointwise_kernel"].shape[-1],
        tuple(kernel.shape[:-2]),
        a["strides"],
        a["padding"],
        a["dilation_rate"],
        kernel.shape[-2],
        form,
    ) | dict(bias=False, depth_multiplier=int(kernel.shape[-1]))


def f_conv_transpose(a: Arguments, y: Any, last: bool) -> Settings:
    kernel = tuple(a["kernel"].shape[:-2])
    return transposed(
        a["inputs"], y, kernel, a["strides"], a["padding"], a["dilation_rate"], data_format(a)
    ) | dict(bias=False)


def f_max_pool(a: Arguments, y: Any, last: bool) -> Settings:
    found = pool_settings(a["inputs"], a["pool_size"], a["strides"], a["padding"], data_format(a))
    return found | dict(dilation=(1,) * len(found["size"]))


def f_avg_pool(a: Arguments, y: Any, last: bool) -> Settings:
    found = pool_settings(a["inputs"], a["pool_size"], a["strides"], a["padding"], data_format(a))
    return found | dict(count_border=False, divisor=None)


def f_adaptive(a: Arguments, y: Any, last: bool) -> Settings:
    return dict(size=wide(a["output_size"], len(y.shape) - 2))


def f_batch_norm(a: Arguments, y: Any, last: bool) -> Settings:
    return dict(eps=float(a["epsilon"]), axis=canonical_axis(a["axis"], len(y.shape), last))


def f_layer_norm(a: Arguments, y: Any, last: bool) -> Settings:
    return dict(eps=number(a["epsilon"]), axes=canonical_axes(a["axis"], len(y.shape), last))


def f_attention(a: Arguments, y: Any, last: bool) -> Settings:
    """The scale is 1 / sqrt(width) unless given."""
    scale = a.get("scale")
    return dict(
        causal=bool(a.get("is_causal", False)),
        scale=float(a["query"].shape[-1]) ** -0.5 if scale is None else number(scale),
        masked=a.get("mask") is not None or a.get("bias") is not None,
        heads_last=True,  # (N, places, heads, width), where PyTorch's are (N, heads, places, width)
    )


def f_clip(a: Arguments, y: Any, last: bool) -> Settings:
    return dict(low=plain(a["x_min"]), high=plain(a["x_max"]))


FUNCTIONS: dict[str, tuple[str, Callable[[Arguments, Any, bool], Settings]]] = {
    "relu": ("relu", f_relu),
    "re_lu": ("relu", f_relu),
    "relu6": ("relu", lambda a, y, last: dict(slope=0.0, cut=6.0, threshold=0.0)),
    "leaky_relu": ("leaky_relu", lambda a, y, last: dict(slope=number(a["negative_slope"]))),
    "elu": ("elu", lambda a, y, last: dict(alpha=number(a["alpha"]))),
    "gelu": (
        "gelu",
        lambda a, y, last: dict(approximate="tanh" if a["approximate"] else "none"),
    ),
    **{
        name: (name, empty)
        for name in (
            "selu", "silu", "mish", "softplus", "softsign", "sigmoid", "hard_sigmoid", "tanh",
            "sqrt", "rsqrt", "square", "exp", "log", "negative",
        )
    },
    "celu": ("celu", lambda a, y, last: dict(alpha=number(a["alpha"]))),
    "hard_shrink": ("hard_shrink", lambda a, y, last: dict(threshold=number(a["threshold"]))),
    "soft_shrink": ("soft_shrink", lambda a, y, last: dict(threshold=number(a["threshold"]))),
    "hard_tanh": ("clip", lambda a, y, last: dict(low=-1.0, high=1.0)),
    "swish": ("silu", empty),
    "hard_silu": ("hard_swish", empty),
    "linear": ("identity", empty),
    "copy": ("identity", empty),
    "exponential": ("exp", empty),
    "absolute": ("abs", empty),
    "abs": ("abs", empty),
    "softmax": ("softmax", f_axis),
    "log_softmax": ("log_softmax", f_axis),
    "add": ("add", first_two),
    "subtract": ("subtract", first_two),
    "multiply": ("multiply", first_two),
    "divide": ("divide", first_two),
    "true_divide": ("divide", first_two),
    "power": ("power", first_two),
    "matmul": ("matmul", empty),
    "clip": ("clip", f_clip),
    "mean": ("mean", f_reduce),
    "sum": ("sum", f_reduce),
    "max": ("max", f_reduce),
    "amax": ("max", f_reduce),
    "min": ("min", f_reduce),
    "amin": ("min", f_reduce),
    "var": ("var", f_reduce),
    "concatenate": ("concat", f_axis),
    "stack": ("stack", lambda a, y, last: dict(axis=int(a["axis"]) % len(y.shape))),
    "reshape": ("reshape", f_shape),
    "ravel": ("reshape", f_shape),
    "squeeze": ("reshape", f_shape),
    "expand_dims": ("reshape", f_shape),
    "transpose": ("transpose", f_transpose),
    "swapaxes": ("transpose", f_swapaxes),
    "moveaxis": ("transpose", f_moveaxis),
    "split": ("split", f_split),
    "get_item": ("slice", f_slice),
    "pad": ("pad", f_pad),
    "conv": ("conv", f_conv),
    "depthwise_conv": ("conv", f_depthwise_conv),
    "separable_conv": ("separable_conv", f_separable_conv),
    "conv_transpose": ("conv_transpose", f_conv_transpose),
    "max_pool": ("max_pool", f_max_pool),
    "average_pool": ("avg_pool", f_avg_pool),
    "adaptive_max_pool": ("adaptive_max_pool", f_adaptive),
    "adaptive_average_pool": ("adaptive_avg_pool", f_adaptive),
    "batch_normalization": ("batch_norm", f_batch_norm),
    "layer_normalization": ("layer_norm", f_layer_norm),
    "dot_product_attention": ("attention", f_attention),
    "einsum": ("einsum", lambda a, y, last: dict(equation=str(a["subscripts"]))),
    "stop_gradient": ("detach", empty),
    "cast": ("cast", lambda a, y, last: dict(dtype=str(a["dtype"]))),
    "dropout": ("dropout", lambda a, y, last: dict(rate=float(a["rate"]))),
}  # fmt: skip


# --------------------------------------------------------------------- TensorFlow's ops


def of_op(
    op: str, attrs: Mapping[str, Any], inputs: Sequence[Any], y: Any, last: bool
) -> Described:
    """Kind and settings of an op as TensorFlow ran it.

    Of `inputs`, those that are constants are arrays, the others tensors.
    """
    if op not in OPS:
        return op, {}
    kind, reader = OPS[op]
    settings = reader(attrs, inputs, y, last)
    return settings.pop("kind", kind), {k: plain_pairs(v) for k, v in settings.items()}


Attrs = Mapping[str, Any]


def word(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def of_maps(attrs: Attrs, name: str) -> tuple[tuple[int, ...], str]:
    """An attribute with one number an axis, for the axes of the maps; and where channels are."""
    form = "channels_first" if word(attrs["data_format"]).startswith("NC") else "channels_last"
    return spatial(tuple(attrs[name]), form), form


def o_padding(attrs: Attrs, form: str) -> tuple[tuple[int, int], ...] | None:
    """Of an op that says how many zeros lie on each side; None where it has a word."""
    if word(attrs["padding"]) != "EXPLICIT":
        return None
    flat = list(attrs["explicit_paddings"])
    pairs = list(zip(flat[::2], flat[1::2], strict=True))
    return tuple(pairs[2:] if form == "channels_first" else pairs[1:-1])


def o_conv(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    stride, form = of_maps(attrs, "strides")
    dilation, _ = of_maps(attrs, "dilations")
    x, kernel = inputs[:2]
    explicit = o_padding(attrs, form) if "explicit_paddings" in attrs else None
    pad = word(attrs["padding"]) if explicit is None else "valid"
    found = conv_settings(
        x,
        kernel.shape[-1],
        tuple(kernel.shape[:-2]),
        stride,
        pad,
        dilation,
        channels(x.shape, form) // int(kernel.shape[-2]),
        form,
    )
    return found | ({} if explicit is None else dict(padding=explicit)) | dict(bias=False)


def o_depthwise(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    rows, columns, count, multiplier = (int(n) for n in inputs[1].shape)
    found = o_conv(attrs, inputs, y, last)
    return found | dict(channels=count * multiplier, kernel=(rows, columns), groups=count)


def o_pool(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    size, form = of_maps(attrs, "ksize")
    stride, _ = of_maps(attrs, "strides")
    explicit = o_padding(attrs, form)
    pad = word(attrs["padding"]) if explicit is None else "valid"
    found = pool_settings(inputs[0], size, stride, pad, form)
    return found | ({} if explicit is None else dict(padding=explicit))


def o_max_pool(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    found = o_pool(attrs, inputs, y, last)
    return found | dict(dilation=(1,) * len(found["size"]))


def o_avg_pool(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    return o_pool(attrs, inputs, y, last) | dict(count_border=False, divisor=None)


def o_lrn(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    """TensorFlow takes alpha as the paper has it; PyTorch's is divided by the size."""
    reach = int(attrs["depth_radius"])
    alpha, beta, k = (float(attrs[word]) for word in ("alpha", "beta", "bias"))
    return dict(size=2 * reach + 1, alpha=alpha, beta=beta, k=k)


def o_two(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    return operands(inputs)


def o_none(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    return {}


def o_batch_norm(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    return dict(eps=float(attrs["epsilon"]), axis=1)


def o_concat(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    return dict(axis=canonical_axis(int(np.asarray(inputs[-1])), len(y.shape), last))


def o_reduce(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    axes = canonical_axes(np.asarray(inputs[1]), len(inputs[0].shape), last)
    return dict(axes=axes, keepdims=bool(attrs.get("keep_dims", False)))


def o_shape(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    return dict(shape=tuple(y.shape[1:]))


def o_transpose(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    return dict(axes=tuple(int(i) for i in np.asarray(inputs[1])))


def o_pad(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    value = number(inputs[2]) if len(inputs) > 2 else 0.0
    return pads(np.asarray(inputs[1]).tolist(), last) | dict(mode="constant", value=value)


def o_softmax(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    return dict(axis=canonical_axis(-1, len(y.shape), last))


def o_split(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    rank = len(inputs[1].shape)
    axis = canonical_axis(int(np.asarray(inputs[0])), rank, last)
    return dict(axis=axis, sections=int(attrs["num_split"]))


def o_slice(attrs: Attrs, inputs: Sequence[Any], y: Any, last: bool) -> Settings:
    """The bounds as TensorFlow has them, with the bits that say which of them count."""
    bounds = dict(zip(("begin", "end", "strides"), map(plain, inputs[1:4]), strict=True))
    return bounds | {k: int(v) for k, v in attrs.items() if k.endswith("_mask")}


OPS: dict[str, tuple[str, Callable[[Attrs, Sequence[Any], Any, bool], Settings]]] = {
    "Conv2D": ("conv", o_conv),
    "Conv3D": ("conv", o_conv),
    "DepthwiseConv2dNative": ("conv", o_depthwise),
    "MaxPool": ("max_pool", o_max_pool),
    "AvgPool": ("avg_pool", o_avg_pool),
    "LRN": ("lrn", o_lrn),
    "BiasAdd": ("add", o_none),
    "Add": ("add", o_two),
    "AddV2": ("add", o_two),
    "AddN": ("add", o_none),
    "Sub": ("subtract", o_two),
    "Mul": ("multiply", o_two),
    "RealDiv": ("divide", o_two),
    "Pow": ("power", o_two),
    "MatMul": ("matmul", o_none),
    "BatchMatMulV2": ("matmul", o_none),
    "FusedBatchNormV3": ("batch_norm", o_batch_norm),
    "ConcatV2": ("concat", o_concat),
    "Reshape": ("reshape", o_shape),
    "Squeeze": ("reshape", o_shape),
    "ExpandDims": ("reshape", o_shape),
    "Transpose": ("transpose", o_transpose),
    "Mean": ("mean", o_reduce),
    "Sum": ("sum", o_reduce),
    "Max": ("max", o_reduce),
    "Min": ("min", o_reduce),
    "Pad": ("pad", o_pad),
    "PadV2": ("pad", o_pad),
    "Split": ("split", o_split),
    "StridedSlice": ("slice", o_slice),
    "Relu": ("relu", lambda a, i, y, last: dict(slope=0.0, cut=None, threshold=0.0)),
    "Relu6": ("relu", lambda a, i, y, last: dict(slope=0.0, cut=6.0, threshold=0.0)),
    "LeakyRelu": ("leaky_relu", lambda a, i, y, last: dict(slope=float(a["alpha"]))),
    "Elu": ("elu", lambda a, i, y, last: dict(alpha=1.0)),
    "Softmax": ("softmax", o_softmax),
    "LogSoftmax": ("log_softmax", o_softmax),
    "StopGradient": ("detach", o_none),
    "Cast": ("cast", lambda a, i, y, last: dict(dtype=y.dtype.name)),
    **{
        op: (kind, o_none)
        for op, kind in {
            "Selu": "selu", "Softplus": "softplus", "Softsign": "softsign", "Sigmoid": "sigmoid",
            "Tanh": "tanh", "Sqrt": "sqrt", "Rsqrt": "rsqrt", "Square": "square", "Exp": "exp",
            "Log": "log", "Abs": "abs", "Neg": "negative", "Identity": "identity",
        }.items()
    },
}  # fmt: skip

# What the tensors are that such an op reads, by place.
OP_ROLES = {
    "Conv2D": ("input", "weight"),
    "Conv3D": ("input", "weight"),
    "DepthwiseConv2dNative": ("input", "weight"),
    "FusedBatchNormV3": ("input", "scale", "shift", "mean", "var"),
}
FUNCTION_ROLES = {"conv", "depthwise_conv", "separable_conv", "conv_transpose",
                  "batch_normalization", "layer_normalization"}  # fmt: skip


def op_role(op: str, place: int) -> str:
    named = OP_ROLES.get(op, ())
    return named[place] if place < len(named) else f"operand{place}"


def function_role(name: str, argument: str, place: int) -> str:
    """By the argument's name where the function is a layer's work, else by its place."""
    return ROLES.get(argument, argument) if name in FUNCTION_ROLES else f"operand{place}"


def snake(name: str) -> str:
    """LeakyRelu -> leaky_relu."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
