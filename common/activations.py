"""The activations that a port may have in another's place, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

erf = np.vectorize(math.erf, otypes=[float])


def in_float32(value: float) -> float:
    """As TensorFlow keeps its constants, in a float64 net, too: compare/known.py lists it."""
    return float(np.float32(value))


def sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def log_softmax(x: Array) -> Array:
    x = x - x.max(axis=1, keepdims=True)
    return np.asarray(x - np.log(np.exp(x).sum(axis=1, keepdims=True)))


def gelu(x: Array, root: float = math.sqrt(0.5)) -> Array:
    return np.asarray(0.5 * x * (1 + erf(x * root)))


def gelu_tanh(x: Array, cubic: float = 0.044715) -> Array:
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + cubic * x**3))))


def selu(x: Array) -> Array:
    alpha, scale = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017
    return np.asarray(scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))))


def relu6(x: Array) -> Array:
    return np.clip(x, 0, 6)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": relu6,
    "sigmoid": sigmoid,
    "tanh": lambda x: np.asarray(np.tanh(x)),
    "softmax": softmax,
    "gelu": gelu,
    "gelu by its tanh formula": gelu_tanh,
    # TensorFlow's constants are float32 in a float64 net, too
    "gelu with constants of float32": lambda x: gelu(x, in_float32(math.sqrt(0.5))),
    "gelu by its tanh formula with constants of float32": lambda x: gelu_tanh(
        x, in_float32(0.044715)
    ),
    "silu": lambda x: x * sigmoid(x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": selu,
    "softplus": lambda x: np.logaddexp(x, 0),
    "softplus, straight above 20": lambda x: np.where(x > 20, x, np.logaddexp(x, 0)),  # PyTorch
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard sigmoid": lambda x: relu6(x + 3) / 6,
    "hard sigmoid of Keras 2": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hard swish": lambda x: x * relu6(x + 3) / 6,
    "log softmax": log_softmax,
    "abs": np.abs,
    "square": np.square,
}
CAUSES = ("relu6", "gelu", "hard-sigmoid", "hard-swish")


def cause_of(name: str) -> str:
    """The id under which an activation in another's place is known."""
    id = name.replace(" ", "-")
    return next((cause for cause in CAUSES if id.startswith(cause)), "other-activation")
