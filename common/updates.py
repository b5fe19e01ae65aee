"""One optimizer step in NumPy: the third witness of what recipes state and the ports do.

Everything is elementwise but the norms of the clipping. The slots, what an optimizer remembers of
a tensor, have the project's names: "velocity" of sgd and rmsprop with momentum, "mean" and
"square" of adam, "square" of rmsprop, "sum" of adagrad.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.recipe import NORM_EPS, Recipe

Array = NDArray[Any]
Slots = Mapping[str, Array]
Direction = tuple[Array, dict[str, Array]]  # what the rate is multiplied with; the new slots


def update(
    recipe: Recipe, rate: float, number: int, weight: Array, gradient: Array, slots: Slots
) -> tuple[Array, dict[str, Array]]:
    """A tensor and its slots after one step, `number` counted from 1; in float64.

    The gradient is the loss's own, clipped already. A slot that is missing is zero.
    """
    w, g = np.asarray(weight, np.float64), np.asarray(gradient, np.float64)
    decay = recipe.float32("weight_decay")
    if recipe.decoupled:
        direction, after = RULES[recipe.optimizer](recipe, number, g, slots)
        return w - rate * decay * w - rate * direction, after
    direction, after = RULES[recipe.optimizer](recipe, number, g + decay * w, slots)
    return w - rate * direction, after


def sgd(recipe: Recipe, number: int, g: Array, slots: Slots) -> Direction:
    momentum = recipe.float32("momentum")
    if not momentum:
        return g, {}
    velocity = momentum * slots.get("velocity", 0.0) + g
    return g + momentum * velocity if recipe.nesterov else velocity, {"velocity": velocity}


def adam(recipe: Recipe, number: int, g: Array, slots: Slots) -> Direction:
    beta1, beta2 = recipe.float32("beta1"), recipe.float32("beta2")
    mean = beta1 * slots.get("mean", 0.0) + (1 - beta1) * g
    square = beta2 * slots.get("square", 0.0) + (1 - beta2) * g**2
    root = np.sqrt(square / (1 - beta2**number)) + recipe.float32("eps")
    return mean / (1 - beta1**number) / root, {"mean": mean, "square": square}


def rmsprop(recipe: Recipe, number: int, g: Array, slots: Slots) -> Direction:
    beta2, momentum = recipe.float32("beta2"), recipe.float32("momentum")
    square = beta2 * slots.get("square", 0.0) + (1 - beta2) * g**2
    scaled = g / (np.sqrt(square) + recipe.float32("eps"))
    if not momentum:
        return scaled, {"square": square}
    velocity = momentum * slots.get("velocity", 0.0) + scaled
    return velocity, {"square": square, "velocity": velocity}


def adagrad(recipe: Recipe, number: int, g: Array, slots: Slots) -> Direction:
    total = slots.get("sum", 0.0) + g**2
    return g / (np.sqrt(total) + recipe.float32("eps")), {"sum": total}


RULES: dict[str, Callable[[Recipe, int, Array, Slots], Direction]] = {
    "sgd": sgd,
    "adam": adam,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
}


def clipped(recipe: Recipe, gradients: Mapping[str, Array]) -> dict[str, Array]:
    """The gradients of all tensors as the recipe clips them, in float64."""
    wide = {name: np.asarray(g, np.float64) for name, g in gradients.items()}
    at = recipe.float32("clip_at")
    if recipe.clip == "value":
        return {name: np.clip(g, -at, at) for name, g in wide.items()}
    norms = {name: float(np.sqrt(np.sum(g**2))) for name, g in wide.items()}
    if recipe.clip == "global-norm":
        norms = dict.fromkeys(norms, float(np.sqrt(sum(norm**2 for norm in norms.values()))))
    if not recipe.clip:
        return wide
    return {name: g * np.minimum(1.0, at / (norms[name] + NORM_EPS)) for name, g in wide.items()}


def slot_names(recipe: Recipe) -> list[str]:
    """What the recipe's optimizer remembers of a tensor."""
    return list(RULES[recipe.optimizer](recipe, 1, np.zeros(()), {})[1])
