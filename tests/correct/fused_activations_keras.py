"""Each activation is an argument."""

import keras
from keras import layers


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(5, 3, padding="same", activation="relu")
        self.conv2 = layers.Conv2D(5, 3, activation="swish")
        self.conv3 = layers.Conv2D(5, 3, activation=keras.activations.elu)
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(9, activation="tanh")
        self.fc2 = layers.Dense(9, activation="softplus")
        self.fc3 = layers.Dense(2, activation="linear")

    def call(self, x):
        x = self.conv3(self.conv2(self.conv1(x)))
        return self.fc3(self.fc2(self.fc1(self.flatten(x))))
