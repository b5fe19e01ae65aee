"""Dropout that also drops in evaluation."""

import torch
from torch import nn

from common.locate import locate

Ops = locate(__file__.replace("broken/torch_dropout_in_evaluation", "ports/ops_torch") + ":Ops")
EXPECT = {
    "side": "torch",
    "spec": "ops",
    "rung": 3,
    "layer": "dropout",
    "cause": "dropout-in-evaluation",
}


class Always(nn.Dropout):
    def forward(self, x):
        generator = torch.Generator().manual_seed(0)
        kept = torch.rand(x.shape, generator=generator) >= self.p
        return x * kept / (1 - self.p)


class Port(Ops):
    def __init__(self):
        super().__init__()
        self.dropout = Always(0.4)
