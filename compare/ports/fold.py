"""Operations that together are one layer: a product, and the bias that is added to it.

A layer written out by hand, or a subclass that pads first, runs as several operations. Taken as
one they are found, paired and carried like the layer that they are; nothing is taken as one that
has another reader in between.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import prod

from common.graph import Graph, Node

PRODUCTS = {"conv", "conv_transpose", "dense", "matmul", "separable_conv"}
VIEWS = {"reshape", "flatten", "identity"}  # of a tensor: the same numbers


def folded(graph: Graph) -> Graph:
    """The same graph with such operations as one node, which names them in `inner`."""
    nodes = list(graph.nodes)
    reads = Counter(value for node in nodes for value in node.reads)
    reads.update(graph.outputs.values())
    views = {
        node.writes[0]: node
        for node in nodes
        if not node.reads and len(node.tensors) == 1 and node.kind in VIEWS
    }
    made = {value: node for node in nodes for value in node.writes}
    result: dict[str, Node] = {}
    for node in nodes:
        joined = with_bias(graph, node, made, views, reads)
        if joined is not None:
            product, view, bias = joined
            for part in (product, *((view,) if view else ())):
                del result[part.name]
            node = as_one(product, node, view, bias)
            made[node.writes[0]] = node
        result[node.name] = node
    return replace(graph, nodes=named(list(result.values()), {node.name for node in nodes}))


def with_bias(
    graph: Graph,
    node: Node,
    made: dict[str, Node],
    views: dict[str, Node],
    reads: Counter[str],
) -> tuple[Node, Node | None, str] | None:
    """The product that a node adds a bias to, the view of the bias, and the bias."""
    if node.kind != "add":
        return None
    seen = [views[value] for value in node.reads if value in views]
    values = [value for value in node.reads if value not in views]
    held = [*node.tensors.values(), *(name for view in seen for name in view.tensors.values())]
    if len(values) != 1 or len(held) != 1 or reads[values[0]] != 1:
        return None
    product = made.get(values[0])
    if product is None or product.kind not in PRODUCTS or "bias" in product.tensors:
        return None
    if not product.tensors or any(reads[v.writes[0]] != 1 for v in seen):
        return None
    weight = product.tensors.get("weight", next(iter(product.tensors.values())))
    shape = graph.tensors[held[0]].shape
    if max(shape, default=1) != prod(shape) or prod(shape) not in graph.tensors[weight].shape:
        return None
    return product, seen[0] if seen else None, held[0]


def as_one(product: Node, node: Node, view: Node | None, bias: str) -> Node:
    """The product with its bias."""
    inner = [*(product.inner or (product.name,)), *((view.name,) if view else ()), node.name]
    return replace(
        product,
        name=product.name,
        writes=node.writes,
        tensors={**product.tensors, "bias": bias},
        settings={**product.settings, "bias": True},
        inner=tuple(inner),
    )


def named(nodes: list[Node], taken: set[str]) -> list[Node]:
    """A folded node goes by its layer's name where nothing else of the layer is left."""
    layers = Counter(node.layer for node in nodes if node.kind != "pad")
    return [
        replace(node, name=node.layer)
        if node.inner and node.layer and layers[node.layer] == 1 and node.layer not in taken
        else node
        for node in nodes
    ]
