"""Carries tensors between the two ports: every axis map is stated, every tensor is used once.

A tensor goes from PyTorch's axes to the Keras port's by reshapes and transposes alone, so no number
is made or lost, and the way back is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Graph, Moves, Node, back, moved
from compare.ports.orders import between, feature_orders
from compare.ports.pairing import Holder, Pairs, shape_after, to_torch

Array = NDArray[Any]


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
            else np.asarray(tensors[c.torch], order="C")
            for c in self.carried
        }

    def to_torch(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The way back."""
        return {c.torch: moved(tensors[c.keras], c.moves) for c in self.carried}


def transfer(
    pairs: Pairs, torch: Graph, keras: Graph, measured: Mapping[str, Moves] | None = None
) -> Transfer:
    """Where every tensor of one port goes in the other.

    `measured`: of features that a Keras layer reads, what takes them to PyTorch's order, where that
    was seen in numbers.
    """
    found = Transfer()
    orders = Orders(
        torch, keras, feature_orders(torch, True), feature_orders(keras, False), measured or {}
    )
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
            elif turn := orders.across(pair.torch.node, pair.keras.node, reached, shape):
                found.carried.append(Carried(ours, theirs, (*moves, *turn)))
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

    torch: Graph
    keras: Graph
    ours: Mapping[str, Array]
    theirs: Mapping[str, Array]
    measured: Mapping[str, Moves]

    def moves(self, ours: Holder, theirs: Holder, role: str) -> Moves:
        """What takes a tensor of Keras to PyTorch's axes, flattened maps included."""
        shape = self.keras.tensors[theirs.tensors[role]].shape
        due = self.torch.tensors[ours.tensors[role]].shape
        moves = to_torch(theirs.node, role, shape)
        if "block" in (ours.node.kind, theirs.node.kind):
            moves = as_usual(theirs.node, role, shape, due)
        if "held" in theirs.node.settings and shape_after(shape, moves) != due == shape:
            moves = ()  # PyTorch's maps were turned in front of the norm
        made = self.made(ours.node, theirs.node)
        if made and role in ("weight", "bias") and "weight" in ours.tensors:
            moves = (*moves, *along_first(made, len(due)))
        order = self.order(ours.node, theirs.node)
        count = len(order[0][1]) if order else 0
        columns = ours.node.kind in ("dense", "matmul", "block") and role == "weight"
        features = role != "weight" and ours.node.kind != "dense" and len(due) == 1
        fits = shape_after(shape, moves)[-1:] == (count,)
        return (*moves, *order) if order and fits and (columns or features) else moves

    def order(self, ours: Node, theirs: Node) -> Moves:
        """Of the features that both read."""
        if not ours.reads or not theirs.reads:
            return ()
        if theirs.reads[0] in self.measured:
            return self.measured[theirs.reads[0]]
        return between(self.theirs.get(theirs.reads[0]), self.ours.get(ours.reads[0]))

    def across(
        self, ours: Node, theirs: Node, reached: tuple[int, ...], due: tuple[int, ...]
    ) -> Moves:
        """Of a kernel (out, 1, k, width) over the whole width of one map, a line's (out, width, k).

        A text's embeddings are such a map, or the channels of a line. Nothing where it is none.
        """
        if {ours.kind, theirs.kind} != {"conv"} or {len(reached), len(due)} != {3, 4}:
            return ()
        width = self.torch.shapes[ours.reads[0]][-1]
        if len(reached) == 4:
            maps = self.keras.shapes[theirs.reads[0]]
            width = maps[-2 if self.keras.channels == "last" else -1]
        wide = reached if len(reached) == 4 else due
        turned = wide[-1] == width  # else the map lies on its side, and is as high as the kernel
        line = (wide[0], wide[3], wide[2]) if turned else (wide[0], *wide[2:])
        if wide[1] != 1 or line not in (reached, due):
            return ()
        turn: Moves = (("transpose", (0, 2, 1)),) if turned else ()
        if wide is due:
            return (*turn, ("reshape", due))
        return (("reshape", (wide[0], *wide[2:])), *turn)

    def made(self, ours: Node, theirs: Node) -> Moves:
        """Of the features that a dense layer of both makes, which may become maps."""
        if not {ours.kind, theirs.kind} <= {"dense", "matmul"}:
            return ()
        return between(self.theirs.get(theirs.writes[0]), self.ours.get(ours.writes[0]))


def along_first(order: Moves, rank: int) -> Moves:
    """An order of the last axis made one of the first."""
    axes = (rank - 1, *range(rank - 1))
    turn: Moves = (("transpose", (*range(1, rank), 0)),) if rank > 1 else ()
    return (*turn, *order, *((("transpose", axes),) if rank > 1 else ()))


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
