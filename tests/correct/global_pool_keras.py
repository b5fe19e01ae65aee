"""One layer pools and flattens."""

import keras
from keras import layers


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.convs = [layers.Conv2D(8, 3, strides=s, activation="relu") for s in (2, 1)]
        self.pool = layers.GlobalAveragePooling2D()
        self.fc = layers.Dense(5)

    def call(self, x):
        for conv in self.convs:
            x = conv(x)
        return self.fc(self.pool(x))
