"""The same net, which brings penalties and a constraint of its own."""

import keras
from keras import layers
from keras.constraints import MaxNorm
from keras.regularizers import L2


def Net():
    return keras.Sequential(
        [
            keras.Input((8, 10, 3)),
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer=L2(1e-4), name="conv"),
            layers.Flatten(),
            layers.Dense(
                5, kernel_constraint=MaxNorm(3.0), activity_regularizer=L2(1e-3), name="fc"
            ),
        ]
    )
