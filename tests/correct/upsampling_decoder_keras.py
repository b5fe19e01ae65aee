"""The same decoder."""

import keras
from keras import layers


def Port():
    image = keras.Input((16, 12, 3))
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    b = layers.MaxPooling2D()(a)
    b = layers.Conv2D(6, 3, padding="same", activation="relu")(b)
    up = layers.Conv2DTranspose(4, 3, strides=2, padding="valid")(b)
    up = layers.Cropping2D(((1, 0), (1, 0)))(up)
    c = layers.Concatenate()([up, a])
    c = layers.Conv2D(4, 3, padding="same", activation="relu")(c)
    d = layers.UpSampling2D()(layers.MaxPooling2D(4)(c))
    d = layers.Conv2DTranspose(3, 2, strides=2)(d)
    d = layers.UpSampling2D(size=(2, 2), interpolation="nearest")(layers.AveragePooling2D(2)(d))
    return keras.Model(image, layers.Conv2D(2, 1)(d))
