"""Weights that the net ignores: the first convolution is multiplied by zero."""

from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {"side": "torch", "spec": "lenet", "rung": 3, "layer": "conv1", "cause": "scaled"}


class DeadConv(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * 0.0


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.conv1 = DeadConv(1, 6, 5)
