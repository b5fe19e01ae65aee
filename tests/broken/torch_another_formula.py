"""A relu rounded off at its kink: no difference that the catalogue has."""

import torch
from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {"side": "torch", "spec": "lenet", "rung": 3, "layer": "relu2", "cause": None}


class Rounded(nn.ReLU):
    def forward(self, x):
        return (x + torch.sqrt(x * x + 0.01)) / 2


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu2 = Rounded()
