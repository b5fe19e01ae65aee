"""Ports in Keras that are no ports, each in its own way, and some that only look so."""

import sys

import keras
import numpy as np
from keras import layers

NUMBER = 7


def net(width=4):
    """Nothing is wrong with this one: 6x6x1 in, 3 out."""
    x = inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(width, 3, activation="relu", name="conv")(x)
    x = layers.Permute((3, 1, 2), name="first")(x)
    return keras.Model(inputs, layers.Dense(3, name="fc")(layers.Flatten(name="flat")(x)))


def last(width=4):
    """The same, flattened as Keras does."""
    x = inputs = keras.Input((6, 6, 1))
    x = layers.Flatten()(layers.Conv2D(width, 3, activation="relu", name="conv")(x))
    return keras.Model(inputs, layers.Dense(3, name="fc")(x))


def tanh():
    """Another activation."""
    x = inputs = keras.Input((6, 6, 1))
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="tanh", name="conv")(x))
    return keras.Model(inputs, layers.Dense(3, name="fc")(x))


def nothing():
    return None


def array():
    return np.zeros(3)


def raises():
    raise RuntimeError("no such variant")


def leaves():
    sys.exit("goodbye")


def two():
    a, b = keras.Input((6, 6, 1)), keras.Input((6, 6, 1))
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(a + b))
    return keras.Model([a, b], layers.Dense(3)(x))


class Leaves(keras.Model):
    def call(self, x):
        sys.exit(0)


def chatty():
    """Prints and trains before anybody asks it to."""
    model = last()
    print("building")
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 6, 6, 1)), np.zeros((4, 3)), epochs=1)
    print({"event": "done"})
    return model
