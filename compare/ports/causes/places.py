"""Differences that numbers show: where a box was cut out, what each channel is scaled by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.graph import back
from common.job import Repair
from compare.evidence import relative_error
from compare.known import KEPT_IN_FLOAT32
from compare.ports.causes.boxes import box, cut_from
from compare.ports.causes.cause import KNOWN, RIGHT, Cause
from compare.ports.causes.narrow import Middle
from compare.ports.causes.settings import Work, numbers
from compare.ports.causes.spoilt import SCALES
from compare.ports.looks import Array
from compare.ports.verify import Seen
from compare.thresholds import FORWARD_FLOAT64

SHOWN = 3  # channels that are written out


def cut_elsewhere(seen: Seen, middle: Middle, ours: Work, theirs: Work) -> Cause:
    """The same box, cut out of the same values at another place."""
    if len(ours.node.reads) != 1 or middle.made is None:
        return Cause(before=middle.error)
    x = seen.torch.value(ours.node.reads[0])
    right, wrong = cut_from(x, middle.due), cut_from(x, middle.made)
    if right is None or wrong is None or right == wrong:
        return Cause(before=middle.error)
    phrase = f"keras takes {box(*wrong)}, torch {box(*right)}"
    way = middle.local[theirs.node.reads[0]].moves if theirs.node.reads[0] in middle.local else ()
    shape = seen.keras.graph.shapes[middle.cut.keras]
    repairs: tuple[Repair, ...] = ()
    if middle.made.shape == middle.due.shape:
        settings = {"start": right[0], "length": right[1]}
        makes = back(middle.cut.moves, (-1, *shape))
        if len(right[1]) != middle.due.ndim - 1:
            makes = (("reshape", (-1, *middle.due.shape[1:])), *makes)
        repairs = (Repair(theirs.node.name, "cut_out", settings, reads=(way,), makes=makes),)
    fix = {
        "torch": f"take {box(*wrong)} of {ours.node.reads[0]}",
        "keras": f"take {box(*right)} of {theirs.node.reads[0]}",
    }
    id = "cut-elsewhere"
    return Cause(id, phrase, middle.error, 0.0, (), (id,), fix, repairs=repairs)


def other_scale(seen: Seen, middle: Middle) -> Cause | None:
    """Keras attends with another scale than PyTorch, one of those that people use."""
    if [n.kind for n in middle.torch] != ["attention"] or middle.made is None:
        return None
    node = middle.torch[0]
    xs = [seen.torch.value(value) for value in node.reads]
    width, all_heads = xs[0].shape[-1], xs[0].shape[-1] * (xs[0].shape[1] if xs[0].ndim == 4 else 1)
    right = numbers("attention", node.settings, xs, {}, middle.due)
    if right is None or relative_error(right, middle.due) > RIGHT:
        return None
    for scale in (1.0, width**-0.5, all_heads**-0.5, 1 / width, width**0.5):
        made = numbers("attention", {**node.settings, "scale": scale}, xs, {}, middle.made)
        after = relative_error(middle.made, made) if made is not None else np.inf
        if after <= KEPT_IN_FLOAT32 < middle.error:
            own = node.settings["scale"]
            phrase = f"keras scales by {scale:.6g}, torch by {own:.6g}"
            fix = {"torch": f"scale={scale:.6g}", "keras": f"scale the products by {own:.6g}"}
            id = "attention-scale"
            return Cause(id, phrase, middle.error, after, (), (id,), fix)
    return None


@dataclass(frozen=True)
class Line:
    """Each channel times `slope`, plus `offset`."""

    slope: Array
    offset: Array

    def __str__(self) -> str:
        pairs = zip(self.slope[:SHOWN], self.offset[:SHOWN], strict=True)
        said = ", ".join(
            f"{a:.6g} x" + (f" {b:+.6g}" if abs(b) > RIGHT * abs(a) else "") for a, b in pairs
        )  # but for an offset that is rounding
        return said + (", ..." if len(self.slope) > SHOWN else "")


def by_constants(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work]
) -> Cause | None:
    """Both scale and shift channels by constants, and by other ones."""
    if not torch or not keras or middle.made is None or middle.made.shape != middle.due.shape:
        return None
    works = [*torch, *keras]
    trained = {"torch": seen.torch.graph.tensors, "keras": seen.keras.graph.tensors}
    for side, mine in (("torch", torch), ("keras", keras)):
        for work in mine:
            if any(trained[side][name].trainable for name in work.node.tensors.values()):
                return None
    if {w.node.kind for w in works} - SCALES or any(len(w.node.reads) != 1 for w in works):
        return None
    first = torch[0].node.reads[0]
    if first != getattr(middle.local.get(keras[0].node.reads[0]), "torch", None):
        return None
    x = np.asarray(seen.torch.value(first), dtype=np.float64)
    if x.shape != middle.due.shape:
        return None
    ours, theirs = line(x, middle.due), line(x, middle.made)
    if ours is None or theirs is None:
        return None
    if (
        middle.error <= KEPT_IN_FLOAT32
        and alike(ours.slope, theirs.slope)
        and alike(ours.offset, theirs.offset)
    ):
        return Cause(KNOWN, "one port keeps its constants in float32", middle.error, 0.0)
    shape = (1, -1, *(1,) * (x.ndim - 2))
    after = relative_error(
        ours.slope.reshape(shape) * (middle.made - theirs.offset.reshape(shape))
        / theirs.slope.reshape(shape) + ours.offset.reshape(shape), middle.due,
    )  # fmt: skip
    phrase = f"channel by channel keras makes {theirs} of x, torch {ours}"
    id = "other-constants"
    fix = {"torch": f"scale by {theirs}", "keras": f"scale by {ours}"}
    ways = (middle.local[keras[0].node.reads[0]].moves,)
    settings = {"slope": ours.slope.tolist(), "offset": ours.offset.tolist()}
    makes = back(middle.cut.moves, (-1, *seen.keras.graph.shapes[middle.cut.keras]))
    first_node, *others = [name for w in keras for name in w.node.ran]
    own = Repair(first_node, "lines", settings, reads=ways, makes=makes)
    repairs = (own, *(Repair(name, "identity", reads=((),)) for name in others))
    return Cause(id, phrase, middle.error, after, (), (id,), fix, repairs=repairs)


def line(x: Array, y: Array) -> Line | None:
    """What takes each channel of x to y's; None where no line does."""
    flat = [np.moveaxis(a, 1, 0).reshape(a.shape[1], -1) for a in (x, y)]
    low, high = flat[0].argmin(axis=1), flat[0].argmax(axis=1)
    rows = np.arange(len(low))
    gaps = flat[0][rows, high] - flat[0][rows, low]
    if not gaps.all():
        return None
    slope = (flat[1][rows, high] - flat[1][rows, low]) / gaps
    offset = flat[1][rows, low] - slope * flat[0][rows, low]
    made = slope[:, None] * flat[0] + offset[:, None]
    return Line(slope, offset) if relative_error(made, flat[1]) <= FORWARD_FLOAT64 else None


def alike(a: Array, b: Array) -> bool:
    """As far as constants in float32 go: two roundings of each."""
    largest = np.maximum(np.abs(a), np.abs(b)).max()
    return bool(np.abs(a - b).max() <= 2 * np.finfo(np.float32).eps * largest)
