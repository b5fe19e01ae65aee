"""The same slopes."""

import keras
from keras import layers


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(5, 3)
        self.act1 = layers.PReLU(shared_axes=[1, 2])
        self.conv2 = layers.Conv2D(5, 3)
        self.act2 = layers.LeakyReLU(0.01)
        self.conv3 = layers.Conv2D(4, 3)
        self.flatten = layers.Flatten()
        self.fc = layers.Dense(3)

    def call(self, x):
        x = self.act1(self.conv1(x))
        x = self.act2(self.conv2(x))
        x = keras.activations.leaky_relu(self.conv3(x), negative_slope=0.2)
        return self.fc(self.flatten(x))
