"""The same, by hand: Dense layers for the gate, x * relu6(x + 3) / 6."""

import keras
from keras import layers, ops


def hard_swish(x):
    return x * ops.relu6(x + 3.0) / 6.0


class SqueezeExcite(layers.Layer):
    def __init__(self, channels, reduced):
        super().__init__()
        self.pool = layers.GlobalAveragePooling2D()
        self.down = layers.Dense(reduced, activation="relu")
        self.up = layers.Dense(channels, activation="sigmoid")
        self.reshape = layers.Reshape((1, 1, channels))

    def call(self, x):
        return x * self.reshape(self.up(self.down(self.pool(x))))


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.stem = layers.Conv2D(6, 3, use_bias=False)
        self.bn = layers.BatchNormalization(momentum=0.99)
        self.se = SqueezeExcite(6, 3)
        self.conv = layers.Conv2D(6, 3, activation="hard_swish")
        self.pool = layers.GlobalAveragePooling2D()
        self.fc = layers.Dense(3)

    def call(self, x):
        x = self.se(hard_swish(self.bn(self.stem(x))))
        return self.fc(self.pool(self.conv(x)))
