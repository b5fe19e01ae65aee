"""The same two branches, written and added up in the other order."""

import keras
from keras import layers


def Net():
    image = keras.Input((7, 6, 3))
    b = layers.Conv2D(4, 3, padding="same", activation="tanh", name="b")(image)
    a = layers.Conv2D(4, 3, padding="same", activation="tanh", name="a")(image)
    return keras.Model(image, layers.Conv2D(2, 1, name="head")(b + a))
