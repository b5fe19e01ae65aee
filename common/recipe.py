"""How a model is trained: one dataclass that both ports read, with the formulas it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, inf, pi
from typing import Any, Literal

import numpy as np

from common.errors import UsageError

# Means and standard deviations of a data set's training pixels / 255, channel by channel.
MNIST_MEAN, MNIST_STD = (0.1307,), (0.3081,)
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET_MEAN_255 = (123.68, 116.779, 103.939)  # of the pixels, as the VGG authors give it

NORM_EPS = 1e-6  # is added to a norm before clip_at is divided by it, as in PyTorch


@dataclass(frozen=True)
class Recipe:
    """Mini-batch training on the mean loss of each batch, in the run's dtype.

    With g the gradient of the loss, clipped, plus weight_decay * w for every parameter w:

        sgd      v <- momentum * v + g
                 w <- w - rate * v;  nesterov: w <- w - rate * (g + momentum * v)
        adam     m <- beta1 * m + (1 - beta1) * g
                 s <- beta2 * s + (1 - beta2) * g^2
                 w <- w - rate * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)
        rmsprop  s <- beta2 * s + (1 - beta2) * g^2
                 v <- momentum * v + g / (sqrt(s) + eps)
                 w <- w - rate * v
        adagrad  s <- s + g^2
                 w <- w - rate * g / (sqrt(s) + eps)

    at step t, counted from 1; v, m and s are zero before it. Decoupled, as in SGDW and AdamW, the
    decay is no part of g: each step takes rate * weight_decay * w away beside the rest.

    These are PyTorch's formulas; common/updates.py has them in NumPy. Keras multiplies the rate
    into the velocity, which differs once the rate changes; adds eps under the root, or before the
    correction of s; and decays weights apart from the gradient: the Keras side is written so that
    it does as above.

    Before all this the gradients are clipped: "value" cuts each number off at -clip_at and
    clip_at; "norm" multiplies each tensor by min(1, clip_at / (its norm + 1e-6)), "global-norm"
    all of them by the same, of the norm of all numbers together. PyTorch adds the 1e-6; Keras
    does not.

    The rate is learning_rate times, at step k (from 0) of K in all:

        step       decay ^ (number of `decay_after` <= epoch), epochs counted from 0
        cosine     (1 + cos(pi k / K)) / 2
        one-cycle  from 1 / 25 up to 1 in 0.3 K - 1 steps, from there down to 1 / 250,000 in the
                   last one, both along half a cosine; the momentum stays
        plateau    decay ^ (number of times that the mean training loss had not been lower than
                   ever before for `patience` epochs, counted anew each time)

    The last batch of an epoch may be smaller; its mean is its own.
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: Literal["sgd", "adam", "rmsprop", "adagrad"] = "sgd"
    momentum: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999  # rmsprop's too, where PyTorch's own default is 0.99, and Keras' is 0.9
    eps: float = 1e-8  # for adagrad, PyTorch's own default is 1e-10
    weight_decay: float = 0.0
    decoupled: bool = False
    clip: Literal["", "value", "norm", "global-norm"] = ""
    clip_at: float = 0.0
    schedule: Literal["step", "cosine", "one-cycle", "plateau"] = "step"
    decay: float = 1.0
    decay_after: tuple[int, ...] = ()  # in epochs
    patience: int = 10  # in epochs
    initial: Literal["lecun", "he"] = "lecun"  # law of the initial weights (common/weights.py)
    loss: str = "cross-entropy"  # a name of common/losses.py
    smoothing: float = 0.0  # of the labels of a cross-entropy, in training alone
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

    def __post_init__(self) -> None:
        """UsageError where one field makes nothing of another."""
        if self.nesterov and not (self.optimizer == "sgd" and self.momentum):
            raise UsageError(f"recipe {self.name}: nesterov is a way of sgd with momentum")
        if bool(self.clip) != (self.clip_at > 0):
            raise UsageError(f"recipe {self.name}: clip says how, and clip_at at which number")
        if self.smoothing and self.loss != "cross-entropy":
            raise UsageError(f"recipe {self.name}: smoothing is of a cross-entropy's labels")

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Recipe:
        """What dataclasses.asdict made, after a journey through JSON."""
        known: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()
        }
        return Recipe(**known)

    def rate(
        self, epoch: int, step: int = 0, steps: int = 1, losses: Sequence[float] = ()
    ) -> float:
        """Learning rate of a step of an epoch, both counted from 0, a float32 number.

        Of `steps` an epoch, and after these training losses, one of each epoch before. Keras keeps
        the rate and the momentum in float32 even in a float64 model, so both sides are given
        numbers that float32 holds exactly.
        """
        done, whole = epoch * steps + step, self.epochs * steps
        if self.schedule == "cosine":
            share = half_cosine(1.0, 0.0, done / whole)
        elif self.schedule == "one-cycle":
            share = one_cycle(done, whole)
        elif self.schedule == "plateau":
            share = self.decay ** plateaus(losses, self.patience)
        else:
            share = self.decay ** sum(epoch >= after for after in self.decay_after)
        return float(np.float32(self.learning_rate * share))

    def rates(self, epoch: int, steps: int, losses: Sequence[float] = ()) -> list[float]:
        """The rate of every step of an epoch."""
        return [self.rate(epoch, step, steps, losses) for step in range(steps)]

    def float32(self, name: str) -> float:
        """A constant of the formula, such as the momentum, as float32 holds it."""
        return float(np.float32(getattr(self, name)))


def half_cosine(start: float, end: float, done: float) -> float:
    """From `start` at 0 to `end` at 1."""
    return end + (start - end) * (1 + cos(pi * done)) / 2


def one_cycle(done: int, whole: int) -> float:
    """The share of the largest rate, as PyTorch's OneCycleLR has it with its own defaults."""
    first, largest, last = 1 / 25, 1.0, 1 / 25 / 1e4
    top, end = 0.3 * whole - 1, whole - 1
    if done <= top:
        return half_cosine(first, largest, done / top)
    return half_cosine(largest, last, (done - top) / (end - top))


def plateaus(losses: Sequence[float], patience: int) -> int:
    """How often the lowest loss so far was not beaten `patience` times in a row."""
    best, waited, found = inf, 0, 0
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss) if loss == loss else best  # NaN is never better
        if waited == patience:
            found, waited = found + 1, 0
    return found
