"""The same generator, channels last by nature."""

import keras
from keras import layers


def Port():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(4 * 3 * 8, use_bias=False),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape((4, 3, 8)),
            layers.Conv2DTranspose(4, 4, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh"),
        ]
    )
