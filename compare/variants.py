"""What a layer may do instead of what the spec says: the catalogue's candidates, in NumPy.

Each has the id of a cause and yields attempts: a phrase for the reader, and what the layer would
make then. A fitted number is one of few against thousands of values, and all of them are verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import reference, rules
from common.activations import ACTIVATIONS, cause_of
from common.layout import nhwc_order
from common.rules import window_count
from common.spec import Layer, Shape
from compare.rounding import FORMATS, rounded

Array = NDArray[Any]
Attempt = tuple[str, Callable[[], Array]]
MANY = 8  # numbers that agree by a fitted one are no accident from here on
FEW = 3  # changed numbers that a fitted bound must explain at least
SAME = {2: "same-vs-symmetric-stride2", 4: "same-stride4"}  # by stride
STANDS_OUT = 256  # half-steps of a number format, at the largest number: what its use costs at most
JOINED = 4  # sources of a concat whose every order is tried


@dataclass(frozen=True)
class Case:
    """One layer, what it was given, and what it made of it, in float64."""

    layer: Layer
    sources: tuple[Array, ...]
    own: Mapping[str, Array]
    made: Array
    dtype: str = "float64"  # what the port computed in
    maps: Shape | None = None  # (C, H, W) that the features it reads were flattened from
    logits: bool = False  # whether a loss that takes logits reads it

    @cached_property
    def right(self) -> Array:
        return self.on(*self.sources)

    def on(self, *sources: Array) -> Array:
        """The layer on other sources."""
        return reference.apply(self.layer, sources, self.own)

    def instead(self, **settings: Any) -> Array:
        """The layer with other settings. ValueError where its output has another shape."""
        return self.as_op(self.layer.op, **settings)

    def given(self, **own: Array) -> Array:
        """The layer with other numbers in its tensors."""
        return reference.apply(self.layer, self.sources, {**self.own, **own})

    def as_op(self, op: str, **settings: Any) -> Array:
        """Another op on the same sources. ValueError where its output has another shape."""
        layer = replace(self.layer, op=op, settings={**self.layer.settings, **settings})
        shape = rules.output_shape(layer, [source.shape[1:] for source in self.sources])
        if shape != self.made.shape[1:]:
            raise ValueError(f"makes {shape}")
        return reference.apply(layer, self.sources, self.own)

    def first(self) -> Case:
        """The same of the batch's first sample alone."""
        sources = tuple(source[:1] for source in self.sources)
        return replace(self, sources=sources, made=self.made[:1])


Tries = Callable[[Case], Iterator[Attempt]]

# ---------------------------------------------------------------------- windows, padding, kernels


def bias_missing(c: Case) -> Iterator[Attempt]:
    if c.layer.settings["bias"]:
        yield "leaves its bias out", partial(c.instead, bias=False)


def kernel_layout(c: Case) -> Iterator[Attempt]:
    """Permutations that fit by chance, and a reshape where a transpose belongs."""
    weight = c.own["weight"]
    words = {
        (0, 1, 3, 2): "height and width",
        (1, 0, 2, 3): "outputs and inputs",
        (1, 0, 3, 2): "outputs and inputs, and height and width,",
    }
    for axes, what in words.items():
        if weight.transpose(axes).shape == weight.shape:
            phrase = f"uses its kernel with {what} in each other's place"
            yield phrase, partial(c.given, weight=weight.transpose(axes))
    o, i, h, w = weight.shape
    as_hwio = weight.reshape(h, w, i, o).transpose(3, 2, 0, 1)
    yield (
        "holds a kernel that was reshaped to HWIO, not transposed",
        partial(c.given, weight=as_hwio),
    )
    as_oihw = weight.transpose(2, 3, 1, 0).reshape(o, i, h, w)
    yield (
        "holds a kernel that was reshaped to OIHW, not transposed",
        partial(c.given, weight=as_oihw),
    )


