"""A residual block and the norm that reads it."""

import keras
from keras import layers


def net(halves, eps, last=None, adds=True):
    """`halves`: its maps, by a stride and a pool on the way around; `eps`: of its norm, if any."""
    around = inputs = keras.Input((8, 10, 3))
    x = layers.ZeroPadding2D(1)(inputs)
    x = layers.Conv2D(3, 3, strides=2 if halves else 1, use_bias=False, name="conv")(x)
    if halves:
        around = layers.MaxPooling2D(1, strides=2, name="around")(inputs)
    x = layers.Add(name="total")([around, x]) if adds else x
    if eps is not None:
        x = layers.BatchNormalization(epsilon=eps, momentum=0.9, name="norm")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(5, activation=last, name="fc")(x))
