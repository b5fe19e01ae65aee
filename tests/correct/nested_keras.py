"""Functional models and Sequentials inside a functional model."""

import keras
from keras import layers


def stage(channels_in, channels, name):
    x = inputs = keras.Input((None, None, channels_in))
    for i in range(2):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_c{i}")(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_n{i}")(x)
        x = layers.Activation("relu")(x)
    return keras.Model(inputs, layers.MaxPool2D()(x), name=name)


def Port():
    image = keras.Input((14, 17, 3))
    backbone = keras.Sequential([stage(3, 4, "low"), stage(4, 6, "high")], name="backbone")
    top = keras.Sequential([layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(3)])
    return keras.Model(image, top(backbone(image)))
