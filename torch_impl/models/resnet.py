"""Residual networks for ImageNet: He et al. 2015, Table 1, as torchvision ships them.

Departs from the paper ("Deep Residual Learning for Image Recognition", arXiv:1512.03385): where a
bottleneck makes its maps smaller, the 3x3 convolution does it; the paper's first 1x1 has the stride
of 2 ("v1.5": a little more accurate, a little more work). Each is right with the other's weights'
shapes, and wrong with their numbers.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from torch_impl.layers import Add


class Projection(nn.Module):
    """Option B of section 3.3: a 1x1 convolution where a block changes the shape."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, channels, kernel_size=1, stride=stride, padding=0, bias=False
        )
        self.bn = nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.bn(x)


class BasicBlock(nn.Module):
    """Fig. 5, left: relu(x + f(x)) of two 3x3 convolutions."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        out_channels = channels
        projects = stride != 1 or in_channels != out_channels
        self.conv1 = nn.Conv2d(
            in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(
            channels, out_channels, kernel_size=3, stride=1, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(out_channels, eps=1e-5, momentum=0.1)
        self.shortcut = Projection(in_channels, out_channels, stride) if projects else None
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


class Bottleneck(nn.Module):
    """Fig. 5, right: 1x1 to few channels, 3x3 among them, 1x1 to four times as many."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        out_channels = 4 * channels
        projects = stride != 1 or in_channels != out_channels
        self.conv1 = nn.Conv2d(
            in_channels, channels, kernel_size=1, stride=1, padding=0, bias=False
        )
        self.bn1 = nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(
            channels, channels, kernel_size=3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(
            channels, out_channels, kernel_size=1, stride=1, padding=0, bias=False
        )
        self.bn3 = nn.BatchNorm2d(out_channels, eps=1e-5, momentum=0.1)
        self.shortcut = Projection(in_channels, out_channels, stride) if projects else None
        self.add = Add()
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        fx = self.conv1(x)
        fx = self.bn1(fx)
        fx = self.relu1(fx)
        fx = self.conv2(fx)
        fx = self.bn2(fx)
        fx = self.relu2(fx)
        fx = self.conv3(fx)
        fx = self.bn3(fx)
        if self.shortcut is not None:
            x = self.shortcut(x)
        x = self.add(fx, x)
        return self.relu3(x)


class ResNet(nn.Module):
    """(N, 3, 224, 224) -> logits (N, 1000); `counts` are the blocks of each stage."""

    def __init__(self, counts: Sequence[int], bottleneck: bool) -> None:
        super().__init__()
        wider = 4 if bottleneck else 1
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64, eps=1e-5, momentum=0.1)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = nn.ModuleList(stage(bottleneck, counts[0], 64, 64, stride=1))
        self.layer2 = nn.ModuleList(stage(bottleneck, counts[1], 64 * wider, 128, stride=2))
        self.layer3 = nn.ModuleList(stage(bottleneck, counts[2], 128 * wider, 256, stride=2))
        self.layer4 = nn.ModuleList(stage(bottleneck, counts[3], 256 * wider, 512, stride=2))
        self.pool2 = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(512 * wider, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 64, 112, 112)
        x = self.bn1(x)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 64, 56, 56)
        for block in self.layer1:
            x = block(x)  # (N, 64, 56, 56); of bottlenecks, here and below, four times the channels
        for block in self.layer2:
            x = block(x)  # (N, 128, 28, 28)
        for block in self.layer3:
            x = block(x)  # (N, 256, 14, 14)
        for block in self.layer4:
            x = block(x)  # (N, 512, 7, 7)
        x = self.pool2(x)  # (N, 512, 1, 1)
        x = self.flatten(x)  # (N, 512)
        return self.fc(x)  # (N, 1000)


def stage(
    bottleneck: bool, count: int, in_channels: int, channels: int, stride: int
) -> list[nn.Module]:
    """Blocks one after the other; the first changes the shape, the others keep it."""
    block, wider = (Bottleneck, 4) if bottleneck else (BasicBlock, 1)
    others = [block(channels * wider, channels, stride=1) for _ in range(count - 1)]
    return [block(in_channels, channels, stride), *others]


class ResNet18(ResNet):
    def __init__(self) -> None:
        super().__init__(counts=(2, 2, 2, 2), bottleneck=False)


class ResNet34(ResNet):
    def __init__(self) -> None:
        super().__init__(counts=(3, 4, 6, 3), bottleneck=False)


class ResNet50(ResNet):
    def __init__(self) -> None:
        super().__init__(counts=(3, 4, 6, 3), bottleneck=True)


class ResNet101(ResNet):
    def __init__(self) -> None:
        super().__init__(counts=(3, 4, 23, 3), bottleneck=True)


class ResNet152(ResNet):
    def __init__(self) -> None:
        super().__init__(counts=(3, 8, 36, 3), bottleneck=True)
