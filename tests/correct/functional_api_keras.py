"""The same, as a graph of layers, for images of any size."""

import keras
from keras import layers


def Port(classes=6):
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 1, activation="relu")(image)
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(8, 1)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    x = layers.add([x, layers.Conv2D(8, 1)(image)])
    x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(classes)(x))
