"""The project's names for what a Keras port holds: layers by attribute path, tensors by role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np
from keras import layers

from common.layout import (
    Layout,
    feature_orders,
    from_order,
    to_hwio,
    to_nhwc,
    to_oihw,
    to_order,
)
from common.result import Array, Structure, digest
from common.spec import Spec

KINDS: dict[type[layers.Layer], str] = {
    layers.Conv2D: "conv",
    layers.Dense: "dense",
    layers.BatchNormalization: "batch_norm",
    layers.MaxPooling2D: "max_pool",
    layers.AveragePooling2D: "avg_pool",
    layers.AdaptiveAveragePooling2D: "adaptive_avg_pool",
    layers.GlobalAveragePooling2D: "global_avg_pool",
    layers.Dropout: "dropout",
    layers.ReLU: "relu",
    layers.Softmax: "softmax",
    layers.Flatten: "flatten",
    layers.Add: "add",
    layers.Concatenate: "concat",
}

# Our words for the tensors of a layer, where Keras has others.
TENSORS = {
    "kernel": "weight",
    "gamma": "scale",
    "beta": "shift",
    "moving_mean": "mean",
    "moving_variance": "var",
}


def named_layers(layer: layers.Layer, prefix: str = "") -> Iterator[tuple[str, layers.Layer]]:
    """Every layer below this one by attribute path, lists by index: `layer1.0.conv1`."""
    for name, value in vars(layer).items():
        if name.startswith("_"):
            continue
        held = value if isinstance(value, (list, tuple)) else [value]
        for index, child in enumerate(held):
            if isinstance(child, layers.Layer):
                path = f"{prefix}{name}" + (f".{index}" if held is value else "")
                yield path, child
                yield from named_layers(child, path + ".")


def leaves(model: keras.Model) -> dict[str, layers.Layer]:
    """Every layer without layers of its own, by attribute path."""
    return {path: x for path, x in named_layers(model) if not any(named_layers(x))}


def kind(layer: layers.Layer) -> str:
    """The project's op, by class or base class; an activation is called by its function."""
    if isinstance(layer, layers.Activation):
        return str(layer.activation.__name__)
    known = [KINDS[base] for base in type(layer).__mro__ if base in KINDS]
    return getattr(layer, "op", known[0] if known else type(layer).__name__)


def owned(layer: layers.Layer) -> Iterator[tuple[str, keras.Variable]]:
    """The layer's own weights by the project's names, running statistics included.

    `weights`, not `variables`: those count a dropout layer's random seed too.
    """
    inner = {id(v) for _, child in named_layers(layer) for v in child.weights}
    for variable in layer.weights:
        if id(variable) not in inner:
            yield TENSORS.get(variable.name, variable.name), variable


def variables(model: keras.Model) -> dict[str, tuple[layers.Layer, keras.Variable]]:
    """Every variable of the model with its layer, "layer.tensor"."""
    found = [("", model), *named_layers(model)]
    return {
        f"{path}.{name}".lstrip("."): (layer, variable)
        for path, layer in found
        for name, variable in owned(layer)
    }


class Axes:
    """Moves a port's arrays between Keras' axes and canonical ones."""

    def __init__(self, spec: Spec) -> None:
        self.orders = feature_orders(spec)
        self.reads = {layer.name: layer.reads[0] for layer in spec.layers}

    def canonical(self, name: str, layer: layers.Layer, array: Array) -> Array:
        """Keras -> canonical: (h, w, in, out) -> (out, in, h, w), (in, out) -> (out, in)."""
        path, tensor = name.rpartition(".")[::2]
        if tensor == "weight" and isinstance(layer, layers.Conv2D):
            return to_oihw(array)
        if tensor == "weight" and isinstance(layer, layers.Dense):
            array = from_order(array.T, self.orders.get(self.reads.get(path, "")))
        elif array.ndim == 1:  # one number a feature, of a layer that hands features on
            array = from_order(array, self.orders.get(path))
        return np.array(array, order="C")

    def native(self, name: str, layer: layers.Layer, array: Array) -> Array:
        """Canonical -> Keras, the inverse."""
        path, tensor = name.rpartition(".")[::2]
        if tensor == "weight" and isinstance(layer, layers.Conv2D) and array.ndim == 4:
            return to_hwio(array)
        if tensor == "weight" and isinstance(layer, layers.Dense):
            return np.ascontiguousarray(to_order(array, self.orders.get(self.reads.get(path))).T)
        return to_order(array, self.orders.get(path)) if array.ndim == 1 else array

    def output(self, name: str, canonical: Array, layout: Layout) -> Array:
        """What a layer makes, (N, C, H, W) or features in canonical order, as the port has it."""
        if canonical.ndim == 4:
            return to_nhwc(canonical) if layout == "nhwc" else canonical
        return to_order(canonical, self.orders.get(name))


def give(model: keras.Model, weights: Mapping[str, Array], axes: Axes) -> list[str]:
    """Fills the model with canonical weights; names what found no place of its shape."""
    mine = variables(model)
    native = {n: axes.native(n, mine[n][0], weights[n]) for n in mine.keys() & weights.keys()}
    fits = {n for n, array in native.items() if tuple(mine[n][1].shape) == array.shape}
    for name in fits:
        mine[name][1].assign(native[name])
    return sorted((mine.keys() | weights.keys()) - fits)


def take(model: keras.Model, axes: Axes) -> dict[str, Array]:
    """The model's variables as canonical arrays."""
    return {
        name: axes.canonical(name, layer, keras.ops.convert_to_numpy(variable))
        for name, (layer, variable) in variables(model).items()
    }


def statistics(model: keras.Model, axes: Axes) -> dict[str, Array]:
    """The running statistics: variables that no gradient moves."""
    return {n: x for n, x in take(model, axes).items() if n.rpartition(".")[2] in ("mean", "var")}


def structure(model: keras.Model, axes: Axes) -> dict[str, Structure]:
    """What was built: each leaf's op and tensors, and whatever containers own themselves."""
    found = {}
    for path, layer in [("", model), *named_layers(model)]:
        own = {
            name: describe(variable, axes.canonical(f"{path}.{name}", layer, np.array(variable)))
            for name, variable in owned(layer)
        }
        if own or (path and not any(named_layers(layer))):
            found[path] = Structure(kind(layer), own)
    return found


def describe(variable: keras.Variable, canonical: Array) -> dict[str, object]:
    """Shape in canonical axes, whether it is trained, and a digest of its numbers."""
    return {
        "shape": list(canonical.shape),
        "trainable": bool(variable.trainable),
        "digest": digest(canonical),
    }
