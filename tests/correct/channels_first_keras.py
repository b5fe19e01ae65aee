"""Channels first, so that Flatten has PyTorch's order."""

import keras
from keras import layers

NCHW = {"data_format": "channels_first"}


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(6, 3, padding="same", **NCHW)
        self.norm1 = layers.BatchNormalization(axis=1, momentum=0.9, epsilon=1e-5)
        self.conv2 = layers.Conv2D(6, 3, padding="same", **NCHW)
        self.conv3 = layers.Conv2D(4, 3, strides=2, activation="relu", **NCHW)
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(5)

    def call(self, x):
        x = keras.activations.relu(self.norm1(self.conv1(x)))
        x = keras.activations.relu(x + self.conv2(x))
        return self.fc(self.flatten(self.conv3(x)))
