"""The same three, in another order, the product too."""

import keras
from keras import layers


def Port():
    image = keras.Input((13, 14, 3))
    c = layers.Conv2D(4, 5, padding="same")(image)
    b = layers.Conv2D(4, 1)(image)
    a = layers.Conv2D(4, 3, padding="same")(image)
    x = layers.ReLU()(layers.Add()([c, a, b]))
    x = layers.Multiply()([layers.Conv2D(4, 1, activation="sigmoid")(x), x])
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
