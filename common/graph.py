"""A port as it ran: every operation with what it read, what it made and how it was set.

Where `common/spec.py` says what a network should be, a graph says what somebody's port did. Names
of layers are the port's own, numbers are in its own axes. Nothing here is tied to a framework.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from common.called import Called

Array = NDArray[Any]
NOISE = "noise:"


@dataclass(frozen=True)
class Node:
    """One operation, in the order in which it ran.

    `reads` and `writes` name values: "input:0" is the model's first input; a node that makes one
    value gives it its own name, one that makes several numbers them, "split:0", "split:1".
    """

    name: str  # the layer's path where it is all that the layer does; else "path/op", "path/op#2"
    kind: str  # one of the words below; the framework's own name where there is none
    reads: tuple[str, ...]  # values that come from the model's inputs, in the order of arguments
    writes: tuple[str, ...]
    tensors: dict[str, str] = field(default_factory=dict)  # role -> the port's name of a tensor
    settings: dict[str, Any] = field(default_factory=dict)  # in the words of common/spec.py
    layer: str = ""  # path of the innermost layer that ran it
    place: str = ""  # "net.py:31", the innermost line that is no framework's; empty: there is none
    inner: tuple[str, ...] = ()  # the nodes that ran, where several are taken as one
    virtual: bool = False  # whether another node runs this one, too

    @property
    def ran(self) -> tuple[str, ...]:
        """The nodes that ran, in order."""
        return () if self.virtual else self.inner or (self.name,)


@dataclass(frozen=True)
class Held:
    """A tensor that the port owns, in its own axes."""

    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    statistic: bool = False  # left by training without a gradient: a running mean or variance
    penalty: str = ""  # what the port adds to a loss for it: "L2(0.0001)"
    constraint: str = ""  # what it is brought back to after a step: "MaxNorm(3)"
    at: str = ""  # what reaches it from `model`: 'model.get_layer("fc1").weights[0]'


@dataclass
class Graph:
    """One forward pass of a port."""

    nodes: list[Node] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)  # "0", "logits", "1.aux" -> value
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # value -> without the batch
    dtypes: dict[str, str] = field(default_factory=dict)  # value -> what it is held in
    tensors: dict[str, Held] = field(default_factory=dict)  # by the port's own names
    losses: int = 0  # that the port adds of its own, beside penalties
    channels: str = "first"  # or "last": where the port's layers expect them, as a whole
    unseen: list[str] = field(default_factory=list)  # what ran and could not be recorded, in words
    calls: list[Called] = field(default_factory=list)  # of layers, as they returned

    def to_note(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @staticmethod
    def from_note(note: Mapping[str, Any]) -> Graph:
        """What `to_note` made, after its journey through JSON."""
        known = dict(note)
        nodes = [
            Node(
                **{
                    **n,
                    "reads": tuple(n["reads"]),
                    "writes": tuple(n["writes"]),
                    "inner": tuple(n["inner"]),
                    "settings": {key: tupled(value) for key, value in n["settings"].items()},
                }
            )
            for n in known.pop("nodes")
        ]
        tensors = {
            name: Held(**{**held, "shape": tuple(held["shape"])})
            for name, held in known.pop("tensors").items()
        }
        shapes = {name: tuple(shape) for name, shape in known.pop("shapes").items()}
        calls = [Called(**{**c, "reads": tuple(c["reads"])}) for c in known.pop("calls")]
        return Graph(nodes=nodes, tensors=tensors, shapes=shapes, calls=calls, **known)


def tupled(value: Any) -> Any:
    """With tuples where JSON has lists."""
    if isinstance(value, Mapping):
        return {key: tupled(each) for key, each in value.items()}
    return tuple(map(tupled, value)) if isinstance(value, (list, tuple)) else value


# What a value of one side becomes on the other: reshapes, transposes and orders of the last axis,
# one after the other. In a reshape, -1 stands for the batch; a transpose names every axis; an order
# says where each number comes from.
Step = tuple[str, tuple[int, ...]]
Moves = tuple[Step, ...]


def moved(x: Array, moves: Sequence[Step]) -> Array:
    """The array after the moves, whose numbers are the same ones; a view where that can be."""
    for word, axes in moves:
        if word == "order":
            if x.shape[-1] != len(axes):
                raise ValueError(f"cannot put {x.shape} in an order of {len(axes)}")
            x = x[..., np.asarray(axes)]
        else:
            x = x.reshape(axes) if word == "reshape" else x.transpose(axes)
    return x


def noise(name: str, shape: Sequence[int]) -> str:
    """The key of random numbers that stand in no file: both sides draw the same ones."""
    return f"{NOISE}{crc32(name.encode())}:{'x'.join(map(str, shape))}"


def fed(source: Mapping[str, Array], key: str) -> Array:
    """The array of a file, or the numbers that `noise` named, in PyTorch's axes.

    The bits of PCG64 are frozen (NEP 19), so every NumPy draws the same, at once: they are taken
    sixteen at a time, as numbers between -2 and 2.
    """
    if not key.startswith(NOISE):
        return source[key]
    seed, _, sizes = key.removeprefix(NOISE).partition(":")
    shape = [int(n) for n in sizes.split("x") if n]  # one number has none
    bits = np.random.PCG64(int(seed)).random_raw(-(-prod(shape) // 4))
    return (bits.astype("<u8").view("<i2")[: prod(shape)] / 2.0**14).reshape(shape)


def back(moves: Sequence[Step], shape: Sequence[int]) -> Moves:
    """The moves that undo these, for an array of `shape`; a first axis of -1 is any batch."""
    undone: list[Step] = []
    known = tuple(shape)
    for word, axes in moves:
        if word == "order":
            undone.append(("order", tuple(int(i) for i in np.argsort(axes))))
        elif word == "reshape":
            undone.append(("reshape", known))
            if -1 in axes and -1 not in known:
                axes = tuple(prod(known) // -prod(axes) if n == -1 else n for n in axes)
            known = axes
        else:
            undone.append(("transpose", tuple(int(i) for i in np.argsort(axes))))
            known = tuple(known[i] for i in axes)
    return tuple(reversed(undone))


# The kinds of nodes that both sides call by one name; settings as common/spec.py words them.
KINDS = {
    "conv", "conv_transpose", "dense", "batch_norm", "layer_norm", "group_norm", "lrn",
    "max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool",
    "global_max_pool", "dropout", "pad", "upsample", "embedding", "attention",
    "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign",
    "sigmoid", "hard_sigmoid", "hard_swish", "tanh", "softmax", "log_softmax",
    "add", "subtract", "multiply", "divide", "matmul", "concat", "flatten", "reshape", "transpose",
    "slice", "split", "mean", "sum", "max", "min", "clip", "power", "sqrt", "rsqrt", "square",
    "exp", "log", "abs", "negative", "identity", "detach", "rescale", "normalise",
    "celu", "hard_shrink", "soft_shrink", "tanh_shrink", "log_sigmoid", "nan_to_num",
    "maximum", "minimum", "var", "std", "rms_norm", "instance_norm", "stack", "crop",
}  # fmt: skip
