"""The same branches, the last one first."""

import keras
from keras import layers


def conv(x, filters, size):
    return layers.Conv2D(filters, size, padding="same", activation="relu")(x)


def Port():
    image = keras.Input((13, 15, 4))
    pooled = conv(layers.MaxPooling2D(3, strides=1, padding="same")(image), 4, 1)
    five = conv(conv(image, 2, 1), 4, 5)
    three = conv(conv(image, 2, 1), 4, 3)
    one = conv(image, 4, 1)
    x = layers.concatenate([one, three, five, pooled], axis=-1)
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
