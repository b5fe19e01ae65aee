"""The losses that recipes name, as in common/losses.py, on Keras' tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import KerasTensor, ops

from common.losses import RUBBISH, SMALLEST

Loss = Callable[..., KerasTensor]  # of an output and the labels


def cross_entropy(logits: KerasTensor, labels: KerasTensor, smoothing: float = 0.0) -> KerasTensor:
    """Mean over the batch, of logits (N, K) and labels (N,).

    The function, in the logits' own dtype: the loss class computes in float32 unless it is told.
    Of a copy: for a softmax' output it would take what the softmax read, whatever it is told.
    """
    own = ops.copy(logits)
    if smoothing:  # of one-hot labels alone
        one_hot = ops.one_hot(labels, logits.shape[1], dtype=logits.dtype)
        smooth = {"from_logits": True, "label_smoothing": smoothing}
        return ops.mean(keras.losses.categorical_crossentropy(one_hot, own, **smooth))
    return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, own, from_logits=True))


def binary_cross_entropy(probabilities: KerasTensor, labels: KerasTensor) -> KerasTensor:
    """Mean over batch and classes; written out, since Keras swaps a softmax' output for its logits.

    And because it cuts off elsewhere than PyTorch.
    """
    is_label = ops.cast(ops.one_hot(labels, probabilities.shape[1]), "bool")
    chosen = ops.where(is_label, probabilities, 1 - probabilities)
    return -ops.mean(ops.log(ops.maximum(chosen, SMALLEST)))


def maximum_a_posteriori(distances: KerasTensor, labels: KerasTensor) -> KerasTensor:
    """LeCun et al. 1998, equation 9."""
    own = ops.take_along_axis(distances, labels[:, None], axis=1)[:, 0]
    rubbish = ops.full_like(distances[:, :1], RUBBISH)
    return ops.mean(own + ops.logsumexp(-ops.concatenate([rubbish, distances], axis=1), axis=1))


LOSSES: dict[str, Loss] = {
    "cross-entropy": cross_entropy,
    "binary-cross-entropy": binary_cross_entropy,
    "maximum-a-posteriori": maximum_a_posteriori,
}


def total(
    loss: str,
    shares: Sequence[float],
    outputs: Sequence[KerasTensor],
    labels: KerasTensor,
    smoothing: float = 0.0,
) -> KerasTensor:
    """The loss of each output times its share, added up; no shares: each counts once."""
    options = {"smoothing": smoothing} if smoothing else {}
    parts = [LOSSES[loss](output, labels, **options) for output in outputs]
    if len(parts) == 1 and not shares:
        return parts[0]
    return ops.sum(
        ops.stack(
            [share * part for share, part in zip(shares or [1.0] * len(parts), parts, strict=True)]
        )
    )


def scores(loss: str, output: KerasTensor) -> KerasTensor:
    """The output as numbers of which the largest is the class."""
    return -output if loss == "maximum-a-posteriori" else output


def listed(outputs: KerasTensor | Sequence[KerasTensor]) -> list[KerasTensor]:
    """What a model gave back, one output or several, as a list."""
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
