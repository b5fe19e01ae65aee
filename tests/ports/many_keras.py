"""The net of eight convolutions: without biases, or with norms that the other one does not have."""

import keras
from keras import layers


def unbiased():
    stages = [
        layers.Conv2D(4, 3, padding="same", use_bias=False, activation="relu") for _ in range(8)
    ]
    return keras.Sequential(
        [keras.Input((8, 8, 3)), *stages, layers.GlobalAveragePooling2D(), layers.Dense(5)]
    )


def normed():
    stages = [
        layer
        for _ in range(8)
        for layer in (
            layers.Conv2D(4, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
        )
    ]
    return keras.Sequential(
        [keras.Input((8, 8, 3)), *stages, layers.GlobalAveragePooling2D(), layers.Dense(5)]
    )
