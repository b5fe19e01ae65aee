"""Operations that together are one layer.

A product and the bias that is added to it are a convolution or a dense layer, however they were
written. A layer of the user's own that runs several operations, some of them no layer's elsewhere,
is one block: it is paired, carried and blamed as the layer that it is. Nothing is taken as one that
has another reader in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from math import prod

from common.graph import Graph, Node
from compare.ports.pairing import FREE

PRODUCTS = {"conv", "conv_transpose", "dense", "matmul", "separable_conv"}
WHOLE_ATTENTION = "multi_head_attention_forward"  # of PyTorch, which holds all its projections
VIEWS = {"reshape", "flatten", "identity", "transpose"}  # of a tensor: the same numbers
SCALES = {"multiply", "divide", "add", "subtract"}


def folded(graph: Graph) -> Graph:
    """The same graph with such operations as one node, which names them in `inner`."""
    graph = separated(graph)
    nodes = [looked_up(graph, node) for node in graph.nodes]
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
        elif (seen := vector(graph, node, views, reads)) is not None:
            del result[seen.name]
            node = with_vector(node, seen)
            made[node.writes[0]] = node
        result[node.name] = node
    joined_nodes = named(list(result.values()), {node.name for node in nodes})
    return replace(graph, nodes=blocks(graph, joined_nodes))


def blocks(graph: Graph, nodes: list[Node]) -> list[Node]:
    """The nodes of each run of a user's own layer as one, where they are not layers themselves."""
    paths = {node.layer for node in nodes}
    inner = {path for path in paths if any(other.startswith(f"{path}.") for other in paths)}
    result: list[Node] = []
    for path, run in runs(nodes):
        own = path not in inner and path != "" and len(run) > 1
        own = own and all(node.kind != WHOLE_ATTENTION for node in run)  # taken in parts
        holds = [node for node in run if numbers_of(graph, node)]
        free = holds and all(node.kind in FREE for node in holds)  # a token, which is no layer's
        if own and not free and not all(node.kind in LAYERS for node in run):
            result += whole(graph, nodes, path, run)
        else:
            result += run
    return result


def runs(nodes: list[Node]) -> Iterator[tuple[str, list[Node]]]:
    """Consecutive nodes of one layer; a layer that is run again begins again."""
    for path, group in groupby(nodes, key=lambda node: node.layer):
        again: list[Node] = []
        for node in group:
            held = {t for other in again for t in other.tensors.values()}
            made = {v for other in again for v in other.writes}
            if held & set(node.tensors.values()) and not made & set(node.reads):
                yield path, again
                again = []
            again.append(node)
        yield path, again


def whole(graph: Graph, nodes: list[Node], path: str, run: list[Node]) -> list[Node]:
    """One node for all of a run."""
    made = {value for node in run for value in node.writes}
    mine = {node.name for node in run}
    outside = [v for node in nodes if node.name not in mine for v in node.reads]
    used = {*outside, *graph.outputs.values()}
    writes = tuple(v for node in run for v in node.writes if v in used)
    if not writes:
        return run
    tensors: dict[str, str] = {}
    for node in run:
        for role, name in node.tensors.items():
            tensors.setdefault(role if node.kind in LAYERS else role_of(name, run, graph), name)
    taken = {node.name for node in nodes if node.name not in mine}
    return [
        Node(
            name=path if path not in taken else run[0].name,
            kind="block",
            reads=tuple(dict.fromkeys(v for node in run for v in node.reads if v not in made)),
            writes=writes,
            tensors=tensors,
            settings={"does": tuple((node.kind, node.settings) for node in run)},
            layer=path,
            place=run[0].place,
            inner=tuple(name for node in run for name in node.ran),
        )
    ]


def role_of(name: str, run: list[Node], graph: Graph) -> str:
    """What a tensor is in its layer, by the name that either framework's users give it.

    A weight is a norm's scale where the layer keeps statistics, or where it has one axis.
    """
    own = name.rpartition(".")[2]
    others = [other for node in run for other in node.tensors.values()]
    norm = any(word in other for other in others for word in ("running_mean", "moving_mean"))
    weights = [len(graph.tensors[other].shape) for other in others if other.endswith("weight")]
    norm = norm or set(weights) == {1}
    role = ROLES.get(own, own)
    return {"weight": "scale", "bias": "shift"}.get(role, role) if norm else role


ROLES = {
    "kernel": "weight", "gamma": "scale", "beta": "shift", "embeddings": "weight",
    "running_mean": "mean", "running_var": "var",
    "moving_mean": "mean", "moving_variance": "var",
}  # fmt: skip
# What is a layer by itself in either framework.
LAYERS = {
    *PRODUCTS, "batch_norm", "layer_norm", "group_norm", "lrn", "max_pool", "avg_pool",
    "adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool", "global_max_pool",
    "dropout", "pad", "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish",
    "softplus", "softsign", "sigmoid", "hard_sigmoid", "hard_swish", "tanh", "softmax",
    "log_softmax", "flatten", "identity", "embedding", "upsample", "attention",
}  # fmt: skip


