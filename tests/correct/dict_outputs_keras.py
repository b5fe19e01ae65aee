"""A functional model with a dictionary of outputs."""

import keras
from keras import layers


def Port():
    image = keras.Input((14, 12, 3))
    x = layers.Conv2D(6, 3, activation="relu")(image)
    x = layers.Conv2D(4, 3, strides=2, activation="relu")(x)
    logits = layers.Dense(4)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, {"features": x, "logits": logits})
