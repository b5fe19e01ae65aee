"""Residual networks for ImageNet: He et al. 2015, Table 1, as torchvision ships them.

Departs from the paper ("Deep Residual Learning for Image Recognition", arXiv:1512.03385): where a
bottleneck makes its maps smaller, the 3x3 convolution does it; the paper's first 1x1 has the stride
of 2 ("v1.5": a little more accurate, a little more work). Each is right with the other's weights'
shapes, and wrong with their numbers.
"""

from collections.abc import Sequence
from typing import Any

from keras import KerasTensor, Layer, Model, layers

from tf_impl.layers import PaddedConv2D, PaddedMaxPooling2D, channel_axis


class Projection(Layer):
    """Option B of section 3.3: a 1x1 convolution where a block changes the shape."""

    def __init__(self, in_channels: int, channels: int, stride: int, **named: Any) -> None:
        super().__init__(**named)
        self.conv = layers.Conv2D(
            channels, kernel_size=1, strides=stride, padding="valid", use_bias=False
        )
        self.bn = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv(x)
        return self.bn(x)


class BasicBlock(Layer):
    """Fig. 5, left: relu(x + f(x)) of two 3x3 convolutions."""

    def __init__(self, in_channels: int, channels: int, stride: int, **named: Any) -> None:
        super().__init__(**named)
        out_channels = channels
        projects = stride != 1 or in_channels != out_channels
        self.conv1 = PaddedConv2D(  # "same" at stride 2 pads 0 before and 1 after, not 1 and 1
            channels, kernel_size=3, strides=stride, padding=1, use_bias=False
        )
        self.bn1 = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.relu1 = layers.ReLU()
        self.conv2 = layers.Conv2D(
            out_channels, kernel_size=3, strides=1, padding="same", use_bias=False
        )
        self.bn2 = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.shortcut = Projection(in_channels, out_channels, stride) if projects else None
        self.add = layers.Add()
        self.relu2 = layers.ReLU()

    def call(self, x: KerasTensor) -> KerasTensor:
        fx = self.conv1(x)
        fx = self.bn1(fx)
        fx = self.relu1(fx)
        fx = self.conv2(fx)
        fx = self.bn2(fx)
        if self.shortcut is not None:
            x = self.shortcut(x)
        x = self.add([fx, x])
        return self.relu2(x)


class Bottleneck(Layer):
    """Fig. 5, right: 1x1 to few channels, 3x3 among them, 1x1 to four times as many."""

    def __init__(self, in_channels: int, channels: int, stride: int, **named: Any) -> None:
        super().__init__(**named)
        out_channels = 4 * channels
        projects = stride != 1 or in_channels != out_channels
        self.conv1 = layers.Conv2D(
            channels, kernel_size=1, strides=1, padding="valid", use_bias=False
        )
        self.bn1 = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.relu1 = layers.ReLU()
        self.conv2 = PaddedConv2D(
            channels, kernel_size=3, strides=stride, padding=1, use_bias=False
        )
        self.bn2 = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.relu2 = layers.ReLU()
        self.conv3 = layers.Conv2D(
            out_channels, kernel_size=1, strides=1, padding="valid", use_bias=False
        )
        self.bn3 = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.shortcut = Projection(in_channels, out_channels, stride) if projects else None
        self.add = layers.Add()
        self.relu3 = layers.ReLU()

    def call(self, x: KerasTensor) -> KerasTensor:
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
        x = self.add([fx, x])
        return self.relu3(x)


class ResNet(Model):
    """(N, 224, 224, 3) -> logits (N, 1000); `counts` are the blocks of each stage."""

    def __init__(self, counts: Sequence[int], bottleneck: bool, **named: Any) -> None:
        super().__init__(**named)
        wider = 4 if bottleneck else 1
        self.conv1 = PaddedConv2D(64, kernel_size=7, strides=2, padding=3, use_bias=False)
        self.bn1 = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.relu1 = layers.ReLU()
        self.pool1 = PaddedMaxPooling2D(pool_size=3, strides=2, padding=1)
        self.layer1 = stage(bottleneck, counts[0], 64, 64, stride=1)
        self.layer2 = stage(bottleneck, counts[1], 64 * wider, 128, stride=2)
        self.layer3 = stage(bottleneck, counts[2], 128 * wider, 256, stride=2)
        self.layer4 = stage(bottleneck, counts[3], 256 * wider, 512, stride=2)
        self.pool2 = layers.GlobalAveragePooling2D(keepdims=True)
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(1000)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)  # (N, 112, 112, 64)
        x = self.bn1(x)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 56, 56, 64)
        for block in self.layer1:
            x = block(x)  # (N, 56, 56, 64); of bottlenecks, here and below, four times the channels
        for block in self.layer2:
            x = block(x)  # (N, 28, 28, 128)
        for block in self.layer3:
            x = block(x)  # (N, 14, 14, 256)
        for block in self.layer4:
            x = block(x)  # (N, 7, 7, 512)
        x = self.pool2(x)  # (N, 1, 1, 512)
        x = self.flatten(x)  # (N, 512)
        return self.fc(x)  # (N, 1000)


def stage(
    bottleneck: bool, count: int, in_channels: int, channels: int, stride: int
) -> list[Layer]:
    """Blocks one after the other; the first changes the shape, the others keep it."""
    block, wider = (Bottleneck, 4) if bottleneck else (BasicBlock, 1)
    others = [block(channels * wider, channels, stride=1) for _ in range(count - 1)]
    return [block(in_channels, channels, stride), *others]


class ResNet18(ResNet):
    def __init__(self, **named: Any) -> None:
        super().__init__(counts=(2, 2, 2, 2), bottleneck=False, **named)


class ResNet34(ResNet):
    def __init__(self, **named: Any) -> None:
        super().__init__(counts=(3, 4, 6, 3), bottleneck=False, **named)


class ResNet50(ResNet):
    def __init__(self, **named: Any) -> None:
        super().__init__(counts=(3, 4, 6, 3), bottleneck=True, **named)


class ResNet101(ResNet):
    def __init__(self, **named: Any) -> None:
        super().__init__(counts=(3, 4, 23, 3), bottleneck=True, **named)


class ResNet152(ResNet):
    def __init__(self, **named: Any) -> None:
        super().__init__(counts=(3, 8, 36, 3), bottleneck=True, **named)
