"""The table's branch is written first."""

import keras
from keras import layers


def Port():
    image, row = keras.Input((13, 16, 3), name="z_image"), keras.Input((7,), name="a_row")
    b = layers.Dense(6, activation="relu")(row)
    a = layers.Conv2D(5, 3, strides=2, activation="relu")(image)
    a = layers.GlobalAveragePooling2D()(a)
    x = layers.concatenate([a, b])
    x = layers.Dense(8, activation="relu")(x)
    return keras.Model(inputs=[image, row], outputs=layers.Dense(2)(x))
