"""The same network, and one whose convolution also reads a border of zeros."""

import keras
from keras import layers


def Net(padding="valid"):
    image = keras.Input((60, 64, 3))
    x = layers.Conv2D(2, 3, padding=padding, activation="relu", name="conv")(image)
    return keras.Model(image, layers.Dense(3)(layers.GlobalMaxPooling2D()(x)))


def gate(cut=6.0, squeeze="relu"):
    image = keras.Input((9, 7, 3))
    x = layers.BatchNormalization(epsilon=1e-3)(layers.Conv2D(8, 3)(image))
    pooled = layers.GlobalAveragePooling2D()(layers.ReLU(cut)(x))
    gate = layers.Dense(8, activation="sigmoid")(layers.Dense(1, activation=squeeze)(pooled))
    return keras.Model(image, layers.Dense(3)(layers.Multiply()([pooled, gate])))
