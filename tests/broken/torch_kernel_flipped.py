"""A true convolution: the kernel is flipped both ways, where the frameworks correlate."""

from torch import nn

from torch_impl.models.lenet import LeNet

EXPECT = {
    "side": "torch",
    "spec": "lenet",
    "rung": 3,
    "layer": "conv2",
    "cause": "kernel-flipped",
}


class FlippedConv(nn.Conv2d):
    def forward(self, x):
        return nn.functional.conv2d(x, self.weight.flip(2, 3), self.bias)


class Port(LeNet):
    def __init__(self):
        super().__init__()
        self.conv2 = FlippedConv(6, 16, 5)
