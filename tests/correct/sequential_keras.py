"""keras.Sequential, its activations inside the layers, built when it is first called."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            layers.Conv2D(4, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(6, 3, activation="sigmoid"),
            layers.Flatten(),
            layers.Dense(10, activation="tanh"),
            layers.Dropout(0.5),
            layers.Dense(4),
        ]
    )
