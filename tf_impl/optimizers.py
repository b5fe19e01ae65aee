"""The recipes' optimizers in Keras; where its own formula is another one, they are written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from common.recipe import Recipe
from common.result import Array
from tf_impl import names


class Adam(keras.optimizers.Optimizer):
    """PyTorch's Adam: eps is added to the root of the corrected second moment.

    Keras' own adds it before the correction, which is another formula with any eps.
    """

    def __init__(self, learning_rate: float, beta1: float, beta2: float, eps: float) -> None:
        super().__init__(learning_rate=learning_rate, name="adam")
        self.beta1, self.beta2, self.eps = beta1, beta2, eps

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self.means, self.squares = self.add_optimizer_variables(variables, ["mean", "square"])

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: KerasTensor
    ) -> None:
        index = self._get_variable_index(variable)
        mean, square = self.means[index], self.squares[index]
        step = ops.cast(self.iterations + 1, "float64")  # in float32, 1 - 0.999 is 6e-5 off
        powers = [ops.power(ops.cast(b, "float64"), step) for b in (self.beta1, self.beta2)]
        mean_share, square_share = (ops.cast(1 - power, variable.dtype) for power in powers)
        self.assign(mean, self.beta1 * mean + (1 - self.beta1) * gradient)
        self.assign(square, self.beta2 * square + (1 - self.beta2) * ops.square(gradient))
        root = ops.sqrt(square / square_share) + self.eps
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * (mean / mean_share) / root)


def make(model: keras.Model, recipe: Recipe) -> keras.optimizers.Optimizer:
    """SGD or Adam with the recipe's constants; the weight decay is in `decayed`.

    Keras' SGD multiplies the rate into the velocity: u <- momentum * u - rate * gradient,
    w <- w + u. With u = -rate * v this is the recipe's formula for as long as the rate stays; see
    set_rate.
    """
    if recipe.optimizer == "adam":
        optimizer: keras.optimizers.Optimizer = Adam(
            recipe.rate(0), *(recipe.float32(name) for name in ("beta1", "beta2", "eps"))
        )
    else:
        optimizer = keras.optimizers.SGD(
            learning_rate=recipe.rate(0),
            momentum=recipe.float32("momentum"),
            nesterov=False,
            weight_decay=None,
        )
    optimizer.build(model.trainable_variables)
    return optimizer


def decayed(
    gradients: Sequence[KerasTensor], variables: Sequence[keras.Variable], recipe: Recipe
) -> list[KerasTensor]:
    """The gradients plus weight_decay * w; Keras' own decay leaves the gradient as it is."""
    share = recipe.float32("weight_decay")
    if not share:
        return list(gradients)
    return [
        None if gradient is None else gradient + share * variable
        for gradient, variable in zip(gradients, variables, strict=True)
    ]


def set_rate(optimizer: keras.optimizers.Optimizer, rate: float) -> None:
    """The learning rate from here on; SGD's velocities are carried over to it, u = -rate * v."""
    before = float(optimizer.learning_rate)
    if rate != before:
        if isinstance(optimizer, keras.optimizers.SGD):
            for velocity in optimizer.momentums:
                velocity.assign(velocity * (rate / before))
        optimizer.learning_rate = rate


def means(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, axes: names.Axes
) -> dict[str, Array]:
    """Adam's first moments by the project's names; none of another optimizer."""
    if not isinstance(optimizer, Adam):
        return {}
    known = {id(v): (name, layer) for name, (layer, v) in names.variables(model).items()}
    found = {}
    for variable, mean in zip(model.trainable_variables, optimizer.means, strict=True):
        name, layer = known[id(variable)]
        found[name] = axes.canonical(name, layer, ops.convert_to_numpy(mean))
    return found


def state(optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Everything that the next step depends on besides weights and gradients, by place."""
    return {
        str(index): np.array(ops.convert_to_numpy(variable))
        for index, variable in enumerate(optimizer.variables)
    }


def restore(optimizer: keras.optimizers.Optimizer, saved: dict[str, Any]) -> None:
    """What `state` gave, put back."""
    for index, variable in enumerate(optimizer.variables):
        variable.assign(saved[str(index)])
