"""The same, with -1 for a group of each channel."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            keras.Input((14, 15, 3)),
            layers.Conv2D(8, 3, use_bias=False),
            layers.GroupNormalization(groups=4, epsilon=1e-5),
            layers.ReLU(),
            layers.Conv2D(6, 3),
            layers.GroupNormalization(groups=-1, epsilon=1e-5),
            layers.ReLU(),
            layers.Conv2D(6, 3),
            layers.GroupNormalization(groups=1, epsilon=1e-5),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )
