"""The same numbers in another order, where all that either side does is to put them into one."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

import numpy as np

from common.graph import Moves, back
from common.job import Repair
from compare.ports.causes.alone import way_of
from compare.ports.causes.cause import Cause
from compare.ports.causes.narrow import VIEWS, Middle
from compare.ports.causes.settings import Work
from compare.ports.looks import Array
from compare.ports.verify import Seen

# What makes no number, as views and TensorFlow's own; and what a layer of somebody's own may do.
MOVES = {"reshape", "transpose", "flatten", "pixel_shuffle", "DepthToSpace", "block"}
SHOWN = 8  # channels that are written out


def arranged(
    seen: Seen, middle: Middle, torch: Sequence[Work], keras: Sequence[Work]
) -> Cause | None:
    """Maps whose channels, or channels that become places, are taken in another order."""
    works = (*torch, *keras)
    if not {w.node.kind for w in works} <= MOVES or any(w.node.tensors for w in works):
        return None
    if middle.made is None:
        return None
    stands = middle.local.get(keras[0].node.reads[0])
    if stands is None or root(seen, stands.torch)[0] != root(seen, torch[0].node.reads[0])[0]:
        return None
    x = seen.torch.value(root(seen, stands.torch)[0])
    for id, spread in (
        ("channel-order", 1),
        ("pixel-shuffle-order", places_of_each(x, middle.due)),
    ):
        flat = [as_channels(y, spread) for y in (middle.due, middle.made)]
        if any(y is None or y.shape != x.shape for y in flat):
            continue
        right, wrong = (order_of(x, y) for y in flat if y is not None)
        if right is None or wrong is None or right == wrong:
            continue
        words = "makes its maps of the channels" if spread == 1 else "spreads the channels"
        phrase = f"keras {words} {said(wrong)}, torch {said(right)}"
        fix = {
            "keras": f"take them in the order {said(right)}",
            "torch": f"in that of {said(wrong)}",
        }
        repairs = in_order(seen, middle, keras, right, spread)
        return Cause(id, phrase, middle.error, 0.0, (), (id,), fix, repairs=repairs)
    return None


def root(seen: Seen, value: str) -> tuple[str, Moves]:
    """The value that PyTorch's views make this one of, and what takes this one back to it."""
    moves: list[tuple[str, tuple[int, ...]]] = []
    while (maker := seen.torch.net.maker.get(value)) is not None and maker.kind in VIEWS:
        axes, value = maker.settings.get("axes"), maker.reads[0]
        if axes is not None:
            moves.append(("transpose", tuple(int(i) for i in np.argsort(axes))))
        else:
            moves.append(("reshape", (-1, *seen.torch.graph.shapes[value])))
    return value, tuple(moves)


def places_of_each(x: Array, y: Array) -> int:
    """Along how many places of an axis each place of x is spread, as a pixel shuffle does."""
    if x.ndim != 4 or y.ndim != 4 or y.shape[1] == 0 or x.shape[1] % y.shape[1]:
        return 0
    return isqrt(x.shape[1] // y.shape[1])


def as_channels(y: Array, spread: int) -> Array | None:
    """What a pixel shuffle made of channels, back in channels: (N, C, rH, rW) -> (N, C r r, H, W).

    In the order of torch.nn.PixelShuffle.
    """
    if spread == 1:
        return y
    if spread < 1 or y.ndim != 4 or y.shape[2] % spread or y.shape[3] % spread:
        return None
    n, c, h, w = y.shape
    y = y.reshape(n, c, h // spread, spread, w // spread, spread).transpose(0, 1, 3, 5, 2, 4)
    return y.reshape(n, c * spread**2, h // spread, w // spread)


def order_of(x: Array, y: Array) -> tuple[int, ...] | None:
    """Which channels of x are y's, one by one; None where one of them is in x nowhere."""
    places: dict[bytes, list[int]] = {}
    for i in reversed(range(x.shape[1])):
        places.setdefault(np.ascontiguousarray(x[:, i]).tobytes(), []).append(i)
    found = []
    for i in range(y.shape[1]):
        left = places.get(np.ascontiguousarray(y[:, i]).tobytes())
        if not left:
            return None
        found.append(left.pop())
    return tuple(found)


def said(order: Sequence[int]) -> str:
    return ", ".join(map(str, order[:SHOWN])) + (", ..." if len(order) > SHOWN else "")


def in_order(
    seen: Seen, middle: Middle, keras: Sequence[Work], order: Sequence[int], spread: int
) -> tuple[Repair, ...]:
    """Keras' first operation takes them in PyTorch's order, and the others hand that on."""
    last = (0, *range(2, middle.due.ndim), 1)
    first = (0, middle.due.ndim - 1, *range(1, middle.due.ndim - 1))
    ways: Moves = (("transpose", last), ("order", tuple(order)), ("transpose", first))
    if spread > 1:
        n, c, h, w = -1, *middle.due.shape[1:]
        ways = (
            *ways,
            ("reshape", (n, c, spread, spread, h // spread, w // spread)),
            ("transpose", (0, 1, 4, 2, 5, 3)),
            ("reshape", (n, c, h, w)),
        )
    read = keras[0].node.reads[0]
    ways = (*way_of(seen, middle, read), *root(seen, middle.local[read].torch)[1], *ways)
    makes = back(middle.cut.moves, (-1, *seen.keras.graph.shapes[middle.cut.keras]))
    one, *others = [name for work in keras for name in work.node.ran]
    own = Repair(one, "identity", reads=(ways,), makes=makes)
    return (own, *(Repair(name, "identity", reads=((),)) for name in others))
