"""The same, with a pool between any two."""

import keras
from keras import layers


def Port(widths, units):
    model = keras.Sequential()
    for number, width in enumerate(widths):
        if number:
            model.add(layers.MaxPool2D(2))
        model.add(layers.Conv2D(width, 3, padding="same"))
        model.add(layers.BatchNormalization(epsilon=1e-5, momentum=0.9))
        model.add(layers.Activation("relu"))
    model.add(layers.GlobalAvgPool2D())
    model.add(layers.Dense(units))
    return model
