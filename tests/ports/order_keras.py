"""The same, in an order."""

import keras
from keras import layers


def net(order):
    image = keras.Input((7, 8, 3))
    left = layers.Conv2D(4, 3, name="left")(image)
    right = layers.Activation("tanh")(layers.Conv2D(4, 3, name="right")(image))
    relu = layers.ReLU(name="relu")
    if order == "sum first":
        x = relu(layers.Add(name="total")([left, right]))
    else:
        left, right = (relu(left), right) if order == "relu first" else (left, relu(right))
        x = layers.Add(name="total")([left, right])
    x = layers.Conv2D(2, 2, name="last")(x)
    return keras.Model(image, layers.BatchNormalization(epsilon=1e-5, momentum=0.9)(x))
