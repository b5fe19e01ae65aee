"""A network as data: layers, what each reads, and a parameter total counted by hand.

No model is built from a spec. It is the witness that both hand-written ports are held against,
so it states its source, and it refuses to contradict itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from types import MappingProxyType
from typing import Any

from common import rules
from common.errors import SpecError

Shape = tuple[int, ...]
Pair = int | tuple[int, int]
Padding = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Layer:
    """One node: the port's attribute path, the op, its settings, and the layers it reads."""

    name: str
    op: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[str, ...] = ()  # empty: the layer before this one
    params: int | None = None  # trainable, counted by hand; checked against the rules

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))


@dataclass(frozen=True)
class Spec:
    """A network: inputs as (C, H, W) without the batch, layers in execution order.

    Raises SpecError when a name is used twice, a layer reads what no earlier layer makes, shapes
    do not chain, or the layers' parameters differ from a stated count.
    """

    name: str
    source: str
    inputs: Mapping[str, Shape]
    layers: tuple[Layer, ...]
    params: int
    outputs: tuple[str, ...] = ()  # empty: the last layer
    data: str = ""  # the data set it is trained on unless told otherwise
    port: str = ""  # "module:Class" of both hand-written ports, below each package's models

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", MappingProxyType(dict(self.inputs)))
        object.__setattr__(self, "layers", resolve_reads(self))
        object.__setattr__(self, "outputs", self.outputs or (self.layers[-1].name,))
        check_outputs(self)
        check_counts(self)

    def __getitem__(self, name: str) -> Layer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)


def shapes(spec: Spec) -> dict[str, Shape]:
    """Output shape of every input and layer, channels first, no batch axis."""
    known: dict[str, Shape] = dict(spec.inputs)
    for layer in spec.layers:
        try:
            known[layer.name] = rules.output_shape(layer, [known[name] for name in layer.reads])
        except ValueError as error:
            raise SpecError(f"{spec.name}: layer {layer.name!r} ({layer.op}): {error}") from None
    return known


def resized(spec: Spec, size: tuple[int, int] | None) -> Spec:
    """The same network on inputs of another height and width; None leaves it as it is.

    SpecError where it cannot read them, or would hold other parameters.
    """
    if size is None:
        return spec
    return replace(spec, inputs={n: (shape[0], *size) for n, shape in spec.inputs.items()})


def joint_shape(spec: Spec) -> tuple[int, int, int]:
    """(C, H, W) of the image of which the inputs are equal parts, side by side, in their order."""
    first = next(iter(spec.inputs.values()))
    if len(first) != 3 or set(spec.inputs.values()) != {first}:
        raise SpecError(f"{spec.name}: its inputs are not the equal parts of one image")
    return first[0], first[1], first[2] * len(spec.inputs)


def tensors(spec: Spec) -> dict[str, dict[str, rules.Tensor]]:
    """Every tensor that a layer owns: layer name -> tensor name -> shape, trainable or not."""
    known = shapes(spec)
    return {
        layer.name: rules.tensors(layer, [known[name] for name in layer.reads])
        for layer in spec.layers
    }


def count_parameters(spec: Spec) -> tuple[int, int]:
    """(trainable, non-trainable) numbers, running statistics being the latter."""
    owned = [tensor for layer in tensors(spec).values() for tensor in layer.values()]
    trainable = sum(prod(tensor.shape) for tensor in owned if tensor.trainable)
    return trainable, sum(prod(tensor.shape) for tensor in owned) - trainable


def layer_parameters(spec: Spec) -> dict[str, int]:
    """Trainable numbers that each layer owns."""
    return {
        name: sum(prod(tensor.shape) for tensor in owned.values() if tensor.trainable)
        for name, owned in tensors(spec).items()
    }


# The constructors, one for each op. Padding is an int, (vertical, horizontal), or
# ((top, bottom), (left, right)); `reads` names the sources where they are not the layer before.


def conv(
    name: str,
    channels: int,
    kernel: Pair,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    bias: bool = True,
    reads: tuple[str, ...] = (),
    params: int | None = None,
) -> Layer:
    """2-D cross-correlation, (C, H, W) -> (channels, H', W')."""
    settings = dict(
        channels=channels,
        kernel=both(kernel),
        stride=both(stride),
        padding=sides(padding),
        dilation=both(dilation),
        groups=groups,
        bias=bias,
    )
    return Layer(name, "conv", settings, reads, params)


