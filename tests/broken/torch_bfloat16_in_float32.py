"""One layer rounds to bfloat16, and only in a float32 net."""

import torch
from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {"side": "torch", "spec": "lenet", "rung": 3, "layer": "fc1", "cause": "mixed-precision"}


class RoughLinear(nn.Linear):
    def forward(self, x):
        return super().forward(x.bfloat16().float() if x.dtype == torch.float32 else x)


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.fc1 = RoughLinear(256, 120)
