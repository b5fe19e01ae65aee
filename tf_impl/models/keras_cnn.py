"""The network of Keras' own first example on MNIST, with a hidden dense layer for its dropout.

Pooling 11x11 maps by 2 leaves 5x5: neither framework reads the last row and column.
"""

from typing import Any

from keras import KerasTensor, Model, layers


class KerasCNN(Model):
    """(N, 28, 28, 1) -> logits (N, 10)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = layers.Conv2D(32, kernel_size=3, strides=1, padding="valid")
        self.relu1 = layers.ReLU()
        self.pool1 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.conv2 = layers.Conv2D(64, kernel_size=3, strides=1, padding="valid")
        self.relu2 = layers.ReLU()
        self.pool2 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(64)
        self.relu3 = layers.ReLU()
        self.fc2 = layers.Dense(10)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)  # (N, 26, 26, 32)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 13, 13, 32)
        x = self.conv2(x)  # (N, 11, 11, 64)
        x = self.relu2(x)
        x = self.pool2(x)  # (N, 5, 5, 64)
        x = self.flatten(x)  # (N, 1600), a place's 64 channels side by side
        x = self.fc1(x)  # (N, 64)
        x = self.relu3(x)
        return self.fc2(x)  # (N, 10)
