"""One layer adds up in float32 in a float64 net."""

from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {
    "side": "torch",
    "spec": "lenet",
    "rung": 3,
    "layer": "fc1",
    "cause": "float32-inside",
    "not_a_port": "a port may keep a layer in float32: in float32 it is the same network",
}


class NarrowLinear(nn.Linear):
    def forward(self, x):
        y = nn.functional.linear(x.float(), self.weight.float(), self.bias.float())
        return y.to(x.dtype)


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.fc1 = NarrowLinear(256, 120)
