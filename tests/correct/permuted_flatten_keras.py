"""Flattens as PyTorch does."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            keras.Input((14, 17, 3)),
            layers.Conv2D(5, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(7, 3, activation="relu"),
            layers.Permute((3, 1, 2)),
            layers.Flatten(),
            layers.Dense(6),
        ]
    )
