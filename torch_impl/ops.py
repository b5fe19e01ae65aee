"""What a torch function that ran is called, how it was set and what it took, in our words.

Everything is read from the arguments that really ran, never from a module's attributes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from torch_impl.attributes import Settings, same

Read = tuple[str, Settings]  # kind and settings
Arguments = dict[str, Any]  # by name, as far as they are known
Reader = Callable[[Arguments, Tensor], Read]  # of the arguments and the first result
MODULE = "module"  # the argument under which a reader finds the layer that ran the function
CONSTANTS = "constants"  # and ids of the tensors that are no value and no tensor of the port's
WRITTEN_OUT = 64  # numbers of a constant that stand among the settings; a longer one has its shape


def name_of(function: Any) -> str:
    """One word for a function, a method, an operator and what changes its operand in place."""
    name = getattr(function, "__name__", type(function).__name__)
    if name == "__get__":  # of a property: x.T, x.data
        name = function.__self__.__name__
    name = name.rpartition(".")[2].strip("_")
    return SYNONYMS.get(name, name)


def describe(
    function: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    first: Tensor,
    module: Any,
    constants: set[int],
) -> tuple[Read, dict[int, str]]:
    """Kind and settings of a call whose first result is given, and id of a tensor -> its role."""
    op = op_of(function)
    if op is None:
        return (name_of(function), {}), {}
    found = arguments(function, args, kwargs) | {MODULE: module, CONSTANTS: constants}
    roles = {
        id(found[argument]): role
        for argument, role in op.roles.items()
        if isinstance(found.get(argument), Tensor)
    }
    return op.read(found, first), roles


def op_of(function: Any) -> Op | None:
    """How its calls are read; None where it is not known here."""
    return BUILT_IN.get(function) or OPS.get(name_of(function))


def arguments(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """What a known function was given, by name; the operands in the order of the formula."""
    op = op_of(function)
    assert op is not None, function
    found = bound(op, args, kwargs)
    if name_of(function) in REVERSED:
        found["input"], found["other"] = found["other"], found["input"]
    return found


@dataclass(frozen=True)
class Op:
    """How the calls of a function are read."""

    read: Reader
    names: tuple[str, ...]  # of its arguments, in order; the last may be "*rest"
    defaults: Arguments
    roles: dict[str, str]  # argument -> role of the tensor that it holds


def bound(op: Op, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
    """Arguments by name, with defaults; those of NumPy's names by PyTorch's."""
    found = dict(op.defaults)
    for i, name in enumerate(op.names):
        if name.startswith("*"):
            rest = tuple(args[i:])
            found[name[1:]] = rest[0] if len(rest) == 1 and is_sequence(rest[0]) else rest
        elif i < len(args):
            found[name] = args[i]
    renamed = {ARGUMENTS.get(name, name): value for name, value in kwargs.items()}
    return found | renamed


def is_sequence(value: Any) -> bool:
    return isinstance(value, (tuple, list))


def each(value: Any, n: int) -> tuple[Any, ...]:
    """One number for all n axes alike, or one for each."""
    values = tuple(value) if is_sequence(value) else (value,)
    return values * n if len(values) == 1 else values


def around(padding: Any, n: int) -> tuple[tuple[int, int], ...]:
    """PyTorch pads opposite sides alike: ((top, bottom), (left, right))."""
    return tuple((pad, pad) for pad in each(padding, n))


def axes_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """Axes counted from 0, in order; all of them where none is named."""
    if dim is None or (is_sequence(dim) and not dim):
        return tuple(range(ndim))
    return tuple(sorted(int(axis) % ndim for axis in (dim if is_sequence(dim) else (dim,))))


def number(a: Arguments, argument: str) -> Any:
    """An operand that is a number, or numbers that no one owns; None for what is neither."""
    value = a.get(argument)
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Tensor) and id(value) in a[CONSTANTS]:
        return value.tolist() if value.numel() <= WRITTEN_OUT else f"{tuple(value.shape)} numbers"
    return None


# ---- what the settings of a kind are


def conv(a: Arguments, out: Tensor) -> Read:
    kernel = tuple(a["weight"].shape[2:])
    n = len(kernel)
    dilation = each(a["dilation"], n)
    if a["padding"] == "same":
        padding = tuple(map(same, kernel, dilation))
    else:
        padding = around(0 if a["padding"] == "valid" else a["padding"], n)
    return "conv", dict(
        channels=a["weight"].shape[0],
        kernel=kernel,
        stride=each(a["stride"], n),
        padding=padding,
        dilation=dilation,
        groups=a["groups"],
        bias=a["bias"] is not None,
    )


def conv_transpose(a: Arguments, out: Tensor) -> Read:
    kernel = tuple(a["weight"].shape[2:])
    n = len(kernel)
    return "conv_transpose", dict(
        channels=a["weight"].shape[1] * a["groups"],
        kernel=kernel,
        stride=each(a["stride"], n),
        padding=around(a["padding"], n),
        output_padding=each(a["output_padding"], n),
        dilation=each(a["dilation"], n),
        groups=a["groups"],
        bias=a["bias"] is not None,
    )


def dense(a: Arguments, out: Tensor) -> Read:
    return "dense", dict(features=a["weight"].shape[0], bias=a["bias"] is not None)


def batch_norm(a: Arguments, out: Tensor) -> Read:
    """`momentum` is the share of the new; a layer without one counts every batch alike."""
    keep: Any = 1 - a["momentum"]
    if getattr(a[MODULE], "momentum", 0) is None:
        keep = "mean of all batches"
    return "batch_norm", dict(eps=a["eps"], keep=keep, axis=1)


def layer_norm(a: Arguments, out: Tensor) -> Read:
    shape = tuple(a["normalized_shape"])
    axes = tuple(range(out.ndim - len(shape), out.ndim))
    return "layer_norm", dict(eps=a["eps"], axes=axes, shape=shape)


def rms_norm(a: Arguments, out: Tensor) -> Read:
    shape = tuple(a["normalized_shape"])
    axes = tuple(range(out.ndim - len(shape), out.ndim))
    return "rms_norm", dict(eps=a["eps"], axes=axes, shape=shape)


def group_norm(a: Arguments, out: Tensor) -> Read:
    return "group_norm", dict(groups=a["num_groups"], eps=a["eps"])


def instance_norm(a: Arguments, out: Tensor) -> Read:
    """A group for each channel, unless it runs on statistics that it keeps."""
    if a["running_mean"] is not None and not a.get("use_input_stats", a.get("training", True)):
        return "instance_norm", dict(eps=a["eps"])
    return "group_norm", dict(groups=int(a["input"].shape[1]), eps=a["eps"])


def lrn(a: Arguments, out: Tensor) -> Read:
    """PyTorch divides alpha by the size; the formula of the paper does not."""
    size = a["size"]
    return "lrn", dict(size=size, alpha=a["alpha"] / size, beta=a["beta"], k=a["k"])


def pool_windows(a: Arguments, out: Tensor, n: int) -> Settings:
    size = each(a["kernel_size"], n)
    stride = a["stride"]
    return dict(
        size=size,
        stride=size if stride is None or stride == [] or stride == () else each(stride, n),
        padding=around(a["padding"], n),
        ceil=bool(a["ceil_mode"]),
    )


def max_pool(n: int) -> Reader:
    def read(a: Arguments, out: Tensor) -> Read:
        return "max_pool", pool_windows(a, out, n) | dict(dilation=each(a["dilation"], n))

    return read


def avg_pool(n: int) -> Reader:
    def read(a: Arguments, out: Tensor) -> Read:
        return "avg_pool", pool_windows(a, out, n) | dict(
            count_border=bool(a["count_include_pad"]), divisor=a["divisor_override"]
        )

    return read


def adaptive_pool(word: str, n: int) -> Reader:
    def read(a: Arguments, out: Tensor) -> Read:
        size = tuple(out.shape[-n:])
        if size == (1,) * n:
            return f"global_{word}_pool", dict(keepdims=True)
        return f"adaptive_{word}_pool", dict(size=size)

    return read


def reduction(word: str, pool: str = "") -> Reader:
    """A reduction; one over all places of maps is a global pool, where there is one."""

    def read(a: Arguments, out: Tensor) -> Read:
        if isinstance(a.get("other"), Tensor):  # torch.max(a, b)
            return word + "imum", {}
        ndim = a["input"].ndim
        axes, keep = axes_of(a["dim"], ndim), bool(a["keepdim"])
        if pool and ndim in (4, 5) and axes == tuple(range(2, ndim)):
            return pool, dict(keepdims=keep)
        return word, dict(axes=axes, keepdims=keep)

    return read


def extreme(word: str) -> Reader:
    """max and min take an axis or another tensor at the same place."""

    def read(a: Arguments, out: Tensor) -> Read:
        if isinstance(a["dim"], Tensor):
            a["other"] = a["dim"]
        return reduction(word)(a, out)

    return read


def relu(a: Arguments, out: Tensor) -> Read:
    return "relu", dict(slope=0.0, cut=None, threshold=0.0)


def relu6(a: Arguments, out: Tensor) -> Read:
    return "relu", dict(slope=0.0, cut=6.0, threshold=0.0)


def hardtanh(a: Arguments, out: Tensor) -> Read:
    if a["min_val"] == 0:
        return "relu", dict(slope=0.0, cut=float(a["max_val"]), threshold=0.0)
    return "clip", dict(low=a["min_val"], high=a["max_val"])


def threshold(a: Arguments, out: Tensor) -> Read:
    if a["value"] == 0:
        return "relu", dict(slope=0.0, cut=None, threshold=float(a["threshold"]))
    return "threshold", dict(threshold=a["threshold"], value=a["value"])


def softmax(kind: str) -> Reader:
    def read(a: Arguments, out: Tensor) -> Read:
        unnamed = 0 if out.ndim in (0, 1, 3) else 1  # torch.nn.functional._get_softmax_dim
        return kind, dict(axis=unnamed if a["dim"] is None else a["dim"] % max(out.ndim, 1))

    return read


def dropout(a: Arguments, out: Tensor) -> Read:
    return "dropout", dict(rate=a["p"])


def map_dropout(a: Arguments, out: Tensor) -> Read:
    return "dropout", dict(rate=a["p"], noise_shape="maps")


def pad(a: Arguments, out: Tensor) -> Read:
    """The numbers come for the last axis first; the sides are those of the last axes, in order."""
    numbers = list(a["pad"])
    sides = tuple(zip(numbers[::2], numbers[1::2], strict=True))[::-1]
    return "pad", dict(sides=sides, mode=a["mode"], value=float(a["value"] or 0))


def concat(a: Arguments, out: Tensor) -> Read:
    return "concat", dict(axis=a["dim"] % out.ndim)


def stack(a: Arguments, out: Tensor) -> Read:
    return "stack", dict(axis=a["dim"] % out.ndim)


def split(a: Arguments, out: Tensor) -> Read:
    """Into parts as long as the first, unless their lengths are named."""
    axis = a["dim"] % a["input"].ndim
    sizes = a.get("split_size")
    if not is_sequence(sizes):
        length, part = a["input"].shape[axis], out.shape[axis]
        sizes = [min(part, length - start) for start in range(0, length, max(part, 1))]
    return "split", dict(axis=axis, sizes=tuple(sizes))


def unbind(a: Arguments, out: Tensor) -> Read:
    return "unbind", dict(axis=a["dim"] % a["input"].ndim)


def permute(a: Arguments, out: Tensor) -> Read:
    return "transpose", dict(axes=tuple(axis % out.ndim for axis in a["dims"]))


def swap(a: Arguments, out: Tensor) -> Read:
    axes = list(range(out.ndim))
    one, other = a["dim0"] % out.ndim, a["dim1"] % out.ndim
    axes[one], axes[other] = axes[other], axes[one]
    return "transpose", dict(axes=tuple(axes))


def turned(a: Arguments, out: Tensor) -> Read:
    """t() and .T turn all axes round."""
    return "transpose", dict(axes=tuple(range(out.ndim))[::-1])


def turned_last(a: Arguments, out: Tensor) -> Read:
    """.mT turns the last two axes round."""
    return swap(a | dict(dim0=-2, dim1=-1), out)


def movedim(a: Arguments, out: Tensor) -> Read:
    marked = torch.empty(tuple(range(1, out.ndim + 1)), device="meta")
    moved = torch.movedim(marked, a["source"], a["destination"])
    return "transpose", dict(axes=tuple(length - 1 for length in moved.shape))


def reshape(a: Arguments, out: Tensor) -> Read:
    """A flatten is what leaves (N, everything), whatever it is called."""
    source = a["input"]
    if out.ndim == 2 and source.ndim > 2 and out.shape[0] == source.shape[0]:
        return "flatten", {}
    return "reshape", dict(shape=tuple(out.shape[1:]))


def expand(a: Arguments, out: Tensor) -> Read:
    return "expand", dict(shape=tuple(out.shape[1:]))


def getitem(a: Arguments, out: Tensor) -> Read:
    return "slice", dict(index=index_text(a["index"]))


def setitem(a: Arguments, out: Tensor) -> Read:
    found: Settings = dict(index=index_text(a["index"]))
    value = number(a, "value")
    return "setitem", found if value is None else found | dict(operand=value)


def narrow(a: Arguments, out: Tensor) -> Read:
    axis = a["dim"] % a["input"].ndim
    index = (*[slice(None)] * axis, slice(a["start"], a["start"] + a["length"]))
    return "slice", dict(index=index_text(index))


def select(a: Arguments, out: Tensor) -> Read:
    axis = a["dim"] % a["input"].ndim
    return "slice", dict(index=index_text((*[slice(None)] * axis, a["index"])))


def index_text(index: Any) -> str:
    """An index as it is written: "[:, 0, ::2]"."""
    parts = index if isinstance(index, tuple) else (index,)
    return "[" + ", ".join(map(part_text, parts)) + "]"


def part_text(part: Any) -> str:
    if isinstance(part, slice):
        start, stop = ("" if end is None else str(end) for end in (part.start, part.stop))
        return f"{start}:{stop}" if part.step in (None, 1) else f"{start}:{stop}:{part.step}"
    if isinstance(part, Tensor):
        return str(part.item()) if part.ndim == 0 and part.dtype == torch.int64 else "tensor"
    return "..." if part is Ellipsis else str(part)


def upsample(a: Arguments, out: Tensor) -> Read:
    return "upsample", dict(
        size=tuple(out.shape[2:]),
        mode=a["mode"],
        align_corners=bool(a["align_corners"]),
        antialias=bool(a["antialias"]),
        **({"cubic": -0.75} if a["mode"] == "bicubic" else {}),  # Keys' parameter
    )


def clip(a: Arguments, out: Tensor) -> Read:
    return "clip", dict(low=number(a, "min"), high=number(a, "max"))


def binary(kind: str, *, sided: bool = False) -> Reader:
    """Of two; a number among them is written down, and its side where that matters."""

    def read(a: Arguments, out: Tensor) -> Read:
        settings: Settings = {}
        for argument, side in (("input", "left"), ("other", "right")):
            operand = number(a, argument)
            if operand is not None:
                settings["operand"] = operand
                if sided:
                    settings["side"] = side
        for word in ("alpha", "rounding_mode"):
            if a.get(word) not in (None, 1):
                settings[word] = a[word]
        return kind, settings

    return read


def attention(a: Arguments, out: Tensor) -> Read:
    """The scale is 1 / sqrt(width) unless given."""
    width = a["query"].shape[-1]
    scale = width**-0.5 if a["scale"] is None else a["scale"]
    return "attention", dict(causal=bool(a["is_causal"]), scale=scale, rate=a["dropout_p"])


def normalize(a: Arguments, out: Tensor) -> Read:
    return "normalize", dict(order=a["p"], axes=axes_of(a["dim"], out.ndim), eps=a["eps"])


def cast(a: Arguments, out: Tensor) -> Read:
    """The same numbers, unless they are held in another dtype."""
    if a["input"].dtype == out.dtype:
        return "identity", {}
    return "identity", dict(dtype=str(out.dtype).removeprefix("torch."))


def plain(kind: str, **arguments: str) -> Reader:
    """A kind whose settings are arguments under other names."""

    def read(a: Arguments, out: Tensor) -> Read:
        return kind, {word: a[argument] for word, argument in arguments.items()}

    return read


# ---- which function is which

LAYER = {"weight": "weight", "bias": "bias"}
NORM = {"weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "var"}
POOL = "input kernel_size stride=None padding=0"
MAX_POOL = f"{POOL} dilation=1 ceil_mode=False return_indices=False"
AVG_POOL = f"{POOL} ceil_mode=False count_include_pad=True divisor_override=None"
CONV = "input weight bias=None stride=1 padding=0 dilation=1 groups=1"
CONV_TRANSPOSE = "input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1"
ARGUMENTS = {"self": "input", "axis": "dim", "keepdims": "keepdim", "exponent": "other"}
SYNONYMS = {
    "iadd": "add", "radd": "add", "isub": "sub", "subtract": "sub", "imul": "mul",
    "rmul": "mul", "multiply": "mul", "itruediv": "div", "truediv": "div", "idiv": "div",
    "true_divide": "div", "divide": "div", "rtruediv": "rdiv", "ipow": "pow",
    "float_power": "pow", "negative": "neg", "absolute": "abs", "clamp": "clip",
    "concatenate": "cat", "concat": "cat", "moveaxis": "movedim", "swapaxes": "transpose",
    "swapdims": "transpose", "max_pool1d_with_indices": "max_pool1d",
    "max_pool2d_with_indices": "max_pool2d", "max_pool3d_with_indices": "max_pool3d",
    "adaptive_max_pool1d_with_indices": "adaptive_max_pool1d",
    "adaptive_max_pool2d_with_indices": "adaptive_max_pool2d",
    "adaptive_max_pool3d_with_indices": "adaptive_max_pool3d",
}  # fmt: skip
REVERSED = {"rsub", "rdiv", "rpow"}  # other - input

READERS: list[tuple[str, str, Reader, dict[str, str]]] = [
    ("conv1d conv2d conv3d", CONV, conv, LAYER),
    ("conv_transpose1d conv_transpose2d conv_transpose3d", CONV_TRANSPOSE, conv_transpose, LAYER),
    ("linear", "input weight bias=None", dense, LAYER),
    (
        "batch_norm",
        "input running_mean running_var weight=None bias=None training=False momentum=0.1 eps=1e-5",
        batch_norm,
        NORM,
    ),
    (
        "instance_norm",
        "input running_mean=None running_var=None weight=None bias=None use_input_stats=True "
        "momentum=0.1 eps=1e-5",
        instance_norm,
        NORM,
    ),
    ("layer_norm", "input normalized_shape weight=None bias=None eps=1e-5", layer_norm, NORM),
    ("rms_norm", "input normalized_shape weight=None eps=None", rms_norm, NORM),
    ("group_norm", "input num_groups weight=None bias=None eps=1e-5", group_norm, NORM),
    ("local_response_norm", "input size alpha=1e-4 beta=0.75 k=1.0", lrn, {}),
    ("max_pool1d", MAX_POOL, max_pool(1), {}),
    ("max_pool2d", MAX_POOL, max_pool(2), {}),
    ("max_pool3d", MAX_POOL, max_pool(3), {}),
    ("avg_pool1d", AVG_POOL, avg_pool(1), {}),
    ("avg_pool2d", AVG_POOL, avg_pool(2), {}),
    ("avg_pool3d", AVG_POOL, avg_pool(3), {}),
    ("adaptive_avg_pool1d", "input output_size", adaptive_pool("avg", 1), {}),
    ("adaptive_avg_pool2d", "input output_size", adaptive_pool("avg", 2), {}),
    ("adaptive_avg_pool3d", "input output_size", adaptive_pool("avg", 3), {}),
    ("adaptive_max_pool1d", "input output_size", adaptive_pool("max", 1), {}),
    ("adaptive_max_pool2d", "input output_size", adaptive_pool("max", 2), {}),
    ("adaptive_max_pool3d", "input output_size", adaptive_pool("max", 3), {}),
    ("mean", "input dim=None keepdim=False", reduction("mean", "global_avg_pool"), {}),
    ("amax", "input dim=None keepdim=False", reduction("max", "global_max_pool"), {}),
    ("amin", "input dim=None keepdim=False", reduction("min"), {}),
    ("sum", "input dim=None keepdim=False", reduction("sum"), {}),
    ("max", "input dim=None keepdim=False", extreme("max"), {}),
    ("min", "input dim=None keepdim=False", extreme("min"), {}),
    ("relu", "input", relu, {}),
    ("relu6", "input", relu6, {}),
    ("hardtanh", "input min_val=-1.0 max_val=1.0", hardtanh, {}),
    ("threshold", "input threshold value", threshold, {}),
    ("leaky_relu", "input negative_slope=0.01", plain("leaky_relu", slope="negative_slope"), {}),
    ("prelu", "input weight", plain("prelu"), {"weight": "weight"}),
    ("elu", "input alpha=1.0", plain("elu", alpha="alpha"), {}),
    ("celu", "input alpha=1.0", plain("celu", alpha="alpha"), {}),
    ("gelu", "input approximate='none'", plain("gelu", approximate="approximate"), {}),
    (
        "softplus",
        "input beta=1.0 threshold=20.0",
        plain("softplus", beta="beta", threshold="threshold"),
        {},
    ),
    ("hardshrink", "input lambd=0.5", plain("hard_shrink", threshold="lambd"), {}),
    ("softshrink", "input lambd=0.5", plain("soft_shrink", threshold="lambd"), {}),
    ("tanhshrink", "input", plain("tanh_shrink"), {}),
    ("hardsigmoid", "input", plain("hard_sigmoid"), {}),
    ("hardswish", "input", plain("hard_swish"), {}),
    ("softmax", "input dim=None", softmax("softmax"), {}),
    ("log_softmax", "input dim=None", softmax("log_softmax"), {}),
    ("dropout", "input p=0.5 training=True", dropout, {}),
    ("dropout1d dropout2d dropout3d feature_dropout", "input p=0.5", map_dropout, {}),
    ("pad constant_pad_nd", "input pad mode='constant' value=None", pad, {}),
    ("interpolate", "input size=None scale_factor=None mode='nearest' align_corners=None "
     "recompute_scale_factor=None antialias=False", upsample, {}),
    ("embedding", "input weight", plain("embedding"), {"weight": "weight"}),
    (
        "scaled_dot_product_attention",
        "query key value attn_mask=None dropout_p=0.0 is_causal=False scale=None",
        attention,
        {},
    ),
    ("cat", "tensors dim=0", concat, {}),
    ("stack", "tensors dim=0", stack, {}),
    ("chunk", "input chunks dim=0", split, {}),
    ("split split_with_sizes", "input split_size dim=0", split, {}),
    ("unbind", "input dim=0", unbind, {}),
    ("permute", "input *dims", permute, {}),
    ("transpose", "input dim0 dim1", swap, {}),
    ("t T", "input", turned, {}),
    ("mT", "input", turned_last, {}),
    ("movedim", "input source destination", movedim, {}),
    ("view reshape flatten squeeze unsqueeze unflatten view_as reshape_as", "input", reshape, {}),
    ("expand expand_as", "input", expand, {}),
    ("getitem", "input index", getitem, {}),
    ("setitem", "input index value", setitem, {}),
    ("narrow", "input dim start length", narrow, {}),
    ("select", "input dim index", select, {}),
    ("clip", "input min=None max=None", clip, {}),
    ("clamp_min", "input min max=None", clip, {}),
    ("clamp_max", "input max min=None", clip, {}),
    ("add", "input other", binary("add"), {}),
    ("sub rsub", "input other", binary("subtract", sided=True), {}),
    ("mul", "input other", binary("multiply"), {}),
    ("div rdiv", "input other", binary("divide", sided=True), {}),
    ("pow rpow", "input other", binary("power", sided=True), {}),
    ("matmul mm bmm rmatmul", "input other", plain("matmul"), {}),
    ("normalize", "input p=2.0 dim=1 eps=1e-12", normalize, {}),
    ("contiguous clone to float double half bfloat16 type type_as alias positive tensor as_tensor",
     "input", cast, {}),
    ("detach data", "input", plain("detach"), {}),
    ("neg", "input", plain("negative"), {}),
]  # fmt: skip


def parsed(signature: str) -> tuple[tuple[str, ...], Arguments]:
    """Names and defaults of "input weight bias=None"."""
    parts = [part.partition("=") for part in signature.split()]
    defaults = {name: ast.literal_eval(value) for name, sign, value in parts if sign}
    return tuple(name for name, _, _ in parts), defaults


def listed() -> Iterator[tuple[str, Op]]:
    for functions, signature, reader, roles in READERS:
        for name in functions.split():
            yield name, Op(reader, *parsed(signature), roles)


# A function that is not here keeps its own name, which is ours too for sqrt, tanh, silu and others.
OPS = dict(listed())
STATISTICS = "running_mean running_var"
BUILT_IN = {  # of the same names as functions of torch.nn.functional, in another order
    torch.batch_norm: Op(
        batch_norm, *parsed(f"input weight bias {STATISTICS} training momentum eps"), NORM
    ),
    torch.instance_norm: Op(
        instance_norm, *parsed(f"input weight bias {STATISTICS} training momentum eps"), NORM
    ),
}
