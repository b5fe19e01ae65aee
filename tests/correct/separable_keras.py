"""SeparableConv2D."""

import keras
from keras import layers


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.sep1 = layers.SeparableConv2D(6, 3, padding="same", activation="relu")
        self.sep2 = layers.SeparableConv2D(5, 3, depth_multiplier=2, activation="relu")
        self.pool = layers.GlobalAveragePooling2D()
        self.fc = layers.Dense(3)

    def call(self, x):
        return self.fc(self.pool(self.sep2(self.sep1(x))))
