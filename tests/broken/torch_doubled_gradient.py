"""A relu that hands back twice the gradient."""

import torch
from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {"side": "torch", "spec": "lenet", "rung": 5, "layer": "relu2", "cause": "gradient-scaled"}


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * gradient * (x > 0)


class DoubledReLU(nn.ReLU):
    def forward(self, x):
        return Doubled.apply(x)


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.relu2 = DoubledReLU()
