"""The 20-layer residual network for CIFAR-10: He et al. 2015, section 4.2, n = 3.

Shortcuts are option A, as in the paper: where the maps grow smaller, every second place, and zeros
for the channels that are new. Projections (option B) would add 2,752 parameters.
"""

from torch import Tensor, nn

from torch_impl.layers import Add, PaddedShortcut


class Block(nn.Module):
    """relu(x + f(x)) of two 3x3 convolutions; a stride of 2 doubles the channels."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)
        self.shortcut = PaddedShortcut(channels, stride) if stride != 1 else None
        self.add = Add()
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        fx = self.conv1(x)
        fx = self.bn1(fx)
        fx = self.relu1(fx)
        fx = self.conv2(fx)
        fx = self.bn2(fx)
        if self.shortcut is not None:
            x = self.shortcut(x)
        x = self.add(fx, x)
        return self.relu2(x)


class ResNetCifar(nn.Module):
    """(N, 3, 32, 32) -> logits (N, 10): 1 + 3 x 6 convolutions and a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16, eps=1e-5, momentum=0.1)
        self.relu1 = nn.ReLU()
        self.layer1 = nn.ModuleList([Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1)])
        self.layer2 = nn.ModuleList([Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1)])
        self.layer3 = nn.ModuleList([Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1)])
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 16, 32, 32)
        x = self.bn1(x)
        x = self.relu1(x)
        for block in self.layer1:
            x = block(x)  # (N, 16, 32, 32)
        for block in self.layer2:
            x = block(x)  # (N, 32, 16, 16)
        for block in self.layer3:
            x = block(x)  # (N, 64, 8, 8)
        x = self.pool(x)  # (N, 64, 1, 1)
        x = self.flatten(x)  # (N, 64)
        return self.fc(x)  # (N, 10)
