"""AlexNet: Krizhevsky, Sutskever and Hinton 2012, Fig. 2, its two towers as groups.

Departs from the paper: 227x227 pixels where it says 224x224, which do not give its 55x55 maps; the
halves of a grouped convolution were two GPUs; logits for the softmax. Its initial weights had a
standard deviation of 0.01 and biases of 0 and 1: both ports are given ours.
"""

from typing import Any

from keras import KerasTensor, Model, layers

from tf_impl.layers import LocalResponseNorm


class AlexNet2012(Model):
    """(N, 227, 227, 3) -> logits (N, 1000)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = layers.Conv2D(96, kernel_size=11, strides=4, padding="valid", groups=1)
        self.relu1 = layers.ReLU()
        self.norm1 = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
        self.pool1 = layers.MaxPooling2D(pool_size=3, strides=2)
        self.conv2 = layers.Conv2D(256, kernel_size=5, strides=1, padding="same", groups=2)
        self.relu2 = layers.ReLU()
        self.norm2 = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
        self.pool2 = layers.MaxPooling2D(pool_size=3, strides=2)
        self.conv3 = layers.Conv2D(384, kernel_size=3, strides=1, padding="same", groups=1)
        self.relu3 = layers.ReLU()
        self.conv4 = layers.Conv2D(384, kernel_size=3, strides=1, padding="same", groups=2)
        self.relu4 = layers.ReLU()
        self.conv5 = layers.Conv2D(256, kernel_size=3, strides=1, padding="same", groups=2)
        self.relu5 = layers.ReLU()
        self.pool5 = layers.MaxPooling2D(pool_size=3, strides=2)
        self.flatten = layers.Flatten()
        self.fc6 = layers.Dense(4096)
        self.relu6 = layers.ReLU()
        self.dropout6 = layers.Dropout(0.5)
        self.fc7 = layers.Dense(4096)
        self.relu7 = layers.ReLU()
        self.dropout7 = layers.Dropout(0.5)
        self.fc8 = layers.Dense(1000)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)  # (N, 55, 55, 96)
        x = self.relu1(x)
        x = self.norm1(x)
        x = self.pool1(x)  # (N, 27, 27, 96)
        x = self.conv2(x)  # (N, 27, 27, 256)
        x = self.relu2(x)
        x = self.norm2(x)
        x = self.pool2(x)  # (N, 13, 13, 256)
        x = self.conv3(x)  # (N, 13, 13, 384), each map from both halves
        x = self.relu3(x)
        x = self.conv4(x)  # (N, 13, 13, 384)
        x = self.relu4(x)
        x = self.conv5(x)  # (N, 13, 13, 256)
        x = self.relu5(x)
        x = self.pool5(x)  # (N, 6, 6, 256)
        x = self.flatten(x)  # (N, 9216), a place's 256 channels side by side
        x = self.fc6(x)  # (N, 4096)
        x = self.relu6(x)
        x = self.dropout6(x)
        x = self.fc7(x)  # (N, 4096)
        x = self.relu7(x)
        x = self.dropout7(x)
        return self.fc8(x)  # (N, 1000)
