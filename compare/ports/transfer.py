"""Carries tensors between the two ports: every axis map is stated, every tensor is used once.

A tensor goes from PyTorch's axes to the Keras port's by reshapes and transposes alone, so no number
is made or lost, and the way back is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Graph, Moves, Node, back, moved
from compare.ports.pairing import Holder, Net, Pairs, shape_after, to_torch

Array = NDArray[Any]
# What hands every number of its input on to its own place.
PLACEWISE = {
    "identity", "dropout", "detach", "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu",
    "mish", "softplus", "softsign", "sigmoid", "hard_sigmoid", "hard_swish", "tanh", "clip",
    "rescale", "batch_norm", "add", "subtract", "multiply", "divide", "power", "sqrt", "square",
    "exp", "log", "abs", "negative",
}  # fmt: skip
FLATTENS = {"flatten", "reshape"}


@dataclass(frozen=True)
class Carried:
    """One tensor of each port that are the same, and what takes Keras' to PyTorch's axes."""

    torch: str
    keras: str
    moves: Moves


@dataclass
class Transfer:
    """Every tensor of both ports: carried, or with nothing to go to."""

    carried: list[Carried] = field(default_factory=list)
    torch: dict[str, str] = field(default_factory=dict)  # tensor without a partner -> why
    keras: dict[str, str] = field(default_factory=dict)

    def to_keras(self, tensors: Mapping[str, Array], graph: Graph) -> dict[str, Array]:
        """PyTorch's tensors as the Keras port holds them."""
        return {
            c.keras: moved(tensors[c.torch], back(c.moves, graph.tensors[c.keras].shape))
            if c.moves
            else np.ascontiguousarray(tensors[c.torch])
            for c in self.carried
        }

    def to_torch(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The way back."""
        return {c.torch: moved(tensors[c.keras], c.moves) for c in self.carried}


def transfer(pairs: Pairs, torch: Graph, keras: Graph) -> Transfer:
    """Where every tensor of one port goes in the other."""
    found = Transfer()
    orders = Orders(Net(torch), Net(keras))
    for pair in pairs.pairs:
        for role in dict.fromkeys([*pair.torch.tensors, *pair.keras.tensors]):
            ours, theirs = pair.torch.tensors.get(role), pair.keras.tensors.get(role)
            if ours is None or theirs is None:
                alone(found, ours, theirs, pair.torch.node.name, pair.keras.node.name)
                continue
            moves = orders.moves(pair.torch, pair.keras, role)
            shape = torch.tensors[ours].shape
            reached = shape_after(keras.tensors[theirs].shape, moves)
            if reached == shape:
                found.carried.append(Carried(ours, theirs, moves))
            elif prod(reached) == prod(shape) and squeezed(reached) == squeezed(shape):
                # (1, 1, C) and (C,): the same numbers in the same order
                found.carried.append(Carried(ours, theirs, (*moves, ("reshape", shape))))
            else:
                found.torch[ours] = f"has the shape {shape}, {theirs} in Keras {reached}"
                found.keras[theirs] = f"has the shape {reached}, {ours} in PyTorch {shape}"
    taken = {c.torch for c in found.carried}, {c.keras for c in found.carried}
    found.carried = [c for i, c in enumerate(found.carried) if first_use(found.carried, i)]
    for name in torch.tensors:
        if name not in taken[0]:
            found.torch.setdefault(name, "has no partner in Keras")
    for name in keras.tensors:
        if name not in taken[1]:
            found.keras.setdefault(name, "has no partner in PyTorch")
    return found


def first_use(carried: list[Carried], index: int) -> bool:
    """Whether neither tensor went somewhere before: each is used exactly once."""
    mine = carried[index]
    return not any(c.torch == mine.torch or c.keras == mine.keras for c in carried[:index])


def alone(found: Transfer, ours: str | None, theirs: str | None, torch: str, keras: str) -> None:
    """Notes a tensor that its layer's partner does not have."""
    if ours is not None:
        found.torch[ours] = f"has no partner in Keras' {keras}"
    if theirs is not None:
        found.keras[theirs] = f"has no partner in PyTorch's {torch}"


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


@dataclass(frozen=True)
class Orders:
    """In which order each port hands flattened maps to a layer."""

    torch: Net
    keras: Net

    def moves(self, ours: Holder, theirs: Holder, role: str) -> Moves:
        """What takes a tensor of Keras to PyTorch's axes, flattened maps included."""
        shape = self.keras.graph.tensors[theirs.tensors[role]].shape
        moves = to_torch(theirs.node, role, shape)
        if "block" in (ours.node.kind, theirs.node.kind):
            due = self.torch.graph.tensors[ours.tensors[role]].shape
            moves = as_usual(theirs.node, role, shape, due)
        maps = self.flattened(ours.node)
        if maps is None:
            return moves
        along = self.keras_order(theirs.node, maps)
        if along is None:
            return moves
        if ours.node.kind == "dense" and role == "weight" and len(shape) == 2:
            # (H * W * C, out) -> (out, C * H * W)
            axes = tuple(along.index(i) for i in range(len(maps)))
            split = tuple(maps[i] for i in along)
            return (
                ("reshape", (*split, shape[1])),
                ("transpose", (len(maps), *axes)),
                ("reshape", (shape[1], prod(maps))),
            )
        if ours.node.kind == "batch_norm" and shape == (prod(maps),):
            split = tuple(maps[i] for i in along)
            axes = tuple(along.index(i) for i in range(len(maps)))
            return (("reshape", split), ("transpose", axes), ("reshape", (-1,)))
        return moves

    def flattened(self, node: Node) -> tuple[int, ...] | None:
        """(C, H, W) of the maps that a PyTorch layer reads as features; None where it reads none.

        Maps of one place have one order only.
        """
        made = source_of(self.torch, node, FLATTENS)
        if made is None:
            return None
        shape = self.torch.graph.shapes[made.reads[0]]
        flat = self.torch.graph.shapes[made.writes[0]]
        if len(flat) == 1 and len(shape) >= 2 and prod(shape) == flat[0] and prod(shape[1:]) > 1:
            return shape
        return None

    def keras_order(self, node: Node, maps: tuple[int, ...]) -> tuple[int, ...] | None:
        """Which of (C, H, W) comes first, second, third in what the Keras port flattened.

        None where it is the same order, or where no flatten explains it.
        """
        made = source_of(self.keras, node, FLATTENS)
        if made is None:
            return None
        shape = self.keras.graph.shapes[made.reads[0]]
        last = (*range(1, len(maps)), 0)
        before = source_of(self.keras, made, {"transpose"}, itself=False)
        turned = before is not None or self.keras.graph.channels == "first"
        as_last = shape == tuple(maps[i] for i in last)
        if shape == maps and (turned or not as_last):
            return None
        return last if as_last else None


def as_usual(node: Node, role: str, shape: tuple[int, ...], due: tuple[int, ...]) -> Moves:
    """For a layer of somebody's own: the order of axes that layers of that shape have, if it fits.

    Else as it is, else the one order of axes that fits.
    """
    n = len(shape)
    usual: list[Moves] = [to_torch(node, role, shape)] if node.kind != "block" else []
    if node.kind == "block" and role == "weight" and n >= 3:
        usual.append((("transpose", (n - 1, n - 2, *range(n - 2))),))
    if node.kind == "block" and role == "weight" and n == 2:
        usual.append((("transpose", (1, 0)),))
    orders = [(("transpose", axes),) for axes in permutations(range(n))] if n <= 4 else []
    found = (m for m in [*usual, (), *orders] if shape_after(shape, m) == due)
    return next(found, ())


def source_of(net: Net, node: Node, kinds: set[str], itself: bool = True) -> Node | None:
    """The node of one of these kinds that a layer's numbers come from, place by place."""
    for near in upstream(net, node):
        if near.kind in kinds:
            return near
        if not itself and near.kind not in PLACEWISE:
            return None
    return None


def upstream(net: Net, node: Node) -> Iterator[Node]:
    """What it reads, and what that reads, for as long as every number keeps its place."""
    seen = 0
    while node.reads and node.reads[0] in net.maker and seen < 10_000:
        node = net.maker[node.reads[0]]
        yield node
        if node.kind not in PLACEWISE:
            return
        seen += 1
