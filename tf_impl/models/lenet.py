"""LeNet as it is taught: LeCun et al. 1998, Fig. 2, with max pooling and relu or sigmoid.

Departs from the paper: no padding to 32x32, so that fc1 reads 256 values where it has 400; pooling
without weights; conv2 reads all six maps (Table I connects fewer); relu for the scaled tanh; ten
logits for the RBF units. The frameworks draw other initial weights by default: both are given ours.
The paper's own net is in lenet5.py.
"""

from typing import Any

from keras import KerasTensor, Model, layers


class LeNet(Model):
    """(N, 28, 28, 1) -> logits (N, 10)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = layers.Conv2D(6, kernel_size=5, strides=1, padding="valid")
        self.relu1 = layers.ReLU()
        self.pool1 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.conv2 = layers.Conv2D(16, kernel_size=5, strides=1, padding="valid")
        self.relu2 = layers.ReLU()
        self.pool2 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(120)
        self.relu3 = layers.ReLU()
        self.fc2 = layers.Dense(84)
        self.relu4 = layers.ReLU()
        self.fc3 = layers.Dense(10)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)  # (N, 24, 24, 6)
        x = self.relu1(x)
        x = self.pool1(x)  # (N, 12, 12, 6)
        x = self.conv2(x)  # (N, 8, 8, 16)
        x = self.relu2(x)
        x = self.pool2(x)  # (N, 4, 4, 16)
        x = self.flatten(x)  # (N, 256), a place's 16 channels side by side
        x = self.fc1(x)  # (N, 120)
        x = self.relu3(x)
        x = self.fc2(x)  # (N, 84)
        x = self.relu4(x)
        return self.fc3(x)  # (N, 10)


class LeNetSigmoid(Model):
    """(N, 28, 28, 1) -> logits (N, 10)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = layers.Conv2D(6, kernel_size=5, strides=1, padding="valid")
        self.sigmoid1 = layers.Activation("sigmoid")
        self.pool1 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.conv2 = layers.Conv2D(16, kernel_size=5, strides=1, padding="valid")
        self.sigmoid2 = layers.Activation("sigmoid")
        self.pool2 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(120)
        self.sigmoid3 = layers.Activation("sigmoid")
        self.fc2 = layers.Dense(84)
        self.sigmoid4 = layers.Activation("sigmoid")
        self.fc3 = layers.Dense(10)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)  # (N, 24, 24, 6)
        x = self.sigmoid1(x)
        x = self.pool1(x)  # (N, 12, 12, 6)
        x = self.conv2(x)  # (N, 8, 8, 16)
        x = self.sigmoid2(x)
        x = self.pool2(x)  # (N, 4, 4, 16)
        x = self.flatten(x)  # (N, 256), a place's 16 channels side by side
        x = self.fc1(x)  # (N, 120)
        x = self.sigmoid3(x)
        x = self.fc2(x)  # (N, 84)
        x = self.sigmoid4(x)
        return self.fc3(x)  # (N, 10)


class LeNetRGB(Model):
    """(N, 32, 32, 3) -> logits (N, 10)."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.conv1 = layers.Conv2D(6, kernel_size=5, strides=1, padding="valid")
        self.relu1 = layers.ReLU()
        self.pool1 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.conv2 = layers.Conv2D(16, kernel_size=5, strides=1, padding="valid")
        self.relu2 = layers.ReLU()
        self.pool2 = layers.MaxPooling2D(pool_size=2, strides=2)
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(120)
        self.relu3 = layers.ReLU()
        self.fc2 = layers.Dense(84)
        self.relu4 = layers.ReLU()
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
        x = self.relu3(x)
        x = self.fc2(x)  # (N, 84)
        x = self.relu4(x)
        return self.fc3(x)  # (N, 10)
