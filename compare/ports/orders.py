"""In which order each port hands flattened maps on: what a dense layer's columns stand for.

Maps are (C, H, W) in canonical order. A port that keeps its channels last, or turns its maps before
it flattens them, hands the same numbers on in another order; so does whatever joins or passes on
features, until a layer makes new ones.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.graph import Graph, Moves, Node

Array = NDArray[Any]
Labels = tuple[int, ...]  # of (C, H, W), in the order in which a value has them
PLACEWISE = {
    "identity", "dropout", "detach", "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu",
    "mish", "softplus", "softsign", "sigmoid", "hard_sigmoid", "hard_swish", "tanh", "clip",
    "rescale", "batch_norm", "add", "subtract", "multiply", "divide", "power", "sqrt", "square",
    "exp", "log", "abs", "negative", "cast",
}  # fmt: skip
KEEPS_MAPS = PLACEWISE | {
    "conv", "conv_transpose", "max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool",
    "pad", "upsample", "lrn", "layer_norm", "group_norm", "concat", "block", "dense",
}  # fmt: skip
FLATTENS = {"flatten", "reshape"}


def feature_orders(graph: Graph, torch: bool) -> dict[str, Array]:
    """Value -> the canonical index of each of its features, where that is not their own order."""
    labels: dict[str, Labels] = {}
    orders: dict[str, Array] = {}
    first = torch or graph.channels == "first"
    for value, shape in graph.shapes.items():
        if value.startswith("input:") and len(shape) in MAPS:
            labels[value] = own_labels(len(shape), first)
    for node in graph.nodes:
        for value in node.writes:
            shape = graph.shapes[value]
            if len(shape) in MAPS:
                own = own_labels(len(shape), first)
                labels[value] = map_labels(graph, node, labels, own)
            elif len(shape) == 1:
                order = feature_order(graph, node, shape[0], labels, orders)
                if order is not None and not np.array_equal(order, np.arange(len(order))):
                    orders[value] = order
    return unflattened(graph, orders, first)


MAPS = (3, 4)  # axes of maps and of volumes, channels among them


def own_labels(rank: int, first: bool) -> Labels:
    """Of maps as a port has them, channels first or last."""
    return (0, *range(1, rank)) if first else (*range(1, rank), 0)


def unflattened(graph: Graph, orders: dict[str, Array], first: bool) -> dict[str, Array]:
    """With the features that become maps: what makes them has them in the order of the maps."""
    found = dict(orders)
    turns = {node.reads[0]: node for node in graph.nodes if node.kind == "transpose" and node.reads}
    for node in reversed(graph.nodes):
        if len(node.writes) != 1 or not node.reads:
            continue
        value, made = node.reads[0], graph.shapes[node.writes[0]]
        shape = graph.shapes.get(value, ())
        if len(shape) != 1 or value in found:
            continue
        if node.kind in FLATTENS and len(made) in MAPS and prod(made) == prod(shape):
            labels = own_labels(len(made), first)
            turn = turns.get(node.writes[0])
            axes = tuple(turn.settings.get("axes", ())) if turn is not None else ()
            if len(axes) == len(made) + 1 and axes[0] == 0:  # turned before anything reads them
                labels = tuple(labels[axes.index(i + 1) - 1] for i in range(len(made)))
            order = flattened(made, labels)
            if not np.array_equal(order, np.arange(len(order))):
                found[value] = order
        elif node.kind in PLACEWISE and made == shape and node.writes[0] in found:
            found[value] = found[node.writes[0]]
    return found


def map_labels(graph: Graph, node: Node, labels: dict[str, Labels], own: Labels) -> Labels:
    """Of maps that a node makes."""
    before = next((labels[v] for v in node.reads if len(labels.get(v, ())) == len(own)), own)
    if node.kind == "transpose":
        axes = tuple(node.settings.get("axes", ()))
        if len(axes) == len(own) + 1 and axes[0] == 0:
            return tuple(before[i - 1] for i in axes[1:])
    return before if node.kind in KEEPS_MAPS else own


def feature_order(
    graph: Graph,
    node: Node,
    count: int,
    labels: dict[str, Labels],
    orders: dict[str, Array],
) -> Array | None:
    """Of features that a node makes; None: their own."""
    reads = [v for v in node.reads if v in graph.shapes]
    if not reads:
        return None
    shape = graph.shapes[reads[0]]
    if node.kind in FLATTENS and len(shape) in MAPS and prod(shape) == count and prod(shape) > 1:
        first = own_labels(len(shape), True)
        told = labels.get(reads[0], first)
        if node.settings.get("turned"):
            told, shape = (*told[1:], told[0]), (*shape[1:], shape[0])
        return flattened(shape, told)
    if node.kind in PLACEWISE and shape == (count,):
        return next((orders[v] for v in reads if v in orders), None)
    if node.kind == "concat" and all(len(graph.shapes[v]) == 1 for v in reads):
        sizes = [graph.shapes[v][0] for v in reads]
        starts = np.cumsum([0, *sizes[:-1]])
        if sum(sizes) == count and any(v in orders for v in reads):
            parts = [orders.get(v, np.arange(n)) for v, n in zip(reads, sizes, strict=True)]
            return np.concatenate([p + s for p, s in zip(parts, starts, strict=True)])
    return None


def flattened(shape: tuple[int, ...], labels: Labels) -> Array:
    """Canonical index of each number of maps of this shape, whose axes have these labels."""
    canonical = tuple(shape[labels.index(i)] for i in range(len(labels)))
    places = np.arange(prod(shape)).reshape(canonical)
    return places.transpose(labels).ravel()


def between(keras: Array | None, torch: Array | None) -> Moves:
    """What takes features in one order to the other; nothing where it is the same one."""
    if keras is None and torch is None:
        return ()
    count = len(keras if keras is not None else torch if torch is not None else ())
    ours = np.arange(count) if torch is None else torch
    theirs = np.arange(count) if keras is None else keras
    if len(ours) != len(theirs) or np.array_equal(ours, theirs):
        return ()
    return (("order", tuple(int(i) for i in np.argsort(theirs)[ours])),)
