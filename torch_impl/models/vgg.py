"""VGG: Simonyan and Zisserman 2014, Table 1, configurations A, B, D and E.

Departs from the paper: adaptive pooling before the dense layers, so that it reads other sizes than
224x224 too; batch norm in the models that say so, as in torchvision; and for CIFAR-10 one dense
layer where the paper has three. The paper starts the deep nets from the trained shallow one.
"""

from torch import Tensor, nn

CONVS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class Block(nn.Module):
    """(N, C, H, W) -> (N, channels, H/2, W/2): so many 3x3 convolutions, and a pool."""

    def __init__(self, in_channels: int, channels: int, convs: int, norm: bool) -> None:
        super().__init__()
        reads = [in_channels] + [channels] * (convs - 1)
        self.conv = nn.ModuleList(
            nn.Conv2d(read, channels, kernel_size=3, stride=1, padding=1) for read in reads
        )
        if norm:
            self.bn = nn.ModuleList(
                nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1) for _ in range(convs)
            )
        self.relu = nn.ModuleList(nn.ReLU() for _ in range(convs))
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        for i in range(len(self.conv)):
            x = self.conv[i](x)  # (N, channels, H, W)
            if self.norm:
                x = self.bn[i](x)
            x = self.relu[i](x)
        return self.pool(x)  # (N, channels, H/2, W/2)


class VGG(nn.Module):
    """(N, 3, 224, 224) -> logits (N, 1000)."""

    def __init__(self, depth: int, norm: bool) -> None:
        super().__init__()
        convs = CONVS[depth]
        self.block1 = Block(3, 64, convs[0], norm)
        self.block2 = Block(64, 128, convs[1], norm)
        self.block3 = Block(128, 256, convs[2], norm)
        self.block4 = Block(256, 512, convs[3], norm)
        self.block5 = Block(512, 512, convs[4], norm)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.flatten = nn.Flatten()
        self.fc6 = nn.Linear(25088, 4096)
        self.relu6 = nn.ReLU()
        self.dropout6 = nn.Dropout(0.5)
        self.fc7 = nn.Linear(4096, 4096)
        self.relu7 = nn.ReLU()
        self.dropout7 = nn.Dropout(0.5)
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block1(x)  # (N, 64, 112, 112)
        x = self.block2(x)  # (N, 128, 56, 56)
        x = self.block3(x)  # (N, 256, 28, 28)
        x = self.block4(x)  # (N, 512, 14, 14)
        x = self.block5(x)  # (N, 512, 7, 7)
        x = self.avgpool(x)  # (N, 512, 7, 7), whatever the image's size
        x = self.flatten(x)  # (N, 25088), a channel's 49 places side by side
        x = self.fc6(x)  # (N, 4096)
        x = self.relu6(x)
        x = self.dropout6(x)
        x = self.fc7(x)  # (N, 4096)
        x = self.relu7(x)
        x = self.dropout7(x)
        return self.fc8(x)  # (N, 1000)


class VGGCifar(nn.Module):
    """(N, 3, 32, 32) -> logits (N, 10)."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        convs = CONVS[depth]
        self.block1 = Block(3, 64, convs[0], norm=True)
        self.block2 = Block(64, 128, convs[1], norm=True)
        self.block3 = Block(128, 256, convs[2], norm=True)
        self.block4 = Block(256, 512, convs[3], norm=True)
        self.block5 = Block(512, 512, convs[4], norm=True)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block1(x)  # (N, 64, 16, 16)
        x = self.block2(x)  # (N, 128, 8, 8)
        x = self.block3(x)  # (N, 256, 4, 4)
        x = self.block4(x)  # (N, 512, 2, 2)
        x = self.block5(x)  # (N, 512, 1, 1)
        x = self.flatten(x)  # (N, 512)
        return self.fc(x)  # (N, 10)


class VGG11(VGG):
    def __init__(self) -> None:
        super().__init__(depth=11, norm=False)


class VGG13(VGG):
    def __init__(self) -> None:
        super().__init__(depth=13, norm=False)


class VGG16(VGG):
    def __init__(self) -> None:
        super().__init__(depth=16, norm=False)


class VGG19(VGG):
    def __init__(self) -> None:
        super().__init__(depth=19, norm=False)


class VGG11BN(VGG):
    def __init__(self) -> None:
        super().__init__(depth=11, norm=True)


class VGG13BN(VGG):
    def __init__(self) -> None:
        super().__init__(depth=13, norm=True)


class VGG16BN(VGG):
    def __init__(self) -> None:
        super().__init__(depth=16, norm=True)


class VGG19BN(VGG):
    def __init__(self) -> None:
        super().__init__(depth=19, norm=True)


class VGG11Cifar(VGGCifar):
    def __init__(self) -> None:
        super().__init__(depth=11)


class VGG13Cifar(VGGCifar):
    def __init__(self) -> None:
        super().__init__(depth=13)


class VGG16Cifar(VGGCifar):
    def __init__(self) -> None:
        super().__init__(depth=16)


class VGG19Cifar(VGGCifar):
    def __init__(self) -> None:
        super().__init__(depth=19)
