"""The same, (N, time, channels)."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            keras.Input((37, 2)),
            layers.Conv1D(6, 5, padding="same"),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            layers.ReLU(),
            layers.MaxPooling1D(2),
            layers.Conv1D(6, 3, dilation_rate=2, padding="causal", activation="relu"),
            layers.MaxPooling1D(2),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )
