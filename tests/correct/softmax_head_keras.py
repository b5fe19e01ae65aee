"""Ends in Dense(activation="softmax")."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            keras.Input((14, 12, 1)),
            layers.Conv2D(4, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(12, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ]
    )
