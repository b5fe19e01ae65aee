"""Max-pool, then ReLU, on a quarter of the numbers."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            layers.Conv2D(4, 3),
            layers.MaxPooling2D(),
            layers.ReLU(),
            layers.Conv2D(4, 3),
            layers.MaxPooling2D(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