def dense(
    name: str,
    features: int,
    *,
    bias: bool = True,
    reads: tuple[str, ...] = (),
    params: int | None = None,
) -> Layer:
    """Every output from every input, (F,) -> (features,)."""
    return Layer(name, "dense", dict(features=features, bias=bias), reads, params)


def batch_norm(
    name: str,
    *,
    eps: float,
    keep: float,
    reads: tuple[str, ...] = (),
    params: int | None = None,
) -> Layer:
    """Per-channel normalisation; `keep` is the share of the old running value that stays."""
    return Layer(name, "batch_norm", dict(eps=eps, keep=keep), reads, params)


def max_pool(
    name: str,
    size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
    reads: tuple[str, ...] = (),
) -> Layer:
    """Largest value of each window; padding never wins. The stride is the size unless given."""
    settings = dict(size=both(size), stride=both(stride or size), padding=sides(padding), ceil=ceil)
    return Layer(name, "max_pool", settings, reads)


def avg_pool(
    name: str,
    size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    ceil: bool = False,
    count_border: bool = True,
    reads: tuple[str, ...] = (),
) -> Layer:
    """Mean of each window; `count_border` says whether padding counts in the divisor."""
    settings = dict(
        size=both(size),
        stride=both(stride or size),
        padding=sides(padding),
        ceil=ceil,
        count_border=count_border,
    )
    return Layer(name, "avg_pool", settings, reads)


def global_avg_pool(name: str, *, reads: tuple[str, ...] = ()) -> Layer:
    """Mean over height and width, (C, H, W) -> (C, 1, 1)."""
    return Layer(name, "global_avg_pool", {}, reads)


def adaptive_avg_pool(name: str, size: Pair, *, reads: tuple[str, ...] = ()) -> Layer:
    """Means of `size` bins, whatever the input's size: bin i of n is [i*H//n, ceil((i+1)*H/n))."""
    return Layer(name, "adaptive_avg_pool", dict(size=both(size)), reads)


def lrn(
    name: str, size: int, *, alpha: float, beta: float, k: float, reads: tuple[str, ...] = ()
) -> Layer:
    """x / (k + alpha * sum of x^2 over `size` neighbouring channels) ** beta.

    The formula of Krizhevsky et al. 2012, section 3.3; PyTorch divides alpha by the size.
    """
    return Layer(name, "lrn", dict(size=size, alpha=alpha, beta=beta, k=k), reads)


def subsample(
    name: str, size: Pair, *, reads: tuple[str, ...] = (), params: int | None = None
) -> Layer:
    """Sum of each window times a weight plus a bias, both the channel's (LeCun et al. 1998)."""
    settings = dict(size=both(size), stride=both(size), padding=sides(0), ceil=False)
    return Layer(name, "subsample", settings, reads, params)


def partial_conv(
    name: str,
    table: tuple[tuple[int, ...], ...],
    kernel: Pair,
    *,
    reads: tuple[str, ...] = (),
    params: int | None = None,
) -> Layer:
    """Convolution in which output map i reads the input maps table[i] alone (from 0).

    Its weight is (connections, kh, kw): one kernel for each number of the table, in its order.
    """
    settings = dict(
        table=table, kernel=both(kernel), stride=(1, 1), padding=sides(0), dilation=(1, 1)
    )
    return Layer(name, "partial_conv", settings, reads, params)


def padded_shortcut(
    name: str, channels: int, stride: Pair, *, reads: tuple[str, ...] = ()
) -> Layer:
    """Every `stride`-th place, then maps of zeros: (C, H, W) -> (channels, H', W').

    Option A of He et al. 2015, section 3.3: a shortcut without parameters where a block makes more
    and smaller maps. The paper does not say where the zeros go; here they follow the maps.
    """
    return Layer(name, "padded_shortcut", dict(channels=channels, stride=both(stride)), reads)


def rbf(name: str, codes: tuple[tuple[float, ...], ...], *, reads: tuple[str, ...] = ()) -> Layer:
    """Squared distance to each code: (F,) -> (len(codes),); the codes are fixed."""
    return Layer(name, "rbf", dict(codes=codes), reads)


