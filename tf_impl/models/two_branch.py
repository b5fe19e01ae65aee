"""Two inputs, each through a VGG block of its own, joined before one dense layer.

Trained on the two halves of one image. The branches share no weights, and are not equally deep.
"""

from typing import Any

from keras import KerasTensor, Model, layers

from tf_impl.layers import channel_axis

Shape = tuple[int | None, ...]


class TwoBranch(Model):
    """Two of (N, 28, 14, 1) -> logits (N, 10)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.left1 = layers.Conv2D(64, kernel_size=3, strides=1, padding="same")
        self.left_relu1 = layers.ReLU()
        self.left2 = layers.Conv2D(64, kernel_size=3, strides=1, padding="same")
        self.left_relu2 = layers.ReLU()
        self.left_pool = layers.MaxPooling2D(pool_size=2, strides=2)
        self.right1 = layers.Conv2D(64, kernel_size=3, strides=1, padding="same")
        self.right_relu1 = layers.ReLU()
        self.right2 = layers.Conv2D(64, kernel_size=3, strides=1, padding="same")
        self.right_relu2 = layers.ReLU()
        self.right3 = layers.Conv2D(64, kernel_size=3, strides=1, padding="same")
        self.right_relu3 = layers.ReLU()
        self.right_pool = layers.MaxPooling2D(pool_size=2, strides=2)
        self.join = layers.Concatenate(axis=channel_axis())
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(10)

    def build(self, left_shape: Shape, right_shape: Shape) -> None:
        """Saved nets are built before they are called; Keras cannot guess how for two inputs."""
        self.call(KerasTensor(left_shape), KerasTensor(right_shape))

    def call(self, left: KerasTensor, right: KerasTensor) -> KerasTensor:
        a = self.left1(left)  # (N, 28, 14, 64)
        a = self.left_relu1(a)
        a = self.left2(a)  # (N, 28, 14, 64)
        a = self.left_relu2(a)
        a = self.left_pool(a)  # (N, 14, 7, 64)
        b = self.right1(right)  # (N, 28, 14, 64)
        b = self.right_relu1(b)
        b = self.right2(b)  # (N, 28, 14, 64)
        b = self.right_relu2(b)
        b = self.right3(b)  # (N, 28, 14, 64)
        b = self.right_relu3(b)
        b = self.right_pool(b)  # (N, 14, 7, 64)
        x = self.join([a, b])  # (N, 14, 7, 128)
        x = self.flatten(x)  # (N, 12544), a place's 128 channels side by side
        return self.fc(x)  # (N, 10)
