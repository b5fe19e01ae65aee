"""One value of 27,648 is not a number."""

import torch
from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {"side": "torch", "spec": "lenet", "rung": 3, "layer": "relu1", "cause": "nan"}


class NanReLU(nn.ReLU):
    def forward(self, x):
        y = super().forward(x).clone()
        y[0, 0, 0, 0] = torch.nan
        return y


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu1 = NanReLU()
