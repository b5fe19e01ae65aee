"""The same, as a functional model."""

import keras
from keras import layers, ops


def Port():
    encoder = keras.Sequential(
        [
            layers.Conv2D(6, 3, strides=2, activation="relu"),
            layers.Conv2D(4, 3),
            layers.GlobalAveragePooling2D(),
        ]
    )
    left, right = keras.Input((12, 15, 3)), keras.Input((12, 15, 3))
    apart = ops.absolute(layers.Subtract()([encoder(left), encoder(right)]))
    return keras.Model([left, right], layers.Dense(1)(apart))
