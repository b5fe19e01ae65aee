"""The losses that recipes name, in NumPy: means over the batch, and what an output says of a class.

Like the reference's ops they accept complex arrays and are analytic in them, so that the gradient
that a framework hands to an output can be judged by the complex step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SMALLEST = 1e-37  # a probability's logarithm is taken of no less, so that float32 stays finite
RUBBISH = 1.0  # j of LeCun et al. 1998, equation 9: the paper gives no value


def cross_entropy(logits: Array, labels: Array, smoothing: float = 0.0) -> Array:
    """Mean over the batch of -log softmax(logits)[label]: (N, K), (N,) -> scalar.

    Smoothed, of the sum over classes of target * -log softmax(logits), where the target is
    smoothing / K, and 1 - smoothing more for the label.
    """
    logits = wide(logits)
    shifted = logits - logits.real.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1))
    target = shifted[np.arange(len(labels)), labels]
    if smoothing:
        target = (1 - smoothing) * target + smoothing * shifted.mean(axis=1)
    return np.asarray(np.mean(log_total - target))


def binary_cross_entropy(probabilities: Array, labels: Array) -> Array:
    """Mean over batch and classes of -log p of the label's class, -log(1 - p) of the others.

    PyTorch cuts the logarithm off at -100, Keras p at 1e-7 and 1 - 1e-7: here at log 1e-37 = -85.
    """
    p = wide(probabilities)
    is_label = np.arange(p.shape[1]) == labels[:, None]
    chosen = np.where(is_label, p, 1 - p)
    chosen = np.where(chosen.real <= SMALLEST, SMALLEST, chosen)  # NaN stays NaN
    return np.asarray(np.mean(-np.log(chosen)))


def maximum_a_posteriori(distances: Array, labels: Array) -> Array:
    """LeCun et al. 1998, equation 9: mean of y_label + log(exp(-j) + sum over i of exp(-y_i))."""
    y = wide(distances)
    near = np.minimum(y.real.min(axis=1, keepdims=True), RUBBISH)
    total = np.exp(near - RUBBISH)[:, 0] + np.exp(near - y).sum(axis=1)
    return np.asarray(np.mean(y[np.arange(len(labels)), labels] - near[:, 0] + np.log(total)))


LOSSES: dict[str, Callable[..., Array]] = {
    "cross-entropy": cross_entropy,
    "binary-cross-entropy": binary_cross_entropy,
    "maximum-a-posteriori": maximum_a_posteriori,
}


def total(
    loss: str,
    shares: Sequence[float],
    outputs: Sequence[Array],
    labels: Array,
    smoothing: float = 0.0,
) -> Array:
    """The loss of each output times its share, added up; no shares: each counts once."""
    options = {"smoothing": smoothing} if smoothing else {}
    parts = [
        share * LOSSES[loss](output, labels, **options)
        for share, output in zip(shares or [1.0] * len(outputs), outputs, strict=True)
    ]
    return np.asarray(sum(parts[1:], start=parts[0]))


def scores(loss: str, output: Array) -> Array:
    """The output as numbers of which the largest is the class: distances with their sign turned."""
    return -output if loss == "maximum-a-posteriori" else output


def wide(x: Array) -> Array:
    """The same numbers in float64, complex ones in complex128."""
    return np.asarray(x, dtype=np.complex128 if np.iscomplexobj(x) else np.float64)
