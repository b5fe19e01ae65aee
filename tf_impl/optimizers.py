"""The recipes' optimizers in Keras; where its own formula is another one, they are written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from common.recipe import NORM_EPS, Recipe
from common.result import Array
from common.updates import slot_names
from tf_impl import names


class Written(keras.optimizers.Optimizer):
    """PyTorch's formula instead of Keras' own; a subclass gives its `direction`.

    The rate stands outside of what is remembered. The decay that Keras has for every optimizer is
    the decoupled one: weights lose rate * weight_decay of themselves before the step.
    """

    def __init__(self, recipe: Recipe) -> None:
        decay = recipe.float32("weight_decay") if recipe.decoupled else None
        super().__init__(learning_rate=recipe.rate(0), weight_decay=decay, name=recipe.optimizer)
        self.recipe = recipe
        self.beta1, self.beta2 = recipe.float32("beta1"), recipe.float32("beta2")
        self.momentum, self.eps = recipe.float32("momentum"), recipe.float32("eps")

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        known = slot_names(self.recipe)
        self.slots = dict(zip(known, self.add_optimizer_variables(variables, known), strict=True))

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: KerasTensor
    ) -> None:
        index = self._get_variable_index(variable)
        slots = {name: held[index] for name, held in self.slots.items()}
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * self.direction(gradient, slots))

    def direction(self, gradient: KerasTensor, slots: Mapping[str, keras.Variable]) -> KerasTensor:
        """What the rate is multiplied with; brings the tensor's slots up to date."""
        raise NotImplementedError

    def fade(self, slot: keras.Variable, keep: float, value: KerasTensor) -> KerasTensor:
        """slot <- keep * slot + value, read back."""
        self.assign(slot, keep * slot + value)
        return slot.value


class Momentum(Written):
    """SGD with momentum. Keras multiplies the rate into the velocity, and there it stays.

    As long as the rate is the same, u = -rate * v is the same step: u <- momentum * u - rate * g,
    w <- w + u.
    """

    def direction(self, gradient: KerasTensor, slots: Mapping[str, keras.Variable]) -> KerasTensor:
        velocity = self.fade(slots["velocity"], self.momentum, gradient)
        return gradient + self.momentum * velocity if self.recipe.nesterov else velocity


class Adam(Written):
    """Adam: eps is added to the root of the corrected second moment.

    Keras' own adds it before the correction, which is another formula with any eps.
    """

    def direction(self, gradient: KerasTensor, slots: Mapping[str, keras.Variable]) -> KerasTensor:
        step = ops.cast(self.iterations + 1, "float64")  # in float32, 1 - 0.999 is 6e-5 off
        powers = [ops.power(ops.cast(b, "float64"), step) for b in (self.beta1, self.beta2)]
        mean_share, square_share = (ops.cast(1 - power, gradient.dtype) for power in powers)
        mean = self.fade(slots["mean"], self.beta1, (1 - self.beta1) * gradient)
        square = self.fade(slots["square"], self.beta2, (1 - self.beta2) * ops.square(gradient))
        return (mean / mean_share) / (ops.sqrt(square / square_share) + self.eps)


class RMSprop(Written):
    """RMSprop: eps is added to the root, and the rate stands outside the velocity.

    Keras' own has eps under the root, where 1e-7 is as 3e-4 outside.
    """

    def direction(self, gradient: KerasTensor, slots: Mapping[str, keras.Variable]) -> KerasTensor:
        square = self.fade(slots["square"], self.beta2, (1 - self.beta2) * ops.square(gradient))
        scaled = gradient / (ops.sqrt(square) + self.eps)
        return self.fade(slots["velocity"], self.momentum, scaled) if self.momentum else scaled


class Adagrad(Written):
    """Adagrad: sums begin at zero, and eps is added to the root.

    Keras' own begin at 0.1, with eps under the root.
    """

    def direction(self, gradient: KerasTensor, slots: Mapping[str, keras.Variable]) -> KerasTensor:
        total = self.fade(slots["sum"], 1.0, ops.square(gradient))
        return gradient / (ops.sqrt(total) + self.eps)


WRITTEN = {"sgd": Momentum, "adam": Adam, "rmsprop": RMSprop, "adagrad": Adagrad}


def make(model: keras.Model, recipe: Recipe) -> keras.optimizers.Optimizer:
    """The recipe's optimizer with its constants; a coupled weight decay is in `step`.

    Keras' own where it is the same formula: SGD without momentum alone.
    """
    if recipe.optimizer == "sgd" and not recipe.momentum:
        optimizer: keras.optimizers.Optimizer = keras.optimizers.SGD(
            learning_rate=recipe.rate(0),
            momentum=0.0,
            nesterov=False,
            weight_decay=recipe.float32("weight_decay") if recipe.decoupled else None,
        )
    else:
        optimizer = WRITTEN[recipe.optimizer](recipe)
    optimizer.build(model.trainable_variables)
    return optimizer


def step(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[KerasTensor | None],
    variables: Sequence[keras.Variable],
    recipe: Recipe,
    rate: KerasTensor,
) -> None:
    """Clips the gradients, adds the decay where it is coupled with them, and steps."""
    optimizer.learning_rate.assign(rate)
    moved = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    clipped = clip([gradient for gradient, _ in moved], recipe)
    if recipe.weight_decay and not recipe.decoupled:
        share = recipe.float32("weight_decay")
        clipped = [g + share * v for g, (_, v) in zip(clipped, moved, strict=True)]
    optimizer.apply(clipped, [variable for _, variable in moved])


def clip(gradients: list[KerasTensor], recipe: Recipe) -> list[KerasTensor]:
    """The gradients as the recipe says; written out, since Keras adds nothing to a norm."""
    at = recipe.float32("clip_at")
    if not recipe.clip:
        return gradients
    if recipe.clip == "value":
        return [ops.clip(gradient, -at, at) for gradient in gradients]
    squares = [ops.sum(ops.square(gradient)) for gradient in gradients]
    if recipe.clip == "global-norm":
        squares = [ops.sum(ops.stack(squares))] * len(squares)
    shares = [ops.minimum(1.0, at / (ops.sqrt(square) + NORM_EPS)) for square in squares]
    return [gradient * share for gradient, share in zip(gradients, shares, strict=True)]


def slots(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, axes: names.Axes
) -> dict[str, Array]:
    """What the optimizer remembers, in canonical axes: "velocity:conv1.weight" and the like."""
    held = optimizer.slots if isinstance(optimizer, Written) else {}
    return {
        f"{slot}:{name}": array
        for slot, variables in held.items()
        for name, array in named(model, variables, axes).items()
    }


def named(model: keras.Model, values: Sequence[Any], axes: names.Axes) -> dict[str, Array]:
    """One value for each trainable variable (None: left out), in canonical axes by its name."""
    known = {id(v): (name, layer) for name, (layer, v) in names.variables(model).items()}
    found = {}
    for variable, value in zip(model.trainable_variables, values, strict=True):
        name, layer = known[id(variable)]
        if value is not None:
            found[name] = axes.canonical(name, layer, ops.convert_to_numpy(value))
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
