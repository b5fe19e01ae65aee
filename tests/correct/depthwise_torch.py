"""Depthwise and pointwise convolutions, as of MobileNet."""

from torch import nn

EXPECT = {
    "inputs": [[3, 17, 14]],
    "why": "grouped convolutions of one channel against DepthwiseConv2D, stride 2 among them",
}


def unit(channels_in, channels_out, stride):
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_in, 3, stride, 1, groups=channels_in, bias=False),
        nn.BatchNorm2d(channels_in),
        nn.ReLU6(inplace=True),
        nn.Conv2d(channels_in, channels_out, 1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU6(inplace=True),
    )


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.units = nn.Sequential(unit(3, 6, 1), unit(6, 6, 2))
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        return self.fc(self.units(x).mean([2, 3]))
