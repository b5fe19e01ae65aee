"""AlexNet with one tower: Krizhevsky 2014, "One weird trick", as torchvision ships it.

Departs from the paper as torchvision does: conv4 has 256 channels, as in Krizhevsky's own code,
where the paper's footnote says 384; adaptive pooling, so that it reads other sizes than 224x224
too; and dropout before fc6 and fc7, where the network of 2012 has it behind them.
"""

from typing import Any

from keras import KerasTensor, Model, layers

from tf_impl.layers import PaddedConv2D


class AlexNet(Model):
    """(N, 224, 224, 3) -> logits (N, 1000)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = PaddedConv2D(64, kernel_size=11, strides=4, padding=2)
        self.relu1 = layers.ReLU()
        self.pool1 = layers.MaxPooling2D(pool_size=3, strides=2)
        self.conv2 = layers.Conv2D(192, kernel_size=5, strides=1, padding="same")
        self.relu2 = layers.ReLU()
        self.pool2 = layers.MaxPooling2D(pool_size=3, strides=2)
        self.conv3 = layers.Conv2D(384, kernel_size=3, strides=1, padding="same")
        self.relu3 = layers.ReLU()
        self.conv4 = layers.Conv2D(256, kernel_size=3, strides=1, padding="same")
        self.relu4 = layers.ReLU()
        self.conv5 = layers.Conv2D(256, kernel_size=3, strides=1, padding="same")
        self.relu5 = layers.ReLU()
        self.pool5 = layers.MaxPooling2D(pool_size=3, strides=2)
        self.avgpool = layers.AdaptiveAveragePooling2D(6)
        self.flatten = layers.Flatten()
        self.dropout6 = layers.Dropout(0.5)
        self.fc6 = layers.Dense(4096)
        self.relu6 = layers.ReLU()
        self.dropout7 = layers.Dropout(0.5)
        self.fc7 = layers.Dense(4096)
        self.relu7 = layers.ReLU()
        self.fc8 = layers.Dense(1000)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)  # (N, 55, 55, 64)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 27, 27, 64)
        x = self.conv2(x)  # (N, 27, 27, 192)
        x = self.relu2(x)
        x = self.pool2(x)  # (N, 13, 13, 192)
        x = self.conv3(x)  # (N, 13, 13, 384)
        x = self.relu3(x)
        x = self.conv4(x)  # (N, 13, 13, 256)
        x = self.relu4(x)
        x = self.conv5(x)  # (N, 13, 13, 256)
        x = self.relu5(x)
        x = self.pool5(x)  # (N, 6, 6, 256)
        x = self.avgpool(x)  # (N, 6, 6, 256), whatever the image's size
        x = self.flatten(x)  # (N, 9216), a place's 256 channels side by side
        x = self.dropout6(x)
        x = self.fc6(x)  # (N, 4096)
        x = self.relu6(x)
        x = self.dropout7(x)
        x = self.fc7(x)  # (N, 4096)
        x = self.relu7(x)
        return self.fc8(x)  # (N, 1000)
