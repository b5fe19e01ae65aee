"""The first branch first, and the padding and cropping as layers."""

import keras
from keras import layers


def path(x):
    x = layers.AveragePooling2D(1, strides=2)(x)
    x = layers.Conv2D(4, 1, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = layers.ReLU()(x)
    return layers.Conv2D(4, 3, padding="same")(x)


def Port():
    inputs = keras.Input((12, 16, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    a = path(x)
    b = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    b = path(layers.Cropping2D(((1, 0), (1, 0)))(b))
    x = layers.ReLU()(layers.Concatenate()([a, b]))
    x = layers.Conv2D(6, 3, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(5)(x))
