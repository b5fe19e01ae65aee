"""A first convolutional network on MNIST: two convolutions, three dense layers in a row.

The dense layers have no activation between them: together they are one linear map.
"""

from typing import Any

from keras import KerasTensor, Model, layers


class MnistCNN(Model):
    """(N, 28, 28, 1) -> logits (N, 10)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = layers.Conv2D(6, kernel_size=3, strides=1, padding="same")
        self.relu1 = layers.ReLU()
        self.pool1 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.conv2 = layers.Conv2D(16, kernel_size=5, strides=1, padding="valid")
        self.relu2 = layers.ReLU()
        self.pool2 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(120)
        self.fc2 = layers.Dense(84)
        self.fc3 = layers.Dense(10)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)  # (N, 28, 28, 6)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 14, 14, 6)
        x = self.conv2(x)  # (N, 10, 10, 16)
        x = self.relu2(x)
        x = self.pool2(x)  # (N, 5, 5, 16)
        x = self.flatten(x)  # (N, 400), a place's 16 channels side by side
        x = self.fc1(x)  # (N, 120)
        x = self.fc2(x)  # (N, 84)
        return self.fc3(x)  # (N, 10)