def looked_up(graph: Graph, node: Node) -> Node:
    """A table of which rows are taken holds the table; where they lie is no layer's tensor.

    A slice without places is a view, as of a scale that is given more axes.
    """
    table = numbers_of(graph, node)
    places = len(table) < len(node.tensors)
    places = places or any("int" in graph.dtypes.get(value, "") for value in node.reads)
    if node.kind not in LOOKUPS or len(table) != 1 or (node.kind == "slice" and not places):
        return node
    return replace(node, kind="take", tensors=table)


def numbers_of(graph: Graph, node: Node) -> dict[str, str]:
    """Its tensors but for places, which are whole numbers."""
    return {r: n for r, n in node.tensors.items() if "int" not in graph.tensors[n].dtype}


LOOKUPS = {"slice", "take", "gather", "index_select"}


def separated(graph: Graph) -> Graph:
    """A separable convolution as the two that it is, of which the second runs both."""
    nodes: list[Node] = []
    shapes = dict(graph.shapes)
    for node in graph.nodes:
        own = {role: name for role, name in node.tensors.items() if role != "bias"}
        if node.kind != "separable_conv" or len(own) != 2:
            nodes.append(node)
            continue
        by_size = sorted(own.values(), key=lambda name: prod(graph.tensors[name].shape[:-2]))
        pointwise, depthwise = by_size[0], by_size[1]
        each = prod(graph.tensors[depthwise].shape[-2:])
        between = f"{node.name}/between"
        made = shapes[node.writes[0]]
        shapes[between] = (*made[:-1], each) if graph.channels == "last" else (each, *made[1:])
        count, places = made[-1 if graph.channels == "last" else 0], len(made) - 1
        ones = dict.fromkeys(("kernel", "stride", "dilation"), (1,) * places)
        plain = {**ones, "padding": ((0, 0),) * places}
        first = {"groups": graph.tensors[depthwise].shape[-2], "channels": each, "bias": False}
        bias = {"bias": node.tensors["bias"]} if "bias" in node.tensors else {}
        nodes += [
            replace(
                node,
                name=f"{node.name}/depthwise",
                kind="conv",
                writes=(between,),
                tensors={"weight": depthwise},
                settings={**node.settings, **first},
                virtual=True,
            ),
            replace(
                node,
                kind="conv",
                reads=(between,),
                tensors={"weight": pointwise, **bias},
                settings={"groups": 1, "channels": count, "bias": bool(bias), **plain},
            ),
        ]
    return replace(graph, nodes=nodes, shapes=shapes)


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
    viewed = [views[v].tensors for v in product.reads if v in views]
    weights = [*product.tensors.values(), *(name for own in viewed for name in own.values())]
    if not weights or any(reads[v.writes[0]] != 1 for v in seen):
        return None
    weight = product.tensors.get("weight", weights[0])
    shape = graph.tensors[held[0]].shape
    if max(shape, default=1) != prod(shape) or prod(shape) not in graph.tensors[weight].shape:
        return None
    return product, seen[0] if seen else None, held[0]


def as_one(product: Node, node: Node, view: Node | None, bias: str) -> Node:
    """The product with its bias."""
    inner = [*(product.inner or (product.name,)), *((view.name,) if view else ()), node.name]
    return replace(
        product,
        kind="dense" if product.kind == "matmul" else product.kind,
        writes=node.writes,
        tensors={**product.tensors, "bias": bias},
        settings={**product.settings, "bias": True},
        inner=tuple(inner),
    )


def vector(graph: Graph, node: Node, views: dict[str, Node], reads: Counter[str]) -> Node | None:
    """The view of a number for each channel that a node alone scales or shifts by."""
    seen = [views[value] for value in node.reads if value in views and reads[value] == 1]
    if node.kind not in SCALES or len(node.reads) != 2 or node.tensors or len(seen) != 1:
        return None
    shape = graph.tensors[next(iter(seen[0].tensors.values()))].shape
    return seen[0] if max(shape, default=1) == prod(shape) else None


def with_vector(node: Node, view: Node) -> Node:
    """The node with the tensor for its own, as it is where nothing turns it first."""
    place = node.reads.index(view.writes[0])
    return replace(
        node,
        reads=tuple(value for value in node.reads if value != view.writes[0]),
        tensors={f"operand{place}": next(iter(view.tensors.values()))},
        inner=(view.name, node.name),
    )


def named(nodes: list[Node], taken: set[str]) -> list[Node]:
    """A node that holds all that its layer holds goes by the layer's name, where that is free."""
    layers = Counter(node.layer for node in nodes if node.kind != "pad")
    return [
        replace(node, name=node.layer, inner=node.ran)
        if node.tensors and node.layer and layers[node.layer] == 1 and node.layer not in taken
        else node
        for node in nodes
    ]
