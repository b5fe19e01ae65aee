"""An autoencoder whose decoder is its encoder, transposed."""

import torch
import torch.nn.functional as F
from torch import nn

EXPECT = {"inputs": [[2, 5, 4]], "why": "tied weights: the decoder multiplies by the same matrix"}


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(40, 9)
        self.bias = nn.Parameter(torch.zeros(40))

    def forward(self, x):
        code = torch.tanh(self.encoder(x.permute(0, 2, 3, 1).flatten(1)))
        return F.linear(code, self.encoder.weight.t(), self.bias)
