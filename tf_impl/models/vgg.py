"""VGG: Simonyan and Zisserman 2014, Table 1, configurations A, B, D and E.

Departs from the paper: adaptive pooling before the dense layers, so that it reads other sizes than
224x224 too; batch norm in the models that say so, as in torchvision; and for CIFAR-10 one dense
layer where the paper has three. The paper starts the deep nets from the trained shallow one.
"""

from typing import Any

from keras import KerasTensor, Layer, Model, layers

from tf_impl.layers import channel_axis

CONVS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class Block(Layer):
    """(N, H, W, C) -> (N, H/2, W/2, channels): so many 3x3 convolutions, and a pool."""

    def __init__(self, channels: int, convs: int, norm: bool, **named: Any) -> None:
        super().__init__(**named)
        self.conv = [
            layers.Conv2D(channels, kernel_size=3, strides=1, padding="same") for _ in range(convs)
        ]
        if norm:
            self.bn = [
                layers.BatchNormalization(channel_axis(), epsilon=1e-5, momentum=0.9)
                for _ in range(convs)
            ]
        self.relu = [layers.ReLU() for _ in range(convs)]
        self.pool = layers.MaxPooling2D(pool_size=2, strides=2)
        self.norm = norm

    def call(self, x: KerasTensor) -> KerasTensor:
        for i in range(len(self.conv)):
            x = self.conv[i](x)  # (N, H, W, channels)
            if self.norm:
                x = self.bn[i](x)
            x = self.relu[i](x)
        return self.pool(x)  # (N, H/2, W/2, channels)


class VGG(Model):
    """(N, 224, 224, 3) -> logits (N, 1000)."""

    def __init__(self, depth: int, norm: bool, **named: Any) -> None:
        super().__init__(**named)
        convs = CONVS[depth]
        self.block1 = Block(64, convs[0], norm)
        self.block2 = Block(128, convs[1], norm)
        self.block3 = Block(256, convs[2], norm)
        self.block4 = Block(512, convs[3], norm)
        self.block5 = Block(512, convs[4], norm)
        self.avgpool = layers.AdaptiveAveragePooling2D(7)
        self.flatten = layers.Flatten()
        self.fc6 = layers.Dense(4096)
        self.relu6 = layers.ReLU()
        self.dropout6 = layers.Dropout(0.5)
        self.fc7 = layers.Dense(4096)
        self.relu7 = layers.ReLU()
        self.dropout7 = layers.Dropout(0.5)
        self.fc8 = layers.Dense(1000)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.block1(x)  # (N, 112, 112, 64)
        x = self.block2(x)  # (N, 56, 56, 128)
        x = self.block3(x)  # (N, 28, 28, 256)
        x = self.block4(x)  # (N, 14, 14, 512)
        x = self.block5(x)  # (N, 7, 7, 512)
        x = self.avgpool(x)  # (N, 7, 7, 512), whatever the image's size
        x = self.flatten(x)  # (N, 25088), a place's 512 channels side by side
        x = self.fc6(x)  # (N, 4096)
        x = self.relu6(x)
        x = self.dropout6(x)
        x = self.fc7(x)  # (N, 4096)
        x = self.relu7(x)
        x = self.dropout7(x)
        return self.fc8(x)  # (N, 1000)


class VGGCifar(Model):
    """(N, 32, 32, 3) -> logits (N, 10)."""

    def __init__(self, depth: int, **named: Any) -> None:
        super().__init__(**named)
        convs = CONVS[depth]
        self.block1 = Block(64, convs[0], norm=True)
        self.block2 = Block(128, convs[1], norm=True)
        self.block3 = Block(256, convs[2], norm=True)
        self.block4 = Block(512, convs[3], norm=True)
        self.block5 = Block(512, convs[4], norm=True)
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(10)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.block1(x)  # (N, 16, 16, 64)
        x = self.block2(x)  # (N, 8, 8, 128)
        x = self.block3(x)  # (N, 4, 4, 256)
        x = self.block4(x)  # (N, 2, 2, 512)
        x = self.block5(x)  # (N, 1, 1, 512)
        x = self.flatten(x)  # (N, 512)
        return self.fc(x)  # (N, 10)


class VGG11(VGG):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=11, norm=False, **named)


class VGG13(VGG):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=13, norm=False, **named)


class VGG16(VGG):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=16, norm=False, **named)


class VGG19(VGG):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=19, norm=False, **named)


class VGG11BN(VGG):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=11, norm=True, **named)


class VGG13BN(VGG):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=13, norm=True, **named)


class VGG16BN(VGG):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=16, norm=True, **named)


class VGG19BN(VGG):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=19, norm=True, **named)


class VGG11Cifar(VGGCifar):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=11, **named)


class VGG13Cifar(VGGCifar):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=13, **named)


class VGG16Cifar(VGGCifar):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=16, **named)


class VGG19Cifar(VGGCifar):
    def __init__(self, **named: Any) -> None:
        super().__init__(depth=19, **named)
