"""How a model is trained: one dataclass that both ports read, with the formulas it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from common.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent with momentum on the mean cross-entropy of the logits.

    For every batch, in float arithmetic of the run's dtype:

        v <- momentum * v + gradient
        w <- w - rate(epoch) * v

    The rate stands outside the velocity (PyTorch's order; Keras multiplies it in, which differs
    once the rate changes). rate(epoch) = learning_rate * decay ** (number of `decay_after` <=
    epoch), epochs counted from 0. The last batch of an epoch may be smaller; its mean is its own.
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float = 0.0
    decay: float = 1.0
    decay_after: tuple[int, ...] = ()  # in epochs
    mean: tuple[float, ...] = (0.0,)  # pixels / 255, then (x - mean) / std, per channel
    std: tuple[float, ...] = (1.0,)

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch (counted from 0), a float32 number.

        Keras keeps the rate and the momentum in float32 even in a float64 model, so both sides
        are given numbers that float32 holds exactly.
        """
        drops = sum(epoch >= after for after in self.decay_after)
        return float(np.float32(self.learning_rate * self.decay**drops))

    @property
    def momentum_float32(self) -> float:
        """The momentum as float32 holds it."""
        return float(np.float32(self.momentum))


MNIST_MEAN, MNIST_STD = (0.1307,), (0.3081,)  # of the 60,000 training images, pixels / 255

RECIPES: dict[str, dict[str, Recipe]] = {
    "lenet": {
        # 4,000 images, both frameworks, seeds 0 to 4: 96.4 to 97.4% on the other 1,000. A gentle
        # rate, for chaos: in torch alone, weights a rounding apart end 0.26 points apart (root
        # mean square, 6 seeds); at rate 0.02 and batch 32, 0.55.
        "default": Recipe(
            "default",
            epochs=16,
            batch_size=64,
            learning_rate=0.01,
            momentum=0.9,
            decay=0.1,
            decay_after=(12,),
            mean=MNIST_MEAN,
            std=MNIST_STD,
        ),
    },
}


def get(
    model: str,
    name: str = "default",
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
) -> Recipe:
    """The model's recipe, changed where a value is given. UsageError for an unknown name."""
    known = RECIPES[model]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"{model} has no recipe {name!r}: {hint}recipes: {', '.join(known)}")
    given: dict[str, Any] = dict(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    return replace(known[name], **{key: value for key, value in given.items() if value is not None})
