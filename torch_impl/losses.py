"""The losses that recipes name, as in common/losses.py, on PyTorch's tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from common.losses import RUBBISH, SMALLEST

Loss = Callable[..., Tensor]  # of an output and the labels


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean over the batch, of logits (N, K) and labels (N,)."""
    return functional.cross_entropy(logits, labels, label_smoothing=smoothing)


def binary_cross_entropy(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Mean over batch and classes; written out, since nn.BCELoss cuts off elsewhere than Keras."""
    is_label = functional.one_hot(labels, probabilities.shape[1]).bool()
    chosen = torch.where(is_label, probabilities, 1 - probabilities)
    return -chosen.clamp(min=SMALLEST).log().mean()


def maximum_a_posteriori(distances: Tensor, labels: Tensor) -> Tensor:
    """LeCun et al. 1998, equation 9."""
    own = distances.gather(1, labels[:, None])[:, 0]
    rubbish = distances.new_full((len(distances), 1), RUBBISH)
    return (own + torch.logsumexp(-torch.cat([rubbish, distances], dim=1), dim=1)).mean()


LOSSES: dict[str, Loss] = {
    "cross-entropy": cross_entropy,
    "binary-cross-entropy": binary_cross_entropy,
    "maximum-a-posteriori": maximum_a_posteriori,
}


def total(
    loss: str,
    shares: Sequence[float],
    outputs: Sequence[Tensor],
    labels: Tensor,
    smoothing: float = 0.0,
) -> Tensor:
    """The loss of each output times its share, added up; no shares: each counts once."""
    options = {"smoothing": smoothing} if smoothing else {}
    parts = [LOSSES[loss](output, labels, **options) for output in outputs]
    if len(parts) == 1 and not shares:
        return parts[0]
    return torch.stack(
        [share * part for share, part in zip(shares or [1.0] * len(parts), parts, strict=True)]
    ).sum()


def scores(loss: str, output: Tensor) -> Tensor:
    """The output as numbers of which the largest is the class."""
    return -output if loss == "maximum-a-posteriori" else output


def listed(outputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """What a model gave back, one output or several, as a list."""
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
