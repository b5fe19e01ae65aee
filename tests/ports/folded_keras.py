"""The same with its norms, as it was trained, and without."""

import keras
from keras import layers


def Normed():
    image = keras.Input((8, 10, 3))
    x = layers.Conv2D(5, 3, name="conv")(image)
    x = layers.ReLU()(layers.BatchNormalization(name="bn")(x))
    x = layers.Dense(7, use_bias=False, name="hidden")(layers.Flatten()(x))
    x = layers.ReLU()(layers.BatchNormalization(name="bn2")(x))
    return keras.Model(image, layers.Dense(4, name="fc")(x))


def Folded():
    image = keras.Input((8, 10, 3))
    x = layers.Conv2D(5, 3, activation="relu", name="conv")(image)
    x = layers.Dense(7, activation="relu", name="hidden")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(4, name="fc")(x))
