"""A multilayer perceptron with batch norm."""

from torch import nn

EXPECT = {
    "inputs": [[2, 6, 7]],
    "why": "BatchNorm1d behind Linear, one without scale and shift; no convolution at all",
}


def Port():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(2 * 6 * 7, 16, bias=False),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(p=0.2),
        nn.Linear(16, 12),
        nn.BatchNorm1d(12, affine=False),
        nn.ReLU(),
        nn.Linear(12, 5),
    )
