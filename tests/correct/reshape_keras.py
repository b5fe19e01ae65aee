"""A Reshape for a flatten, and the same by hand."""

import keras
from keras import layers


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(6, 3, 2, activation="relu")
        self.reshape = layers.Reshape((-1,))
        self.fc1 = layers.Dense(10, activation="relu")
        self.fc2 = layers.Dense(4)

    def call(self, x):
        x = self.reshape(self.conv(x))
        return self.fc2(self.fc1(x))