def dropout(name: str, rate: float, *, reads: tuple[str, ...] = ()) -> Layer:
    """In training, zeroes a share of `rate` and divides the rest by 1 - rate."""
    return Layer(name, "dropout", dict(rate=rate), reads)


def relu(name: str, *, reads: tuple[str, ...] = ()) -> Layer:
    """max(x, 0)."""
    return Layer(name, "relu", {}, reads)


def sigmoid(name: str, *, reads: tuple[str, ...] = ()) -> Layer:
    """1 / (1 + exp(-x))."""
    return Layer(name, "sigmoid", {}, reads)


def tanh(name: str, *, reads: tuple[str, ...] = ()) -> Layer:
    """Hyperbolic tangent."""
    return Layer(name, "tanh", {}, reads)


def scaled_tanh(name: str, *, amplitude: float, slope: float, reads: tuple[str, ...] = ()) -> Layer:
    """amplitude * tanh(slope * x) (LeCun et al. 1998, appendix A)."""
    return Layer(name, "scaled_tanh", dict(amplitude=amplitude, slope=slope), reads)


def softmax(name: str, *, reads: tuple[str, ...] = ()) -> Layer:
    """exp(x) / sum(exp(x)) over the features."""
    return Layer(name, "softmax", {}, reads)


def flatten(name: str, *, reads: tuple[str, ...] = ()) -> Layer:
    """(C, H, W) -> (C * H * W,), channels first; see layout.feature_orders for NHWC."""
    return Layer(name, "flatten", {}, reads)


def add(name: str, *, reads: tuple[str, ...]) -> Layer:
    """Sum of equally shaped sources."""
    return Layer(name, "add", {}, reads)


def concat(name: str, *, reads: tuple[str, ...]) -> Layer:
    """Sources one after the other along the channels (or features)."""
    return Layer(name, "concat", {}, reads)


def both(value: Pair) -> tuple[int, int]:
    """One number for height and width alike, or a pair as it is."""
    return (value, value) if isinstance(value, int) else value


def sides(padding: Padding) -> tuple[tuple[int, int], tuple[int, int]]:
    """Padding as ((top, bottom), (left, right))."""
    vertical, horizontal = (padding, padding) if isinstance(padding, int) else padding
    return both(vertical), both(horizontal)


def resolve_reads(spec: Spec) -> tuple[Layer, ...]:
    """The layers with every source named; refuses names used twice or not made yet."""
    if not spec.inputs or not spec.layers:
        raise SpecError(f"{spec.name}: a spec needs at least one input and one layer")
    made = list(spec.inputs)
    resolved = []
    for layer in spec.layers:
        if layer.name in made:
            raise SpecError(f"{spec.name}: two layers are called {layer.name!r}")
        for source in layer.reads:
            if source not in made:
                raise SpecError(
                    f"{spec.name}: layer {layer.name!r} reads {source!r}, "
                    "which no earlier layer makes"
                )
        resolved.append(replace(layer, reads=layer.reads or (made[-1],)))
        made.append(layer.name)
    return tuple(resolved)


def check_outputs(spec: Spec) -> None:
    """Every output is a layer, and every layer leads to an output."""
    names = {layer.name for layer in spec.layers}
    for output in spec.outputs:
        if output not in names:
            raise SpecError(f"{spec.name}: the output {output!r} is not a layer")
    read = {source for layer in spec.layers for source in layer.reads}
    for name in [*spec.inputs, *(layer.name for layer in spec.layers)]:
        if name not in read and name not in spec.outputs:
            raise SpecError(f"{spec.name}: {name!r} is read by no layer and is no output")


def check_counts(spec: Spec) -> None:
    """The hand-counted parameters, of each layer that states them and in total."""
    counted = layer_parameters(spec)
    for layer in spec.layers:
        if layer.params is not None and layer.params != counted[layer.name]:
            raise SpecError(
                f"{spec.name}: layer {layer.name!r} holds {counted[layer.name]:,} trainable "
                f"parameters, but the spec states {layer.params:,}"
            )
    if sum(counted.values()) != spec.params:
        raise SpecError(
            f"{spec.name}: the layers hold {sum(counted.values()):,} trainable parameters, "
            f"but the spec states {spec.params:,}"
        )
