"""Of one operation of each side: the settings that differ and explain the error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from common.graph import Node
from common.operations import DEFAULTS, compute, in_float32
from common.spec import Layer
from compare import fixes
from compare.evidence import relative_error
from compare.known import KEPT_IN_FLOAT32
from compare.ports.causes.boxes import sides_of
from compare.ports.causes.cause import RIGHT, Cause
from compare.ports.causes.narrow import PADDED, Middle, is_padding
from compare.ports.cuts import CUTS_OUT
from compare.ports.looks import Array, Look
from compare.ports.verify import Seen

UNHEARD = {
    "compute_dtype",
    "dtype",
    "keep",
    "bias_",
    "axis",
    "rate",
    "keepdims",
    "fill_",
    "activation",
}


@dataclass(frozen=True)
class Work:
    """One operation with the padding that goes before it, and what is cut off behind it."""

    node: Node
    settings: dict[str, Any]
    pad: Node | None = None
    crop: Node | None = None


def merged(look: Look, nodes: Sequence[Node]) -> list[Work]:
    """Padding layers taken into what reads them; crops into the transposed convolution before."""
    found: list[Work] = []
    for node in nodes:
        before = found[-1].node if found else None
        sides = cut_off(look, before, node)
        if sides is not None:
            around = found[-1].settings["padding"]
            found[-1] = replace(
                found[-1],
                settings={**found[-1].settings, "padding": together(sides, around)},
                crop=node,
            )
            continue
        if before is None or not is_padding(before) or node.kind not in PADDED:
            found.append(Work(node, settled(node)))
            continue
        around = node.settings.get("padding", ((0, 0), (0, 0)))
        more: dict[str, Any] = {"padding": together(before.settings["sides"], around)}
        if node.kind == "max_pool":
            more["fill"] = float(before.settings.get("value") or 0.0)
        if node.kind == "avg_pool":
            more["count_border"] = True
        found[-1] = Work(node, {**node.settings, **more}, before)
    return found


Sides = Sequence[tuple[int, int]]


def together(a: Sides, b: Sides) -> tuple[tuple[int, int], ...]:
    return tuple((x + z, y + w) for (x, y), (z, w) in zip(a, b, strict=True))


def cut_off(look: Look, before: Node | None, node: Node) -> Sides | None:
    """What a node cuts off the maps of the transposed convolution before it; None: nothing."""
    if before is None or before.kind != "conv_transpose" or node.kind not in CUTS_OUT:
        return None
    if node.reads != before.writes:
        return None
    given, left = look.value(node.reads[0]), look.value(node.writes[0])
    return sides_of(given, left, look.graph.channels == "last")


def settled(node: Node) -> dict[str, Any]:
    """Settings in one form: what PyTorch adds to a transposed convolution's end is cut off less."""
    found = dict(node.settings)
    if node.kind == "conv_transpose" and "output_padding" in found:
        more = found.pop("output_padding")
        cut = zip(found["padding"], more, strict=True)
        found["padding"] = tuple((before, after - m) for (before, after), m in cut)
    return found


def numbers(
    kind: str,
    settings: Mapping[str, Any],
    sources: Sequence[Array],
    own: Mapping[str, Array],
    like: Array,
) -> Array | None:
    """What the operation makes with these settings, in the shape of `like` where it has as many."""
    try:
        made = compute(kind, settings, sources, own)
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return made.reshape(like.shape) if made.size == like.size else made


def by_settings(
    seen: Seen,
    middle: Middle,
    ours: Work,
    theirs: Work,
    sources: Sequence[Array],
    own_t: Mapping[str, Array],
    own_k: Mapping[str, Array],
    right: Array,
) -> list[Cause]:
    """Settings that differ: together they explain the error, and each of them is needed.

    `right`: what PyTorch's settings make of these numbers.
    """
    kind = ours.node.kind
    keys = [
        key
        for key in ours.settings.keys() | theirs.settings.keys()
        if key not in UNHEARD and ours.settings.get(key) != theirs.settings.get(key)
        and ((key in ours.settings and key in theirs.settings) or key == "fill")
    ]  # fmt: skip
    if "axes" in keys and same_axes(seen, middle, ours, theirs):
        keys.remove("axes")
    own = {**own_t, **own_k}
    if not keys:
        return []
    if middle.made is not None:
        every = {**ours.settings, **{key: set_to(theirs, key) for key in keys}}
        if not as_it_says(kind, every, sources, own, middle.made, max(RIGHT, middle.rounding)):
            return []
    keys.sort(key=lambda key: (WEIGHTIEST.index(key) if key in WEIGHTIEST else 99, key))
    same = all(np.array_equal(own_t[role], own_k[role]) for role in own_t.keys() & own_k.keys())
    needed, after = smallest(ours, theirs, sources, own, middle, keys, right if same else None)
    if not middle.explained(after) and after > 1e-6 * min(middle.error, 1.0):
        return []
    fix = code(ours, theirs, sources)
    return [
        Cause(
            setting_cause(kind, key, ours, theirs),
            f"{key}: torch {shown(set_to(ours, key))}, keras {shown(set_to(theirs, key))}",
            middle.error,
            after,
            (),
            tuple(sorted(keys)),
            fix,
        )
        for key in needed
    ]


