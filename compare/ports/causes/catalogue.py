"""The catalogue of variants (compare/variants.py), tried on an operation of either side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from common.graph import Node, moved
from common.spec import Layer
from compare.causes import FLOAT64, proven
from compare.evidence import relative_error
from compare.ports.causes.cause import Cause
from compare.ports.causes.narrow import STILL, Middle
from compare.ports.causes.settings import Work, settings_of_spec
from compare.ports.looks import Array
from compare.ports.verify import Seen
from compare.thresholds import FORWARD_FLOAT64
from compare.variants import ANYWHERE, ROUNDING, VARIANTS, Case

ACTIVATIONS_OF_KIND = {
    "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign",
    "sigmoid", "hard_sigmoid", "hard_swish", "tanh", "softmax", "log_softmax", "celu",
    "log_sigmoid", "soft_shrink", "hard_shrink", "tanh_shrink",
}  # fmt: skip
MASKED = "masked"
FAR_BELOW = 1e3  # of a number whose exponential is nothing


def owned(seen: Seen, node: Node, side: str) -> dict[str, Array]:
    """The tensors of a node by role, in PyTorch's axes."""
    held = seen.held[side]
    moves = {c.keras: c.moves for c in seen.moves.carried} if side == "keras" else {}
    return {
        role: moved(held[name], moves.get(name, ()))
        for role, name in node.tensors.items()
        if name in held
    }


def by_catalogue(seen: Seen, middle: Middle, work: Work, side: str) -> Cause:
    """The variants of one side's operation, as compare/causes.py tries them: the other's numbers.

    `side`: whose operation is taken for right.
    """
    kind, node = work.node.kind, work.node
    made = middle.made if side == "torch" else middle.due
    if made is None or kind not in VARIANTS:
        return Cause(before=middle.error)
    values = [way_to_torch(seen, middle, value, side) for value in (work.pad or node).reads]
    if any(value is None for value in values):
        return Cause(before=middle.error)
    wide = tuple(np.asarray(seen.torch.value(v), dtype=np.float64) for v in values if v)
    own = {r: np.asarray(x, dtype=np.float64) for r, x in owned(seen, node, side).items()}
    layer = Layer(node.name, kind, settings_of_spec(kind, work.settings), tuple(map(str, values)))
    case = Case(layer, wide, own, made, "float64", flattened_from(seen, middle), ends(seen, middle))
    try:
        if case.right.shape != made.shape and case.right.size == made.size:
            case = replace(case, made=made.reshape(case.right.shape))
        if relative_error(case.right, case.made) <= FORWARD_FLOAT64:
            return Cause(before=middle.error)  # it does what it should: the fault is elsewhere
    except (ValueError, KeyError, IndexError):
        return Cause(before=middle.error)
    found = proven(case, (*VARIANTS.get(kind, ()), *ANYWHERE, *ROUNDING), FLOAT64)
    after, also, tried = found.error_after, found.also, found.tried
    return Cause(found.cause, found.phrase, middle.error, after, also, tried)


def way_to_torch(seen: Seen, middle: Middle, value: str, side: str) -> str | None:
    """PyTorch's value for one that a side reads; None where nothing stands for it."""
    if side == "torch":
        return value
    return middle.local[value].torch if value in middle.local else None


def ends(seen: Seen, middle: Middle) -> bool:
    """Whether what is made is an output, which a loss may take for logits."""
    return middle.cut.torch in seen.torch.graph.outputs.values()


def flattened_from(seen: Seen, middle: Middle) -> tuple[int, ...] | None:
    """(C, H, W) of maps that are flattened before a piece; None where none are."""
    if not middle.torch or not middle.torch[0].reads:
        return None
    node = seen.torch.net.maker.get(middle.torch[0].reads[0])
    while node is not None and node.kind in (*STILL, *ACTIVATIONS_OF_KIND) and node.reads:
        node = seen.torch.net.maker.get(node.reads[0])
    if node is None or node.kind != "flatten" or not node.reads:
        return None
    shape = seen.torch.graph.shapes[node.reads[0]]
    return shape if len(shape) == 3 else None


def masked(before: Array, now: Array) -> Array:
    """Places that are far below all others, which are as they were; none where that is not so.

    A softmax behind makes zeros of them.
    """
    nowhere = np.zeros(now.shape, bool)
    if before.shape != now.shape or not np.isfinite(before).all() or np.isnan(now).any():
        return nowhere
    gone = now < before.min() - FAR_BELOW
    rest = relative_error(np.where(gone, 0, now), np.where(gone, 0, before))
    return gone if gone.any() and not gone.all() and rest <= FORWARD_FLOAT64 else nowhere


def what_happened(seen: Seen, middle: Middle, before: Array | None, now: Array | None) -> Cause:
    """What turned one array into another, by no layer that is known."""
    if before is None or now is None:
        return Cause()
    layer = Layer("", "dropout", {"rate": 0.0}, ("x",))
    wide = np.asarray(before, dtype=np.float64)
    case = Case(layer, (wide,), {}, np.asarray(now), "float64", None, ends(seen, middle))
    gone = masked(wide, now)
    if gone.any():
        phrase = f"is masked at {gone.sum():,} of {gone.size:,} places"
        return Cause(MASKED, phrase, middle.error, 0.0)
    if not np.isfinite(now).all():
        finite = np.isfinite(now)
        after = relative_error(now[finite], wide[finite]) if now.shape == wide.shape else 1.0
        phrase = f"{(~finite).sum():,} of {finite.size:,} numbers are not finite"
        return Cause("nan", phrase, float("inf"), after) if after <= FORWARD_FLOAT64 else Cause()
    dropped = (now == 0) & (wide != 0) if now.shape == wide.shape else np.zeros(1, bool)
    if dropped.any() and not dropped.all():
        kept = ~dropped & (wide != 0)
        factor = float(np.median(now[kept] / wide[kept])) if kept.any() else 0.0
        after = relative_error(now, np.where(dropped, 0, factor * wide))
        if after <= FORWARD_FLOAT64 and factor > 1:
            phrase = f"loses {dropped.mean():.0%} of its numbers in evaluation"
            return Cause("dropout-in-evaluation", phrase, middle.error, after)
    candidates = [c for c in ANYWHERE if c[0] not in ("layer-skipped", "activation-extra")]
    found = proven(case, candidates, FLOAT64)
    return Cause(found.cause, found.phrase, middle.error, found.error_after, found.also)
