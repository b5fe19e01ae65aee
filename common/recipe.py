"""How a model is trained: one dataclass that both ports read, with the formulas it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

# Means and standard deviations of a data set's training pixels / 255, channel by channel.
MNIST_MEAN, MNIST_STD = (0.1307,), (0.3081,)
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET_MEAN_255 = (123.68, 116.779, 103.939)  # of the pixels, as the VGG authors give it


@dataclass(frozen=True)
class Recipe:
    """Mini-batch training on the mean loss of each batch, in the run's dtype.

    With g the gradient of the loss, plus weight_decay * w for every parameter w:

        sgd     v <- momentum * v + g
                w <- w - rate * v
        adam    m <- beta1 * m + (1 - beta1) * g
                v <- beta2 * v + (1 - beta2) * g^2
                w <- w - rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    at step t, counted from 1. These are PyTorch's formulas. Keras multiplies the rate into the
    velocity, which differs once the rate changes; adds eps before the correction of v; and
    decays weights apart from the gradient: the Keras side is written so that it does as above.

    rate = learning_rate * decay ** (number of `decay_after` <= epoch), epochs counted from 0. The
    last batch of an epoch may be smaller; its mean is its own.
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    decay: float = 1.0
    decay_after: tuple[int, ...] = ()  # in epochs
    initial: Literal["lecun", "he"] = "lecun"  # law of the initial weights (common/weights.py)
    loss: str = "cross-entropy"  # a name of common/losses.py
    shares: tuple[float, ...] = ()  # of each output in the loss; empty: each counts once
    divisor: float = 255.0  # pixels / divisor, then (x - mean) / std, per channel
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    fit: Literal["", "pad", "resize"] = ""  # images of another size than the model's
    size: tuple[int, int] | None = None  # train at this height and width instead of the model's
    train_images: int | None = None  # only so many of the data set's, the first ones
    test_images: int | None = None
    shuffle: bool = True  # another order every epoch
    augment: bool = False  # crops and flips, another draw every epoch (common/data/augment.py)
    data: str = ""  # the data set it was published for, where that is not the model's default
    published: str = ""  # what the source of the recipe reports

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Recipe:
        """What dataclasses.asdict made, after a journey through JSON."""
        known: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()
        }
        return Recipe(**known)

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch (counted from 0), a float32 number.

        Keras keeps the rate and the momentum in float32 even in a float64 model, so both sides
        are given numbers that float32 holds exactly.
        """
        drops = sum(epoch >= after for after in self.decay_after)
        return float(np.float32(self.learning_rate * self.decay**drops))

    def float32(self, name: str) -> float:
        """A constant of the formula, such as the momentum, as float32 holds it."""
        return float(np.float32(getattr(self, name)))