def kernel_flipped(c: Case) -> Iterator[Attempt]:
    for axes, what in {(2, 3): "both ways", (2,): "upside down", (3,): "left to right"}.items():
        flipped = np.flip(c.own["weight"], axes)
        yield f"uses its kernel flipped {what}", partial(c.given, weight=flipped)


def groups_interleaved(c: Case) -> Iterator[Attempt]:
    x, groups = c.sources[0], c.layer.settings["groups"]
    if groups > 1:
        places = np.arange(x.shape[1])
        dealt = places.reshape(-1, groups).T.ravel()
        yield f"group g of {groups} reads every {groups}. map", partial(c.on, x[:, dealt])
        gathered = places.reshape(groups, -1).T.ravel()
        yield "reads shuffled maps", partial(c.on, x[:, gathered])
        made = np.arange(len(c.own["weight"])).reshape(groups, -1).T.ravel()
        yield "shuffles the maps that it makes", lambda: c.right[:, made]


def window_size(c: Case) -> tuple[int, int]:
    a = c.layer.settings
    found: tuple[int, int] = a.get("kernel") or a["size"]
    return found


def same_sides(c: Case) -> tuple[tuple[int, int], ...]:
    """The padding of Keras' "same", the odd one after (tf.nn's rule)."""
    a, sides = c.layer.settings, []
    for axis, length in enumerate(c.sources[0].shape[2:]):
        stride = a["stride"][axis]
        span = a.get("dilation", (1, 1))[axis] * (window_size(c)[axis] - 1) + 1
        total = max((-(-length // stride) - 1) * stride + span - length, 0)
        sides.append((total // 2, total - total // 2))
    return tuple(sides)


def same_padding(id: str) -> Tries:
    """Under the name that the catalogue has for this layer's stride."""

    def tries(c: Case) -> Iterator[Attempt]:
        sides, a = same_sides(c), c.layer.settings
        if sides != a["padding"] and SAME.get(max(a["stride"]), "same-padding") == id:
            more = {"ceil": False} if "ceil" in a else {}
            more |= {"count_border": False} if "count_border" in a else {}
            phrase = f'pads as "same" does: {words_of(sides)}'
            yield phrase, partial(c.instead, padding=sides, **more)

    return tries


def padding_side(c: Case) -> Iterator[Attempt]:
    """Each axis' padding mirrored, or all of it on one side; the two axes exchanged."""
    spec = c.layer.settings["padding"]
    choices = [[(a, b), (b, a), (a + b, 0), (0, a + b)] for a, b in spec]
    for sides in dict.fromkeys([*product(*choices), tuple(reversed(spec))]):
        if sides != spec:
            yield f"pads {words_of(sides)}", partial(c.instead, padding=sides)


def padding_mode(c: Case) -> Iterator[Attempt]:
    pads = [(0, 0), (0, 0), *c.layer.settings["padding"]]
    none = replace(c.layer, settings={**c.layer.settings, "padding": ((0, 0), (0, 0))})
    if any(map(any, pads)):
        modes: tuple[Any, ...] = ("reflect", "edge", "wrap", "symmetric")
        for mode in modes:
            around = np.pad(c.sources[0], pads, mode=mode)
            yield (
                f"pads with its {mode} values, not with zeros",
                partial(reference.apply, none, [around], c.own),
            )


def padding_missing(c: Case) -> Iterator[Attempt]:
    if any(map(any, c.layer.settings["padding"])):
        yield "does not pad", partial(c.instead, padding=((0, 0), (0, 0)))


def dilation(c: Case) -> Iterator[Attempt]:
    """Another dilation, with the spec's padding or with what keeps the size."""
    a = c.layer.settings
    for d in range(1, 5):
        if (d, d) == a["dilation"]:
            continue
        spread = (d, d)
        yield f"is dilated by {d}", partial(c.instead, dilation=spread)
        reach = [d * (k - 1) for k in a["kernel"]]
        sides = tuple((r // 2, r - r // 2) for r in reach)
        phrase = f"is dilated by {d}, padded {words_of(sides)}"
        yield phrase, partial(c.instead, dilation=spread, padding=sides)


def stride(c: Case) -> Iterator[Attempt]:
    """Another stride that makes maps of the size that was made."""
    a = c.layer.settings
    for step in product(range(1, 5), repeat=2):
        counts = [
            window_count(n, a.get("dilation", (1, 1))[i] * (window_size(c)[i] - 1) + 1, step[i],
                         a["padding"][i], a.get("ceil", False))
            for i, n in enumerate(c.sources[0].shape[2:])
        ]  # fmt: skip
        if step != a["stride"] and tuple(counts) == c.made.shape[2:]:
            yield f"has the stride {step}", partial(c.instead, stride=step)


def words_of(sides: tuple[tuple[int, int], ...]) -> str:
    """((0, 1), (0, 1)) in words."""
    (top, bottom), (left, right) = sides
    return f"{top} above, {bottom} below, {left} left, {right} right"


def connection_table(c: Case) -> Iterator[Attempt]:
    """Which map each kernel reads, by least squares; a table is what comes out, or nothing."""
    a = c.layer.settings
    view = reference.windows(c.sources[0], a, a["kernel"])
    kernels, table = iter(c.own["weight"]), []
    for index, maps in enumerate(a["table"]):
        seen = [np.einsum("nchwij,ij->nchw", view, next(kernels)) for _ in maps]
        columns = np.concatenate(seen, axis=1)
        columns = columns.transpose(0, 2, 3, 1).reshape(-1, columns.shape[1])
        wanted = (c.made[:, index] - c.own["bias"][index]).reshape(-1)
        shares = np.linalg.lstsq(columns, wanted, rcond=None)[0].reshape(len(maps), -1)
        table.append(tuple(int(i) for i in shares.argmax(axis=1)))
    if tuple(table) != a["table"]:
        other = next(i for i, maps in enumerate(a["table"]) if table[i] != tuple(maps))
        phrase = f"its map {other} reads {table[other]}, the spec says {tuple(a['table'][other])}"
        yield phrase, partial(c.instead, table=tuple(table))


# -------------------------------------------------------------------------------- dense, flatten


def dense_transpose(c: Case) -> Iterator[Attempt]:
    weight = c.own["weight"]
    if weight.shape[0] == weight.shape[1]:
        yield "uses its kernel transposed", partial(c.given, weight=weight.T)


def dense_order(c: Case) -> Iterator[Attempt]:
    if c.maps is not None:
        for order in (nhwc_order(c.maps), np.argsort(nhwc_order(c.maps))):
            phrase = "reads its features in the other framework's order"
            yield phrase, partial(c.on, c.sources[0][:, order])


def flatten_order(c: Case) -> Iterator[Attempt]:
    if c.sources[0].ndim == 4:
        order = nhwc_order(c.sources[0].shape[1:])
        for taken in (order, np.argsort(order)):
            yield "flattens in the other framework's order", partial(c.right.take, taken, axis=1)


# ---------------------------------------------------------------------------------------- norms


def bn_eps(c: Case) -> Iterator[Attempt]:
    known = (1e-3, 1e-5, 1.001e-5, 1e-12, 1e-6, 1e-4, 1e-8, 0.0)
    for eps in [*known, *fitted_eps(c)]:
        if eps != c.layer.settings["eps"]:
            yield f"adds {short(eps)} to the variance", partial(c.instead, eps=eps)


def fitted_eps(c: Case) -> Iterator[float]:
    """The epsilon of the channel with the smallest variance, which shows it best."""
    channel = int(np.argmin(c.own["var"]))
    scale, shift, mean, var = (c.own[n][channel] for n in ("scale", "shift", "mean", "var"))
    x = scale * (c.sources[0][:, channel] - mean)
    slope = float(np.vdot(x, c.made[:, channel] - shift) / np.vdot(x, x))
    if slope > 0 and len(c.own["var"]) > 1:
        yield float(1 / slope**2 - var)


def bn_eps_outside(c: Case) -> Iterator[Attempt]:
    eps, var = c.layer.settings["eps"], c.own["var"]
    outside = (np.sqrt(var) + eps) ** 2 - eps
    yield "adds epsilon to the root, not to the variance", partial(c.given, var=outside)


def bn_affine(c: Case) -> Iterator[Attempt]:
    one, zero = np.ones_like(c.own["scale"]), np.zeros_like(c.own["shift"])
    yield "leaves its scale out", partial(c.given, scale=one)
    yield "leaves its shift out", partial(c.given, shift=zero)
    yield "leaves its scale and shift out", partial(c.given, scale=one, shift=zero)


def batch_statistics(c: Case) -> Iterator[Attempt]:
    phrase = "normalises with the batch's own statistics in evaluation"
    yield (
        phrase,
        partial(reference.batch_norm_training, c.layer.settings, c.sources, c.own),
    )


def lrn(c: Case) -> Iterator[Attempt]:
    a = c.layer.settings
    size = a["size"]
    yield f"divides alpha by the size, {size}", partial(c.instead, alpha=a["alpha"] / size)
    yield f"multiplies alpha by the size, {size}", partial(c.instead, alpha=a["alpha"] * size)
    wide = 2 * size + 1
    yield f"takes the size for a radius: {wide} channels", partial(c.instead, size=wide)
    for alpha, beta, k, n in product(
        (a["alpha"], a["alpha"] / size, 1e-4, 1.0), (a["beta"], 0.75, 0.5), (a["k"], 1.0, 2.0),
        (size, wide),
    ):  # fmt: skip
        values = dict(alpha=alpha, beta=beta, k=k, size=n)
        if values != dict(a):
            yield f"has {named(values)}", partial(c.instead, **values)


# -------------------------------------------------------------------------------------- pooling


def other_pooling(c: Case) -> Iterator[Attempt]:
    if c.layer.op == "max_pool":
        for counted in (True, False):
            phrase = "takes the mean of each window"
            yield phrase, partial(c.as_op, "avg_pool", count_border=counted)
        yield "takes the smallest of each window", lambda: -c.on(-c.sources[0])
    elif c.layer.op == "global_avg_pool":
        yield "takes the largest of each map", lambda: c.sources[0].max(axis=(2, 3), keepdims=True)
    else:
        yield "takes the largest of each window", partial(c.as_op, "max_pool")


def sum_for_mean(c: Case) -> Iterator[Attempt]:
    if c.layer.op == "global_avg_pool":
        yield "takes the sum of each map", lambda: c.sources[0].sum(axis=(2, 3), keepdims=True)
    else:
        a = c.layer.settings
        view = reference.windows(c.sources[0], a, a["size"])
        yield "takes the sum of each window", lambda: view.sum(axis=(-1, -2))


def mean_for_sum(c: Case) -> Iterator[Attempt]:
    places = np.prod(c.layer.settings["size"])
    phrase = "takes the mean of each window, not the sum"
    yield phrase, partial(c.given, weight=c.own["weight"] / places)


def padding_wins(c: Case) -> Iterator[Attempt]:
    a = c.layer.settings
    view = reference.windows(c.sources[0], a, a["size"], fill=0.0)
    phrase = "pads with zeros, which win against negative numbers"
    yield phrase, lambda: view.max(axis=(-1, -2))


def border_counted(c: Case) -> Iterator[Attempt]:
    counted = not c.layer.settings["count_border"]
    phrase = f"{'counts' if counted else 'does not count'} the padding in the divisor"
    yield phrase, partial(c.instead, count_border=counted)


def overhang_counted(c: Case) -> Iterator[Attempt]:
    a = c.layer.settings
    view = reference.windows(c.sources[0], a, a["size"])
    phrase = "divides by the whole window, what rounding up reads included"
    yield phrase, lambda: view.mean(axis=(-1, -2))


def ceil_mode(c: Case) -> Iterator[Attempt]:
    ceil = not c.layer.settings["ceil"]
    yield f"rounds {'up' if ceil else 'down'}", partial(c.instead, ceil=ceil)


def fixed_windows(c: Case) -> Iterator[Attempt]:
    """Windows of one size, as far apart as fits: the usual stand-in for bins."""
    size = c.layer.settings["size"]
    steps = tuple(n // bins for n, bins in zip(c.sources[0].shape[2:], size, strict=True))
    spans = tuple(
        n - (bins - 1) * step
        for n, bins, step in zip(c.sources[0].shape[2:], size, steps, strict=True)
    )
    none = ((0, 0), (0, 0))
    phrase = f"takes windows of one size, {spans}, {steps} apart"
    settings: dict[str, Any] = dict(stride=steps, padding=none, ceil=False, count_border=True)
    yield phrase, partial(c.as_op, "avg_pool", size=spans, **settings)


# -------------------------------------------------------------------------- activations, the rest


def activation(c: Case) -> Iterator[Attempt]:
    """Nothing at all."""
    yield "does nothing", lambda: c.sources[0]


def other_activation(id: str) -> Tries:
    """The activations that the catalogue names so, in an activation's place."""

    def tries(c: Case) -> Iterator[Attempt]:
        for name, function in ACTIVATIONS.items():
            if cause_of(name) == id:
                yield f"computes {name}", partial(function, c.sources[0])

    return tries


def leaky_slope(c: Case) -> Iterator[Attempt]:
    """relu with a slope below zero, by least squares."""
    x = c.sources[0]
    below = np.where(x < 0, x, 0)
    square = float(np.vdot(below, below))
    if c.layer.op == "relu" and square > 0 and np.count_nonzero(below) >= MANY:
        slope = float(np.vdot(below, c.made) / square)
        phrase = f"has the slope {short(slope)} below zero"
        yield phrase, lambda: np.where(x < 0, slope * x, x)


def softmax_axis(c: Case) -> Iterator[Attempt]:
    x = c.sources[0]
    for axis, what in ((0, "the batch"), *((i, "a map's places") for i in range(2, x.ndim))):
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        yield f"normalises over {what}", partial(np.divide, e, e.sum(axis=axis, keepdims=True))


def scaled_tanh(c: Case) -> Iterator[Attempt]:
    a = c.layer.settings
    yield "is a plain tanh", partial(c.instead, amplitude=1.0, slope=1.0)
    yield "leaves its amplitude out", partial(c.instead, amplitude=1.0)
    yield "leaves its slope out", partial(c.instead, slope=1.0)
    swapped = dict(amplitude=a["slope"], slope=a["amplitude"])
    yield "has amplitude and slope in each other's place", partial(c.instead, **swapped)


def distance_root(c: Case) -> Iterator[Attempt]:
    yield "takes the root of the squared distance", lambda: np.sqrt(c.right)
    phrase = "takes the mean of the squares, not the sum"
    yield phrase, lambda: c.right / c.sources[0].shape[1]


def dropout_active(c: Case) -> Iterator[Attempt]:
    """Zeros, and everything else divided by 1 - rate."""
    x, rate = c.sources[0], c.layer.settings["rate"]
    dropped = (c.made == 0) & (x != 0)
    if dropped.any() and not dropped.all():
        phrase = f"drops {dropped.mean() / (x != 0).mean():.0%} of its values in evaluation"
        yield phrase, lambda: np.where(dropped, 0, x / (1 - rate))


def dropout_scaled(c: Case) -> Iterator[Attempt]:
    rate = c.layer.settings["rate"]
    phrase = "multiplies by 1 - rate in evaluation, and does not divide in training"
    yield phrase, lambda: c.sources[0] * (1 - rate)


def branch_missing(c: Case) -> Iterator[Attempt]:
    for index, name in enumerate(c.layer.reads):
        rest = [x for i, x in enumerate(c.sources) if i != index]
        yield f"leaves {name} out", partial(c.on, *rest)


def other_sum(c: Case) -> Iterator[Attempt]:
    first, *rest = c.sources
    yield "takes the mean of its sources", lambda: c.right / len(c.sources)
    yield "subtracts", lambda: first - sum(rest)
    yield "multiplies", lambda: np.prod(np.stack(c.sources), axis=0)
    yield "takes the largest of its sources", lambda: np.max(np.stack(c.sources), axis=0)
    for name, x in zip(c.layer.reads, c.sources, strict=True):
        yield f"adds {name} twice", partial(np.add, c.right, x)


def concat_order(c: Case) -> Iterator[Attempt]:
    if len(c.sources) <= JOINED:
        for order in permutations(range(len(c.sources))):
            names = ", ".join(c.layer.reads[i] for i in order)
            if list(order) != sorted(order):
                yield f"joins {names}", partial(c.on, *(c.sources[i] for i in order))


def zeros_place(c: Case) -> Iterator[Attempt]:
    (down, right), channels = c.layer.settings["stride"], c.layer.settings["channels"]
    kept = c.sources[0][:, :, ::down, ::right]
    more = channels - kept.shape[1]
    none = (0, 0)
    for pads, where in (((more, 0), "before"), ((more // 2, more - more // 2), "on both sides of")):
        phrase = f"puts its zeros {where} the maps"
        yield phrase, partial(np.pad, kept, [none, pads, none, none])


# --------------------------------------------------------------- what can happen to any array


def skipped(c: Case) -> Iterator[Attempt]:
    if len(c.sources) == 1:
        yield "makes what it reads", lambda: c.sources[0]


def scaled(c: Case) -> Iterator[Attempt]:
    square = float(np.vdot(c.right, c.right))
    if square > 0 and c.right.shape == c.made.shape and c.made.size >= MANY:
        factor = float(np.vdot(c.right, c.made)) / square
        yield f"is multiplied by {short(factor)}", lambda: c.right * factor


def shifted(c: Case) -> Iterator[Attempt]:
    if c.right.shape == c.made.shape and c.made.size >= MANY:
        offset = float(np.mean(c.made - c.right))
        yield f"has {short(offset)} added", lambda: c.right + offset


def clamped(c: Case) -> Iterator[Attempt]:
    """A bound is believed where it explains a few numbers at least, and leaves others."""
    low, high = float(c.made.min()), float(c.made.max())
    if c.right.shape != c.made.shape or low == high:
        return
    below, above = int((c.right < low).sum()), int((c.right > high).sum())
    bounds = [
        f"{side} {short(bound)}"
        for count, side, bound in ((below, "below at", low), (above, "above at", high))
        if count >= FEW
    ]
    if bounds:
        phrase = f"is clamped {' and '.join(bounds)}"
        lower, upper = low if below >= FEW else None, high if above >= FEW else None
        yield phrase, lambda: np.clip(c.right, lower, upper)


def double_softmax(c: Case) -> Iterator[Attempt]:
    if c.logits:
        softmax = ACTIVATIONS["softmax"]
        yield "is followed by a softmax; the loss takes logits", lambda: softmax(c.right)


def activation_extra(c: Case) -> Iterator[Attempt]:
    for name, function in ACTIVATIONS.items():
        if not (c.logits and name == "softmax"):
            yield f"is followed by {name}", partial(applied, function, c)


def applied(function: Callable[[Array], Array], c: Case) -> Array:
    return function(c.right)


def height_width(c: Case) -> Iterator[Attempt]:
    phrase = "with height and width in each other's place"
    if c.right.ndim == 4:
        yield (
            f"arrives {phrase}" if c.layer.name == "" else f"is made {phrase}",
            lambda: c.right.swapaxes(2, 3),
        )
    if all(x.ndim == 4 for x in c.sources):
        yield f"reads its maps {phrase}", lambda: c.on(*(x.swapaxes(2, 3) for x in c.sources))


def axes_permuted(c: Case) -> Iterator[Attempt]:
    if c.right.ndim == 4:
        for axes in permutations((1, 2, 3)):
            if axes not in ((1, 2, 3), (1, 3, 2)):
                yield f"has its axes in the order {(0, *axes)}", partial(permuted, c, axes)


def permuted(c: Case, axes: tuple[int, ...]) -> Array:
    return c.right.transpose(0, *axes)


def mirrored(c: Case) -> Iterator[Attempt]:
    if c.right.ndim == 4:
        for axis, what in ((2, "upside down"), (3, "left to right")):
            yield f"is made {what}", partial(flipped, c, axis)
    if all(x.ndim == 4 for x in c.sources):
        for axis, what in ((2, "upside down"), (3, "left to right")):
            turned = [np.flip(x, axis) for x in c.sources]
            yield f"reads its maps {what}", partial(c.on, *turned)


def flipped(c: Case, axis: int) -> Array:
    return np.flip(c.right, axis)


def channel_order(c: Case) -> Iterator[Attempt]:
    yield "makes its channels in reverse order", partial(flipped, c, 1)
    if len(c.sources) == 1:
        yield "reads its channels in reverse order", lambda: c.on(np.flip(c.sources[0], 1))


def batch_split(c: Case) -> Iterator[Attempt]:
    count = len(c.made)
    if 0 < count < len(c.right):
        yield f"takes {count} of {len(c.right)} samples at a time", lambda: c.right[:count]


def rounding(id: str) -> Tries:
    """What the layer reads, holds or makes is rounded to a shorter format of that cause."""

    def tries(c: Case) -> Iterator[Attempt]:
        for name, kind in FORMATS.items():
            if kind.cause == id and not (c.dtype == "float32" and name == "float32"):
                if np.abs(c.made - c.right).max() > STANDS_OUT * kind.unit * np.abs(c.right).max():
                    continue
                sources = [rounded(x, name) for x in c.sources]
                yield f"reads numbers that are rounded to {name}", partial(c.on, *sources)
                yield (
                    f"reads and holds numbers that are rounded to {name}",
                    partial(all_rounded, c, sources, name),
                )
                if name != "tf32":  # whose products are added up in float32
                    yield from made_in(c, name)

    return tries


def all_rounded(c: Case, sources: Sequence[Array], name: str) -> Array:
    own = {key: rounded(x, name) for key, x in c.own.items()}
    return reference.apply(c.layer, sources, own)


def made_in(c: Case, name: str) -> Iterator[Attempt]:
    """Every number that was made fits into the format, and is near the right one, which does not.

    How a sum in it rounds depends on its order, so the numbers themselves cannot be foretold.
    """
    near = FORMATS[name].unit * STANDS_OUT * np.abs(c.right).max()
    if c.right.shape == c.made.shape and np.mean(rounded(c.right, name) != c.right) > 0.5:
        short_enough = np.where(np.abs(c.made - c.right) <= near, rounded(c.made, name), np.inf)
        yield f"makes numbers that are rounded to {name}", lambda: short_enough


def short(value: float) -> str:
    """Six digits: 1.01e-05, 0.001, 6."""
    return f"{value:.6g}"


def named(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={short(value)}" for name, value in values.items())


ACTIVATION: tuple[tuple[str, Tries], ...] = (
    ("activation-missing", activation),
    ("relu6", other_activation("relu6")),
    ("leaky-relu-slope", leaky_slope),
    ("gelu", other_activation("gelu")),
    ("hard-sigmoid", other_activation("hard-sigmoid")),
    ("hard-swish", other_activation("hard-swish")),
    ("other-activation", other_activation("other-activation")),
)
WINDOWS: tuple[tuple[str, Tries], ...] = (
    *((id, same_padding(id)) for id in (*SAME.values(), "same-padding")),
    ("padding-side", padding_side),
    ("padding-missing", padding_missing),
    ("stride", stride),
)
POOLING: tuple[tuple[str, Tries], ...] = (
    *WINDOWS,
    ("max-for-mean", other_pooling),
    ("ceil-mode", ceil_mode),
)
# By op, the simplest first: where two explain a layer alike, the first one is named.
VARIANTS: dict[str, tuple[tuple[str, Tries], ...]] = {
    "conv": (
        ("bias-missing", bias_missing),
        *WINDOWS,
        ("padding-mode", padding_mode),
        ("dilation", dilation),
        ("kernel-layout", kernel_layout),
        ("kernel-flipped", kernel_flipped),
        ("groups-interleaved", groups_interleaved),
    ),
    "partial_conv": (("connection-table", connection_table),),
    "dense": (
        ("bias-missing", bias_missing),
        ("dense-kernel-transpose", dense_transpose),
        ("flatten-order", dense_order),
    ),
    "rbf": (("distance-formula", distance_root),),
    "batch_norm": (
        ("bn-eps", bn_eps),
        ("batch-statistics", batch_statistics),
        ("bn-affine-flags", bn_affine),
        ("bn-eps-outside", bn_eps_outside),
    ),
    "lrn": (("lrn", lrn),),
    "max_pool": (*POOLING, ("maxpool-padding", padding_wins)),
    "avg_pool": (
        ("avgpool-padding", border_counted),
        ("avgpool-overhang", overhang_counted),
        *POOLING,
        ("sum-for-mean", sum_for_mean),
    ),
    "adaptive_avg_pool": (("adaptive-pool", fixed_windows),),
    "global_avg_pool": (("max-for-mean", other_pooling), ("sum-for-mean", sum_for_mean)),
    "subsample": (("mean-for-sum", mean_for_sum),),
    "padded_shortcut": (("shortcut-zeros", zeros_place),),
    "relu": ACTIVATION,
    "sigmoid": ACTIVATION,
    "tanh": ACTIVATION,
    "scaled_tanh": (("scaled-tanh", scaled_tanh), *ACTIVATION),
    "softmax": (("softmax-axis", softmax_axis), *ACTIVATION),
    "dropout": (("dropout-in-evaluation", dropout_active), ("dropout-rate", dropout_scaled)),
    "flatten": (("flatten-order", flatten_order),),
    "add": (("branch-missing", branch_missing), ("other-join", other_sum)),
    "concat": (("concat-order", concat_order),),
}
# What can happen to whatever is handed on, by a layer or between two.
ANYWHERE: tuple[tuple[str, Tries], ...] = (
    ("layer-skipped", skipped),
    ("height-width-swapped", height_width),
    ("channel-order", channel_order),
    ("mirrored", mirrored),
    ("axes-permuted", axes_permuted),
    ("batch-split", batch_split),
    ("double-softmax", double_softmax),
    ("activation-extra", activation_extra),
    ("scaled", scaled),
    ("shifted", shifted),
    ("clamped", clamped),
)
ROUNDING: tuple[tuple[str, Tries], ...] = (
    ("float32-inside", rounding("float32-inside")),
    ("tf32", rounding("tf32")),
    ("mixed-precision", rounding("mixed-precision")),
)
# These say nothing of a single sample: they look at the batch, or fit a number to what they see.
WHOLE = {
    "batch-statistics", "softmax-axis", "batch-split", "dropout-in-evaluation", "leaky-relu-slope",
    "scaled", "shifted", "clamped", "connection-table",
}  # fmt: skip
