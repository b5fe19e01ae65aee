"""Two images, one encoder, the right one read first."""

import keras
from keras import layers, ops


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder = keras.Sequential(
            [
                layers.Conv2D(6, 3, strides=2, activation="relu"),
                layers.Conv2D(4, 3, activation="tanh"),
                layers.GlobalAveragePooling2D(),
            ]
        )
        self.score = layers.Dense(1)

    def call(self, left, right):
        b = self.encoder(right)
        a = self.encoder(left)
        return self.score(ops.abs(b - a))
