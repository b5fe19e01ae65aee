"""The 20-layer residual network for CIFAR-10: He et al. 2015, section 4.2, n = 3.

Shortcuts are option A, as in the paper: where the maps grow smaller, every second place, and zeros
for the channels that are new. Projections (option B) would add 2,752 parameters.
"""

from typing import Any

from keras import KerasTensor, Layer, Model, layers

from tf_impl.layers import PaddedConv2D, PaddedShortcut, channel_axis


class Block(Layer):
    """relu(x + f(x)) of two 3x3 convolutions; a stride of 2 doubles the channels."""

    def __init__(self, in_channels: int, channels: int, stride: int, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = PaddedConv2D(  # "same" at stride 2 pads 0 before and 1 after, not 1 and 1
            channels, kernel_size=3, strides=stride, padding=1, use_bias=False
        )
        self.bn1 = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.relu1 = layers.ReLU()
        self.conv2 = layers.Conv2D(channels, kernel_size=3, padding="same", use_bias=False)
        self.bn2 = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.shortcut = PaddedShortcut(channels, stride) if stride != 1 else None
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


class ResNetCifar(Model):
    """(N, 32, 32, 3) -> logits (N, 10): 1 + 3 x 6 convolutions and a dense layer."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = layers.Conv2D(16, kernel_size=3, strides=1, padding="same", use_bias=False)
        self.bn1 = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.relu1 = layers.ReLU()
        self.layer1 = [Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1)]
        self.layer2 = [Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1)]
        self.layer3 = [Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1)]
        self.pool = layers.GlobalAveragePooling2D(keepdims=True)
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(10)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)  # (N, 32, 32, 16)
        x = self.bn1(x)
        x = self.relu1(x)
        for block in self.layer1:
            x = block(x)  # (N, 32, 32, 16)
        for block in self.layer2:
            x = block(x)  # (N, 16, 16, 32)
        for block in self.layer3:
            x = block(x)  # (N, 8, 8, 64)
        x = self.pool(x)  # (N, 1, 1, 64)
        x = self.flatten(x)  # (N, 64)
        return self.fc(x)  # (N, 10)
