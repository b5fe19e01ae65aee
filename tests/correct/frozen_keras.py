"""The same part frozen."""

import keras
from keras import layers


def Port():
    backbone = keras.Sequential(
        [
            keras.Input((16, 13, 3)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.Conv2D(6, 3, activation="relu"),
        ]
    )
    backbone.trainable = False
    x = layers.Conv2D(4, 1, activation="relu")(backbone.outputs[0])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(backbone.inputs, layers.Dense(3)(x))