def same_axes(seen: Seen, middle: Middle, ours: Work, theirs: Work) -> bool:
    """Whether Keras' axes, counted as of (N, C, ...), are PyTorch's in the order of its value."""
    value = theirs.node.reads[0]
    cut, rank = middle.local.get(value), len(seen.keras.graph.shapes[value]) + 1
    if cut is None or any(word != "transpose" for word, _ in cut.moves):
        return False
    last = seen.keras.graph.channels == "last" and rank > 3
    axes = [(rank - 1 if a == 1 else a - 1) if last and a else a for a in theirs.settings["axes"]]
    for _, order in cut.moves:
        axes = [order.index(a) for a in axes]
    return sorted(axes) == sorted(ours.settings["axes"])


def as_it_says(
    kind: str,
    settings: Mapping[str, Any],
    sources: Sequence[Array],
    own: Mapping[str, Array],
    made: Array,
    allowed: float,
) -> bool:
    """Whether an operation does what its settings say, in TensorFlow's float32 constants or not."""
    as_set = numbers(kind, settings, sources, own, made)
    if as_set is None or relative_error(made, as_set) <= allowed:
        return as_set is not None
    resized = kind == "upsample" and np.array_equal(made, made.astype(np.float32))  # TensorFlow's
    if resized or kind == "attention":  # whose scale Keras makes in float32
        return relative_error(made, as_set) <= KEPT_IN_FLOAT32
    try:
        short = in_float32(kind, settings, sources)
    except (ValueError, KeyError, IndexError, TypeError):
        return False
    return short is not None and relative_error(made, short.reshape(made.shape)) <= allowed


WEIGHTIEST = ("kernel", "size", "stride", "dilation", "groups", "bias", "eps", "padding", "sides")


def smallest(
    ours: Work,
    theirs: Work,
    sources: Sequence[Array],
    own: Mapping[str, Array],
    middle: Middle,
    keys: Sequence[str],
    right: Array | None,
) -> tuple[tuple[str, ...], float]:
    """The fewest settings that, taken from PyTorch, make of Keras' operation PyTorch's numbers.

    `right`, where it is known: what all of them make.
    """
    as_keras = {**ours.settings, **{key: set_to(theirs, key) for key in keys}}
    for count in range(1, min(len(keys), 4) + 1):
        for chosen in combinations(keys, count):
            settings = {**as_keras, **{key: set_to(ours, key) for key in chosen}}
            made = right if settings == ours.settings else None
            if made is None:
                made = numbers(ours.node.kind, settings, sources, own, middle.due)
            after = relative_error(made, middle.due) if made is not None else np.inf
            if middle.explained(after):
                return chosen, after
    return (), np.inf


def set_to(work: Work, key: str) -> Any:
    """A setting; what pads a maximum is below every number, unless a padding layer says so."""
    return work.settings.get(key, -np.inf if key == "fill" else None)


def setting_cause(kind: str, key: str, ours: Work, theirs: Work) -> str:
    """The catalogue's id of a setting that differs."""
    a, b = ours.settings.get(key, ()), theirs.settings.get(key, ())
    if key == "bias":
        return "bias-missing" if a else "bias-extra"
    if key == "padding":
        return padding_cause(a, b, max(ours.settings.get("stride", (1,))))
    if key == "sides":
        return padding_cause(a, b, 1)
    named = {
        "eps": "bn-eps" if kind == "batch_norm" else f"{kind}-eps",
        "slope": "leaky-relu-slope",
        "cut": "relu6",
        "approximate": "gelu",
        "alpha": "lrn-alpha" if kind == "lrn" else "alpha",
        "count_border": "avgpool-padding",
        "ceil": "ceil-mode",
        "fill": "maxpool-padding",
        "align_corners": "align-corners",
        "cubic": "interpolation",
        "mode": "interpolation" if kind == "upsample" else "padding-mode",
    }
    return named.get(key, key)


def padding_cause(torch: Any, keras: Any, stride: int) -> str:
    """The id of paddings that differ: Keras' "same", as much on other sides, none, or another."""
    odd = all(b - a in (0, 1) for a, b in keras) and any(a != b for a, b in keras)
    if keras and torch and odd and all(a == b for a, b in torch):
        return {2: "same-vs-symmetric-stride2", 4: "same-stride4"}.get(stride, "same-padding")
    total = [[sum(side) for side in sides] for sides in (torch or (), keras or ())]
    if total[0] == total[1]:
        return "padding-side"
    return "padding-missing" if not any(total[1]) else "padding"


def shown(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def code(ours: Work, theirs: Work, sources: Sequence[Array]) -> dict[str, str] | None:
    """Either side's layer with the other's settings."""
    shapes = [x.shape[1:] for x in sources]
    kind = ours.node.kind
    try:
        common = settings_of_spec(kind, ours.settings)
        keras = fixes.made(Layer("", kind, common), shapes, "keras")
        torch = fixes.made(
            Layer("", kind, settings_of_spec(kind, theirs.settings)), shapes, "torch"
        )
    except (KeyError, ValueError, TypeError, IndexError):
        return None
    return {"torch": torch, "keras": keras}


def settings_of_spec(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {**DEFAULTS.get(kind, {}), **settings}
