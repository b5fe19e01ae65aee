"""Padding layers in front of convolutions that do not pad."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            keras.Input((18, 15, 3)),
            layers.ZeroPadding2D(3),
            layers.Conv2D(6, 7, strides=2, use_bias=False),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            layers.ReLU(),
            layers.ZeroPadding2D(padding=((1, 1), (1, 1))),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.ZeroPadding2D(),
            layers.Conv2D(8, 3, padding="valid", activation="relu"),
            layers.ZeroPadding2D((0, 2)),
            layers.Conv2D(4, (1, 5)),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
