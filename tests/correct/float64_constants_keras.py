"""The same numbers."""

import keras
import numpy as np
from keras import layers, ops

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Port(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(5, 3, activation="relu")
        self.conv2 = layers.Conv2D(5, 3, strides=2, activation="relu")
        self.pool = layers.GlobalAveragePooling2D()
        self.fc = layers.Dense(4)

    def call(self, x):
        mean, std = ops.cast(MEAN, x.dtype), ops.cast(STD, x.dtype)
        x = self.conv2(self.conv1((x - mean) / std))
        return self.fc(self.pool(x) * float(np.sqrt(2)))
