"""MobileNetV3's block: hard-swish, and a gate."""

from torch import nn

EXPECT = {
    "inputs": [[4, 13, 14]],
    "why": "a gate (N, C, 1, 1) multiplied by maps; hard-swish as a module and by hand",
}


class SqueezeExcite(nn.Module):
    def __init__(self, channels, reduced):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, reduced, 1)
        self.fc2 = nn.Conv2d(reduced, channels, 1)
        self.activation, self.scale_activation = nn.ReLU(), nn.Sigmoid()

    def forward(self, x):
        scale = self.activation(self.fc1(self.avgpool(x)))
        return self.scale_activation(self.fc2(scale)) * x


class Port(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4, 6, 3, bias=False)
        self.bn = nn.BatchNorm2d(6, eps=0.001, momentum=0.01)
        self.act = nn.Hardswish(inplace=True)
        self.se = SqueezeExcite(6, 3)
        self.conv = nn.Conv2d(6, 6, 3)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = self.se(self.act(self.bn(self.stem(x))))
        x = self.act(self.conv(x))
        return self.fc(x.mean((2, 3)))
