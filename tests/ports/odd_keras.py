"""The same nets in Keras, without it."""

import keras
from keras import layers, ops


class Inside(keras.Model):
    def __init__(self):
        super().__init__()
        self.fc1 = layers.Dense(5)

    def call(self, x):
        x = self.fc1(x)
        return ops.square(ops.roll(x, 1, 1))


def backwards():
    x = keras.Input((6,))
    y = layers.Dense(5, name="fc1")(x)
    y = layers.Activation("tanh", name="odd")(y)
    return keras.Model(x, layers.Dense(3, name="fc2")(y))
