"""The same."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            keras.Input((16, 15, 4)),
            layers.Conv2D(8, 3, padding="same", groups=2, activation="relu"),
            layers.ZeroPadding2D(2),
            layers.Conv2D(8, 3, dilation_rate=2, activation="relu"),
            layers.Conv2D(12, 3, groups=4, dilation_rate=(1, 2), activation="relu"),
            layers.Conv2D(24, 3, padding="same", groups=12, activation="tanh"),
            layers.Conv2D(24, 3, strides=(2, 1), groups=24, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )
