"""One convolution with batch norm on the 8x8 digits; probabilities, for binary cross-entropy.

Batch norm's momentum is the share of the new value in PyTorch, and of the old one in Keras.
"""

from typing import Any

from keras import KerasTensor, Model, layers

from tf_impl.layers import channel_axis


class DigitsCNN(Model):
    """(N, 8, 8, 1) -> probabilities (N, 10)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv = layers.Conv2D(16, kernel_size=5, strides=1, padding="same")
        self.bn = layers.BatchNormalization(axis=channel_axis(), epsilon=1e-5, momentum=0.9)
        self.relu = layers.ReLU()
        self.pool = layers.MaxPooling2D(pool_size=2, strides=2)
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(10)
        self.softmax = layers.Softmax(axis=1)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv(x)  # (N, 8, 8, 16)
        x = self.bn(x)
        x = self.relu(x)
        x = self.pool(x)  # (N, 4, 4, 16)
        x = self.flatten(x)  # (N, 256), a place's 16 channels side by side
        x = self.fc(x)  # (N, 10)
        return self.softmax(x)
