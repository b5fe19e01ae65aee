"""The same scale."""

import keras
from keras import layers


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(4, 3, use_bias=False)
        self.conv2 = layers.Conv2D(4, 3, use_bias=False)
        self.fc = layers.Dense(3, use_bias=False)

    def call(self, x):
        x = keras.ops.relu(self.conv1(x * 1e-6))
        x = keras.ops.relu(self.conv2(x))
        return self.fc(keras.ops.mean(x, axis=(1, 2)))
