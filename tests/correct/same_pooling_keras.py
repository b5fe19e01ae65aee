"""Poolings that pad as Keras does."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            keras.Input((17, 13, 3)),
            layers.Conv2D(5, 3, padding="same"),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2D(5, 3, padding="same", activation="tanh"),
            layers.AveragePooling2D(3, strides=2, padding="same"),
            layers.Conv2D(4, 3, activation="tanh"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
