"""Batch norms that one port's trained weights have taken into the layer before, for evaluation.

Only trained weights can show it: the kernel and the bias are those of the other port's layer and
norm together, rounded to float32. The port is then given them unrounded, so that everything else
is judged as exactly as ever. Without weights of the user's own a norm that is not there is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Moves, back, moved
from compare.known import folded_alike
from compare.ports.looks import SIDES, Look
from compare.ports.orders import feature_orders
from compare.ports.pairing import Holder, Net, Pair, Pairs, to_torch
from compare.ports.transfer import Orders

Array = NDArray[Any]
OTHER = {"torch": "keras", "keras": "torch"}


@dataclass(frozen=True)
class Folded:
    """A norm of `side` and the layer in front of it; the other side's layer does what both do."""

    side: str
    norm: Holder
    pair: Pair

    @property
    def into(self) -> Holder:
        """The other side's layer."""
        return self.pair.torch if self.side == "keras" else self.pair.keras

    def __str__(self) -> str:
        names = self.norm.node.name, self.into.node.name
        return f"{self.side}'s {names[0]} lies in {OTHER[self.side]}'s {names[1]}"


def take_out(
    pairs: Pairs, looks: Mapping[str, Look]
) -> tuple[list[Folded], dict[str, dict[str, Array]]]:
    """Takes folded norms and their layers out of `pairs`; and by side what it holds, unrounded."""
    held = Held(looks)
    found: list[Folded] = []
    exact: dict[str, dict[str, Array]] = {}
    for one in candidates(pairs, looks):
        meant, own = held.together(one), held.of(one.pair, OTHER[one.side])
        if all(folded_alike(own[role], x) for role, x in meant.items()):
            found.append(one)
            exact.setdefault(OTHER[one.side], {}).update(held.named(one, meant))
    for one in found:
        pairs.pairs.remove(one.pair)
        getattr(pairs, one.side).remove(one.norm)
    return found, exact


def candidates(pairs: Pairs, looks: Mapping[str, Look]) -> Iterator[Folded]:
    """Norms without a partner, each the only reader of a layer whose partner has a bias."""
    for side in SIDES:
        net = Net(looks[side].graph)
        layers = {getattr(p, side).node.name: p for p in pairs.pairs}
        for norm in getattr(pairs, side):
            before = net.sources(norm.node)
            if norm.node.kind != "batch_norm" or len(before) != 1 or before[0].name not in layers:
                continue
            one = Folded(side, norm, layers[before[0].name])
            alone = net.targets(before[0]) == [norm.node]
            whole = {"mean", "var"} <= norm.tensors.keys() and "bias" in one.into.tensors
            if alone and whole and before[0].kind == one.into.node.kind in ("conv", "dense"):
                yield one


class Held:
    """What layers hold, in PyTorch's axes, in float64."""

    def __init__(self, looks: Mapping[str, Look]) -> None:
        graphs = looks["torch"].graph, looks["keras"].graph
        orders = feature_orders(graphs[0], True), feature_orders(graphs[1], False)
        self.orders = Orders(*graphs, *orders, {})
        self.tensors = {side: look.held() for side, look in looks.items()}

    def moves(self, pair: Pair, role: str) -> Moves:
        """What takes a Keras tensor of a pair to PyTorch's axes."""
        if role in pair.torch.tensors and role in pair.keras.tensors:
            return self.orders.moves(pair.torch, pair.keras, role)
        shape = self.tensors["keras"][pair.keras.tensors[role]].shape
        return to_torch(pair.keras.node, role, shape)

    def of(self, pair: Pair, side: str) -> dict[str, Array]:
        """One side's tensors of a pair, by role."""
        names = getattr(pair, side).tensors
        found = {role: self.tensors[side][name].astype(np.float64) for role, name in names.items()}
        if side == "torch":
            return found
        return {role: moved(x, self.moves(pair, role)) for role, x in found.items()}

    def together(self, one: Folded) -> dict[str, Array]:
        """Kernel (out, ...) and bias (out,) of a layer and its norm: W γ/σ and β + (b - μ) γ/σ."""
        layer = self.of(one.pair, one.side)
        norm = {
            role: self.tensors[one.side][name].astype(np.float64)
            for role, name in one.norm.tensors.items()
        }
        deviation = np.sqrt(norm["var"] + one.norm.node.settings["eps"])
        factor = norm.get("scale", 1.0) / deviation
        weight = layer["weight"]
        bias = norm.get("shift", 0.0) + (layer.get("bias", 0.0) - norm["mean"]) * factor
        return {"weight": weight * factor.reshape(-1, *(1,) * (weight.ndim - 1)), "bias": bias}

    def named(self, one: Folded, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The same by the names and in the axes of the port that holds them folded."""
        side = OTHER[one.side]
        found = {}
        for role, x in arrays.items():
            name = one.into.tensors[role]
            if side == "keras":
                x = moved(x, back(self.moves(one.pair, role), self.tensors[side][name].shape))
            found[name] = np.ascontiguousarray(x)
        return found
